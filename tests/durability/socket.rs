//! Errors of the system where datagrams are sent and received (fault 14).

use super::{address, config, is_reply, open, update};
use chinwag::{
    ReplicaId,
    runtime::{
        DropReason, MemoryStorage, Transport,
        udp::{RECEIVE_FAILURES_MAX, ServeError, SystemClock, serve},
    },
};
use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::channel,
    },
    time::Duration,
};

/// What Linux reports at a UDP socket: a refused port, a filter, no buffers, too large, no route, a signal.
const ERRORS: [i32; 6] = [111, 1, 105, 90, 101, 4];

/// A socket that meets these errors and datagrams in turn, then stops who serves; each error of sending comes
/// once.
struct Struck<'a> {
    arrives: VecDeque<Result<Vec<u8>, i32>>,
    fails: VecDeque<i32>,
    sent: Vec<Vec<u8>>,
    stop: &'a AtomicBool,
}

impl Transport for Struck<'_> {
    fn send(&mut self, _: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        match self.fails.pop_front() {
            Some(code) => Err(io::Error::from_raw_os_error(code)),
            None => {
                self.sent.push(bytes.into());
                Ok(())
            }
        }
    }

    fn receive(
        &mut self,
        buffer: &mut [u8],
        _: Duration,
    ) -> io::Result<Option<(usize, SocketAddr)>> {
        match self.arrives.pop_front() {
            None => self.stop.store(true, Ordering::Relaxed),
            Some(Err(code)) => return Err(io::Error::from_raw_os_error(code)),
            Some(Ok(bytes)) => {
                buffer[..bytes.len()].copy_from_slice(&bytes);
                return Ok(Some((bytes.len(), address(9))));
            }
        }
        Ok(None)
    }
}

#[test]
fn errors_of_the_socket_are_counted_and_only_a_second_of_nothing_else_ends_it() {
    let stop = AtomicBool::new(false);
    let (_addresses, none) = channel::<(ReplicaId, SocketAddr)>();
    let clock = SystemClock::default();
    let mut host = open(config(0), MemoryStorage::default(), Duration::ZERO);

    let each = ERRORS.into_iter().map(Err);
    let arrives = (1..=9).flat_map(|n| each.clone().chain([Ok(update(n))])).collect();
    let fails = ERRORS.into();
    let mut struck = Struck { arrives, fails, sent: Vec::new(), stop: &stop };
    serve(&mut host, &mut struck, &clock, &none, &stop).unwrap();
    let dropped = &host.observer().dropped;
    assert_eq!(dropped[&DropReason::NotReceived], 9 * ERRORS.len() as u64);
    assert_eq!(dropped[&DropReason::NotSent], ERRORS.len() as u64);
    assert_eq!(host.state().replica.replica_ts().get(ReplicaId(0)), 9);
    let codec = super::codec();
    let packets = struck.sent.iter().map(|bytes| codec.decode(bytes).unwrap().1);
    assert!(packets.filter(is_reply).count() >= 9 - ERRORS.len());

    stop.store(false, Ordering::Relaxed);
    let arrives = vec![Err(9); RECEIVE_FAILURES_MAX as usize + 1].into();
    let mut closed = Struck { arrives, fails: VecDeque::new(), sent: Vec::new(), stop: &stop };
    let ended = serve(&mut host, &mut closed, &clock, &none, &stop);
    assert!(matches!(ended, Err(ServeError::Socket(error)) if error.raw_os_error() == Some(9)));
}
