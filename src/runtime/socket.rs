//! Sockets: no other file of replica managers and blocking clients has any.

use super::Transport;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::sockopt::set_socket_recv_buffer_size,
};
use std::{
    io,
    net::{SocketAddr, ToSocketAddrs, UdpSocket},
    time::Duration,
};

/// What is asked of the system for datagrams that wait while the disk works. Linux gives twice as much if
/// `net.core.rmem_max` allows it, as it does unless set otherwise: room for two messages of gossip of
/// [`GOSSIP_FRAGMENTS_MAX`](super::GOSSIP_FRAGMENTS_MAX) datagrams. In a larger one, requests would wait
/// behind a flood that is longer than their clients' patience.
pub const SOCKET_BUFFER_BYTES: usize = 208 << 10;

/// How long to wait for a network that is slower than we are to take a datagram, before that one is lost.
pub const SEND_WAIT: Duration = Duration::from_millis(5);

/// A UDP socket. It never blocks: a wait is a wait for it to have something.
#[derive(Debug)]
pub struct UdpTransport {
    socket: UdpSocket,
    is_ipv6: bool,
}

impl UdpTransport {
    /// A socket at this address.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        let _ = set_socket_recv_buffer_size(&socket, SOCKET_BUFFER_BYTES);
        let is_ipv6 = socket.local_addr()?.is_ipv6();
        Ok(Self { socket, is_ipv6 })
    }

    /// Where it is.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    fn take(&self, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
        match self.socket.recv_from(buffer) {
            Ok(received) => Ok(Some(received)),
            Err(error) if is_transient(error.kind()) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn is_within(&self, wait: Duration, what: PollFlags) -> io::Result<bool> {
        let wait = Timespec::try_from(wait).map_err(io::Error::other)?;
        let mut waits_for = [PollFd::new(&self.socket, what)];
        match poll(&mut waits_for, Some(&wait)) {
            Ok(count) => Ok(count > 0),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Transport for UdpTransport {
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let to = as_seen_from(self.is_ipv6, to);
        match self.socket.send_to(bytes, to) {
            Err(error)
                if error.kind() == io::ErrorKind::WouldBlock
                    && self.is_within(SEND_WAIT, PollFlags::OUT)? =>
            {
                self.socket.send_to(bytes, to).map(drop)
            }
            sent => sent.map(drop),
        }
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        wait: Duration,
    ) -> io::Result<Option<(usize, SocketAddr)>> {
        match self.take(buffer)? {
            None if !wait.is_zero() && self.is_within(wait, PollFlags::IN)? => self.take(buffer),
            received => Ok(received),
        }
    }
}

/// A socket for IPv6 reaches IPv4 by mapped addresses.
pub(super) fn as_seen_from(is_ipv6: bool, to: SocketAddr) -> SocketAddr {
    match to {
        SocketAddr::V4(v4) if is_ipv6 => (v4.ip().to_ipv6_mapped(), v4.port()).into(),
        to => to,
    }
}

/// Nothing came, or a peer was not there when something was sent to it earlier (ICMP), or a signal came:
/// nothing is wrong with the socket.
pub(super) fn is_transient(kind: io::ErrorKind) -> bool {
    use io::ErrorKind::*;
    matches!(
        kind,
        WouldBlock
            | TimedOut
            | Interrupted
            | ConnectionRefused
            | ConnectionReset
            | HostUnreachable
            | NetworkUnreachable
            | NetworkDown
    )
}
