//! A client whose answers are awaited, on tokio (feature `tokio`). The session is the blocking client's, in
//! `client/core.rs`; only the waiting is different.

use super::{
    Channel, ClientError, Clock, Config, DATAGRAM_BYTES_MAX, Party, Route, SessionError,
    SessionToken, Status, Transport,
    client::{ClientCore, MAIL_MAX, Ticket},
    socket::{as_seen_from, is_transient},
    udp::{self, Name, SystemClock},
};
use crate::{Event, Service, Timestamp};
use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};
use tokio::{
    net::{UdpSocket, lookup_host},
    time::timeout,
};

/// A client of a cluster: one session, as [`Client`](super::Client) is, with the same errors.
///
/// A request whose future is dropped ends as one whose time is over: a query, and an update that was not sent
/// yet, has no effect; an update that was sent may or may not take effect, and the session goes on trying
/// with the next request.
pub struct AsyncClient<S: Service> {
    core: ClientCore<S>,
    transport: Channel<Socket>,
    clock: SystemClock,
}

/// Never waits by itself.
struct Socket {
    socket: UdpSocket,
    is_ipv6: bool,
}

impl Transport for Socket {
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        self.socket.try_send_to(bytes, as_seen_from(self.is_ipv6, to)).map(drop)
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        _: Duration,
    ) -> io::Result<Option<(usize, SocketAddr)>> {
        match self.socket.try_recv_from(buffer) {
            Ok(received) => Ok(Some(received)),
            Err(error) if is_transient(error.kind()) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl<S: Service> AsyncClient<S> {
    /// A client of this cluster under this front end, that has seen `seen`; see [`udp::connect`].
    pub async fn connect(
        config: &Config,
        name: Name,
        seen: Timestamp,
        give_up_after: Duration,
    ) -> io::Result<Self> {
        let mut replicas = Vec::new();
        for name in &config.replicas {
            let found = lookup_host(name).await.ok().and_then(|mut all| all.next());
            replicas.push(found);
        }
        let setup = udp::client_setup(config, name, replicas, give_up_after)?;
        let is_ipv6 = !setup.replicas.iter().flatten().all(SocketAddr::is_ipv4);
        let socket = match is_ipv6 {
            false => UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?,
            true => UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).await?,
        };
        let transport = udp::sealed(config, Party::Client, Socket { socket, is_ipv6 })?;
        let core = ClientCore::new(setup, seen);
        Ok(Self { core, transport, clock: SystemClock::default() })
    }

    /// Sets whom to ask from now on.
    pub fn route(&mut self, route: Route) {
        self.core.route = route;
    }

    /// Sets how long to wait in all, from now on, before giving up.
    pub fn patience(&mut self, give_up_after: Duration) {
        self.core.setup.give_up_after = give_up_after;
    }

    /// All that the client has seen, for another one to go on from.
    pub fn token(&self) -> SessionToken {
        self.core.token()
    }

    /// What another session has seen, this one has seen from now on (S48).
    pub fn join(&mut self, token: &SessionToken) -> Result<(), SessionError> {
        self.core.join(token)
    }

    /// Changes the value, and waits until a replica manager has it durably. Returns its timestamp.
    pub async fn update(&mut self, op: S::Op) -> Result<Timestamp, ClientError> {
        self.take_mail();
        let ticket = self.core.update(self.clock.now(), op)?;
        match Waiting::new(self, ticket).end().await? {
            Event::Stamped { ts, .. } => Ok(ts),
            _ => unreachable!("an update ends with its timestamp"),
        }
    }

    /// Asks for an answer that reflects all that the client has seen.
    pub async fn query(&mut self, query: S::Query) -> Result<S::Answer, ClientError> {
        self.take_mail();
        let ticket = self.core.query(self.clock.now(), query)?;
        match Waiting::new(self, ticket).end().await? {
            Event::Answered { answer, .. } => Ok(answer),
            _ => unreachable!("a query ends with its answer"),
        }
    }

    /// What each replica manager says of itself; none of those that do not answer in time.
    pub async fn statuses(&mut self, wait: Duration) -> Vec<Option<Status>> {
        let end = self.clock.now() + wait;
        let everyone = self.core.everyone();
        self.core.forget_statuses();
        let mut again = self.clock.now();
        while self.clock.now() < end && self.core.any_silent(&everyone) {
            if self.clock.now() >= again {
                self.core.ask_silent(&everyone);
                again = self.clock.now() + self.core.setup.retry_after;
            }
            self.advance(again.min(end)).await;
        }
        self.core.statuses().to_vec()
    }

    /// Does what is due, and waits until something has arrived, or until `end`. What happens between two
    /// awaits is whole, so nothing is lost if it is dropped.
    async fn advance(&mut self, end: Duration) {
        let now = self.clock.now();
        self.core.tick(now);
        for (to, bytes) in self.core.take_outgoing() {
            // A lost datagram is a lost datagram; the timers run.
            let _ = self.transport.send(to, &bytes);
        }
        if !self.take() {
            let wait = self.core.wake_at(end).saturating_sub(now);
            let _ = timeout(wait, self.transport.inner().socket.readable()).await;
            self.take();
        }
    }

    /// Takes a datagram in, if one is there.
    fn take(&mut self) -> bool {
        let mut buffer = [0; DATAGRAM_BYTES_MAX + 1];
        let received = self.transport.receive(&mut buffer, Duration::ZERO);
        let Ok(Some((length, _))) = received else { return false };
        self.core.take(self.clock.now(), &buffer[..length]);
        true
    }

    /// What has arrived since the last request ended.
    fn take_mail(&mut self) {
        (0..MAIL_MAX).any(|_| !self.core.may_have_mail() || !self.take());
    }
}

/// A request that is waited for, until dropped.
struct Waiting<'a, S: Service> {
    client: &'a mut AsyncClient<S>,
    ticket: Option<Ticket>,
}

impl<'a, S: Service> Waiting<'a, S> {
    fn new(client: &'a mut AsyncClient<S>, ticket: Ticket) -> Self {
        Self { client, ticket: Some(ticket) }
    }

    async fn end(mut self) -> Result<Event<S>, ClientError> {
        while let Some(ticket) = self.ticket {
            let now = self.client.clock.now();
            if let Some(result) = self.client.core.poll(now, ticket) {
                self.ticket = None;
                return result;
            }
            self.client.advance(ClientCore::<S>::end_of(ticket)).await;
        }
        unreachable!("it ends with its result")
    }
}

impl<S: Service> Drop for Waiting<'_, S> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.client.core.give_up(ticket);
        }
    }
}
