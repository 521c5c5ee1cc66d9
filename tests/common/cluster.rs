//! Parties, packets, and what a test can do with them.

use super::{Transcript, ghost::Ghost, rules};
use chinwag::{
    Change, Destination, Effects, Event, FrontEnd, FrontEndId, FrontEndState, Group, Input,
    ManagerState, Message, Replica, ReplicaId, ReplicaManager, Request, RequestId, Routing, Sender,
    Timer, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

pub type Msg = Message<Transcript>;
/// Texts of updates.
pub type Texts = BTreeSet<String>;

/// A message in flight.
#[derive(Clone, Debug)]
pub struct Packet {
    pub from: Sender,
    pub to: Sender,
    pub message: Msg,
    /// What the teller had seen, if somebody tells somebody something.
    pub seen: Texts,
}

impl Packet {
    pub fn is(&self, kind: &str) -> bool {
        self.message.kind() == kind
    }

    pub fn goes_to(&self, manager: ReplicaId) -> bool {
        self.to == Sender::Replica(manager)
    }

    pub fn goes(&self, from: ReplicaId, to: ReplicaId) -> bool {
        self.from == Sender::Replica(from) && self.goes_to(to)
    }

    fn between_managers(&self) -> bool {
        matches!((self.from, self.to), (Sender::Replica(_), Sender::Replica(_)))
    }
}

#[derive(Clone)]
pub struct Manager {
    pub party: ReplicaManager,
    /// None while it is down.
    pub state: Option<ManagerState<Transcript>>,
    pub journal: Vec<Change<Transcript>>,
}

#[derive(Clone)]
pub struct Client {
    pub party: FrontEnd,
    pub state: FrontEndState<Transcript>,
    /// Answers to its queries, in the order in which they came.
    pub answers: Vec<Vec<String>>,
    pub told: Vec<String>,
}

#[derive(Clone)]
pub struct Cluster {
    pub group: Group,
    pub managers: Vec<Manager>,
    pub clients: Vec<Client>,
    /// Messages in flight, oldest first.
    pub network: Vec<Packet>,
    /// How many messages of each kind were ever sent.
    pub sent: BTreeMap<&'static str, usize>,
    pub events: Vec<(Sender, Event<Transcript>)>,
    /// Managers that no other manager can reach, nor they it.
    pub isolated: BTreeSet<ReplicaId>,
    /// Where `AnyReplica` and `AnyUpdatable` go.
    pub choice: ReplicaId,
    ghost: Ghost,
}

impl Cluster {
    /// Updatable managers, each of which gossips to all others by timer only.
    pub fn of(replicas: u16) -> Self {
        Self::build(Group::of(replicas), |_| ())
    }

    pub fn build(group: Group, configure: impl Fn(&mut ReplicaManager)) -> Self {
        let start = |id| {
            let mut party = ReplicaManager::new(id, group).with_rules(rules());
            configure(&mut party);
            let mut fx = Effects::default();
            let empty = Replica::empty(group.updatable.into());
            let state = Some(party.start(empty, &mut fx));
            assert_eq!(fx.start.len(), usize::from(group.replicas) - 1, "a gossip timer a peer");
            Manager { party, state, journal: Vec::new() }
        };
        Self {
            group,
            managers: group.members().map(start).collect(),
            clients: Vec::new(),
            network: Vec::new(),
            sent: BTreeMap::new(),
            events: Vec::new(),
            isolated: BTreeSet::new(),
            choice: ReplicaId(0),
            ghost: Ghost::new(group),
        }
    }

    // ---- clients ----

    /// A client whose front end prefers this manager. Returns its number.
    pub fn client(&mut self, home: ReplicaId) -> usize {
        self.client_with(Routing::Home(home), |_| ())
    }

    pub fn client_with(&mut self, routing: Routing, configure: impl Fn(&mut FrontEnd)) -> usize {
        let id = FrontEndId(self.clients.len() as u64);
        let mut party = FrontEnd::new(id, 0, self.group, routing).with_rules(rules());
        configure(&mut party);
        let state = party.start(self.group.zero());
        self.clients.push(Client { party, state, answers: Vec::new(), told: Vec::new() });
        self.ghost.new_session(self.clients.len() - 1);
        self.clients.len() - 1
    }

    /// The front end loses all it knew and comes back under its next incarnation.
    pub fn restart_client(&mut self, client: usize) {
        let Client { party, state, .. } = &mut self.clients[client];
        party.incarnation += 1;
        *state = party.start(self.group.zero());
        self.ghost.new_session(client);
    }

    /// The client's next request goes there.
    pub fn turn_to(&mut self, client: usize, manager: ReplicaId) {
        self.clients[client].state.contact = manager;
    }

    pub fn request(&mut self, client: usize, request: Request<Transcript>) -> RequestId {
        let Client { party, state, .. } = &self.clients[client];
        let queued = state.outbox.iter().filter(|r| !matches!(r, Request::Tell { .. })).count();
        let serial =
            chinwag::Serial { incarnation: party.incarnation, number: state.next + queued as u64 };
        let id = RequestId { front_end: party.id, serial };
        self.ghost.issued(client, id, &request);
        self.step_client(client, Input::Request(request));
        id
    }

    /// Puts an update under way.
    pub fn update(&mut self, client: usize, text: &str) -> RequestId {
        self.request(client, Request::Update(text.into()))
    }

    /// An update with its reply, while nothing else in the network moves.
    pub fn post(&mut self, client: usize, text: &str) -> Timestamp {
        let id = self.update(client, text);
        self.exchange(id);
        self.stamp(id).unwrap_or_else(|| panic!("{id:?} got no timestamp"))
    }

    /// A query at the client's manager; the answer if it came at once.
    pub fn ask(&mut self, client: usize) -> Option<Vec<String>> {
        let count = self.clients[client].answers.len();
        let id = self.request(client, Request::Query(()));
        self.exchange(id);
        self.clients[client].answers.get(count).cloned()
    }

    pub fn tell(&mut self, from: usize, to: usize, body: &str) {
        let to = self.clients[to].party.id;
        self.request(from, Request::Tell { to, body: body.into() });
    }

    /// Delivers this request, and then what is answered.
    pub fn exchange(&mut self, id: RequestId) {
        self.deliver_where(|p| is_request(p, id));
        self.deliver_where(|p| is_response(p, id));
    }

    /// The retry timer of every request in flight of this client fires.
    pub fn retry(&mut self, client: usize) {
        let numbers: Vec<_> = self.clients[client].state.in_flight.keys().copied().collect();
        for number in numbers {
            self.step_client(client, Input::Timer(Timer::Retry { number }));
        }
    }

    // ---- the network ----

    /// Delivers one packet.
    pub fn deliver(&mut self, index: usize) {
        let packet = self.network.remove(index);
        self.arrive(packet);
    }

    /// Delivers what is in flight now and fits, oldest first; not what comes of it.
    pub fn deliver_where(&mut self, fits: impl Fn(&Packet) -> bool) -> usize {
        let taken = self.take_where(fits);
        let count = taken.len();
        for packet in taken {
            self.arrive(packet);
        }
        count
    }

    /// Takes out of the network what fits: lost, or held back and put back by the test.
    pub fn take_where(&mut self, fits: impl Fn(&Packet) -> bool) -> Vec<Packet> {
        let (taken, left) = std::mem::take(&mut self.network).into_iter().partition(|p| fits(p));
        self.network = left;
        taken
    }

    /// Delivers everything and what comes of it.
    pub fn deliver_all(&mut self) {
        for _ in 0..100_000 {
            if self.network.is_empty() {
                return;
            }
            self.deliver(0);
        }
        panic!("messages beget messages without end: {:?}", self.network.first());
    }

    /// A packet reaches its destination. What goes to a crashed or isolated manager is lost.
    pub fn arrive(&mut self, packet: Packet) {
        let cut = |s| matches!(s, Sender::Replica(r) if self.isolated.contains(&r));
        if packet.between_managers() && (cut(packet.from) || cut(packet.to)) {
            return;
        }
        let input = Input::Message(packet.from, packet.message);
        match packet.to {
            Sender::Replica(to) => self.step_manager(to, input),
            Sender::FrontEnd(to) => {
                self.ghost.hears(to.0 as usize, &packet.seen);
                self.step_client(to.0 as usize, input);
            }
        }
    }

    // ---- gossip ----

    /// The gossip timer fires; what is sent stays in flight.
    pub fn tick(&mut self, from: ReplicaId, to: ReplicaId) {
        self.step_manager(from, Input::Timer(Timer::Gossip { to }));
    }

    /// The gossip timer fires and what is sent arrives.
    pub fn gossip(&mut self, from: ReplicaId, to: ReplicaId) {
        self.tick(from, to);
        self.deliver_where(|p| p.is("gossip") && p.goes(from, to));
    }

    pub fn has_reason(&self, from: ReplicaId, to: ReplicaId) -> bool {
        let Manager { party, state, .. } = &self.managers[from.index()];
        state.as_ref().is_some_and(|state| party.has_reason(state, to))
    }

    /// Delivers all and lets timers fire until nobody has anything left to say. Returns the rounds of timers.
    pub fn settle(&mut self) -> usize {
        for round in 0..100 {
            self.deliver_all();
            let reasons = super::pairs(self.group);
            let reasons: Vec<_> =
                reasons.into_iter().filter(|(a, b)| self.has_reason(*a, *b)).collect();
            if reasons.is_empty() {
                return round;
            }
            for (from, to) in reasons {
                self.tick(from, to);
            }
        }
        panic!("gossip does not come to rest");
    }

    // ---- crashes ----

    /// Stops a manager. All but its journal is lost.
    pub fn crash(&mut self, manager: ReplicaId) {
        self.managers[manager.index()].state = None;
    }

    /// Starts it again from its journal, which must give the replica that was.
    pub fn recover(&mut self, manager: ReplicaId) {
        let Manager { party, state, journal } = &mut self.managers[manager.index()];
        let mut replica = Replica::empty(self.group.updatable.into());
        for change in journal {
            replica.commit(party.rules(), change);
        }
        self.ghost.recovered(manager, &replica);
        *state = Some(party.start(replica, &mut Effects::default()));
    }

    // ---- steps ----

    pub fn step_manager(&mut self, manager: ReplicaId, input: Input<Transcript>) {
        let Manager { party, state, journal } = &mut self.managers[manager.index()];
        let Some(state) = state else { return };
        let before = state.clone();
        let mut fx = Effects::default();
        party.handle(state, input, &mut fx);
        self.ghost.manager_stepped(party, &before, state, &fx);
        // The driver's law: first the journal, then the sends.
        journal.append(&mut fx.journal);
        self.perform(Sender::Replica(manager), fx);
    }

    pub fn step_client(&mut self, client: usize, input: Input<Transcript>) {
        let Client { party, state, answers, told } = &mut self.clients[client];
        let before = state.clone();
        let mut fx = Effects::default();
        party.handle(state, input, &mut fx);
        for event in &fx.events {
            match event {
                Event::Answered { answer, .. } => answers.push(answer.clone()),
                Event::Told { body } => told.push(String::from_utf8_lossy(body).into()),
                Event::Stamped { .. } | Event::StateLost { .. } => {}
            }
        }
        self.ghost.client_stepped(client, &before, state, &fx);
        let id = party.id;
        self.perform(Sender::FrontEnd(id), fx);
    }

    fn perform(&mut self, from: Sender, fx: Effects<Transcript>) {
        self.events.extend(fx.events.into_iter().map(|event| (from, event)));
        for (to, message) in fx.sends {
            let to = match to {
                Destination::Replica(to) => Sender::Replica(to),
                Destination::AnyReplica | Destination::AnyUpdatable => Sender::Replica(self.choice),
                Destination::FrontEnd(to) => Sender::FrontEnd(to),
            };
            let seen = match (from, &message) {
                (Sender::FrontEnd(from), Message::Tell { .. }) => self.ghost.speaks(from),
                _ => Texts::new(),
            };
            *self.sent.entry(message.kind()).or_default() += 1;
            self.network.push(Packet { from, to, message, seen });
        }
    }

    // ---- looking ----

    pub fn state(&self, manager: ReplicaId) -> &ManagerState<Transcript> {
        self.managers[manager.index()].state.as_ref().expect("the manager is up")
    }

    pub fn replica(&self, manager: ReplicaId) -> &Replica<Transcript> {
        &self.state(manager).replica
    }

    /// What ran at a manager, in order.
    pub fn ran(&self, manager: ReplicaId) -> Vec<String> {
        self.replica(manager).value().0.clone()
    }

    /// `(replica timestamp, value timestamp)`.
    pub fn timestamps(&self, manager: ReplicaId) -> (Timestamp, Timestamp) {
        let replica = self.replica(manager);
        (replica.replica_ts().clone(), replica.value_ts().clone())
    }

    /// The timestamps of all records that were ever made of an update.
    pub fn records_of(&self, id: RequestId) -> Vec<Timestamp> {
        self.ghost.records_of(id)
    }

    /// What the front end was told of its update.
    pub fn stamp(&self, id: RequestId) -> Option<Timestamp> {
        self.events.iter().find_map(|(_, event)| match event {
            Event::Stamped { id: stamped, ts } if *stamped == id => Some(ts.clone()),
            _ => None,
        })
    }

    pub fn count(&self, kind: &'static str) -> usize {
        self.sent.get(kind).copied().unwrap_or_default()
    }

    pub fn messages(&self) -> usize {
        self.sent.values().sum()
    }

    /// All managers have run the same, hold nothing back, and have collected all that can be.
    pub fn assert_converged(&self) {
        let all: Texts = self.ghost.recorded();
        for manager in self.group.members() {
            let replica = self.replica(manager);
            let ran: Texts = self.ran(manager).into_iter().collect();
            assert_eq!(ran, all, "{manager:?} lacks an update");
            assert_eq!(replica.value_ts(), replica.replica_ts(), "{manager:?}");
            assert_eq!(replica.log().len(), 0, "{manager:?} keeps its log");
            assert_eq!(replica.replica_ts(), self.replica(ReplicaId(0)).replica_ts());
            for client in &self.clients {
                let id = client.party.id;
                let kept = replica.executed().keys().filter(|k| k.front_end == id);
                assert!(kept.count() <= 1, "{manager:?} keeps {:?}", replica.executed());
            }
        }
    }
}

fn is_request(packet: &Packet, request: RequestId) -> bool {
    match &packet.message {
        Message::Update(update) => update.id == request,
        Message::Query { id, .. } => *id == request,
        _ => false,
    }
}

fn is_response(packet: &Packet, request: RequestId) -> bool {
    match &packet.message {
        Message::UpdateReply { id, .. }
        | Message::QueryReply { id, .. }
        | Message::Refused { id, .. } => *id == request,
        _ => false,
    }
}
