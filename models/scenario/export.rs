//! A path of a model of the catalogue as the text of a scenario, which takes the same steps.
//!
//! Each command is carried out as it is written down, and all parties are compared with the model's. What the
//! language cannot say is refused in words: there is no text that leads elsewhere.

use super::{
    Block, Command, PROTOCOL, Pick, Run, Script, Stop, Which,
    flight::{Packet, kind_of},
};
use crate::{
    application::{Application, name},
    engine::{self, Envelope, Expectation, PropertyInfo, System as _, Trace},
    model::{Asks, Links, Model, Serves},
    mutants::Mutant,
    party::{ClientLocal, Line, Local, ManagerLocal, Turn},
    story::{self, Action, Snapshot},
    system::{Happens, System},
};
use chinwag::{Message, ReplicaId, Timer, Timestamp};

type Letter = Envelope<Message<Application>>;

/// The path as a scenario's text. Errors say what of it the language cannot say.
pub fn export(
    system: &System,
    trace: &Trace<System>,
    mutant: Option<&'static Mutant>,
    property: Option<&PropertyInfo>,
) -> Result<String, String> {
    let model = &system.model;
    let claim = property.filter(|p| p.expectation != Expectation::Sometimes);
    let mut writer =
        Writer { system, run: Run::new(PROTOCOL, ()), script: Script::default(), stop: None };
    writer.say(set_up(model, mutant, claim))?;
    writer.say(requests(system))?;
    writer.compare(&trace.start, "the first requests")?;
    let mut taken = 0;
    for step in &trace.steps {
        if writer.stop.is_some() {
            break;
        }
        writer.take(step).map_err(|why| format!("step {}: {why}", taken + 1))?;
        taken += 1;
    }
    let is_broken = |claim: &&PropertyInfo| claim.is_found_by(trace.verdict);
    if let (Some(claim), None) = (claim.filter(is_broken), &writer.stop) {
        writer.end(claim)?;
    }
    let about = about(model, mutant, property, trace.steps.len() - taken);
    writer.finish(about)
}

/// What the text says about itself.
fn about(
    model: &Model,
    mutant: Option<&Mutant>,
    property: Option<&PropertyInfo>,
    left_out: usize,
) -> Block {
    let what = match (mutant, property.map(|p| p.expectation)) {
        (Some(mutant), _) => format!("the seeded bug \"{}\" in model {}", mutant.name, model.name),
        (None, Some(Expectation::Sometimes)) | (None, None) => {
            format!("a run of model {}", model.name)
        }
        (None, Some(_)) => format!("a counterexample in model {}", model.name),
    };
    let mut lines = vec![format!("# {}.", story::capitalised(&what))];
    lines.push(format!("# {}.", story::capitalised(model.purpose)));
    if let Some(witness) = property.filter(|p| p.expectation == Expectation::Sometimes) {
        lines.push(format!("# It shows: {}.", witness.name));
    }
    if left_out > 0 {
        let steps = if left_out == 1 { "step" } else { "steps" };
        lines.push("# A violated property ends a scenario.".to_owned());
        lines.push(format!("# Not here: {left_out} more {steps} of the path."));
    }
    block(lines)
}

/// The cluster and its clients.
fn set_up(model: &Model, mutant: Option<&Mutant>, claim: Option<&PropertyInfo>) -> Vec<String> {
    let mut lines = vec![format!("replicas {}", model.updatable)];
    let mut also = |says: bool, line: String| lines.extend(says.then_some(line));
    also(model.read_only > 0, format!("read-only {}", model.read_only));
    also(model.serves != Serves::Transcript, format!("service {}", service(model.serves)));
    also(model.links == Links::Ring, "ring".into());
    if let Links::Only(links) = model.links {
        links.iter().for_each(|(from, to)| also(true, format!("link {from} -> {to}")));
    }
    also(model.batch > 0, format!("batch {}", model.batch));
    also(model.pulls, "pulls".into());
    also(model.replaces, "replaces".into());
    also(model.records_per_gossip_max == 1, "fragments".into());
    also(mutant.is_some(), format!("bug {}", mutant.map_or("", |mutant| mutant.name)));
    also(claim.is_some(), format!("claim {}", claim.map_or("", |claim| claim.name)));
    lines.extend((0..model.scripts.len()).map(|index| client(model, index)));
    lines
}

fn client(model: &Model, index: usize) -> String {
    let home = match model.asks {
        Asks::Home(homes) => homes[index].to_string(),
        // Which of them takes a request is said where it arrives.
        Asks::Any | Asks::Route(_) => "any".into(),
    };
    let copies = if model.copies > 1 { format!(" copies {}", model.copies) } else { String::new() };
    let lies = model.liar && index + 1 == model.scripts.len();
    let claims = match lies {
        true => {
            format!(" claims {:?}", Timestamp::zero(model.updatable.into()).with(ReplicaId(0), 1))
        }
        false => String::new(),
    };
    format!("client fe{index} at {home}{copies}{claims}")
}

fn service(serves: Serves) -> &'static str {
    match serves {
        Serves::Transcript => "transcript",
        Serves::Counter => "counter",
        Serves::Set => "set",
        Serves::Registers => "registers",
        Serves::Board => "board",
        Serves::Bank => "bank",
    }
}

/// What the clients do, all of it: each goes on as soon as it can.
fn requests(system: &System) -> Vec<String> {
    let scripts = system.model.lines().into_iter().enumerate();
    let say = |client: usize, line: Line| match line {
        Line::Update(tag) => format!("fe{client} sends update {}", name(tag)),
        Line::Independent(tag) => format!("fe{client} sends independent {}", name(tag)),
        Line::Query => format!("fe{client} sends query"),
        Line::Tell(to) => format!("fe{client} sends tell fe{to}"),
        Line::Wait => format!("fe{client} waits"),
    };
    scripts.flat_map(|(i, lines)| lines.into_iter().map(move |line| say(i, line))).collect()
}

/// A text that is played while it is written.
struct Writer<'a> {
    system: &'a System,
    run: Run<()>,
    script: Script,
    /// What ended it.
    stop: Option<Stop>,
}

impl Writer<'_> {
    /// Commands of one paragraph, and what they print.
    fn say(&mut self, lines: Vec<String>) -> Result<(), String> {
        let mut block = block(lines);
        for (_, line) in &block.lines {
            let command = Command::read(line).map_err(|why| format!("`{line}`: {why}"))?;
            let stop = self.run.execute(&command, &mut block.expected).err();
            match stop {
                None => continue,
                Some(Stop::Violated(sentences)) => {
                    block.expected.extend(sentences.iter().map(|s| format!("VIOLATED: {s}")));
                    self.stop = Some(Stop::Violated(sentences));
                }
                Some(Stop::Differs(why) | Stop::Unusable(why)) => {
                    return Err(format!("`{line}`: {why}"));
                }
            }
            break;
        }
        self.script.blocks.push(block);
        Ok(())
    }

    /// A step of the path.
    fn take(&mut self, step: &engine::Step<System>) -> Result<(), String> {
        if let Some(line) = self.command(step)? {
            self.say(vec![line])?;
        }
        self.compare(&step.after, "it")
    }

    /// What does this step; nothing for what is not under way any more.
    fn command(&self, step: &engine::Step<System>) -> Result<Option<String>, String> {
        let node_name = |node: usize| self.run.stage.node_name(node);
        Ok(Some(match &step.action {
            Action::Deliver { envelope, node } => {
                let stays = count(envelope, &step.after) >= count(envelope, &step.before);
                let packet = self.find(envelope, *node)?;
                let again = if stays { " again" } else { "" };
                format!("deliver {}{again}", self.pick(packet, *node))
            }
            Action::Fire { node, event: Happens::Timer(Timer::Gossip { to }) } => {
                format!("send gossip {node} -> {}", to.index())
            }
            Action::Fire { node, event: Happens::Timer(Timer::Retry { number }) } => {
                format!("retry {}#{number}", node_name(*node))
            }
            Action::Fire { node, event: Happens::Crash } => format!("crash {node}"),
            Action::Fire { node, event: Happens::Turn(turn) } => match turn {
                Turn::BackedUp => format!("backup {node}"),
                Turn::Restored => format!("restore {node}"),
                Turn::Lost => format!("lose {node}"),
                Turn::Records => format!("record {node}"),
                Turn::Asks => format!("ask {node}"),
                Turn::Copies(from) => format!("copy {} -> {node}", from.index()),
            },
            Action::Drop(envelope) => match self.find(envelope, envelope.to.receivers().start) {
                Ok(packet) => {
                    format!("drop {}", self.pick(packet, self.run.stage.flight[packet].to))
                }
                Err(_) => return Ok(None),
            },
            Action::LoseAll => "drop all".into(),
        }))
    }

    /// The place of a message under way that this party may take.
    fn find(&self, envelope: &Letter, node: usize) -> Result<usize, String> {
        let flight = &self.run.stage.flight;
        let is = |p: &Packet| is_this(p, envelope) && p.may.contains(&node);
        let receivers = envelope.to.receivers();
        let exact = flight.iter().position(|p| is(p) && p.may == receivers);
        let place = exact.or_else(|| flight.iter().position(is));
        place.ok_or_else(|| format!("{} is not under way", story::label(&envelope.message)))
    }

    /// How a scenario says which message it means.
    fn pick(&self, place: usize, to: usize) -> String {
        let stage = &self.run.stage;
        let packet = &stage.flight[place];
        let alike: Vec<_> = stage.fitting(kind_of(&packet.message), packet.from, to).collect();
        let number = alike.iter().position(|one| *one == place).unwrap_or_default();
        let which = match number {
            0 => Which::Oldest,
            last if last + 1 == alike.len() => Which::Newest,
            others => Which::After(others),
        };
        let (from, to) = (stage.node_name(packet.from), stage.node_name(to));
        let (kind, again) = (kind_of(&packet.message), false);
        Pick { kind, from, to, which, again }.written()
    }

    /// Are all parties as the model has them, and is the same under way?
    ///
    /// What is under way beyond that nobody wants any more, or it is lost here: a second copy, which the
    /// network of the model does not have.
    fn compare(&mut self, model: &Snapshot, what: &str) -> Result<(), String> {
        let pairs = self.run.stage.locals.iter().zip(&model.locals).enumerate();
        let differs =
            pairs.filter(|(_, (here, there))| !is_same(here, there)).map(|(node, _)| node);
        if let Some(node) = differs.min() {
            let name = self.run.stage.node_name(node);
            return Err(format!(
                "a scenario cannot say this: {what} leaves {name} in another state"
            ));
        }
        if self.stop.is_some() {
            return Ok(()); // Nothing can be said any more.
        }
        let mut beyond: Vec<_> = self.run.stage.flight.iter().collect();
        for envelope in &model.in_flight {
            let receivers = envelope.to.receivers();
            let fits = |p: &&Packet| {
                is_this(p, envelope) && p.may.start <= receivers.start && receivers.end <= p.may.end
            };
            let place = beyond.iter().position(fits);
            let missing = || format!("{} is not under way", story::label(&envelope.message));
            beyond.remove(place.ok_or_else(missing)?);
        }
        let unwanted = |p: &&Packet| !self.is_unwanted(p, model);
        let lost: Vec<_> = beyond.into_iter().filter(unwanted).map(|p| (p.id, p.to)).collect();
        for (id, to) in lost {
            let place = self.run.stage.flight.iter().position(|p| p.id == id);
            let line = format!("drop {}", self.pick(place.expect("it was just there"), to));
            self.say(vec![line])?;
        }
        Ok(())
    }

    fn is_unwanted(&self, packet: &Packet, model: &Snapshot) -> bool {
        let (from, message) = (packet.from, &packet.message);
        let local = |node: usize| &model.locals[node];
        let is_dead = |node| self.system.is_dead(node, local(node), from, message);
        let may_be_moot = self.system.may_be_moot(message);
        packet.may.clone().all(is_dead)
            || may_be_moot && self.system.is_moot(from, local(from), message)
    }

    /// The end of a fair continuation, where the rest is judged.
    fn end(&mut self, claim: &PropertyInfo) -> Result<(), String> {
        let patiently = if self.system.model.asks_on() { "" } else { " patiently" };
        self.say(vec![format!("settle{patiently}")])?;
        match &self.stop {
            Some(Stop::Violated(sentences)) if sentences.contains(&claim.name) => Ok(()),
            _ => Err(format!("a scenario cannot say this: at its end, \"{}\" holds", claim.name)),
        }
    }

    fn finish(self, about: Block) -> Result<String, String> {
        let mut script = self.script;
        script.blocks.insert(0, about);
        let text = script.write();
        Script::read(&text)?;
        Ok(text)
    }
}

fn block(lines: Vec<String>) -> Block {
    Block { lines: lines.into_iter().map(|line| (0, line)).collect(), expected: Vec::new() }
}

fn is_this(packet: &Packet, envelope: &Letter) -> bool {
    packet.from == envelope.src && packet.message == envelope.message
}

/// How many copies of a message are under way. One that stays may be for fewer than it was.
fn count(letter: &Letter, model: &Snapshot) -> usize {
    let all = letter.to.receivers();
    let within = |other: &Letter| {
        let receivers = other.to.receivers();
        all.start <= receivers.start && receivers.end <= all.end
    };
    let is = |other: &&Letter| {
        other.src == letter.src && other.message == letter.message && within(other)
    };
    model.in_flight.iter().filter(is).count()
}

/// Budgets are of models, and so is what they watch: all else is to be the same.
fn is_same(here: &Local, there: &Local) -> bool {
    match (here, there) {
        (Local::Manager(here), Local::Manager(there)) => {
            let (crashes, late) = (there.crashes, there.late);
            ManagerLocal { crashes, late, ..here.clone() } == *there
        }
        (Local::Client(here), Local::Client(there)) => {
            let (retries, history) = (there.retries, there.history.clone());
            ClientLocal { retries, history, ..here.clone() } == *there
        }
        _ => false,
    }
}
