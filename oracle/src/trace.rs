//! Gives a recorded run to the checker that was proved sound (`check1` of `proofs/coq/Trace.v`): what it
//! accepts is a run of the proved system.
//!
//! The order of events of different replica managers need not be known: a manager whose next input was not
//! sent yet waits for the others. Nothing that one of them does can spoil what another one may do, so any
//! order that gets through is as good as the real one.

use crate::{
    alpha::{self, Names, ts},
    error::Error,
    oracle::{Oracle, replay},
    plain::{Id, Out, Work},
    value::{Mirror, Tag, Value},
};
use chinwag::{
    Effects, Group, Input, Message, Replica, ReplicaManager, RequestId, Sender, Service, Timer,
    Timestamp, Update,
};
use std::{collections::BTreeMap, fmt};

/// What one replica manager did at one moment.
#[derive(Debug)]
pub struct Event<S: Service> {
    /// What was the occasion.
    pub happened: Happened<S>,
    /// What it asked for: journal, messages and events are checked, timers are not.
    pub effects: Effects<S>,
    /// Its replica timestamp, its value timestamp, and up to where it had discarded, afterwards.
    pub after: [Timestamp; 3],
}

/// The occasion of an event.
#[derive(Clone, Debug)]
pub enum Happened<S: Service> {
    /// It started, for the first time or after a crash.
    Start,
    /// Something came.
    Input(Input<S>),
    /// Queries that had waited for too long were dropped.
    GiveUp(Vec<RequestId>),
}

/// Why a trace is no run of the proved system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// None of the managers could go on: for each that was not at its end, its place and its event.
    Stuck(Vec<(u16, usize)>),
    /// An answer was not what the query makes of the proved value.
    Answer {
        /// The manager.
        manager: u16,
        /// Its event.
        event: usize,
    },
    /// An event that no replica manager can have: its place and its number there.
    Impossible(u16, usize),
    /// The oracle could not say anything.
    Failed(Error),
}

impl From<Error> for Refused {
    fn from(error: Error) -> Self {
        Refused::Failed(error)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Stuck(at) => {
                f.write_str("no replica manager's next event can have happened:")?;
                at.iter().try_for_each(|(m, n)| write!(f, " event {n} of rm{m};"))
            }
            Refused::Answer { manager, event } => {
                write!(f, "event {event} of rm{manager}: the answer is not that of the value")
            }
            Refused::Impossible(manager, event) => {
                write!(f, "event {event} of rm{manager} is none of a replica manager")
            }
            Refused::Failed(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Refused {}

impl Oracle {
    /// Is this a run of the proved system? Each manager comes with its events in order. Gives how many
    /// events were checked, the issues of updates by front ends among them.
    ///
    /// # Errors
    ///
    /// If it is none, or the oracle cannot say.
    pub fn accepts<S: Service>(
        &self,
        group: Group,
        trace: &[(ReplicaManager, Vec<Event<S>>)],
    ) -> Result<usize, Refused> {
        let mut checker = Checker::new(self, group, trace)?;
        let mut next = vec![0; trace.len()];
        loop {
            let mut went_on = false;
            for ((manager, events), next) in trace.iter().zip(&mut next) {
                while *next < events.len() && checker.step(manager, *next, &events[*next])? {
                    (went_on, *next) = (true, *next + 1);
                }
            }
            let left = trace.iter().zip(&next).filter(|((_, events), next)| **next < events.len());
            let left: Vec<_> = left.map(|((manager, _), next)| (manager.id.0, *next)).collect();
            if left.is_empty() {
                return Ok(checker.checked);
            }
            if !went_on {
                return Err(Refused::Stuck(left));
            }
        }
    }
}

struct Checker<'a, S: Service> {
    oracle: &'a Oracle,
    group: Group,
    params: Value,
    same_op: Value,
    names: Names<S>,
    queries: BTreeMap<RequestId, &'a S::Query>,
    /// What the checker of Coq knows; nobody here looks into it.
    known: Value,
    checked: usize,
}

impl<'a, S: Service> Checker<'a, S> {
    fn new(
        oracle: &'a Oracle,
        group: Group,
        trace: &'a [(ReplicaManager, Vec<Event<S>>)],
    ) -> Result<Self, Error> {
        let inputs = || {
            trace.iter().flat_map(|(_, events)| events).filter_map(|e| match &e.happened {
                Happened::Input(input) => Some(input),
                _ => None,
            })
        };
        let nothing = Replica::empty(group.updatable.into());
        let names = Names::of(&nothing, std::iter::empty(), inputs());
        let queries = inputs().filter_map(|input| match input {
            Input::Message(_, Message::Query { id, query, .. }) => Some((*id, query)),
            _ => None,
        });
        let params = oracle.params(group);
        let call = |function, arguments| oracle.program.call(function, arguments, oracle.depth_max);
        let known = call(oracle.trace_start, vec![params.clone()])?;
        let same_op = call(oracle.same_op, Vec::new())?;
        let queries = queries.collect();
        let mut checker =
            Self { oracle, group, params, same_op, names, queries, known, checked: 0 };
        // Front ends issue updates in the order of their serials; whichever comes again was issued once.
        let mut issued: BTreeMap<RequestId, &Update<S>> = BTreeMap::new();
        for input in inputs() {
            if let Input::Message(_, Message::Update(update)) = input {
                issued.entry(update.id).or_insert(update);
            }
        }
        for update in issued.values() {
            let request = checker.names.request(update).encode();
            let input = Value::made(Tag::ISSUED, [request]);
            let config = alpha::config(&ReplicaManager::new(chinwag::ReplicaId(0), group));
            let nothing = Vec::<u64>::new().encode();
            let none = || nothing.clone();
            let event =
                [0_u64.encode(), config.encode(), input, none(), none(), none(), none(), none()];
            if checker.check(Value::made(Tag::EVENT, event))?.is_none() {
                let found = format!("{:?}", update.id);
                return Err(Error::Shape { expected: "ascending serials", found });
            }
        }
        Ok(checker)
    }

    /// Hands an event to the checker of Coq. Gives what the proved handler does, if it accepts.
    fn check(&mut self, event: Value) -> Result<Option<Work>, Error> {
        let arguments = vec![self.params.clone(), self.same_op.clone(), self.known.clone(), event];
        let Oracle { program, trace_step, depth_max, .. } = self.oracle;
        let said = program.call(*trace_step, arguments, *depth_max)?;
        let Ok([accepted]) = said.fields::<1>(Tag::SOME) else { return Ok(None) };
        let [known, work] = accepted.fields(Tag::PAIR)?;
        self.known = known.clone();
        self.checked += 1;
        Work::decode(work).map(Some)
    }

    /// Can a manager have done this now?
    fn step(
        &mut self,
        manager: &ReplicaManager,
        number: usize,
        event: &Event<S>,
    ) -> Result<bool, Refused> {
        let me = manager.id.0;
        let impossible = Refused::Impossible(me, number);
        let input = self.input(me, &event.happened).ok_or(impossible.clone())?;
        let sends = event.effects.sends.iter();
        let sends = sends.map(|(to, message)| self.names.sent(me.into(), *to, message));
        let lost = event.effects.events.iter().map(|event| self.names.event(event));
        // Where Coq has one list, Rust has two; the loss of state is told first.
        let outs: Vec<_> = lost.chain(sends).collect();
        if outs.iter().any(|out| matches!(out, Out::Other(_))) {
            return Err(impossible);
        }
        let journal = event.effects.journal.iter().map(|change| self.names.change(change));
        let [replica_ts, value_ts, discarded] = &event.after;
        let fields = [
            u64::from(me).encode(),
            alpha::config(manager).encode(),
            input,
            outs.encode(),
            journal.collect::<Vec<_>>().encode(),
            ts(replica_ts).encode(),
            ts(value_ts).encode(),
            ts(discarded).encode(),
        ];
        let Some(work) = self.check(Value::made(Tag::EVENT, fields))? else { return Ok(false) };
        if !self.same_answers(&event.effects, work.sends)? {
            return Err(Refused::Answer { manager: me, event: number });
        }
        Ok(true)
    }

    fn input(&self, me: u16, happened: &Happened<S>) -> Option<Value> {
        let input = match happened {
            Happened::Start => return Some(Value::made(Tag::STARTS, [])),
            Happened::GiveUp(ids) => {
                let ids: Vec<Id> = ids.iter().map(|id| self.names.id(*id)).collect();
                return Some(Value::made(Tag::GIVES_UP, [ids.encode()]));
            }
            Happened::Input(input) => input,
        };
        Some(match input {
            Input::Message(Sender::FrontEnd(_), Message::Update(update)) => {
                Value::made(Tag::UPDATE, [self.names.request(update).encode()])
            }
            Input::Message(Sender::FrontEnd(_), Message::Query { id, prev, .. }) => {
                Value::made(Tag::QUERY, [self.names.id(*id).encode(), ts(prev).encode()])
            }
            Input::Message(Sender::Replica(from), Message::Gossip(gossip)) => {
                let gossip = self.names.gossip(from.0.into(), me.into(), gossip);
                Value::made(Tag::GOSSIP_IN, [gossip.encode()])
            }
            Input::Message(Sender::Replica(from), Message::Pull { replica_ts }) => {
                let from = u64::from(from.0);
                Value::made(Tag::PULL_IN, [from.encode(), ts(replica_ts).encode()])
            }
            Input::Timer(Timer::Gossip { to }) => {
                Value::made(Tag::TIMER, [u64::from(to.0).encode()])
            }
            Input::Message(..) | Input::Timer(Timer::Retry { .. }) | Input::Request(_) => {
                return None;
            }
        })
    }

    /// The checker of Coq does not look at what a query makes of the value.
    fn same_answers(&self, recorded: &Effects<S>, proved: Vec<Out>) -> Result<bool, Error> {
        let mut answers = recorded.sends.iter().filter_map(|(_, message)| match message {
            Message::QueryReply { id, answer, .. } => Some((id, answer)),
            _ => None,
        });
        for out in proved {
            let Out::Answer { value: history, .. } = out else { continue };
            let value = replay(&self.names, self.group, S::default(), &history)?;
            let same = answers.next().is_some_and(|(id, answer)| {
                self.queries.get(id).is_some_and(|query| value.answer(query) == *answer)
            });
            if !same {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
