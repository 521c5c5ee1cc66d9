//! What the runtime needs of the world besides storage. The only implementations with a socket and a real
//! clock are in [`udp`](super::udp); a simulator brings its own.

use std::{io, net::SocketAddr, time::Duration};

/// Sends and receives datagrams, unreliably.
pub trait Transport {
    /// Hands a datagram over. An error means that the system did not take it: this one is lost, no more.
    /// What the transport drops by itself is no error; see [`Transport::refused`].
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()>;

    /// Waits at most `wait` for a datagram; with zero, takes one that is there already.
    ///
    /// Returns its length and sender. What is longer than `buffer` is cut, so leave room to notice. An error
    /// may pass.
    fn receive(
        &mut self,
        buffer: &mut [u8],
        wait: Duration,
    ) -> io::Result<Option<(usize, SocketAddr)>>;

    /// How many datagrams it has dropped by itself so far.
    fn refused(&self) -> u64 {
        0
    }
}

/// Tells how much time has passed since some moment. Never goes back.
pub trait Clock {
    /// Since that moment.
    fn now(&self) -> Duration;
}
