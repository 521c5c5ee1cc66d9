//! Load over one socket: many clients, each with one request under way.

use chinwag::runtime::{Clock, DATAGRAM_BYTES_MAX, Transport, udp::SystemClock};
use hdrhistogram::Histogram;
use std::{collections::VecDeque, io, net::SocketAddr, time::Duration};

/// A request without a reply is sent once more after this.
const REPEAT_AFTER: Duration = Duration::from_millis(200);

/// How long the load runs before it is measured.
const WARM_UP: Duration = Duration::from_millis(300);

/// The longest latency that is told from longer ones, in microseconds.
const LATENCY_US_MAX: u64 = 60_000_000;

/// Whoever is loaded.
pub trait Target {
    /// The next request of this client, and where it goes.
    fn request(&mut self, client: usize) -> (SocketAddr, Vec<u8>);

    /// Whose request this datagram answers, if anyone's.
    fn reply(&mut self, bytes: &[u8]) -> Option<usize>;
}

/// How much is asked of it.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Requests that can be under way at a time.
    pub clients: usize,
    /// Requests a second, whether or not earlier ones were answered: an open loop. None: each client asks as
    /// soon as it is answered, a closed loop.
    pub rate: Option<f64>,
    /// For how long it is measured.
    pub time: Duration,
}

/// What came of it.
#[derive(Debug)]
pub struct Measured {
    /// Microseconds from when a request was due to its reply. What was still open at the end is in it with
    /// the time until then.
    pub latency: Histogram<u64>,
    /// Requests answered.
    pub answered: u64,
    /// Datagrams sent once more, since no reply came in time.
    pub repeated: u64,
    /// Requests that were due and had no reply at the end.
    pub open: u64,
    /// For how long it was measured.
    pub time: Duration,
}

impl Measured {
    /// Requests answered a second.
    pub fn per_second(&self) -> f64 {
        self.answered as f64 / self.time.as_secs_f64()
    }
}

/// A request under way.
struct Open {
    /// When it was due: latency counts from here, so that a slow server cannot hide behind a client that
    /// waits for it (coordinated omission).
    due: Duration,
    sent: Duration,
    to: SocketAddr,
    bytes: Vec<u8>,
}

/// Loads the target, and measures from the end of a warm-up on.
pub fn drive(
    transport: &mut impl Transport,
    target: &mut impl Target,
    load: Load,
) -> io::Result<Measured> {
    let mut run = Run::new(load);
    let mut buffer = [0; DATAGRAM_BYTES_MAX + 1];
    while run.now < run.end {
        run.send_due(transport, target)?;
        let mut wait = run.next_at().saturating_sub(run.clock.now());
        while let Some((length, _)) = transport.receive(&mut buffer, wait)? {
            run.now = run.clock.now();
            if let Some(client) = target.reply(&buffer[..length]) {
                run.answered(client);
                run.send_due(transport, target)?;
            }
            wait = Duration::ZERO;
        }
        run.now = run.clock.now();
        run.repeat(transport)?;
    }
    Ok(run.finish())
}

struct Run {
    load: Load,
    clock: SystemClock,
    now: Duration,
    end: Duration,
    repeat_at: Duration,
    open: Vec<Option<Open>>,
    idle: VecDeque<usize>,
    /// Requests that were due so far, in an open loop.
    issued: u64,
    measured: Measured,
}

impl Run {
    fn new(load: Load) -> Self {
        let latency = Histogram::new_with_max(LATENCY_US_MAX, 3).expect("these bounds are sound");
        Self {
            clock: SystemClock::default(),
            now: Duration::ZERO,
            end: WARM_UP + load.time,
            repeat_at: REPEAT_AFTER,
            open: (0..load.clients).map(|_| None).collect(),
            idle: (0..load.clients).collect(),
            issued: 0,
            measured: Measured { latency, answered: 0, repeated: 0, open: 0, time: load.time },
            load,
        }
    }

    /// When the next request of an open loop is due.
    fn due_at(&self) -> Option<Duration> {
        self.load.rate.map(|rate| Duration::from_secs_f64(self.issued as f64 / rate))
    }

    fn next_at(&self) -> Duration {
        let due = self.due_at().filter(|_| !self.idle.is_empty());
        due.unwrap_or(self.end).min(self.end).min(self.repeat_at)
    }

    fn send_due(
        &mut self,
        transport: &mut impl Transport,
        target: &mut impl Target,
    ) -> io::Result<()> {
        while let Some(client) = self.idle.front().copied() {
            let due = self.due_at().unwrap_or(self.now);
            if due > self.now {
                break;
            }
            self.idle.pop_front();
            self.issued += 1;
            let (to, bytes) = target.request(client);
            transport.send(to, &bytes)?;
            self.open[client] = Some(Open { due, sent: self.now, to, bytes });
        }
        Ok(())
    }

    fn answered(&mut self, client: usize) {
        let Some(open) = self.open[client].take() else { return };
        self.idle.push_back(client);
        if self.now > WARM_UP && self.now <= self.end {
            self.measured.answered += 1;
            self.record(open.due);
        }
    }

    fn record(&mut self, due: Duration) {
        let micros = self.now.saturating_sub(due).as_micros() as u64;
        self.measured.latency.saturating_record(micros);
    }

    fn repeat(&mut self, transport: &mut impl Transport) -> io::Result<()> {
        if self.now < self.repeat_at {
            return Ok(());
        }
        self.repeat_at = self.now + REPEAT_AFTER / 4;
        for open in self.open.iter_mut().flatten() {
            if open.sent + REPEAT_AFTER <= self.now {
                open.sent = self.now;
                self.measured.repeated += 1;
                transport.send(open.to, &open.bytes)?;
            }
        }
        Ok(())
    }

    /// What is still open counts, with the time until now.
    fn finish(mut self) -> Measured {
        let mut due: Vec<_> = self.open.iter().flatten().map(|open| open.due).collect();
        while let Some(at) = self.due_at().filter(|at| *at < self.end) {
            due.push(at);
            self.issued += 1;
        }
        self.measured.open = due.len() as u64;
        due.into_iter().for_each(|due| self.record(due));
        self.measured
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    struct Silent(SocketAddr);

    impl Target for Silent {
        fn request(&mut self, _: usize) -> (SocketAddr, Vec<u8>) {
            (self.0, vec![1])
        }

        fn reply(&mut self, _: &[u8]) -> Option<usize> {
            None
        }
    }

    /// Were latency counted from when a client got round to sending, this would show one long wait, and 499
    /// requests that never were.
    #[test]
    fn requests_that_a_stalled_server_kept_from_being_sent_are_in_the_latencies() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut target = Silent(server.local_addr().unwrap());
        let mut transport = chinwag::runtime::udp::UdpTransport::bind("127.0.0.1:0").unwrap();
        let time = Duration::from_millis(200);
        let load = Load { clients: 1, rate: Some(1_000.0), time };

        let measured = drive(&mut transport, &mut target, load).unwrap();

        assert_eq!((measured.answered, measured.open), (0, 500));
        assert_eq!(measured.latency.len(), 500);
        let half = measured.latency.value_at_quantile(0.5);
        assert!(half >= 249_000, "half of them were due 250 ms or more before the end: {half} us");
    }
}
