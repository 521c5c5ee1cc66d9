//! A toy system for the tests: clients ask servers to remember numbers, servers tell each other.

use super::{Destination, Expectation, Outcome, PropertyInfo, System, Verdict};

/// Numbers of a client: bit `NUMBERS * client + number` of a set stands for one.
const NUMBERS: u32 = 4;

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Local {
    /// A server: what it knows, what it believes each peer knows, how often it crashed.
    Server { known: u32, peers: [u32; 3], crashes: u8 },
    /// A client: how many of its numbers were acknowledged.
    Client { acked: u8 },
}

#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Message {
    Remember { number: u8 },
    Remembered { number: u8 },
    Gossip { known: u32 },
    Heard { known: u32 },
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Event {
    Gossip,
    Crash,
    Retry,
}

#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Bug {
    None,
    /// A server that hears of a client's number also invents the next one.
    Invents,
    /// A fair server gossips without news.
    Chatters,
    /// A fair client does not ask again.
    GivesUp,
    /// An answer to gossip that says nothing new is called dead; but a crash forgets what was heard.
    BuriesAnswers,
    /// A gossip message is called dead, always.
    BuriesGossip,
}

#[derive(Clone, Debug)]
pub struct Toy {
    pub servers: usize,
    /// How many numbers each client has.
    pub clients: Vec<u8>,
    pub crashes: u8,
    /// Whether gossip is answered; if not, a server believes that what it sends arrives.
    pub answers: bool,
    /// Whether a client may ask again at any time, not only when nothing else happens.
    pub retries: bool,
    pub bug: Bug,
}

pub const INVENTED: u32 = 0;
pub const AGREE: u32 = 1;
pub const DONE: u32 = 2;
pub const BEHIND: u32 = 5;
pub const CRASHED: u32 = 6;
pub const IDLE: u32 = 7;

const fn property(name: &'static str, expectation: Expectation, bit: u32) -> PropertyInfo {
    PropertyInfo { name, expectation, bit }
}

const PROPERTIES: [PropertyInfo; 6] = [
    property("servers know only what clients asked", Expectation::Always, INVENTED),
    property("idle servers agree", Expectation::Always, AGREE),
    property("clients get done", Expectation::Finally, DONE),
    property("a server is behind", Expectation::Sometimes, BEHIND),
    property("a server crashed", Expectation::Sometimes, CRASHED),
    property("it becomes idle", Expectation::Sometimes, IDLE),
];

impl Toy {
    pub fn new(servers: usize, clients: &[u8]) -> Self {
        let clients = clients.to_vec();
        Toy { servers, clients, crashes: 0, answers: false, retries: false, bug: Bug::None }
    }

    fn bit(&self, node: usize, number: u8) -> u32 {
        1 << (NUMBERS * (node - self.servers) as u32 + u32::from(number))
    }

    fn request(&self, node: usize, acked: u8) -> Vec<(Destination, Message)> {
        let to = Destination::Any { first: 0, end: self.servers };
        let has_more = acked < self.clients[node - self.servers];
        has_more.then_some((to, Message::Remember { number: acked })).into_iter().collect()
    }

    fn has_news(&self, node: usize, local: &Local) -> bool {
        let Local::Server { known, peers, .. } = local else { return false };
        (0..self.servers).any(|peer| peer != node && known & !peers[peer] != 0)
    }
}

impl System for Toy {
    type Local = Local;
    type Message = Message;
    type Event = Event;

    fn nodes(&self) -> usize {
        self.servers + self.clients.len()
    }

    fn start(&self, node: usize) -> Outcome<Self> {
        if node < self.servers {
            return Outcome::quiet(Local::Server { known: 0, peers: [0; 3], crashes: 0 });
        }
        Outcome { local: Local::Client { acked: 0 }, sends: self.request(node, 0) }
    }

    fn deliver(
        &self,
        node: usize,
        local: &Local,
        src: usize,
        message: &Message,
    ) -> Option<Outcome<Self>> {
        match (*local, *message) {
            (Local::Server { known, peers, crashes }, Message::Remember { number }) => {
                let known = known | self.bit(src, number);
                let answer = (Destination::Node(src), Message::Remembered { number });
                Some(Outcome {
                    local: Local::Server { known, peers, crashes },
                    sends: vec![answer],
                })
            }
            (Local::Server { known, mut peers, crashes }, Message::Gossip { known: heard }) => {
                peers[src] |= heard;
                let mut all = known | heard;
                if self.bug == Bug::Invents && heard & 1 == 1 && heard & !known != 0 {
                    all |= 2;
                }
                let answer = (Destination::Node(src), Message::Heard { known: all });
                let next = Local::Server { known: all, peers, crashes };
                let sends: Vec<_> = self.answers.then_some(answer).into_iter().collect();
                (next != *local || !sends.is_empty()).then_some(Outcome { local: next, sends })
            }
            (Local::Server { known, mut peers, crashes }, Message::Heard { known: heard }) => {
                peers[src] |= heard;
                let next = Local::Server { known, peers, crashes };
                (next != *local).then_some(Outcome::quiet(next))
            }
            (Local::Client { acked }, Message::Remembered { number }) if number == acked => {
                let acked = acked + 1;
                Some(Outcome { local: Local::Client { acked }, sends: self.request(node, acked) })
            }
            _ => None,
        }
    }

    fn events(&self, node: usize, local: &Local) -> Vec<Event> {
        let mut events = Vec::new();
        match local {
            Local::Server { crashes, .. } => {
                events.extend(self.has_news(node, local).then_some(Event::Gossip));
                events.extend((*crashes < self.crashes).then_some(Event::Crash));
            }
            Local::Client { acked } => {
                let may_ask = self.retries && !self.request(node, *acked).is_empty();
                events.extend(may_ask.then_some(Event::Retry));
            }
        }
        events
    }

    fn fire(&self, node: usize, local: &Local, event: &Event) -> Outcome<Self> {
        match (*local, event) {
            (Local::Server { known, mut peers, crashes }, Event::Gossip) => {
                let mut sends = Vec::new();
                for peer in (0..self.servers).filter(|peer| *peer != node) {
                    if known & !peers[peer] != 0 || self.bug == Bug::Chatters {
                        sends.push((Destination::Node(peer), Message::Gossip { known }));
                        peers[peer] |= if self.answers { 0 } else { known };
                    }
                }
                Outcome { local: Local::Server { known, peers, crashes }, sends }
            }
            (Local::Server { known, crashes, .. }, Event::Crash) => {
                Outcome::quiet(Local::Server { known, peers: [0; 3], crashes: crashes + 1 })
            }
            (Local::Client { acked }, Event::Retry) => {
                Outcome { local: *local, sends: self.request(node, acked) }
            }
            _ => unreachable!("{event:?} is not an event of node {node}"),
        }
    }

    fn is_dead(&self, _: usize, local: &Local, src: usize, message: &Message) -> bool {
        match (local, message) {
            (Local::Client { acked }, Message::Remembered { number }) => number < acked,
            (Local::Server { peers, .. }, Message::Heard { known }) => {
                self.bug == Bug::BuriesAnswers && known & !peers[src] == 0
            }
            (_, Message::Gossip { .. }) => self.bug == Bug::BuriesGossip,
            _ => false,
        }
    }

    fn is_eager(&self, _: usize, _: &Local, _: usize, message: &Message) -> bool {
        matches!(message, Message::Remembered { .. })
    }

    fn fair(&self, node: usize, local: &Local) -> Vec<Event> {
        match local {
            Local::Server { known, .. } => {
                let chatters = self.bug == Bug::Chatters && *known != 0;
                let gossips = self.has_news(node, local) || chatters;
                gossips.then_some(Event::Gossip).into_iter().collect()
            }
            Local::Client { acked } => {
                let asks = self.bug != Bug::GivesUp && !self.request(node, *acked).is_empty();
                asks.then_some(Event::Retry).into_iter().collect()
            }
        }
    }

    fn judge_node(&self, _: usize, local: &Local) -> Verdict {
        let crashed = matches!(local, Local::Server { crashes: 1.., .. });
        Verdict::NOTHING.sometimes(CRASHED, crashed)
    }

    fn judge_pair(&self, _: usize, la: &Local, b: usize, lb: &Local) -> Verdict {
        match (la, lb) {
            (Local::Server { known, .. }, Local::Client { acked }) => {
                let count = (*acked + 1).min(self.clients[b - self.servers]);
                let asked = (0..count).fold(0, |set, number| set | self.bit(b, number));
                let all = (0..NUMBERS as u8).fold(0, |set, number| set | self.bit(b, number));
                Verdict::NOTHING.always(INVENTED, known & all & !asked == 0)
            }
            (Local::Server { known: a, .. }, Local::Server { known: b, .. }) => {
                Verdict::NOTHING.sometimes(BEHIND, a != b && a & b == *a)
            }
            _ => Verdict::NOTHING,
        }
    }

    fn judge_idle(&self, locals: &[&Local]) -> Verdict {
        let known = |local: &&Local| match local {
            Local::Server { known, .. } => Some(*known),
            Local::Client { .. } => None,
        };
        let mut sets: Vec<_> = locals.iter().filter_map(known).collect();
        sets.dedup();
        Verdict::NOTHING.always(AGREE, sets.len() == 1).sometimes(IDLE, true)
    }

    fn judge_end(&self, locals: &[&Local]) -> Verdict {
        let clients = locals[self.servers..].iter().zip(&self.clients);
        let done = clients
            .into_iter()
            .all(|(local, all)| matches!(local, Local::Client { acked } if acked == all));
        Verdict::NOTHING.always(DONE, done)
    }

    fn properties(&self) -> &[PropertyInfo] {
        &PROPERTIES
    }

    fn message_kind(&self, message: &Message) -> &'static str {
        match message {
            Message::Remember { .. } => "remember",
            Message::Remembered { .. } => "remembered",
            Message::Gossip { .. } => "gossip",
            Message::Heard { .. } => "heard",
        }
    }

    fn event_kind(&self, event: &Event) -> &'static str {
        match event {
            Event::Gossip => "send gossip",
            Event::Crash => "crash",
            Event::Retry => "retry",
        }
    }
}
