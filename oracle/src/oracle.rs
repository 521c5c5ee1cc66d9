//! One step of a replica manager, in Rust and as it was proved.

use crate::{
    alpha::{self, Names, ts},
    error::{Error, Mismatch},
    eval::DEPTH_MAX,
    plain::{Change, Id, Manager, Out, Record, Ts, Work},
    program::{Program, Term, TermId},
    value::{Closure, Mirror, Tag, Value},
};
use chinwag::{
    Applied, Effects, Group, Input, ManagerState, Message, Replica, ReplicaId, ReplicaManager,
    RequestId, Sender, Service, Timer, Timestamp,
};
use std::{fmt::Debug, rc::Rc};

/// The extracted functions, as they are checked in.
const EXTRACTED: &str = include_str!("../../proofs/extracted/core.json");

/// What `apply` and `also` of Coq note in the value: which of them was called.
const APPLY: u64 = 0;
const ALSO: u64 = 1;

/// The proved functions, ready to be compared with.
pub struct Oracle {
    pub(crate) program: Program,
    on_start: usize,
    on_copy: usize,
    on_update: usize,
    on_query: usize,
    hear: usize,
    on_pull: usize,
    on_gossip_timer: usize,
    pub(crate) may_ask: usize,
    pub(crate) fragments: usize,
    pub(crate) trace_start: usize,
    pub(crate) trace_step: usize,
    pub(crate) same_op: usize,
    apply: TermId,
    also: TermId,
    pub(crate) depth_max: u64,
}

impl Oracle {
    /// The checked-in functions.
    ///
    /// # Errors
    ///
    /// See [`Oracle::over`].
    pub fn new() -> Result<Oracle, Error> {
        Oracle::over(Program::parse(EXTRACTED)?)
    }

    /// These functions.
    ///
    /// # Errors
    ///
    /// If a handler is missing.
    pub fn over(mut program: Program) -> Result<Oracle, Error> {
        let (apply, also) = (note(&mut program, APPLY)?, note(&mut program, ALSO)?);
        Ok(Oracle {
            on_start: program.find("on_start")?,
            on_copy: program.find("on_copy")?,
            on_update: program.find("on_update")?,
            on_query: program.find("on_query_message")?,
            hear: program.find("hear")?,
            on_pull: program.find("on_pull")?,
            on_gossip_timer: program.find("on_gossip_timer")?,
            may_ask: program.find("may_ask")?,
            fragments: program.find("fragments")?,
            trace_start: program.find("t0")?,
            trace_step: program.find("check1")?,
            same_op: program.find("eqb")?,
            program,
            apply,
            also,
            depth_max: DEPTH_MAX,
        })
    }

    /// The same with another limit than [`DEPTH_MAX`], for a thread with another stack. Some functions go as
    /// deep as a list is long.
    pub fn with_depth(self, depth_max: u64) -> Oracle {
        Oracle { depth_max, ..self }
    }

    /// Starts a replica manager from what its disk holds, and compares: for the first time, after a crash, or
    /// with a group in which another one was replaced.
    ///
    /// # Errors
    ///
    /// If the two states differ, or the oracle cannot say.
    pub fn start<S: Service>(
        &self,
        manager: &ReplicaManager,
        saved: Replica<S>,
    ) -> Result<ManagerState<S>, Mismatch> {
        self.started(manager, saved, &[], None)
    }

    /// Stops a replica manager and starts it again with these constants, and compares: what it knew of others
    /// does not matter.
    ///
    /// # Errors
    ///
    /// If the two states differ, or the oracle cannot say.
    pub fn start_again<S: Service>(
        &self,
        manager: &ReplicaManager,
        state: &ManagerState<S>,
    ) -> Result<ManagerState<S>, Mismatch> {
        self.started(manager, state.replica.clone(), &state.table, None)
    }

    /// Starts a newcomer from a copy of this member's replica, and compares.
    ///
    /// # Errors
    ///
    /// If the two states differ, or the oracle cannot say.
    pub fn start_with_copy<S: Service>(
        &self,
        manager: &ReplicaManager,
        of: ReplicaId,
        copy: Replica<S>,
    ) -> Result<ManagerState<S>, Mismatch> {
        self.started(manager, copy, &[], Some(of))
    }

    fn started<S: Service>(
        &self,
        manager: &ReplicaManager,
        saved: Replica<S>,
        table: &[Timestamp],
        of: Option<ReplicaId>,
    ) -> Result<ManagerState<S>, Mismatch> {
        let names = Names::of(&saved, std::iter::empty(), None);
        let before = names.replica(of.unwrap_or(manager.id).0.into(), &saved, table).encode();
        let mut arguments = vec![self.params(manager.group), alpha::config(manager).encode()];
        let function = match of {
            Some(_) => {
                arguments.push(u64::from(manager.id.0).encode());
                self.on_copy
            }
            None => self.on_start,
        };
        arguments.push(before);
        let proved = Manager::decode(&self.program.call(function, arguments, self.depth_max)?)?;
        let value = saved.value().clone();
        let after = manager.start(saved, &mut Effects::default());
        same_state(&names.manager(manager.id.0.into(), &after), proved)?;
        same("value", after.replica.value(), &value)?;
        Ok(after)
    }

    /// Lets a replica manager take one step, and compares. Gives what it did.
    ///
    /// # Errors
    ///
    /// If the two states differ, or what was sent or journalled, or the oracle cannot say.
    pub fn step<S: Service>(
        &self,
        manager: &ReplicaManager,
        before: &ManagerState<S>,
        input: &Input<S>,
    ) -> Result<(ManagerState<S>, Effects<S>), Mismatch> {
        let (mut after, mut fx) = (before.clone(), Effects::default());
        manager.handle(&mut after, input.clone(), &mut fx);

        let names = Names::of(&before.replica, before.waiting.keys().copied(), Some(input));
        let Some((function, arguments)) = self.question(manager, before, input, &names) else {
            // Not for a replica manager: there is no function for it.
            same("state after an input that is none", &after, before)?;
            same("effects of an input that is none", &fx, &Effects::default())?;
            return Ok((after, fx));
        };
        let mut proved = Work::decode(&self.program.call(function, arguments, self.depth_max)?)?;
        let step = Step { manager, names: &names, before, input };
        let history = std::mem::take(&mut proved.manager.replica.value);
        same_state(&names.manager(step.me(), &after), proved.manager)?;
        same("value", after.replica.value(), &step.value(&history)?)?;
        // Not about Rust: were it otherwise, the value's history would not be what ran.
        same(
            "what ran, by the value's history",
            &steps(history.iter().rev()),
            &steps(&proved.executed),
        )?;
        step.same_questions(&after)?;
        step.same_journal(&fx, &proved.journal)?;
        step.same_sends(&fx, proved.sends)?;
        Ok((after, fx))
    }

    /// The proved function for this input, and its arguments.
    fn question<S: Service>(
        &self,
        manager: &ReplicaManager,
        before: &ManagerState<S>,
        input: &Input<S>,
        names: &Names<S>,
    ) -> Option<(usize, Vec<Value>)> {
        let me = u64::from(manager.id.0);
        let (function, rest) = match input {
            Input::Message(Sender::FrontEnd(_), Message::Update(update)) => {
                (self.on_update, vec![names.request(update).encode()])
            }
            Input::Message(Sender::FrontEnd(_), Message::Query { id, prev, .. }) => {
                (self.on_query, vec![names.id(*id).encode(), ts(prev).encode()])
            }
            Input::Message(Sender::Replica(from), Message::Gossip(gossip)) => {
                let said = u64::from(gossip.epoch).encode();
                (self.hear, vec![said, names.gossip(from.0.into(), me, gossip).encode()])
            }
            Input::Message(Sender::Replica(from), Message::Pull { replica_ts }) => {
                (self.on_pull, vec![u64::from(from.0).encode(), ts(replica_ts).encode()])
            }
            Input::Timer(Timer::Gossip { to }) => {
                (self.on_gossip_timer, vec![u64::from(to.0).encode()])
            }
            Input::Message(..) | Input::Timer(Timer::Retry { .. }) | Input::Request(_) => {
                return None;
            }
        };
        let state = names.manager(me, before).encode();
        let mut arguments =
            vec![self.params(manager.group), alpha::config(manager).encode(), state];
        arguments.extend(rest);
        Some((function, arguments))
    }

    /// `Build_Params`: the value is the list of what was done to it, the last first.
    pub(crate) fn params(&self, group: Group) -> Value {
        let noting = |body| {
            Value::Function(Rc::new(Closure { arity: 5, body, scope: None, given: Vec::new() }))
        };
        let updatable = u64::from(group.updatable).encode();
        let read_only = u64::from(group.replicas - group.updatable).encode();
        let nothing = Vec::<u64>::new().encode();
        let (apply, also) = (noting(self.apply), noting(self.also));
        Value::made(Tag::PARAMS, [updatable, read_only, apply, also, nothing])
    }
}

/// The body of `fun id op prev ts value => Cons (Mkrec what ts id 0 prev op) value`.
fn note(program: &mut Program, what: u64) -> Result<TermId, Error> {
    let [id, op, prev, ts, value] = [4, 3, 2, 1, 0].map(|place| program.add(Term::Variable(place)));
    let zero = program.add(Term::Zero)?;
    let mut origin = zero;
    for _ in 0..what {
        origin = program.add(Term::Successor(origin))?;
    }
    let record = Box::new([origin, ts?, id?, zero, prev?, op?]);
    let record = program.add(Term::Make(Tag::RECORD, record))?;
    program.add(Term::Make(Tag::CONS, Box::new([record, value?])))
}

/// What was asked, to compare answers.
struct Step<'a, S: Service> {
    manager: &'a ReplicaManager,
    names: &'a Names<S>,
    before: &'a ManagerState<S>,
    input: &'a Input<S>,
}

impl<S: Service> Step<'_, S> {
    fn me(&self) -> u64 {
        self.manager.id.0.into()
    }

    fn value(&self, history: &[Record]) -> Result<S, Error> {
        let value = self.before.replica.value().clone();
        replay(self.names, self.manager.group, value, history)
    }

    /// The text of a waiting query, which Coq does not have: who waits was compared already.
    fn same_questions(&self, after: &ManagerState<S>) -> Result<(), Mismatch> {
        for (id, waiting) in &after.waiting {
            same("a waiting query", &Some(&waiting.query), &self.question(*id))?;
        }
        Ok(())
    }

    fn question(&self, of: RequestId) -> Option<&S::Query> {
        match self.input {
            Input::Message(_, Message::Query { id, query, .. }) if *id == of => Some(query),
            _ => self.before.waiting.get(&of).map(|waiting| &waiting.query),
        }
    }

    fn same_journal(&self, fx: &Effects<S>, proved: &[Change]) -> Result<(), Mismatch> {
        let journal: Vec<_> = fx.journal.iter().map(|change| self.names.change(change)).collect();
        same("journal", &journal[..], proved)
    }

    fn same_sends(&self, fx: &Effects<S>, proved: Vec<Out>) -> Result<(), Mismatch> {
        for (_, message) in &fx.sends {
            if let Message::Gossip(gossip) = message {
                same("number of replacements", &gossip.epoch, &self.manager.group.epoch)?;
            }
        }
        let sent = fx.sends.iter().map(|(to, message)| {
            let answer = match message {
                Message::QueryReply { answer, .. } => Some(answer.clone()),
                _ => None,
            };
            (self.names.sent(self.me(), *to, message), answer)
        });
        let events: Vec<_> = fx.events.iter().map(|event| self.names.event(event)).collect();
        let (lost, outs) = proved.into_iter().partition(|out| matches!(out, Out::Lost { .. }));
        let answered = Vec::into_iter(outs).map(|out| self.answered(out)).collect::<Result<_, _>>();
        same::<Vec<_>>("what is sent", &sent.collect(), &answered?)?;
        same::<Vec<_>>("events", &events, &lost)
    }

    /// What the query makes of the value of an answer.
    fn answered(&self, out: Out) -> Result<(Out, Option<S::Answer>), Error> {
        let Out::Answer { id, value: history, ts } = out else { return Ok((out, None)) };
        let value = self.value(&history)?;
        let query = self.names.request_id(id).and_then(|id| self.question(id));
        let answer = query.map(|query| value.answer(query));
        Ok((Out::Answer { id, value: Vec::new(), ts }, answer))
    }
}

/// What this history makes of the value, by the real service. The last step is the first of the list.
pub(crate) fn replay<S: Service>(
    names: &Names<S>,
    group: Group,
    mut value: S,
    history: &[Record],
) -> Result<S, Error> {
    for done in history.iter().rev() {
        let unknown = || Error::Shape { expected: "a known update", found: format!("{done:?}") };
        let id = names.request_id(done.id).ok_or_else(unknown)?;
        let op = names.op(done.op).ok_or_else(unknown)?;
        let (prev, ts) = (timestamp(group, &done.prev)?, timestamp(group, &done.ts)?);
        let update = Applied { op, id, prev: &prev, ts: &ts };
        match done.origin {
            APPLY => value.apply(update),
            _ => value.also_stamped(update),
        }
    }
    Ok(value)
}

fn timestamp(group: Group, ts: &Ts) -> Result<Timestamp, Error> {
    let (entries, length) = (ts.entries(), usize::from(group.updatable));
    if entries.len() > length {
        let found = format!("{} entries", entries.len());
        return Err(Error::Shape { expected: "an entry for each manager", found });
    }
    let zeros = std::iter::repeat_n(0, length - entries.len());
    Ok(entries.iter().copied().chain(zeros).collect())
}

fn steps<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<(Id, &'a Ts)> {
    records.into_iter().map(|record| (record.id, &record.ts)).collect()
}

fn same_state(rust: &Manager, proved: Manager) -> Result<(), Mismatch> {
    let proved = proved.sorted();
    let (a, b) = (&rust.replica, &proved.replica);
    same("number of the manager", &a.me, &b.me)?;
    same("replica timestamp", &a.replica_ts, &b.replica_ts)?;
    same("value timestamp", &a.value_ts, &b.value_ts)?;
    same("waiting records", &a.waiting, &b.waiting)?;
    same("executed records in the log", &a.ran, &b.ran)?;
    same("executed table", &a.executed, &b.executed)?;
    same("watermarks", &a.finished, &b.finished)?;
    same("discarded", &a.discarded, &b.discarded)?;
    same("timestamp table", &a.table, &b.table)?;
    same("waiting queries", &rust.queries, &proved.queries)?;
    same("owed receipts", &rust.owed, &proved.owed)?;
    same("unsent updates", &rust.unsent, &proved.unsent)
}

pub(crate) fn same<T: Debug + PartialEq + ?Sized>(
    part: &'static str,
    rust: &T,
    proved: &T,
) -> Result<(), Mismatch> {
    if rust == proved {
        return Ok(());
    }
    Err(Mismatch::Differs { part, rust: format!("{rust:?}"), proved: format!("{proved:?}") })
}
