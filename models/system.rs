//! A model as the engine wants it: nodes that take messages and internal steps, and what is judged of them.

use crate::{
    application::Application,
    engine::{self, Destination, Expectation, Outcome, PropertyInfo, Verdict},
    model::{Model, Net},
    party::{ClientLocal, Disk, Life, Local, Manager, ManagerLocal, Party, Sent, Turn},
    properties::{Kind, PROPERTIES, Scope},
    view::{Setting, View},
};
use chinwag::{FrontEndId, Input, Message, ReplicaId, RequestId, Rules, Sender, Timer, Timestamp};

/// A model's system.
#[derive(Debug)]
pub struct System {
    /// The model.
    pub model: Model,
    /// Managers first, then clients.
    pub parties: Vec<Party>,
    setting: Setting,
    infos: Vec<PropertyInfo>,
}

/// An internal step of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Happens {
    /// A timer fires.
    Timer(Timer),
    /// A manager crashes and starts again.
    Crash,
    /// A manager is lost, replaced, or learns of it.
    Turn(Turn),
}

impl System {
    /// The system of a model, under these rules and with such disks.
    pub fn new(model: &Model, rules: &'static Rules, disk: Disk) -> Self {
        let parties = model.parties(rules, disk);
        let infos = PROPERTIES.iter().enumerate().map(|(bit, p)| PropertyInfo {
            name: p.sentence,
            expectation: match (p.kind, p.scope) {
                (Kind::Sometimes, _) => Expectation::Sometimes,
                (Kind::Always, Scope::End) => Expectation::Finally,
                (Kind::Always, _) => Expectation::Always,
            },
            bit: bit as u32,
        });
        let infos = infos.collect();
        Self { model: model.clone(), parties, setting: model.setting(), infos }
    }

    /// How the network and the reductions are set for this model.
    pub fn rules(&self) -> engine::Rules {
        engine::Rules {
            network: match self.model.net {
                Net::Copies => engine::Network::Bag,
                _ => engine::Network::Once,
            },
            lossy: self.model.net == Net::Lossy,
            drop_dead: true,
            eager: self.model.eager,
        }
    }

    fn managers(&self) -> usize {
        self.model.group().replicas.into()
    }

    /// A node as those see it whom it sends something.
    pub fn sender(&self, node: usize) -> Sender {
        match node.checked_sub(self.managers()) {
            None => Sender::Replica(ReplicaId(node as u16)),
            Some(client) => Sender::FrontEnd(FrontEndId(client as u64)),
        }
    }

    fn outcome(&self, (local, sends): (Local, Vec<Sent>)) -> Outcome<Self> {
        let to = |destination| match destination {
            chinwag::Destination::Replica(id) => Destination::Node(id.index()),
            chinwag::Destination::FrontEnd(id) => {
                Destination::Node(self.managers() + id.0 as usize)
            }
            chinwag::Destination::AnyReplica => Destination::Any { first: 0, end: self.managers() },
            chinwag::Destination::AnyUpdatable => {
                Destination::Any { first: 0, end: self.model.updatable.into() }
            }
        };
        Outcome { local, sends: sends.into_iter().map(|(d, m)| (to(d), m)).collect() }
    }

    fn judge(&self, scope: &[Scope], nodes: &[(usize, &Local)]) -> Verdict {
        let view = View::of(&self.setting, nodes.iter().copied());
        let mut verdict = Verdict::NOTHING;
        if !self.setting.whole && scope.iter().any(|s| matches!(s, Scope::Idle | Scope::End)) {
            return verdict;
        }
        for (bit, property) in
            PROPERTIES.iter().enumerate().filter(|(_, p)| scope.contains(&p.scope))
        {
            let holds = (property.holds)(&view);
            verdict = match property.kind {
                Kind::Always => verdict.always(bit as u32, holds),
                Kind::Sometimes => verdict.sometimes(bit as u32, holds),
            };
        }
        verdict
    }

    /// The verdict on a whole state, in one view: what the memoised judging must agree with.
    pub fn judge_whole(&self, locals: &[&Local]) -> Verdict {
        let nodes: Vec<_> = locals.iter().copied().enumerate().collect();
        self.judge(&[Scope::Node, Scope::Pair], &nodes)
    }
}

impl engine::System for System {
    type Local = Local;
    type Message = Message<Application>;
    type Event = Happens;

    fn nodes(&self) -> usize {
        self.parties.len()
    }

    fn start(&self, node: usize) -> Outcome<Self> {
        self.outcome(self.parties[node].start())
    }

    fn deliver(
        &self,
        node: usize,
        local: &Local,
        src: usize,
        message: &Self::Message,
    ) -> Option<Outcome<Self>> {
        let input = Input::Message(self.sender(src), message.clone());
        let (next, sends) = self.parties[node].step(local, input);
        // A pull that finds nothing is used up all the same, and so is a question, but by nobody who is not
        // there.
        let is_there =
            !matches!(local, Local::Manager(m) if m.waits_for_copy() || m.life == Life::Lost);
        let acts = next != *local
            || !sends.is_empty()
            || is_there && matches!(message, Message::Pull { .. } | Message::Query { .. });
        acts.then(|| self.outcome((next, sends)))
    }

    fn events(&self, node: usize, local: &Local) -> Vec<Happens> {
        match local {
            Local::Manager(manager) => {
                let repeats = self.model.net == Net::Lossy;
                let mut events = self.gossip_with_reason(node, manager);
                let said = |to: ReplicaId| !repeats && manager.said >> to.0 & 1 == 1;
                events.retain(|e| !matches!(e, Happens::Timer(Timer::Gossip { to }) if said(*to)));
                if manager.crashes > 0 && manager.speaks() {
                    events.push(Happens::Crash);
                }
                events.extend(self.turns(node, manager, Manager::turns));
                events
            }
            Local::Client(client) if client.retries > 0 => overdue(client),
            Local::Client(_) => Vec::new(),
        }
    }

    fn fire(&self, node: usize, local: &Local, event: &Happens) -> Outcome<Self> {
        match (event, &self.parties[node], local) {
            (Happens::Crash, Party::Manager(party), Local::Manager(local)) => {
                Outcome::quiet(Local::Manager(party.crash(local)))
            }
            (Happens::Turn(turn), Party::Manager(party), Local::Manager(local)) => {
                let (next, sends) = party.turn(local, *turn);
                self.outcome((Local::Manager(next), sends))
            }
            (Happens::Timer(timer), party, local) => {
                self.outcome(party.step(local, Input::Timer(*timer)))
            }
            (Happens::Crash | Happens::Turn(_), ..) => unreachable!("clients do not crash"),
        }
    }

    /// Monotonicity makes it so: what a node has logged, learnt, finished or been told stays so, and what a
    /// crash may take is looked at where it leaves a manager. `check_dead` tries it on every step taken.
    fn is_dead(&self, node: usize, local: &Local, src: usize, message: &Self::Message) -> bool {
        let spent = match (&self.parties[node], local) {
            (Party::Manager(party), Local::Manager(local)) => is_spent(party, local, src, message),
            (_, Local::Client(local)) => is_stale(local, src - src.min(self.managers()), message),
            _ => unreachable!("a party's state has the party's kind"),
        };
        spent && self.deliver(node, local, src, message).is_none()
    }

    fn is_eager(&self, _: usize, local: &Local, _: usize, message: &Self::Message) -> bool {
        let Local::Client(client) = local else { return false };
        match message {
            Message::UpdateReply { id, .. } | Message::QueryReply { id, .. } => {
                client.state.in_flight.contains_key(&id.serial.number)
            }
            _ => false,
        }
    }

    fn fair(&self, node: usize, local: &Local) -> Vec<Happens> {
        match local {
            Local::Manager(manager) => {
                let mut events = self.gossip_with_reason(node, manager);
                events.extend(self.turns(node, manager, Manager::fair_turns));
                events
            }
            Local::Client(client) if client.in_vain >= TRIES_IN_VAIN => Vec::new(),
            Local::Client(client) if self.model.asks_on() => overdue(client),
            Local::Client(_) => Vec::new(),
        }
    }

    fn repeats(&self, message: &Self::Message) -> bool {
        match self.model.net {
            Net::Once | Net::Copies | Net::Lossy => false,
            Net::RepeatsRequests | Net::Echoes => {
                !matches!(message, Message::Gossip(_) | Message::Pull { .. })
            }
            Net::Repeats => true,
        }
    }

    fn sticks(&self, _: &Self::Message) -> bool {
        self.model.net == Net::Echoes
    }

    fn loses(&self) -> bool {
        self.model.net != Net::Once
    }

    fn may_be_moot(&self, message: &Self::Message) -> bool {
        matches!(message, Message::Query { .. })
    }

    fn is_moot(&self, _: usize, local: &Local, message: &Self::Message) -> bool {
        match (local, message) {
            (Local::Client(client), Message::Query { id, .. }) => is_settled(client, id),
            _ => false,
        }
    }

    fn judge_node(&self, node: usize, local: &Local) -> Verdict {
        self.judge(&[Scope::Node], &[(node, local)])
    }

    fn judge_pair(&self, a: usize, la: &Local, b: usize, lb: &Local) -> Verdict {
        self.judge(&[Scope::Pair], &[(a, la), (b, lb)])
    }

    fn judge_idle(&self, locals: &[&Local]) -> Verdict {
        let nodes: Vec<_> = locals.iter().copied().enumerate().collect();
        self.judge(&[Scope::Idle], &nodes)
    }

    fn judge_end(&self, locals: &[&Local]) -> Verdict {
        let nodes: Vec<_> = locals.iter().copied().enumerate().collect();
        self.judge(&[Scope::End], &nodes)
    }

    fn properties(&self) -> &[PropertyInfo] {
        &self.infos
    }

    fn message_kind(&self, message: &Self::Message) -> &'static str {
        message.kind()
    }

    fn event_kind(&self, event: &Happens) -> &'static str {
        match event {
            Happens::Timer(Timer::Gossip { .. }) => "gossip timer",
            Happens::Timer(Timer::Retry { .. }) => "retry",
            Happens::Crash => "crash",
            Happens::Turn(Turn::BackedUp) => "backup",
            Happens::Turn(Turn::Restored) => "restored",
            Happens::Turn(Turn::Lost) => "lost",
            Happens::Turn(Turn::Records) => "replacement recorded",
            Happens::Turn(Turn::Asks) => "confirmation asked for",
            Happens::Turn(Turn::Copies(_)) => "copy asked for",
        }
    }

    fn node_name(&self, node: usize) -> String {
        match self.sender(node) {
            Sender::Replica(id) => format!("{id:?}"),
            Sender::FrontEnd(id) => format!("{id:?}"),
        }
    }
}

impl System {
    fn turns(
        &self,
        node: usize,
        local: &ManagerLocal,
        which: fn(&Manager, &ManagerLocal) -> Vec<Turn>,
    ) -> Vec<Happens> {
        let Party::Manager(party) = &self.parties[node] else { return Vec::new() };
        which(party, local).into_iter().map(Happens::Turn).collect()
    }

    fn gossip_with_reason(&self, node: usize, local: &ManagerLocal) -> Vec<Happens> {
        let Party::Manager(party) = &self.parties[node] else { return Vec::new() };
        let speaker = party.node_of(local);
        let peers = speaker.group.members().filter(|to| to.index() != node && local.speaks());
        peers
            .filter(|to| speaker.has_reason(&local.state, *to))
            .map(|to| Happens::Timer(Timer::Gossip { to }))
            .collect()
    }
}

/// After how many repetitions without an answer a client gives up that may wait for what is lost.
pub(crate) const TRIES_IN_VAIN: u8 = 4;

fn overdue(client: &ClientLocal) -> Vec<Happens> {
    let numbers = client.state.in_flight.keys();
    numbers.map(|number| Happens::Timer(Timer::Retry { number: *number })).collect()
}

fn hears(node: &chinwag::ReplicaManager, said: u16) -> bool {
    (node.rules().hears)(said, node.group.epoch)
}

/// Has the manager got out of the message all that it ever will?
fn is_spent(
    party: &Manager,
    local: &ManagerLocal,
    src: usize,
    message: &Message<Application>,
) -> bool {
    let replica = &local.state.replica;
    match (local.life, message) {
        (Life::Lost, _) | (Life::Restored, Message::Update(_)) => return true,
        (Life::Waits { .. }, _) | (_, Message::Tell { .. }) => return false,
        // Not heard yet, or not any more.
        (_, Message::Gossip(gossip)) if !hears(party.node_of(local), gossip.epoch) => {
            return gossip.epoch < party.node_of(local).group.epoch;
        }
        _ => {}
    }
    match message {
        Message::Update(update) => is_finished(party, local, update.id),
        Message::Gossip(gossip) => {
            // A crash resets the table to what has left the log.
            let floor = |row: usize| match local.crashes {
                0 => &local.state.table[row],
                _ => replica.discarded(),
            };
            let beyond = |known: &Timestamp| known.covers(&gossip.ts) && *known != gossip.ts;
            let rows = gossip.table.iter().enumerate();
            gossip.log.iter().all(|r| r.key().seq <= replica.replica_ts().get(r.origin))
                && (!gossip.complete || floor(src).covers(&gossip.ts))
                && rows.into_iter().all(|(row, ts)| floor(row).covers(ts))
                && (!gossip.asks || beyond(floor(src)))
        }
        Message::Pull { .. } | Message::Query { .. } => false,
        _ => true,
    }
}

/// Will the manager refuse the request for ever, without a word?
fn is_finished(party: &Manager, local: &ManagerLocal, id: RequestId) -> bool {
    local.state.replica.known(id).finished && (local.late || !party.watches_late)
}

/// Has the request been answered?
fn is_settled(client: &ClientLocal, id: &RequestId) -> bool {
    let (state, number) = (&client.state, id.serial.number);
    number < state.next && !state.in_flight.contains_key(&number)
}

/// Has the client got out of the message all that it ever will? `from` is the telling client, if one tells.
fn is_stale(client: &ClientLocal, from: usize, message: &Message<Application>) -> bool {
    let state = &client.state;
    let settled = |id| is_settled(client, id);
    match message {
        Message::UpdateReply { id, ts } => settled(id) && state.ts.covers(ts),
        Message::QueryReply { id, .. } | Message::Refused { id, .. } => settled(id),
        Message::Tell { ts, .. } => state.ts.covers(ts) && client.heard >> from & 1 == 1,
        _ => true,
    }
}
