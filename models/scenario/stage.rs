//! What a scenario plays on: the parties, what is under way between them, and the judge.

use super::{
    By, Follower, Stop,
    chronicle::{Chronicle, arrives},
    command::CLIENTS_MAX,
    flight::Packet,
    settle::SILENCE,
    show,
};
use crate::{
    application::{Act, Application, Op, Tag, Tags, name},
    model::{Links, Model, PLAIN, Serves, operation},
    mutants::{MUTANTS, Mutant},
    party::{Client, FOREVER, Life, Local, ManagerLocal, Party, Sent},
    properties::{Kind as Meant, PROPERTIES, Scope},
    render::{MessageRef, Step},
    story,
    system::Happens,
    view::{Setting, View},
};
use chinwag::{
    FrontEnd, FrontEndId, Input, ReplicaId, Routing, Sender, Timer, Timestamp, services::RegisterOp,
};

/// Messages under way at once.
const FLIGHT_MAX: usize = 1_000;

/// Characters of the key of an update that fills a message: two do not fit one datagram.
const FILLING: usize = 700;

/// The parties, managers first, and all between them.
#[derive(Debug)]
pub(super) struct Stage<F> {
    pub model: Model,
    pub fragments: bool,
    /// Along which managers gossip, if not along all.
    pub links: Vec<(u16, u16)>,
    pub parties: Vec<Party>,
    pub locals: Vec<Local>,
    /// Who took the last step, and how it was before.
    pub previous: Option<(usize, Local)>,
    pub flight: Vec<Packet>,
    /// Managers that have stopped.
    pub halted: Vec<bool>,
    /// Names of clients, in order.
    pub clients: Vec<String>,
    pub asked: Tags,
    /// The seeded bug that the scenario itself asks for.
    pub bug: Option<&'static Mutant>,
    /// The property that alone is judged.
    claim: Option<&'static str>,
    /// What happened, if anybody wants to know.
    pub chronicle: Option<Chronicle>,
    /// Messages so far.
    pub(super) sent: u64,
    pub(super) by: By,
    pub(super) follower: F,
}

impl<F: Follower> Stage<F> {
    pub fn new(by: By, follower: F) -> Self {
        let model = Model { crashes: &[FOREVER; 16], late: true, ..PLAIN };
        Self {
            model,
            fragments: false,
            links: Vec::new(),
            parties: Vec::new(),
            locals: Vec::new(),
            previous: None,
            flight: Vec::new(),
            halted: Vec::new(),
            clients: Vec::new(),
            asked: Tags::default(),
            bug: None,
            claim: None,
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
        for party in &mut self.parties {
            let Party::Manager(manager) = party else { continue };
            if !self.links.is_empty() {
                let own = self.links.iter().filter(|(from, _)| *from == manager.node.id.0);
                manager.node.partners = own.map(|(_, to)| ReplicaId(*to)).collect();
            }
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
        home: Option<u16>,
        copies: u16,
        claims: Option<Timestamp>,
    ) -> Result<(), Stop> {
        self.begin()?;
        if self.clients.len() >= CLIENTS_MAX {
            return Err(Stop::Unusable(format!("a scenario has up to {CLIENTS_MAX} clients")));
        }
        if self.node(name).is_ok() {
            return Err(Stop::Unusable(format!("there is a {name:?} already")));
        }
        let group = self.model.group();
        let id = FrontEndId(self.clients.len() as u64);
        let routing = home.map_or(Routing::Any, |home| Routing::Home(ReplicaId(home)));
        let mut node = FrontEnd::new(id, 0, group, routing);
        node.copies = copies;
        self.model.liar |= claims.is_some();
        let seen = claims.unwrap_or(group.zero());
        let is_there = home.is_none_or(|home| home < group.replicas);
        if seen.len() != usize::from(group.updatable) || !is_there {
            return Err(Stop::Unusable("the cluster has another number of managers".into()));
        }
        let fills = self.fragments && self.follower.has_datagrams();
        let op = if fills { filling } else { operation(self.model.serves) };
        let (script, route) = (Vec::new(), None);
        let (retries, keeps_history, gives_up) = (0, true, self.model.replaces);
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

    pub(super) fn settled(
        &mut self,
        told: Step,
        local: Local,
        sends: Vec<Sent>,
    ) -> Result<Vec<Packet>, Stop> {
        let node = told.lane;
        let before = std::mem::replace(&mut self.locals[node], local);
        let packets: Vec<_> = sends.into_iter().map(|sent| self.packet(node, sent)).collect();
        self.flight.extend(packets.iter().cloned());
        self.happened(told, &before, &packets);
        self.previous = Some((node, before));
        if self.flight.len() > FLIGHT_MAX {
            return Err(Stop::Unusable(format!("more than {FLIGHT_MAX} messages are under way")));
        }
        self.judge(&[Scope::Node, Scope::Pair])?;
        Ok(packets)
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
        let others = self.flight.len();
        let stepped = self.step_with(*to, input, Some(arrives(packet)));
        // What it sent is under way even if the step breaks a promise.
        let sent = self.flight[others..].to_vec();
        out.push(show::arrival(self, packet, &before, &sent));
        stepped
    }

    /// The timer for gossip fires.
    pub fn gossip(&mut self, from: usize, to: usize) -> Result<Vec<Packet>, Stop> {
        self.step(from, Input::Timer(Timer::Gossip { to: ReplicaId(to as u16) }))
    }

    // ---- the judge ----

    /// Judges all that is promised of these scopes.
    pub fn judge(&self, scopes: &[Scope]) -> Result<(), Stop> {
        let setting = self.setting();
        let whole = |scope| setting.whole || !matches!(scope, Scope::Idle | Scope::End);
        let view = View::of(&setting, self.locals.iter().enumerate());
        let claimed = |sentence| self.claim.is_none_or(|claim| claim == sentence);
        let judged = PROPERTIES.iter().filter(|p| p.kind == Meant::Always && claimed(p.sentence));
        let fails =
            judged.filter(|p| whole(p.scope) && scopes.contains(&p.scope) && !(p.holds)(&view));
        let sentences: Vec<_> = fails.map(|property| property.sentence).collect();
        if sentences.is_empty() { Ok(()) } else { Err(Stop::Violated(sentences)) }
    }

    pub(super) fn setting(&self) -> Setting {
        // In a partition not all end up equal, and that is not asked.
        let whole = self.links.is_empty();
        Setting { asked: self.asked, whole, ..self.model.setting() }
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

    /// This seeded bug is in.
    pub fn break_by(&mut self, name: &str) -> Result<(), Stop> {
        let known = MUTANTS.iter().find(|mutant| mutant.name == name);
        let mutant = known.ok_or_else(|| {
            Stop::Unusable("there is no such seeded bug; `check --list` has them".into())
        })?;
        self.set_up(|s| (s.by, s.bug) = (By::from(mutant), Some(mutant)))
    }

    /// Of the properties, this one alone is judged. That all falls silent is judged always.
    pub fn claim(&mut self, sentence: &str) -> Result<(), Stop> {
        let promised = PROPERTIES.iter().filter(|p| p.kind == Meant::Always).map(|p| p.sentence);
        let known = promised.chain([SILENCE]).find(|known| *known == sentence);
        let known = known.ok_or_else(|| {
            Stop::Unusable("there is no such property; `check --list` has them".into())
        })?;
        self.set_up(|s| s.claim = Some(known))
    }

    pub fn serve(&mut self, serves: Serves) {
        self.model.serves = serves;
    }
}

/// An update whose log record fills a datagram.
fn filling(tag: Tag) -> Op {
    let (key, value) = ("-".repeat(FILLING), name(tag));
    Op { tag, act: Act::Register(RegisterOp::Put { key, value }) }
}
