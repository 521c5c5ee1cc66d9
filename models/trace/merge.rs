//! One order of all steps: each replica manager's own, and every message sent before it arrives.
//!
//! Taking a step can only make others possible, so whoever can go on does: if the steps have such an order at
//! all, this finds one. That nothing can go on means that a message was never sent, or that messages wait for
//! each other in a circle.

use super::{
    Boot, End, Refused, Summary, Trace, Verdict, Ways, Witnessed,
    chronicle::Chronicle,
    judge::Judge,
    play::{Objection, Player},
    sent::{Sent, is_part},
    shadow::Shadow,
};
use crate::recording::Recording;
use chinwag::{
    Destination, Message, ReplicaId, RequestId, Sender, Service, Timestamp,
    runtime::{ClusterId, Codec, TraceInput, TraceStep},
};
use std::collections::{HashMap, HashSet};

/// What a client asked under one identifier.
type Asked = (Sender, Vec<u8>);

struct Merge<'a, S: Service> {
    trace: &'a Trace<Witnessed<S>>,
    players: Vec<Player<S>>,
    /// Of each replica manager: its boots, and where it is.
    queues: Vec<Vec<Place>>,
    next: Vec<usize>,
    /// Of which of them the log does not tell all that they sent.
    gave_up: Vec<bool>,
    /// What was sent between replica managers.
    sent: Sent<S>,
    /// Datagrams that arrived: where, and what.
    arrived: HashSet<(ReplicaId, Vec<u8>)>,
    asked: HashMap<RequestId, Asked>,
    updates: HashSet<RequestId>,
    /// How many records each replica manager has made so far.
    made: Timestamp,
    judge: Judge<S>,
    shadow: Option<Shadow>,
    summary: Summary,
    chronicle: Option<Chronicle>,
    shows: fn(&S) -> String,
}

/// A step, and whether a crash took it before it was journalled.
#[derive(Clone, Copy)]
struct Place {
    boot: usize,
    step: usize,
    lost: bool,
}

/// May a step be taken now?
enum Turn {
    Now,
    /// What it needs has not been sent yet.
    Wait,
    /// Its client has seen what has not been made yet.
    Ahead,
}

/// Merges, replays and judges a trace that [`Trace::validate`] let through.
pub fn merge<S: Service>(trace: &Trace<Witnessed<S>>, ways: Ways<S>) -> Verdict {
    let mut merge = Merge::new(trace, ways);
    match merge.run() {
        Ok(()) => Verdict::Accepted(merge.summary),
        Err(refused) => Verdict::Refused(Box::new(refused)),
    }
}

/// Tells it step by step, in the order in which it is replayed, as far as it is an execution of the model.
pub fn record<S: Service>(trace: &Trace<Witnessed<S>>, ways: Ways<S>) -> Recording {
    let mut merge = Merge::new(trace, ways);
    merge.chronicle = Some(Chronicle::new(trace.group()));
    let ended = merge.run().map(|()| merge.summary);
    merge.chronicle.map(|chronicle| chronicle.end(trace, ended)).unwrap_or_default()
}

impl<'a, S: Service> Merge<'a, S> {
    fn new(trace: &'a Trace<Witnessed<S>>, ways: Ways<S>) -> Self {
        let group = trace.group();
        let cluster = trace.boots.first().map_or(0, |boot| boot.header.cluster);
        let codec = Codec::new(ClusterId(cluster), group);
        let player = |id: ReplicaId| {
            let of = |boot: &&Boot<_>| boot.header.node == id.0;
            let header = trace.boots.iter().find(of).map(|boot| boot.header.manager());
            Player::new(header.unwrap_or_else(|| chinwag::ReplicaManager::new(id, group)), codec)
        };
        let players: Vec<_> = group.members().map(player).collect();
        let queues: Vec<_> = group.members().map(|id| places(trace, id)).collect();
        let shadow = Shadow::new(trace, players.iter().map(|player| player.node.clone()));
        let summary = Summary { all_properties: shadow.is_some(), ..summary_of(trace) };
        Self {
            trace,
            judge: Judge::new(group).with_alike(ways.alike),
            shows: ways.shows,
            next: vec![0; queues.len()],
            gave_up: group.members().map(|id| gave_up(trace, id)).collect(),
            players,
            queues,
            sent: Sent::default(),
            arrived: HashSet::new(),
            asked: HashMap::new(),
            updates: HashSet::new(),
            made: group.zero(),
            shadow,
            summary,
            chronicle: None,
        }
    }

    fn run(&mut self) -> Result<(), Refused> {
        loop {
            let mut moved = false;
            for node in 0..self.queues.len() {
                while let Some(place) = self.queues[node].get(self.next[node]).copied() {
                    match self.turn(node, place)? {
                        Turn::Now => self.take(node, place)?,
                        Turn::Wait | Turn::Ahead => break,
                    }
                    moved = true;
                }
            }
            if !moved && !self.take_a_lie()? {
                break;
            }
        }
        self.explain_the_rest()?;
        self.summary.updates = self.updates.len();
        self.at_the_end()
    }

    /// Nobody can go on but clients that claim too much: they may, since nothing binds them.
    fn take_a_lie(&mut self) -> Result<bool, Refused> {
        for node in 0..self.queues.len() {
            let Some(place) = self.queues[node].get(self.next[node]).copied() else { continue };
            if matches!(self.turn(node, place)?, Turn::Ahead) {
                self.summary.lies += 1;
                if let Some(shadow) = &mut self.shadow {
                    shadow.distrust();
                }
                self.take(node, place)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn turn(&self, node: usize, place: Place) -> Result<Turn, Refused> {
        let TraceInput::Message { from, message } = &self.step(place).input else {
            return Ok(Turn::Now);
        };
        let player = &self.players[node];
        player.bytes_of(*from, message).map_err(|o| self.refused(place, o))?;
        match (from, message) {
            (Sender::Replica(peer), _) => {
                let is_sent = self.sent.explains(*peer, player.node.id, message);
                Ok(if is_sent { Turn::Now } else { Turn::Wait })
            }
            (_, Message::Update(chinwag::Update { prev, .. }) | Message::Query { prev, .. }) => {
                let exists = |(origin, count)| count <= self.made.get(origin);
                Ok(if prev.entries().all(exists) { Turn::Now } else { Turn::Ahead })
            }
            _ => Ok(Turn::Now),
        }
    }

    fn take(&mut self, node: usize, place: Place) -> Result<(), Refused> {
        let step = self.step(place);
        self.note_input(node, step).map_err(|o| self.refused(place, o))?;
        if place.lost {
            self.players[node].keep();
        }
        let taken = self.players[node].step(step);
        let fx = taken.map_err(|objection| self.refused(place, objection))?;
        self.next[node] += 1;
        self.summary.steps += 1;
        if let (Some(chronicle), Some(state)) = (&mut self.chronicle, &self.players[node].state) {
            let said = format!("{}:{}", self.trace.boots[place.boot].file, place.step + 2);
            let value = (self.shows)(&state.replica.value().value);
            chronicle.step(node, step, state, (said, place.lost, value));
        }
        if place.lost {
            // It never left the process: nothing was sent, and the next start does not know of it.
            self.summary.lost += 1;
            return Ok(());
        }
        for (to, message) in &fx.sends {
            if let Destination::Replica(peer) = to {
                self.sent.add(self.players[node].node.id, *peer, message);
            }
        }
        self.sent.holds(self.players[node].node.id, &step.after.replica_ts);
        self.made.merge(&step.after.replica_ts);
        let judged = self.judge.step(&self.players, node, &fx.journal);
        let asked = self.shadow.as_mut().map_or(Ok(()), |shadow| {
            shadow.step(node, &step.input);
            shadow.judge()
        });
        match (judged, asked) {
            (Ok(()), Ok(())) => Ok(()),
            (Err(why), Ok(())) => Err(self.broken(place, &why, Vec::new())),
            (Err(why), Err((_, because))) | (Ok(()), Err((why, because))) => {
                Err(self.broken(place, &why, because))
            }
        }
    }

    /// One identifier has one content; and what comes from a peer is counted.
    fn note_input(&mut self, node: usize, step: &TraceStep<Witnessed<S>>) -> Result<(), Objection> {
        let (TraceInput::Message { from, message } | TraceInput::TurnedAway { from, message }) =
            &step.input
        else {
            return Ok(());
        };
        let bytes = self.players[node].bytes_of(*from, message)?;
        let id = match message {
            Message::Update(update) => {
                self.updates.insert(update.id);
                update.id
            }
            Message::Query { id, .. } => *id,
            _ => {
                self.summary.received += usize::from(matches!(from, Sender::Replica(_)));
                let is_first = self.arrived.insert((self.players[node].node.id, bytes));
                self.summary.repeated += usize::from(!is_first);
                return Ok(());
            }
        };
        let asked = (*from, bytes);
        if *self.asked.entry(id).or_insert_with(|| asked.clone()) != asked {
            return Err(Objection::new(format!("{id:?} was asked before with other content")));
        }
        Ok(())
    }

    fn at_the_end(&mut self) -> Result<(), Refused> {
        let last = self.queues.iter().flatten().next_back().copied();
        let Some(place) = last else { return Ok(()) };
        let judged = self.judge.end(&self.players);
        self.summary.quiescent = judged.map_err(|why| self.broken(place, &why, Vec::new()))?;
        Ok(())
    }

    /// Steps are left over. That is no fault of theirs if they wait for what was not recorded.
    fn explain_the_rest(&mut self) -> Result<(), Refused> {
        let left = |node: usize| self.queues[node].get(self.next[node]).copied();
        let some_gave_up = self.gave_up.contains(&true);
        let mut waiting = Vec::new();
        for (node, place) in (0..self.queues.len()).filter_map(|node| Some((node, left(node)?))) {
            let excused = match &self.step(place).input {
                TraceInput::Message { from: Sender::Replica(from), .. } if some_gave_up => {
                    self.gave_up[from.index()] || left(from.index()).is_some()
                }
                _ => false,
            };
            if !excused {
                return Err(self.refused(place, self.why_stuck(place)));
            }
            let (file, line) = (&self.trace.boots[place.boot].file, place.step + 2);
            waiting.push(format!("{file}:{line}: rm{node} goes on with what was not recorded"));
        }
        self.summary.missing.append(&mut waiting);
        Ok(())
    }

    fn why_stuck(&self, place: Place) -> Objection {
        let TraceInput::Message { from: Sender::Replica(from), message } = &self.step(place).input
        else {
            return Objection::new("it waits for what never happens");
        };
        let later = self.queues[from.index()][self.next[from.index()]..].iter();
        let mut sends = later.filter(|p| !p.lost).flat_map(|p| &self.step(*p).sends);
        let to = self.trace.boots[place.boot].header.node;
        let explains = |sent: &(Destination, Message<_>)| {
            sent.0 == Destination::Replica(ReplicaId(to)) && is_part(message, &sent.1)
        };
        let why = match sends.any(explains) {
            true => format!("{from:?} sends this only after what comes of it: a circle"),
            false => format!("{from:?} never sent this"),
        };
        Objection::new(why)
    }

    fn step(&self, place: Place) -> &'a TraceStep<Witnessed<S>> {
        &self.trace.boots[place.boot].steps[place.step]
    }

    fn broken(&self, place: Place, promise: &str, because: Vec<String>) -> Refused {
        let why = format!("after this step a promise is broken: {promise}");
        Refused { because: because.into(), ..self.refused(place, Objection::new(why)) }
    }

    fn refused(&self, place: Place, Objection { why, differences }: Objection) -> Refused {
        let (boot, step) = (&self.trace.boots[place.boot], self.step(place));
        let input = match &step.input {
            TraceInput::Message { from, message } => format!("from {from:?}: {message:?}"),
            other => format!("{other:?}"),
        };
        let (node, number) = (boot.header.node, boot.header.boot);
        Refused {
            file: boot.file.clone(),
            line: place.step + 2,
            step: format!("rm{node}, start {number}, step {}: {input}", step.seq).into(),
            why,
            because: Box::default(),
            differences,
            accepted: self.summary.steps,
        }
    }
}

/// Does the trace lack steps of this replica manager of which others may know?
fn gave_up<S: Service>(trace: &Trace<S>, id: ReplicaId) -> bool {
    let mut boots = trace.boots.iter().filter(|boot| boot.header.node == id.0).peekable();
    boots.peek().is_none() || boots.any(|boot| matches!(boot.end, End::GaveUp(_)))
}

/// The steps of one replica manager in order, up to where its recorder gave up. Of a start that ended by
/// itself, the last batch is lost if the next start recovers what was there before it.
fn places<S: Service>(trace: &Trace<S>, id: ReplicaId) -> Vec<Place> {
    let boots = trace.boots.iter().enumerate().filter(|(_, boot)| boot.header.node == id.0);
    let boots: Vec<_> = boots.filter(|(_, boot)| !boot.steps.is_empty()).collect();
    let mut all = Vec::new();
    for (i, (index, boot)) in boots.iter().enumerate() {
        let next = boots.get(i + 1).map(|(_, next)| &next.steps[0].input);
        let last = boot.steps.last().map_or(0, |step| step.commit);
        let kept = boot.steps.iter().filter(|step| step.commit < last).count();
        let lost = match (&boot.end, next) {
            (End::Stopped { .. }, _) | (_, None) => false,
            (_, Some(TraceInput::Start { replica })) => {
                boot.steps.last().is_some_and(|step| step.after.replica != *replica)
            }
            (_, Some(_)) => false,
        };
        let place = |step| Place { boot: *index, step, lost: lost && step >= kept };
        all.extend((0..boot.steps.len()).map(place));
        if matches!(boot.end, End::GaveUp(_)) {
            break;
        }
    }
    all
}

/// What can be told of a trace before it is replayed: its starts and ends, and what is missing of it.
fn summary_of<S: Service>(trace: &Trace<S>) -> Summary {
    let mut summary = Summary { boots: trace.boots.len(), ..Summary::default() };
    for id in trace.group().members() {
        let boots: Vec<_> = trace.boots.iter().filter(|boot| boot.header.node == id.0).collect();
        let gap = (0..).zip(&boots).find(|(number, boot)| *number != boot.header.boot);
        if let Some((number, _)) = gap {
            summary.missing.push(format!("{id:?}: the log of its start {number} is not here"));
        }
        if boots.is_empty() {
            summary.missing.push(format!("{id:?} recorded nothing"));
        }
        for (i, boot) in boots.iter().enumerate() {
            let is_last = i + 1 == boots.len();
            let file = &boot.file;
            match &boot.end {
                End::Stopped { .. } => {}
                End::GaveUp(why) => summary.missing.push(format!("{file}: gave up: {why}")),
                End::Cut if is_last => {
                    summary
                        .missing
                        .push(format!("{file}: ends without a stop, and no start follows"));
                }
                End::Cut => {}
            }
            summary.killed += usize::from(boot.end == End::Cut);
        }
    }
    summary
}
