//! The network between processes: loses, repeats, delays and cuts datagrams, each link by its own dice.
//!
//! A link between two ends is two sockets. Each faces one end, and that end knows the other end by it: what
//! comes in at one socket goes out of the other one. So replies, and proofs of addresses, find their way
//! back.

use super::chance::Chance;
use std::{
    collections::BTreeMap,
    io,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How long a thread waits at most before it looks whether it should end.
const POLL: Duration = Duration::from_millis(50);

/// More than any datagram has.
const BUFFER_BYTES: usize = 65_536;

/// An end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    Replica(u16),
    Client(usize),
}

/// What happens to the datagrams of one direction of a link. Chances are in a thousand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// Nothing passes.
    pub cut: bool,
    /// A datagram is lost.
    pub lost: u64,
    /// It arrives twice, with a delay for each copy.
    pub twice: u64,
    /// It also arrives once more, [`LATE`] after the first time.
    pub late: u64,
    /// Milliseconds that it takes at most. They differ from one to the next, so they overtake each other.
    pub delay_ms: u64,
}

/// How long after its time a late copy comes: in milliseconds, from and to. Longer than any timeout here.
pub const LATE: (u64, u64) = (1_000, 2_500);

/// What happened to datagrams so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub cut: u64,
    pub lost: u64,
    pub twice: u64,
    pub late: u64,
    /// They left before one that had come in before them.
    pub overtaking: u64,
}

/// One direction of a link.
struct Way {
    weather: Mutex<Weather>,
    chance: Mutex<Chance>,
    out: UdpSocket,
    /// Where it leads; a client's address is known once it has sent something.
    to: Mutex<Option<SocketAddr>>,
    counts: [AtomicU64; 6],
    /// The number of the datagram that came in last, and the highest that left.
    last_in: AtomicU64,
    last_out: AtomicU64,
}

/// A datagram on its way.
struct Flight {
    leaves_at: Instant,
    way: Arc<Way>,
    /// Which one of its way.
    number: u64,
    bytes: Vec<u8>,
}

/// All links.
pub struct Network {
    seed: u64,
    ways: BTreeMap<(End, End), Arc<Way>>,
    /// By whom a socket is used to reach whom: its address.
    doors: BTreeMap<(End, End), SocketAddr>,
    flights: Sender<Flight>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Network {
    /// Without links yet.
    pub fn new(seed: u64) -> Self {
        let (flights, taken_off) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let threads = vec![thread::spawn(move || fly(&taken_off))];
        let (ways, doors) = (BTreeMap::new(), BTreeMap::new());
        Self { seed, ways, doors, flights, stop, threads }
    }

    /// A link between an end, at this address if it is known yet, and a replica manager at this one.
    pub fn link(&mut self, a: (End, Option<SocketAddr>), b: (End, SocketAddr)) {
        let bind =
            || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("there are ports on loopback");
        let (facing_a, facing_b) = (bind(), bind());
        let to_b = self.way(a.0, b.0, &facing_b, Some(b.1));
        let to_a = self.way(b.0, a.0, &facing_a, a.1);
        let door = |socket: &UdpSocket| socket.local_addr().expect("it is bound");
        self.doors.insert((a.0, b.0), door(&facing_a));
        self.doors.insert((b.0, a.0), door(&facing_b));
        let moves = a.1.is_none();
        self.listen(facing_a, to_b.clone(), moves.then(|| to_a.clone()));
        self.listen(facing_b, to_a, None);
    }

    /// Where `from` sends what is for `to`.
    pub fn door(&self, from: End, to: End) -> SocketAddr {
        self.doors[&(from, to)]
    }

    fn way(&mut self, from: End, to: End, out: &UdpSocket, at: Option<SocketAddr>) -> Arc<Way> {
        let name = |end| match end {
            End::Replica(id) => u64::from(id),
            End::Client(number) => 1_000 + number as u64,
        };
        let way = Arc::new(Way {
            weather: Mutex::default(),
            chance: Mutex::new(Chance::of([self.seed, name(from), name(to)])),
            out: out.try_clone().expect("a socket can be shared"),
            to: Mutex::new(at),
            counts: Default::default(),
            last_in: AtomicU64::new(0),
            last_out: AtomicU64::new(0),
        });
        self.ways.insert((from, to), Arc::clone(&way));
        way
    }

    /// What comes in here takes that way; whoever sent it last is where the way back leads, if it moves.
    fn listen(&mut self, socket: UdpSocket, way: Arc<Way>, back: Option<Arc<Way>>) {
        let (stop, flights) = (Arc::clone(&self.stop), self.flights.clone());
        socket.set_read_timeout(Some(POLL)).expect("it is no zero");
        self.threads.push(thread::spawn(move || {
            let mut buffer = vec![0; BUFFER_BYTES];
            while !stop.load(Relaxed) {
                // Nothing came, or nobody was there when something was sent on (ICMP).
                let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                if let Some(back) = &back {
                    *back.to.lock().unwrap() = Some(from);
                }
                way.enter(&buffer[..length], &flights);
            }
        }));
    }

    /// From now on the weather is like this, link by link.
    pub fn set(&self, weather: impl Fn(End, End) -> Weather) {
        for ((from, to), way) in &self.ways {
            *way.weather.lock().unwrap() = weather(*from, *to);
        }
    }

    /// From now on everything passes at once.
    pub fn calm(&self) {
        self.set(|_, _| Weather::default());
    }

    /// What happened on all ways that fit.
    pub fn counts(&self, fits: impl Fn(End, End) -> bool) -> Counts {
        let mut sum = Counts::default();
        for ((_, _), way) in self.ways.iter().filter(|((from, to), _)| fits(*from, *to)) {
            let [passed, cut, lost, twice, late, overtaking] = &way.counts;
            sum.passed += passed.load(Relaxed);
            sum.cut += cut.load(Relaxed);
            sum.lost += lost.load(Relaxed);
            sum.twice += twice.load(Relaxed);
            sum.late += late.load(Relaxed);
            sum.overtaking += overtaking.load(Relaxed);
        }
        sum
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        // The thread of the flights ends when no sender is left.
        self.flights = channel().0;
        for thread in self.threads.drain(..).rev() {
            let _ = thread.join();
        }
    }
}

impl Way {
    /// A datagram comes in. What becomes of it?
    fn enter(self: &Arc<Self>, bytes: &[u8], flights: &Sender<Flight>) {
        let number = self.last_in.fetch_add(1, Relaxed) + 1;
        let weather = *self.weather.lock().unwrap();
        let [passed, cut, lost, twice, late, _] = &self.counts;
        if weather.cut {
            cut.fetch_add(1, Relaxed);
            return;
        }
        let mut chance = self.chance.lock().unwrap();
        if chance.permille(weather.lost) {
            lost.fetch_add(1, Relaxed);
            return;
        }
        passed.fetch_add(1, Relaxed);
        let mut delays = vec![chance.between(0, weather.delay_ms)];
        if chance.permille(weather.twice) {
            twice.fetch_add(1, Relaxed);
            delays.push(chance.between(0, weather.delay_ms));
        }
        if chance.permille(weather.late) {
            late.fetch_add(1, Relaxed);
            delays.push(chance.between(LATE.0, LATE.1));
        }
        let now = Instant::now();
        for delay in delays {
            match delay {
                0 => self.leave(number, bytes),
                ms => {
                    let leaves_at = now + Duration::from_millis(ms);
                    let (way, bytes) = (Arc::clone(self), bytes.to_vec());
                    // Nobody flies any more when the network ends.
                    let _ = flights.send(Flight { leaves_at, way, number, bytes });
                }
            }
        }
    }

    fn leave(&self, number: u64, bytes: &[u8]) {
        if self.last_out.fetch_max(number, Relaxed) > number {
            self.counts[5].fetch_add(1, Relaxed);
        }
        let to = *self.to.lock().unwrap();
        if let Some(to) = to {
            // Full buffers and absent receivers lose it.
            let _: Result<usize, io::Error> = self.out.send_to(bytes, to);
        }
    }
}

/// Lets each datagram leave when its time has come.
fn fly(taken_off: &Receiver<Flight>) {
    let mut flights = BTreeMap::new();
    for place in 0u64.. {
        let next = flights.first_key_value().map(|((at, _), _)| *at);
        let wait = next.map_or(POLL, |at: Instant| at.saturating_duration_since(Instant::now()));
        match taken_off.recv_timeout(wait) {
            Ok(flight) => drop(flights.insert((flight.leaves_at, place), flight)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while let Some(flight) = flights.first_entry()
            && flight.key().0 <= Instant::now()
        {
            let Flight { way, number, bytes, .. } = flight.remove();
            way.leave(number, &bytes);
        }
    }
}
