//! A cluster in memory that compares every step of its replica managers.

use chinwag::{
    Destination, Effects, FrontEnd, FrontEndId, FrontEndState, Group, Input, ManagerState, Message,
    Replica, ReplicaId, ReplicaManager, Request, RequestId, Routing, Rules, Sender, Serial, Timer,
    Timestamp, Update,
    services::{RegisterMap, RegisterOp, RegisterQuery},
};
use chinwag_oracle::{Event, Happened, Mismatch, Oracle};

type Service = RegisterMap;

/// Messages in flight. Beyond it, the oldest are lost.
const NETWORK_MAX: usize = 60;

/// Who takes part.
#[derive(Clone, Debug)]
pub struct Setting {
    pub updatable: u16,
    pub read_only: u16,
    pub clients: usize,
    pub copies: u16,
    pub batch: u32,
    pub pulls: bool,
    pub ring: bool,
    pub relays: bool,
}

/// What happens next. Numbers are taken modulo what there is.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "not every test takes every step")]
pub enum Step {
    /// One of all things that are possible now, all alike.
    Any(usize),
    Update(usize),
    Independent(usize),
    Query(usize),
    Tell(usize, usize),
    Turn(usize, u16),
    Retry(usize),
    Restart(usize),
    /// A front end that claims to have seen what it likes.
    Lie(u16, u64),
    Deliver(usize),
    Lose(usize),
    Repeat(usize),
    Cut(usize),
    Tick(u16, u16),
    Crash(u16),
    /// An update at a manager, and its reply.
    Post(usize, u16),
    /// A query at a manager, and its answer.
    Read(usize, u16),
    /// Gossip that arrives.
    Meet(u16, u16),
    /// Gossip in fragments, the last of which arrives first.
    MeetBackwards(u16, u16),
    /// All that is under way to a manager arrives, the youngest first.
    Flood(u16),
}

struct Manager {
    node: ReplicaManager,
    state: ManagerState<Service>,
    disk: Replica<Service>,
}

struct Packet {
    from: Sender,
    to: Sender,
    message: Message<Service>,
}

/// Replica managers, clients and a network.
pub struct World<'a> {
    oracle: &'a Oracle,
    group: Group,
    managers: Vec<Manager>,
    clients: Vec<(FrontEnd, FrontEndState<Service>)>,
    network: Vec<Packet>,
    /// Names the next operation.
    next: u64,
    /// Steps that were compared.
    pub compared: usize,
    /// What each manager did, if anyone wants to know.
    pub tape: Option<Vec<Vec<Event<Service>>>>,
}

impl<'a> World<'a> {
    pub fn new(
        oracle: &'a Oracle,
        setting: &Setting,
        rules: &'static Rules,
    ) -> Result<Self, Mismatch> {
        let group = Group::of(setting.updatable).and_read_only(setting.read_only);
        let manager = |id| {
            let node = node(id, group, setting).with_rules(rules);
            let disk = Replica::empty(group.updatable.into());
            let state = oracle.start(&node, disk.clone())?;
            Ok(Manager { node, state, disk })
        };
        let client = |n: usize| {
            let home = Routing::Home(ReplicaId(n as u16 % group.replicas));
            let mut node = FrontEnd::new(FrontEndId(n as u64), 0, group, home).with_rules(rules);
            node.copies = setting.copies;
            let state = node.start(group.zero());
            (node, state)
        };
        Ok(Self {
            oracle,
            group,
            managers: group.members().map(manager).collect::<Result<_, Mismatch>>()?,
            clients: (0..setting.clients).map(client).collect(),
            network: Vec::new(),
            next: 0,
            compared: group.replicas.into(),
            tape: None,
        })
    }

    /// Takes a step.
    pub fn play(&mut self, step: &Step) -> Result<(), Mismatch> {
        let (replicas, clients) = (self.group.replicas, self.clients.len());
        let manager = |n: u16| ReplicaId(n % replicas);
        match *step {
            Step::Any(choice) => return self.any(choice),
            Step::Update(c) => self.request(c % clients, Request::Update),
            Step::Independent(c) => self.request(c % clients, Request::Independent),
            Step::Query(c) => self.query(c % clients),
            Step::Tell(a, b) => {
                let to = self.clients[b % clients].0.id;
                self.client(a % clients, Input::Request(Request::Tell { to, body: Vec::new() }));
            }
            Step::Turn(c, to) => self.clients[c % clients].1.contact = manager(to),
            Step::Retry(c) => self.retry(c % clients),
            Step::Restart(c) => self.restart(c % clients),
            Step::Lie(at, claim) => return self.lie(manager(at), claim),
            Step::Deliver(n) => return self.deliver(n),
            Step::Lose(n) => drop(self.take(n)),
            Step::Repeat(n) => self.repeat(n),
            Step::Cut(n) => self.cut(n),
            Step::Tick(a, b) => return self.tick(manager(a), manager(b)),
            Step::Crash(m) => return self.crash(manager(m)),
            Step::Post(c, at) => {
                self.clients[c % clients].1.contact = manager(at);
                self.request(c % clients, Request::Update);
                return self.exchange(c % clients);
            }
            Step::Read(c, at) => {
                self.clients[c % clients].1.contact = manager(at);
                self.query(c % clients);
                return self.exchange(c % clients);
            }
            Step::Meet(a, b) => {
                self.tick(manager(a), manager(b))?;
                return self.arrive(|p| p.is_between(manager(a), manager(b)));
            }
            Step::MeetBackwards(a, b) => {
                self.tick(manager(a), manager(b))?;
                (0..self.network.len()).rev().for_each(|n| self.cut(n));
                self.network.reverse();
                return self.arrive(|p| p.is_between(manager(a), manager(b)));
            }
            Step::Flood(to) => {
                self.network.reverse();
                return self.arrive(|p| p.to == Sender::Replica(manager(to)));
            }
        }
        Ok(())
    }

    /// One of all the steps that are possible.
    fn any(&mut self, choice: usize) -> Result<(), Mismatch> {
        let mut steps = Vec::new();
        let packets = 0..self.network.len();
        steps.extend(packets.clone().map(Step::Deliver));
        steps.extend(packets.clone().map(Step::Repeat));
        steps.extend(packets.clone().map(Step::Lose));
        steps.extend(packets.map(Step::Cut));
        for client in 0..self.clients.len() {
            let independent = Step::Independent(client);
            let again = Step::Retry(client);
            steps.extend([Step::Update(client), independent, Step::Query(client), again]);
            steps.extend((0..self.group.replicas).map(|to| Step::Turn(client, to)));
        }
        for a in 0..self.group.replicas {
            steps.extend((0..self.group.replicas).map(|b| Step::Tick(a, b)));
            steps.push(Step::Crash(a));
        }
        self.play(&steps.swap_remove(choice % steps.len()))
    }

    // ---- clients ----

    fn request(&mut self, client: usize, kind: fn(RegisterOp) -> Request<Service>) {
        self.next += 1;
        let (key, value) = (key(self.next), self.next.to_string());
        self.client(client, Input::Request(kind(RegisterOp::Put { key, value })));
    }

    fn query(&mut self, client: usize) {
        self.next += 1;
        self.client(client, Input::Request(Request::Query(RegisterQuery::Get(key(self.next)))));
    }

    fn retry(&mut self, client: usize) {
        let numbers: Vec<_> = self.clients[client].1.in_flight.keys().copied().collect();
        for number in numbers {
            self.client(client, Input::Timer(Timer::Retry { number }));
        }
    }

    fn restart(&mut self, client: usize) {
        let (node, state) = &mut self.clients[client];
        node.incarnation += 1;
        *state = node.start(self.group.zero());
    }

    fn client(&mut self, client: usize, input: Input<Service>) {
        let (node, state) = &mut self.clients[client];
        let mut fx = Effects::default();
        node.handle(state, input, &mut fx);
        let (id, contact) = (node.id, state.contact);
        self.send(Sender::FrontEnd(id), contact, fx);
    }

    fn lie(&mut self, at: ReplicaId, claim: u64) -> Result<(), Mismatch> {
        self.next += 1;
        let counts = (0..self.group.updatable).map(|origin| claim >> (2 * origin) & 3);
        let prev: Timestamp = counts.collect();
        let serial = Serial { incarnation: 7, number: claim >> 32 & 15 };
        let id = RequestId { front_end: FrontEndId(u64::MAX), serial };
        let op = RegisterOp::Put { key: key(self.next), value: self.next.to_string() };
        let update = Update { id, acknowledged: Serial::default(), prev, op };
        self.manager(at, Input::Message(Sender::FrontEnd(id.front_end), Message::Update(update)))
    }

    /// All that a client has in flight arrives, and what comes of it.
    fn exchange(&mut self, client: usize) -> Result<(), Mismatch> {
        let id = Sender::FrontEnd(self.clients[client].0.id);
        self.arrive(|p| p.from == id)?;
        self.arrive(|p| p.to == id)
    }

    // ---- the network ----

    fn take(&mut self, n: usize) -> Option<Packet> {
        let flying = self.network.len();
        (flying > 0).then(|| self.network.remove(n % flying))
    }

    fn repeat(&mut self, n: usize) {
        let Some(packet) = self.take(n) else { return };
        let Packet { from, to, message } = &packet;
        self.network.push(Packet { from: *from, to: *to, message: message.clone() });
        self.network.push(packet);
    }

    fn cut(&mut self, n: usize) {
        let Some(Packet { from, to, message }) = self.take(n) else { return };
        match message {
            Message::Gossip(gossip) => {
                for fragment in gossip.fragments(1, |_| 1) {
                    self.network.push(Packet { from, to, message: Message::Gossip(fragment) });
                }
            }
            message => self.network.push(Packet { from, to, message }),
        }
    }

    fn arrive(&mut self, fits: impl Fn(&Packet) -> bool) -> Result<(), Mismatch> {
        let (taken, left) = std::mem::take(&mut self.network).into_iter().partition(fits);
        self.network = left;
        Vec::into_iter(taken).try_for_each(|packet| self.hand_over(packet))
    }

    fn deliver(&mut self, n: usize) -> Result<(), Mismatch> {
        self.take(n).map_or(Ok(()), |packet| self.hand_over(packet))
    }

    fn hand_over(&mut self, packet: Packet) -> Result<(), Mismatch> {
        let input = Input::Message(packet.from, packet.message);
        match packet.to {
            Sender::Replica(to) => self.manager(to, input),
            Sender::FrontEnd(FrontEndId(u64::MAX)) => Ok(()),
            Sender::FrontEnd(to) => {
                self.client(to.0 as usize, input);
                Ok(())
            }
        }
    }

    // ---- managers ----

    fn tick(&mut self, from: ReplicaId, to: ReplicaId) -> Result<(), Mismatch> {
        if from == to {
            return Ok(());
        }
        self.manager(from, Input::Timer(Timer::Gossip { to }))
    }

    fn crash(&mut self, id: ReplicaId) -> Result<(), Mismatch> {
        let Manager { node, state, disk } = &mut self.managers[id.index()];
        *state = self.oracle.start(node, disk.clone())?;
        self.compared += 1;
        self.record(id, Happened::Start, &Effects::default());
        Ok(())
    }

    fn manager(&mut self, id: ReplicaId, input: Input<Service>) -> Result<(), Mismatch> {
        let Manager { node, state, disk } = &mut self.managers[id.index()];
        let (after, fx) = self.oracle.step(node, state, &input)?;
        *state = after;
        fx.journal.iter().for_each(|change| disk.commit(node.rules(), change));
        self.compared += 1;
        self.record(id, Happened::Input(input), &fx);
        self.send(Sender::Replica(id), id, fx);
        Ok(())
    }

    fn record(&mut self, id: ReplicaId, happened: Happened<Service>, fx: &Effects<Service>) {
        let Some(tape) = &mut self.tape else { return };
        let (journal, sends) = (fx.journal.clone(), fx.sends.clone());
        let effects = Effects { journal, sends, events: fx.events.clone(), ..Effects::default() };
        let replica = &self.managers[id.index()].state.replica;
        let after = [replica.replica_ts(), replica.value_ts(), replica.discarded()];
        tape[id.index()].push(Event { happened, effects, after: after.map(Timestamp::clone) });
    }

    fn send(&mut self, from: Sender, contact: ReplicaId, fx: Effects<Service>) {
        for (to, message) in fx.sends {
            let to = match to {
                Destination::Replica(to) => Sender::Replica(to),
                Destination::AnyReplica | Destination::AnyUpdatable => Sender::Replica(contact),
                Destination::FrontEnd(to) => Sender::FrontEnd(to),
            };
            self.network.push(Packet { from, to, message });
        }
        let surplus = self.network.len().saturating_sub(NETWORK_MAX);
        self.network.drain(..surplus);
    }
}

impl Packet {
    fn is_between(&self, from: ReplicaId, to: ReplicaId) -> bool {
        (self.from, self.to) == (Sender::Replica(from), Sender::Replica(to))
    }
}

pub fn node(id: ReplicaId, group: Group, setting: &Setting) -> ReplicaManager {
    let mut node = ReplicaManager::new(id, group);
    (node.batch, node.pulls, node.relays) = (setting.batch, setting.pulls, setting.relays);
    if setting.ring && group.is_updatable(id) {
        let read_only = group.members().filter(|peer| !group.is_updatable(*peer));
        let next = ReplicaId((id.0 + 1) % group.updatable);
        node.partners = [next].into_iter().filter(|peer| *peer != id).chain(read_only).collect();
    }
    node
}

fn key(number: u64) -> String {
    ["x", "y"][number as usize % 2].into()
}
