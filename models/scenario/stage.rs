//! What a scenario plays on: the parties, what is under way between them, and the judge.

use super::{
    By, Follower, Kind, Pick, Stop, Which,
    chronicle::{Chronicle, arrives, befalls},
    command::CLIENTS_MAX,
    show,
};
use crate::{
    application::{Act, Application, Op, Tag, Tags, name},
    model::{Links, Model, PLAIN, Serves, operation},
    party::{Client, FOREVER, Life, Local, ManagerLocal, Party, Sent, Turn},
    properties::{Kind as Meant, PROPERTIES, Scope},
    render::{MessageRef, Step},
    story,
    system::Happens,
    view::{Setting, View},
};
use chinwag::{
    Destination, FrontEnd, FrontEndId, Input, Message, ReplicaId, Routing, Sender, Timer,
    Timestamp, services::RegisterOp,
};

/// Messages under way at once.
const FLIGHT_MAX: usize = 1_000;

/// Characters of the key of an update that fills a message: two do not fit one datagram.
const FILLING: usize = 700;

/// A message under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    /// Names it. A copy has the same.
    pub id: u64,
    pub from: usize,
    pub to: usize,
    pub message: Message<Application>,
}

/// The parties, managers first, and all between them.
#[derive(Debug)]
pub(super) struct Stage<F> {
    pub model: Model,
    pub fragments: bool,
    pub parties: Vec<Party>,
    pub locals: Vec<Local>,
    pub flight: Vec<Packet>,
    /// Managers that have stopped.
    pub halted: Vec<bool>,
    /// Names of clients, in order.
    pub clients: Vec<String>,
    pub asked: Tags,
    /// What happened, if anybody wants to know.
    pub chronicle: Option<Chronicle>,
    /// Messages so far.
    sent: u64,
    by: By,
    follower: F,
}

impl<F: Follower> Stage<F> {
    pub fn new(by: By, follower: F) -> Self {
        let model = Model { crashes: &[FOREVER; 16], late: true, ..PLAIN };
        Self {
            model,
            fragments: false,
            parties: Vec::new(),
            locals: Vec::new(),
            flight: Vec::new(),
            halted: Vec::new(),
            clients: Vec::new(),
            asked: Tags::default(),
            chronicle: None,
            sent: 0,
            by,
            follower,
        }
    }

    /// The managers, once all is said about them.
    pub fn begin(&mut self) -> Result<(), Stop> {
        if !self.parties.is_empty() {
            return Ok(());
        }
        if self.fragments {
            self.model.records_per_gossip_max = 1;
        }
        self.parties = self.model.parties(self.by.rules, self.by.disk);
        for party in &self.parties {
            let Party::Manager(manager) = party else { continue };
            self.follower.begin(&manager.node).map_err(Stop::Differs)?;
        }
        self.locals = self.parties.iter().map(|party| party.start().0).collect();
        self.halted = vec![false; self.parties.len()];
        (0..self.parties.len()).for_each(|node| self.joined(node));
        Ok(())
    }

    pub fn managers(&self) -> usize {
        self.model.group().replicas.into()
    }

    pub fn add_client(
        &mut self,
        name: &str,
        home: u16,
        copies: u16,
        claims: Option<Timestamp>,
    ) -> Result<(), Stop> {
        self.begin()?;
        if self.clients.len() >= CLIENTS_MAX {
            return Err(Stop::Unusable(format!("a scenario has up to {CLIENTS_MAX} clients")));
        }
        let group = self.model.group();
        let id = FrontEndId(self.clients.len() as u64);
        let mut node = FrontEnd::new(id, 0, group, Routing::Home(ReplicaId(home)));
        node.copies = copies;
        self.model.liar |= claims.is_some();
        let seen = claims.unwrap_or(group.zero());
        if seen.len() != usize::from(group.updatable) || home >= group.replicas {
            return Err(Stop::Unusable("the cluster has another number of managers".into()));
        }
        let op = if self.fragments { filling } else { operation(self.model.serves) };
        let (script, route) = (Vec::new(), None);
        let (retries, keeps_history, gives_up) = (0, true, false);
        let client = Client { node, script, route, retries, seen, op, keeps_history, gives_up };
        let party = Party::Client(client).with_rules(self.by.rules);
        self.locals.push(party.start().0);
        self.parties.push(party);
        self.clients.push(name.into());
        self.joined(self.parties.len() - 1);
        Ok(())
    }

    /// The node of this name: a client's, or a manager's number.
    pub fn node(&self, name: &str) -> Result<usize, Stop> {
        let client = self.clients.iter().position(|client| client == name);
        let manager = name.trim_start_matches("rm").parse().ok();
        let manager = manager.filter(|index| *index < self.managers());
        let found = client.map(|index| self.managers() + index).or(manager);
        found.ok_or_else(|| Stop::Unusable(format!("there is no {name:?}")))
    }

    pub fn manager(&self, node: usize) -> Option<&ManagerLocal> {
        match self.locals.get(node) {
            Some(Local::Manager(manager)) => Some(manager),
            _ => None,
        }
    }

    pub fn sender(&self, node: usize) -> Sender {
        match node.checked_sub(self.managers()) {
            None => Sender::Replica(ReplicaId(node as u16)),
            Some(client) => Sender::FrontEnd(FrontEndId(client as u64)),
        }
    }

    // ---- what happens ----

    /// One atomic step of a node. What it sends is under way then, and is returned as well.
    pub fn step(&mut self, node: usize, input: Input<Application>) -> Result<Vec<Packet>, Stop> {
        self.step_with(node, input, None)
    }

    fn step_with(
        &mut self,
        node: usize,
        input: Input<Application>,
        received: Option<MessageRef>,
    ) -> Result<Vec<Packet>, Stop> {
        let action = match &input {
            Input::Message(Sender::Replica(id), message) => {
                story::takes(message, &format!("{id:?}"))
            }
            Input::Message(Sender::FrontEnd(id), message) => {
                story::takes(message, &format!("{id:?}"))
            }
            Input::Timer(timer) => story::does(&Happens::Timer(*timer)),
            Input::Request(_) => "asks".to_owned(),
        };
        let (local, sends) = self.parties[node].step(&self.locals[node], input.clone());
        if let (Local::Manager(manager), Sender::Replica(id)) = (&local, self.sender(node)) {
            let same = match manager.life {
                Life::Lost => self.follower.lost(id, &input),
                _ => self.follower.step(id, &input, &sends, &manager.state),
            };
            same.map_err(Stop::Differs)?;
            self.halted[node] |= manager.life == Life::Lost;
        }
        self.settled(Step { lane: node, action, received, ..Step::default() }, local, sends)
    }

    /// A client does what `act` makes it do.
    pub fn act(
        &mut self,
        node: usize,
        action: &str,
        act: impl FnOnce(&mut Client, &Local) -> (Local, Vec<Sent>),
    ) -> Result<Vec<Packet>, Stop> {
        let Party::Client(client) = &mut self.parties[node] else {
            return Err(Stop::Unusable("that is no client".into()));
        };
        let (local, sends) = act(client, &self.locals[node]);
        self.settled(Step { lane: node, action: action.into(), ..Step::default() }, local, sends)
    }

    fn settled(&mut self, told: Step, local: Local, sends: Vec<Sent>) -> Result<Vec<Packet>, Stop> {
        let node = told.lane;
        let before = std::mem::replace(&mut self.locals[node], local);
        let packets: Vec<_> = sends.into_iter().map(|sent| self.packet(node, sent)).collect();
        self.flight.extend(packets.iter().cloned());
        self.happened(told, &before, &packets);
        if self.flight.len() > FLIGHT_MAX {
            return Err(Stop::Unusable(format!("more than {FLIGHT_MAX} messages are under way")));
        }
        self.judge(&[Scope::Node, Scope::Pair])?;
        Ok(packets)
    }

    fn packet(&mut self, from: usize, (to, message): Sent) -> Packet {
        let to = match to {
            Destination::Replica(id) => id.index(),
            Destination::FrontEnd(id) => self.managers() + id.0 as usize,
            Destination::AnyReplica | Destination::AnyUpdatable => 0,
        };
        self.sent += 1;
        Packet { id: self.sent, from, to, message }
    }

    /// A message arrives; what comes of it, in words and as messages.
    pub fn arrive(&mut self, packet: &Packet, out: &mut Vec<String>) -> Result<Vec<Packet>, Stop> {
        let Packet { from, to, message, .. } = packet;
        if self.halted.get(*to) == Some(&true) {
            out.push(format!("{} is down", self.node_name(*to)));
            self.lost(packet);
            return Ok(Vec::new());
        }
        let before = self.locals[*to].clone();
        let input = Input::Message(self.sender(*from), message.clone());
        let stepped = self.step_with(*to, input, Some(arrives(packet)));
        out.push(show::arrival(self, packet, &before, stepped.as_deref().unwrap_or(&[])));
        stepped
    }

    /// The timer for gossip fires.
    pub fn gossip(&mut self, from: usize, to: usize) -> Result<Vec<Packet>, Stop> {
        self.step(from, Input::Timer(Timer::Gossip { to: ReplicaId(to as u16) }))
    }

    /// A manager starts again with what its disk holds.
    pub fn restart(&mut self, node: usize) -> Result<(), Stop> {
        let (Party::Manager(party), Some(local)) = (&self.parties[node], self.manager(node)) else {
            return Err(Stop::Unusable("that is no replica manager".into()));
        };
        self.has_its_own(node)?;
        let local = party.crash(local);
        let same = self.follower.restart(party.node.id, &local.state);
        same.map_err(Stop::Differs)?;
        self.halted[node] = false;
        self.settled(befalls(node, &Happens::Crash), Local::Manager(local), Vec::new()).map(drop)
    }

    /// A copy of what a manager has stored is put away.
    pub fn back_up(&mut self, node: usize) -> Result<(), Stop> {
        self.has_its_own(node)?;
        let (local, party) = self.turn(node, Turn::BackedUp)?;
        self.follower.back_up(party).map_err(Stop::Differs)?;
        self.settled(
            befalls(node, &Happens::Turn(Turn::BackedUp)),
            Local::Manager(local),
            Vec::new(),
        )
        .map(drop)
    }

    /// A manager stops, and starts again with the copy that was put away.
    pub fn restore(&mut self, node: usize) -> Result<(), Stop> {
        self.has_its_own(node)?;
        if self.manager(node).is_none_or(|local| local.backup.is_none()) {
            return Err(Stop::Unusable("no copy was put away: say `backup` before".into()));
        }
        let (mut local, id) = self.turn(node, Turn::Restored)?;
        if !self.by.waits_for_peers {
            local.life = Life::Up;
        }
        self.follower.restore(id, &local.state).map_err(Stop::Differs)?;
        self.halted[node] = false;
        self.settled(
            befalls(node, &Happens::Turn(Turn::Restored)),
            Local::Manager(local),
            Vec::new(),
        )
        .map(drop)
    }

    fn turn(&self, node: usize, turn: Turn) -> Result<(ManagerLocal, ReplicaId), Stop> {
        match (&self.parties[node], self.manager(node)) {
            (Party::Manager(party), Some(local)) => Ok((party.turn(local, turn).0, party.node.id)),
            _ => Err(Stop::Unusable("that is no replica manager".into())),
        }
    }

    /// Of one that started from an old copy nothing else is tried.
    pub fn has_its_own(&self, node: usize) -> Result<(), Stop> {
        match self.manager(node).is_some_and(ManagerLocal::is_lost) {
            true => Err(Stop::Unusable(format!("{} has an old copy", self.node_name(node)))),
            false => Ok(()),
        }
    }

    // ---- what is under way ----

    /// Where the message that is meant is among those under way.
    pub fn find(&self, pick: &Pick) -> Result<Option<usize>, Stop> {
        let (from, to) = (self.node(&pick.from)?, self.node(&pick.to)?);
        let fits = |p: &Packet| p.from == from && p.to == to && kind(&p.message) == pick.kind;
        Ok(match pick.which {
            Which::Oldest => self.flight.iter().position(fits),
            Which::Newest => self.flight.iter().rposition(fits),
        })
    }

    /// Takes these out, if they are under way.
    pub fn take(&mut self, packet: &Packet) -> bool {
        let place = self.flight.iter().position(|other| other == packet);
        place.map(|place| self.flight.remove(place)).is_some()
    }

    // ---- the judge ----

    /// Judges all that is promised of these scopes.
    pub fn judge(&self, scopes: &[Scope]) -> Result<(), Stop> {
        let setting = self.setting();
        let view = View::of(&setting, self.locals.iter().enumerate());
        let judged = PROPERTIES.iter().filter(|p| p.kind == Meant::Always);
        let fails = judged.filter(|p| scopes.contains(&p.scope) && !(p.holds)(&view));
        let sentences: Vec<_> = fails.map(|property| property.sentence).collect();
        if sentences.is_empty() { Ok(()) } else { Err(Stop::Violated(sentences)) }
    }

    fn setting(&self) -> Setting {
        Setting { asked: self.asked, ..self.model.setting() }
    }

    // ---- names ----

    pub fn node_name(&self, node: usize) -> String {
        match node.checked_sub(self.managers()) {
            None => format!("rm{node}"),
            Some(client) => self.clients[client].clone(),
        }
    }

    /// `c1#0`.
    pub fn request_name(&self, id: chinwag::RequestId) -> String {
        format!("{}{:?}", self.clients[id.front_end.0 as usize], id.serial)
    }

    /// Sets one thing up, before anyone is there.
    pub fn set_up(&mut self, set: impl FnOnce(&mut Self)) -> Result<(), Stop> {
        if !self.parties.is_empty() {
            return Err(Stop::Unusable("say this before the first client".into()));
        }
        set(self);
        Ok(())
    }

    pub fn set_ring(&mut self) {
        self.model.links = Links::Ring;
    }

    pub fn serve(&mut self, serves: Serves) {
        self.model.serves = serves;
    }
}

fn kind(message: &Message<Application>) -> Kind {
    match message {
        Message::Update(_) => Kind::Update,
        Message::Query { .. } => Kind::Query,
        Message::UpdateReply { .. } | Message::QueryReply { .. } | Message::Refused { .. } => {
            Kind::Reply
        }
        Message::Gossip(_) => Kind::Gossip,
        Message::Pull { .. } => Kind::Pull,
        Message::Tell { .. } => Kind::Tell,
    }
}

/// An update whose log record fills a datagram.
fn filling(tag: Tag) -> Op {
    let (key, value) = ("-".repeat(FILLING), name(tag));
    Op { tag, act: Act::Register(RegisterOp::Put { key, value }) }
}
