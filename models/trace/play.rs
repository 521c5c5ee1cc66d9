//! One replica manager of a trace: each step is computed by the handlers, and compared with what was
//! recorded.

use super::{Difference, sound, witnessed::Witnessed};
use chinwag::{
    Change, Destination, Effects, Input, ManagerState, Message, Refusal, Replica, ReplicaManager,
    Sender, Service, Timer,
    runtime::{Codec, Digest, TraceInput, TraceState, TraceStep},
};
use std::fmt::Debug;

/// Why a step is refused.
#[derive(Clone, Debug, Default)]
pub struct Objection {
    /// In words.
    pub why: String,
    /// What differs.
    pub differences: Vec<Difference>,
}

impl Objection {
    /// In words alone.
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into(), differences: Vec::new() }
    }
}

/// A replica manager as the replay has it.
pub struct Player<S: Service> {
    /// Its constants.
    pub node: ReplicaManager,
    codec: Codec,
    /// What it knows; none before its first start.
    pub state: Option<ManagerState<Witnessed<S>>>,
    /// Of `state`.
    summary: Option<TraceState>,
    /// The replica before a batch that a crash took.
    kept: Option<Replica<Witnessed<S>>>,
}

impl<S: Service> Player<S> {
    /// One that never started.
    pub fn new(node: ReplicaManager, codec: Codec) -> Self {
        Self { node, codec, state: None, summary: None, kept: None }
    }

    /// The bytes of a message that arrives.
    pub fn bytes_of(
        &self,
        from: Sender,
        message: &Message<Witnessed<S>>,
    ) -> Result<Vec<u8>, Objection> {
        let why = |why| Objection::new(format!("such a message cannot arrive: {why}"));
        sound::bytes_of(&self.codec, from, message).map_err(why)
    }

    /// From here on, until the next start, nothing was journalled.
    pub fn keep(&mut self) {
        if self.kept.is_none() {
            let empty = || Replica::empty(self.node.group.updatable.into());
            let replica = self.state.as_ref().map_or_else(empty, |state| state.replica.clone());
            self.kept = Some(replica);
        }
    }

    /// Takes a step, if it comes out as it was recorded.
    pub fn step(
        &mut self,
        step: &TraceStep<Witnessed<S>>,
    ) -> Result<Effects<Witnessed<S>>, Objection> {
        let mut fx = Effects::default();
        if let TraceInput::Start { replica } = &step.input {
            self.start(*replica, &mut fx)?;
        } else {
            self.handle(&step.input, &mut fx)?;
        }
        let state = self.state.as_ref().expect("it has started");
        let unchanged = self.summary.as_ref().filter(|_| fx.journal.is_empty());
        let summary = TraceState::of(state, unchanged);
        let mut differences = Vec::new();
        compare_lists("journalled", (&step.journal, &fx.journal), journalled, &mut differences);
        compare_lists("sent", (&step.sends, &fx.sends), sent, &mut differences);
        compare("timers started", &step.start, &fx.start, &mut differences);
        compare("timers stopped", &step.cancel, &fx.cancel, &mut differences);
        compare_states(&step.after, &summary, &mut differences);
        if !differences.is_empty() {
            let why = "the handlers come to something else from the same state and input".into();
            return Err(Objection { why, differences });
        }
        self.summary = Some(summary);
        Ok(fx)
    }

    /// Recovery: from what was journalled, and nothing else.
    fn start(
        &mut self,
        recovered: Digest,
        fx: &mut Effects<Witnessed<S>>,
    ) -> Result<(), Objection> {
        let empty = || Replica::empty(self.node.group.updatable.into());
        let now = self.state.take().map(|state| state.replica);
        let replica = self.kept.take().or(now).unwrap_or_else(empty);
        let found = Digest::of(&replica);
        if found != recovered {
            let mut differences = Vec::new();
            compare("recovered replica", &recovered, &found, &mut differences);
            let is_new = recovered == Digest::of(&empty());
            let why = match is_new {
                true => {
                    "it starts with nothing stored, and had journalled something before: its data \
                         directory was wiped, or these are the records of two clusters"
                        .into()
                }
                false => "it does not start with what it had journalled".into(),
            };
            return Err(Objection { why, differences });
        }
        self.summary = None;
        let pull = Message::Pull { replica_ts: replica.replica_ts().clone() };
        let me = self.node.id;
        let peers = self.node.group.members().filter(|peer| *peer != me);
        // The driver's, not the protocol's: it asks everyone for what it missed.
        fx.sends.extend(peers.map(|peer| (Destination::Replica(peer), pull.clone())));
        self.state = Some(self.node.start(replica, fx));
        Ok(())
    }

    fn handle(
        &mut self,
        input: &TraceInput<Witnessed<S>>,
        fx: &mut Effects<Witnessed<S>>,
    ) -> Result<(), Objection> {
        let Some(state) = &mut self.state else {
            return Err(Objection::new("it has not started"));
        };
        match input {
            TraceInput::Start { .. } => unreachable!("a start is no step of a handler"),
            TraceInput::Message { from, message } => {
                self.node.handle(state, Input::Message(*from, message.clone()), fx);
            }
            TraceInput::Timer(Timer::Gossip { to })
                if to.0 < self.node.group.replicas && *to != self.node.id =>
            {
                self.node.handle(state, Input::Timer(Timer::Gossip { to: *to }), fx);
            }
            TraceInput::Timer(timer) => {
                return Err(Objection::new(format!("it has no timer {timer:?}")));
            }
            TraceInput::TurnedAway { message: Message::Update(update), .. } => {
                let (id, reason) = (update.id, Refusal::NoSpace);
                let refused = Message::Refused { id, reason };
                fx.sends.push((Destination::FrontEnd(id.front_end), refused));
            }
            TraceInput::TurnedAway { .. } => {
                return Err(Objection::new("only updates are turned away with an answer"));
            }
            TraceInput::GiveUp { queries } => {
                let gone = queries.iter().all(|id| state.waiting.remove(id).is_some());
                if !gone || queries.is_empty() {
                    return Err(Objection::new("no such query waits"));
                }
            }
        }
        Ok(())
    }
}

fn compare<T: PartialEq + Debug>(
    what: &str,
    recorded: &T,
    computed: &T,
    differences: &mut Vec<Difference>,
) {
    if recorded != computed {
        differences.push(Difference {
            what: what.into(),
            recorded: format!("{recorded:?}"),
            computed: format!("{computed:?}"),
        });
    }
}

/// A change of what is stored, for people.
fn journalled<S: Service>(change: &Change<Witnessed<S>>) -> String {
    match change {
        Change::Discard { upto } => format!("discards all up to {upto:?}"),
        Change::Log { replica_ts, records } => format!("holds {replica_ts:?} with {records:?}"),
    }
}

/// A message that is sent, for people.
fn sent<S: Service>((to, message): &(Destination, Message<Witnessed<S>>)) -> String {
    let to = match to {
        Destination::Replica(id) => format!("{id:?}"),
        Destination::FrontEnd(id) => format!("{id:?}"),
        Destination::AnyReplica | Destination::AnyUpdatable => "any".to_owned(),
    };
    format!("{message:?} to {to}")
}

/// Of lists, only what one has and the other has not; all of them if it is the order that differs.
fn compare_lists<T: PartialEq>(
    what: &str,
    (recorded, computed): (&[T], &[T]),
    shows: impl Fn(&T) -> String,
    differences: &mut Vec<Difference>,
) {
    if recorded == computed {
        return;
    }
    let without = |these: &[T], others: &[T]| {
        let mut others: Vec<_> = others.iter().collect();
        let is_left = |one: &&T| match others.iter().position(|other| other == one) {
            Some(place) => {
                others.swap_remove(place);
                false
            }
            None => true,
        };
        these.iter().filter(is_left).map(&shows).collect::<Vec<_>>()
    };
    let [mut only, mut other] = [without(recorded, computed), without(computed, recorded)];
    if only.is_empty() && other.is_empty() {
        [only, other] = [recorded, computed].map(|all| all.iter().map(&shows).collect());
    }
    let told = |list: Vec<String>, all: &[T]| match (list.is_empty(), all.is_empty()) {
        (true, true) => "nothing".to_owned(),
        (true, false) => "nothing beyond what both have".to_owned(),
        (false, _) => list.join("; "),
    };
    let (recorded, computed) = (told(only, recorded), told(other, computed));
    differences.push(Difference { what: what.into(), recorded, computed });
}

fn compare_states(was: &TraceState, is: &TraceState, differences: &mut Vec<Difference>) {
    let mut timestamps = |what, a, b| compare(what, a, b, differences);
    timestamps("replica timestamp", &was.replica_ts, &is.replica_ts);
    timestamps("value timestamp", &was.value_ts, &is.value_ts);
    timestamps("discarded up to", &was.discarded, &is.discarded);
    let mut counts = |what, a, b| compare(what, a, b, differences);
    counts("records in the log", &was.log, &is.log);
    counts("records that wait", &was.pending, &is.pending);
    counts("executed table", &was.executed, &is.executed);
    counts("queries that wait", &was.waiting, &is.waiting);
    compare("timestamp table", &was.table, &is.table, differences);
    compare("receipts owed", &was.owed, &is.owed, differences);
    compare("updates since the last batch", &was.unsent, &is.unsent, differences);
    compare("the queries that wait (a digest)", &was.queries, &is.queries, differences);
    if differences.is_empty() {
        // Else it differs as well, and says nothing.
        compare("all that is stored (a digest)", &was.replica, &is.replica, differences);
    }
}
