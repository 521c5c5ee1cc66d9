//! Carries out what a scenario says, one command after the other.

use super::{
    Asked, By, Command, Follower, Pick, Stop, chronicle::Chronicle, flight::Packet, show,
    stage::Stage,
};
use crate::{
    application::{Tag, name},
    party::{Client, Line, Local, Sent},
    recording::Recording,
    story,
};
use chinwag::{Input, Message, ReplicaId, RequestId, Timer, Timestamp};

/// What a command prints that finds no such message.
pub(super) const NOTHING: &str = "nothing such is under way";

/// A scenario that is under way.
#[derive(Debug)]
pub struct Run<F> {
    pub(super) stage: Stage<F>,
}

impl<F: Follower> Run<F> {
    /// Nothing has happened yet, and nobody is there.
    pub fn new(by: By, follower: F) -> Self {
        Self { stage: Stage::new(by, follower) }
    }

    /// Notes from now on what each step did.
    pub(super) fn recorded(mut self) -> Self {
        self.stage.chronicle = Some(Chronicle::default());
        self
    }

    /// This line comes next.
    pub(super) fn line(&mut self, line: &str) {
        if let Some(chronicle) = &mut self.stage.chronicle {
            chronicle.line = line.into();
        }
    }

    /// What was noted.
    pub(super) fn recording(self) -> Recording {
        let (model, updatable) = (self.stage.in_short(), self.stage.model.updatable);
        let mut recording = self.stage.chronicle.unwrap_or_default().recording;
        recording.run.model = model;
        recording.run.notation = story::notation(updatable);
        recording
    }

    /// Does what a command says, and adds what there is to print.
    pub fn execute(&mut self, command: &Command, out: &mut Vec<String>) -> Result<(), Stop> {
        let stage = &mut self.stage;
        match command {
            Command::Replicas(n) => stage.set_up(|s| s.model.updatable = *n),
            Command::ReadOnly(n) => stage.set_up(|s| s.model.read_only = *n),
            Command::Fragments => stage.set_up(|s| s.fragments = true),
            Command::Pulls => stage.set_up(|s| s.model.pulls = true),
            Command::Ring => stage.set_up(Stage::set_ring),
            Command::Link(from, to) => stage.set_up(|s| s.links.push((*from, *to))),
            Command::Batch(n) => stage.set_up(|s| s.model.batch = *n),
            Command::Service(serves) => stage.set_up(|s| s.serve(*serves)),
            Command::Bug(name) => stage.break_by(name),
            Command::Claim(sentence) => stage.claim(sentence),
            Command::Client { name, home, copies, claims } => {
                stage.add_client(name, *home, *copies, claims.clone())
            }
            Command::Ask { client, asked, via, whole } => {
                self.ask(client, asked, *via, *whole, out)
            }
            Command::Retry { client, number, via } => self.retry(client, *number, *via, out),
            Command::Restart(client) => self.restart_client(client),
            Command::Gossip { from, to, whole } => self.gossip(*from, *to, *whole, out),
            Command::Deliver(pick) => self.deliver(pick, out),
            Command::Drop(pick) => self.lose(pick, out),
            Command::DeliverAll => stage.deliver_all(out),
            Command::DropAll => {
                out.push(format!("{} lost", stage.flight.len()));
                while !stage.flight.is_empty() {
                    let packet = stage.flight.remove(0);
                    stage.lost(&packet);
                }
                Ok(())
            }
            Command::Halt(n) => self.halt(*n),
            Command::Start(n) => self.start(*n, true),
            Command::Crash(n) => self.start(*n, false),
            Command::BackUp(n) => self.back_up(*n),
            Command::Restore(n) => self.restore(*n, out),
            Command::Replaces => stage.may_replace(),
            Command::Turn(n, turn) => {
                stage.begin()?;
                let node = stage.node(&n.to_string())?;
                stage.takes_turn(node, *turn)
            }
            Command::Show(name) => {
                stage.begin()?;
                let node = stage.node(name)?;
                show::node(stage, node, out);
                Ok(())
            }
            Command::Flight => {
                out.extend(stage.flight.iter().map(|packet| show::message_line(stage, packet)));
                Ok(())
            }
            Command::Settle { patiently } => {
                stage.settle(*patiently)?;
                out.push("all is quiet".into());
                Ok(())
            }
        }
    }

    // ---- clients ----

    fn ask(
        &mut self,
        client: &str,
        asked: &Asked,
        via: Option<u16>,
        whole: bool,
        out: &mut Vec<String>,
    ) -> Result<(), Stop> {
        let stage = &mut self.stage;
        let node = stage.node(client)?;
        let line = match asked {
            Asked::Update(tag) => Line::Update(fresh(stage, *tag)?),
            Asked::Independent(tag) => Line::Independent(fresh(stage, *tag)?),
            Asked::Query => Line::Query,
            Asked::Wait => Line::Wait,
            Asked::Tell(other) => {
                let client = stage.node(other)?.checked_sub(stage.managers());
                let none = || Stop::Unusable(format!("{other:?} is no client"));
                Line::Tell(client.ok_or_else(none)? as u64)
            }
        };
        let via = self.contact(via, 0)?;
        let sent = self
            .stage
            .act(node, &words(asked), |client, local| ask_line(client, local, via, line))?;
        if sent.is_empty() && *asked != Asked::Wait {
            out.push("it waits its turn".into());
        }
        if whole { self.exchange(sent, out) } else { Ok(()) }
    }

    fn retry(
        &mut self,
        client: &str,
        number: Option<u64>,
        via: Option<u16>,
        out: &mut Vec<String>,
    ) -> Result<(), Stop> {
        let node = self.stage.node(client)?;
        // A front end turns to the next one of its own accord.
        let before = self.contact(via, self.stage.model.group().replicas - 1)?;
        if let (Some(contact), Local::Client(local)) = (before, &mut self.stage.locals[node]) {
            local.state.contact = contact;
        }
        let numbers: Vec<_> = match &self.stage.locals[node] {
            Local::Client(local) => local.state.in_flight.keys().copied().collect(),
            Local::Manager(_) => Vec::new(),
        };
        if number.is_some_and(|number| !numbers.contains(&number)) {
            return Err(Stop::Unusable("no such request is unanswered".into()));
        }
        for number in numbers.into_iter().filter(|one| number.is_none_or(|only| only == *one)) {
            let sent = self.stage.step(node, Input::Timer(Timer::Retry { number }))?;
            out.extend(sent.iter().map(|packet| show::message_line(&self.stage, packet)));
        }
        Ok(())
    }

    /// The manager that is so many places after the one named.
    fn contact(&self, via: Option<u16>, later: u16) -> Result<Option<ReplicaId>, Stop> {
        let replicas = self.stage.model.group().replicas;
        if via.is_some_and(|via| via >= replicas) {
            return Err(Stop::Unusable(format!("there are {replicas} replica managers")));
        }
        Ok(via.map(|via| ReplicaId((via + later) % replicas)))
    }

    fn restart_client(&mut self, client: &str) -> Result<(), Stop> {
        let node = self.stage.node(client)?;
        self.stage.act(node, "loses its memory and comes back", anew).map(drop)
    }

    // ---- managers ----

    fn gossip(
        &mut self,
        from: u16,
        to: u16,
        whole: bool,
        out: &mut Vec<String>,
    ) -> Result<(), Stop> {
        let stage = &mut self.stage;
        if from == to {
            return Err(Stop::Unusable("a replica manager does not gossip to itself".into()));
        }
        stage.begin()?;
        let (from, to) = (stage.node(&from.to_string())?, stage.node(&to.to_string())?);
        stage.has_its_own(from)?;
        if stage.halted[from] {
            out.push(format!("{} is down", stage.node_name(from)));
            return Ok(());
        }
        let sent = stage.gossip(from, to)?;
        if sent.is_empty() {
            out.push(format!("{} has no reason to", stage.node_name(from)));
        }
        for packet in sent.iter().filter(|_| whole) {
            stage.take(packet);
            stage.arrive(packet, out)?;
        }
        Ok(())
    }

    fn halt(&mut self, manager: u16) -> Result<(), Stop> {
        self.stage.begin()?;
        let node = self.stage.node(&manager.to_string())?;
        self.stage.halted[node] = true;
        self.stage.stops(node);
        Ok(())
    }

    fn start(&mut self, manager: u16, was_down: bool) -> Result<(), Stop> {
        self.stage.begin()?;
        let node = self.stage.node(&manager.to_string())?;
        if self.stage.halted[node] != was_down {
            return Err(Stop::Unusable(format!("rm{manager} is up or down already")));
        }
        self.stage.restart(node)
    }

    fn back_up(&mut self, manager: u16) -> Result<(), Stop> {
        self.stage.begin()?;
        let node = self.stage.node(&manager.to_string())?;
        self.stage.back_up(node)
    }

    fn restore(&mut self, manager: u16, out: &mut Vec<String>) -> Result<(), Stop> {
        self.stage.begin()?;
        let node = self.stage.node(&manager.to_string())?;
        self.stage.restore(node)?;
        let name = self.stage.node_name(node);
        out.push(format!("{name} takes no update until its peers have told what they know of it"));
        Ok(())
    }

    // ---- messages ----

    /// Delivers these, and what is answered to them; what else is sent stays under way.
    fn exchange(&mut self, sent: Vec<Packet>, out: &mut Vec<String>) -> Result<(), Stop> {
        for packet in sent {
            self.stage.take(&packet);
            let id = request(&packet.message);
            let shown = out.len();
            let comes = self.stage.arrive(&packet, out)?;
            let replies: Vec<_> =
                comes.into_iter().filter(|c| request(&c.message) == id && id.is_some()).collect();
            if !replies.is_empty() {
                // The reply tells as much.
                out.truncate(shown);
            }
            for reply in replies {
                self.stage.take(&reply);
                self.stage.arrive(&reply, out)?;
            }
        }
        Ok(())
    }

    fn deliver(&mut self, pick: &Pick, out: &mut Vec<String>) -> Result<(), Stop> {
        let Some(place) = self.stage.find(pick)? else {
            out.push(NOTHING.into());
            return Ok(());
        };
        let mut packet = match pick.again {
            true => self.stage.flight[place].clone(),
            false => self.stage.flight.remove(place),
        };
        packet.to = self.stage.node(&pick.to)?;
        self.stage.arrive(&packet, out).map(drop)
    }

    fn lose(&mut self, pick: &Pick, out: &mut Vec<String>) -> Result<(), Stop> {
        match self.stage.find(pick)? {
            Some(place) => {
                let packet = self.stage.flight.remove(place);
                self.stage.lost(&packet);
            }
            None => out.push(NOTHING.into()),
        }
        Ok(())
    }
}

/// What a client does that asks for this.
fn words(asked: &Asked) -> String {
    match asked {
        Asked::Update(tag) => format!("asks for update {}", name(*tag)),
        Asked::Independent(tag) => format!("asks for update {}, whatever is under way", name(*tag)),
        Asked::Query => "asks a question".into(),
        Asked::Tell(other) => format!("tells {other} all it knows"),
        Asked::Wait => "waits to be told something".into(),
    }
}

fn fresh<F: Follower>(stage: &mut Stage<F>, tag: Tag) -> Result<Tag, Stop> {
    if stage.asked.has(tag) {
        return Err(Stop::Unusable("an update of this name was asked for before".into()));
    }
    stage.asked = stage.asked.with(tag);
    Ok(tag)
}

fn ask_line(
    client: &mut Client,
    local: &Local,
    via: Option<ReplicaId>,
    line: Line,
) -> (Local, Vec<Sent>) {
    let Local::Client(mut local) = local.clone() else {
        unreachable!("a party's state has the party's kind")
    };
    local.state.contact = via.unwrap_or(local.state.contact);
    client.script.push(line);
    let (local, sends) = client.resume(&local);
    (Local::Client(local), sends)
}

/// The client under its next incarnation, with what it did before and no memory of it.
fn anew(client: &mut Client, local: &Local) -> (Local, Vec<Sent>) {
    let Local::Client(before) = local else { unreachable!("a party's state has the party's kind") };
    client.node.incarnation += 1;
    client.seen = Timestamp::zero(client.seen.len());
    client.script.clear();
    let (fresh, sends) = client.start();
    let (causes, history) = (before.causes.clone(), before.history.clone());
    (Local::Client(crate::party::ClientLocal { causes, history, ..fresh }), sends)
}

/// Which request a message is about.
fn request(message: &Message<crate::application::Application>) -> Option<RequestId> {
    match message {
        Message::Update(update) => Some(update.id),
        Message::Query { id, .. }
        | Message::UpdateReply { id, .. }
        | Message::QueryReply { id, .. }
        | Message::Refused { id, .. } => Some(*id),
        Message::Gossip(_) | Message::Pull { .. } | Message::Tell { .. } => None,
    }
}
