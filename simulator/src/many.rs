//! Judges runs of thousands of updates by sums that cost what changed, not what there is.

use crate::{
    judge::{Judge, Moment, ReadBack, Step},
    ledger::{Entry, Ledger, SHOWN, Tags, entry, fingerprint},
    node::Common,
    random::Random,
    scenario::{Scenario, Task},
    slips::Slip,
};
use chinwag::{
    FrontEnd, FrontEndId, ManagerState, Message, ReplicaId, Routing, Sender, Timestamp,
    runtime::Durability,
};
use chinwag_models::history::{Outcome, Question, Recorder, Verdict, judge};
use std::{collections::VecDeque, rc::Rc};

mod caller;
pub use caller::ManyCaller;
use caller::{Causes, Happening};

#[derive(Clone)]
struct Known {
    ran: Tags,
    /// How much of the order was looked at.
    looked_at: usize,
    replica_ts: Timestamp,
    value_ts: Timestamp,
    discarded: Timestamp,
    table: Vec<Timestamp>,
    told: Timestamp,
    /// At the end: the value as people see it, what is left in the log, what waits, what is in the table of
    /// executed updates though it is acknowledged.
    shown: String,
    left: usize,
}

/// Judges by sums.
pub struct Many {
    scenario: Scenario,
    common: Common,
    causes: Causes,
    known: Vec<Known>,
    broken: Option<&'static str>,
    looks: u64,
}

impl Judge for Many {
    type Service = Ledger;
    type Caller = ManyCaller;

    fn new(scenario: &Scenario, common: &Common) -> Self {
        let zero = common.group.zero();
        let known = |_| Known {
            ran: Tags::default(),
            looked_at: 0,
            replica_ts: zero.clone(),
            value_ts: zero.clone(),
            discarded: zero.clone(),
            table: common.group.members().map(|_| zero.clone()).collect(),
            told: zero.clone(),
            shown: String::new(),
            left: 0,
        };
        Self {
            scenario: scenario.clone(),
            common: *common,
            causes: Causes::default(),
            known: common.group.members().map(known).collect(),
            broken: None,
            looks: 0,
        }
    }

    fn boast(&self) -> Entry {
        entry(self.scenario.serves, 0)
    }

    fn caller(&self, client: u16) -> ManyCaller {
        let Scenario { set, errands, serves, .. } = &self.scenario;
        let updates = errands.iter().filter(|e| matches!(e.what, Task::Update | Task::Independent));
        let tags = (0..).zip(updates).filter(|(_, e)| e.client == client).map(|(tag, _)| tag);
        let group = self.common.group;
        let mut node = FrontEnd::new(FrontEndId(client.into()), 0, group, Routing::Any);
        node.copies = set.copies as u16;
        if let Some(Slip::Rules(mutant)) = self.common.slip {
            node = node.with_rules(mutant.rules);
        }
        ManyCaller {
            state: node.start(group.zero()),
            node,
            serves: *serves,
            tags: tags.collect(),
            causes: Rc::clone(&self.causes),
            own: Tags::default(),
            stamped: Tags::default(),
            seen: Tags::default(),
            must: VecDeque::new(),
            history: Vec::new(),
            broken: None,
            abandoned: Vec::new(),
        }
    }

    fn note(&mut self, step: Step<'_, Ledger>) {
        if step.stopped {
            return;
        }
        let (me, replica) = (step.me.index(), &step.state.replica);
        let grows = replica.replica_ts().covers(&self.known[me].replica_ts)
            && replica.value_ts().covers(&self.known[me].value_ts)
            && step.state.table.iter().zip(&self.known[me].table).all(|(is, was)| is.covers(was));
        self.must(grows, "no timestamp goes down");
        if step.synced {
            self.known[me].told = replica.replica_ts().clone();
        }
        self.judge_sends(&step);
        self.take(step.me, step.state);
        self.judge_pairs(me);
        self.looks += 1;
    }

    fn read_back(&mut self, me: ReplicaId, state: &ManagerState<Ledger>) -> ReadBack {
        let known = &mut self.known[me.index()];
        let sound = state.replica.replica_ts().covers(&known.told);
        (known.ran, known.looked_at) = (Tags::default(), 0);
        known.told = state.replica.replica_ts().clone();
        self.take(me, state);
        if sound { ReadBack::Sound } else { ReadBack::Less }
    }

    fn broken(
        &mut self,
        callers: &[ManyCaller],
        vanished: &[bool],
        _judged: &[bool],
        moment: Moment,
    ) -> Option<String> {
        let broken = self.broken.or(callers.iter().find_map(|caller| caller.broken));
        if broken.is_some() || moment == Moment::Any {
            return broken.map(str::to_owned);
        }
        let mut asked = Tags::default();
        for (caller, gone) in callers.iter().zip(vanished) {
            let ran = |own: &Tags| self.known.iter().map(|k| k.ran.meet(own)).collect::<Vec<_>>();
            let mut abandoned = Tags::default();
            caller.abandoned.iter().for_each(|tag| _ = abandoned.add(*tag));
            ran(&abandoned).iter().for_each(|ran| asked.merge(ran));
            match gone {
                true => ran(&caller.own).iter().for_each(|ran| asked.merge(ran)),
                false => asked.merge(&caller.own),
            }
        }
        let first = &self.known[0];
        let all = |holds: &dyn Fn(&Known) -> bool| self.known.iter().all(holds);
        let unfinished = [
            (all(&|k| asked.within(&k.ran)), "every update ends up executed everywhere"),
            (all(&|k| k.value_ts == first.value_ts), "when all is quiet, all are equal"),
            (all(&|k| k.shown == first.shown), "equal updates mean equal answers"),
            (all(&|k| k.left == 0), "the logs and the executed table end up empty"),
        ];
        // Who does not hear a peer keeps its log for it; of what is not at rest the answer is not taken.
        let judged = if moment == Moment::Spread { 2 } else { unfinished.len() };
        let broken = unfinished[..judged].iter().find(|(holds, _)| !holds);
        broken.map(|(_, what)| (*what).to_owned()).or_else(|| self.history(callers))
    }

    fn looks(&self) -> u64 {
        self.looks
    }
}

impl Many {
    fn must(&mut self, holds: bool, what: &'static str) {
        if !holds {
            self.broken.get_or_insert(what);
        }
    }

    /// Takes in what a replica manager knows, and looks at what has run since.
    fn take(&mut self, me: ReplicaId, state: &ManagerState<Ledger>) {
        let replica = &state.replica;
        let causes = Rc::clone(&self.causes);
        let known = &mut self.known[me.index()];
        let (mut once, mut causal) = (true, true);
        for tag in &replica.value().ran[known.looked_at..] {
            causal &= causes.borrow().get(tag).is_some_and(|past| past.within(&known.ran));
            once &= known.ran.add(*tag);
        }
        known.looked_at = replica.value().ran.len();
        known.replica_ts = replica.replica_ts().clone();
        known.value_ts = replica.value_ts().clone();
        known.discarded = replica.discarded().clone();
        known.table = state.table.clone();
        let forgotten =
            replica.executed().keys().filter(|id| id.serial < replica.finished(id.front_end));
        known.left = replica.log().len() + replica.pending_count();
        if known.left == 0 {
            known.left = forgotten.count();
            known.shown = format!("{:x}", fingerprint(&replica.value().value.value.show()));
        }
        let within = known.replica_ts.covers(&known.value_ts);
        self.must(once, "an update is executed at most once");
        self.must(causal, "execution respects what clients had seen");
        self.must(within, "the value never runs ahead of the log");
    }

    fn judge_sends(&mut self, step: &Step<'_, Ledger>) {
        let durable = self.known[step.me.index()].told.clone();
        let fsync = self.common.durability == Durability::Fsync;
        let holds = step.notes.sent.iter().all(|(_, message)| match message {
            Message::Gossip(gossip) => durable.covers(&gossip.ts),
            Message::UpdateReply { ts, .. } if fsync && step.me.index() < ts.len() => {
                ts.get(step.me) <= durable.get(step.me)
            }
            _ => true,
        });
        self.must(holds, "nothing is sent before it is durable");
        let answers = step.notes.received.iter().all(|(sender, message)| match (sender, message) {
            (Sender::FrontEnd(_), Message::Update(update)) if self.common.acknowledged_by == 1 => {
                let finished = step.state.replica.known(update.id).finished;
                finished
                    || step.notes.sent.iter().any(|(_, m)| match m {
                        Message::UpdateReply { id, .. } | Message::Refused { id, .. } => {
                            *id == update.id
                        }
                        _ => false,
                    })
            }
            _ => true,
        });
        self.must(answers, "a replica manager alone takes updates and answers");
    }

    fn judge_pairs(&mut self, me: usize) {
        let group = self.common.group;
        let mine = &self.known[me];
        let (mut true_of, mut everywhere) = (true, true);
        for (j, theirs) in self.known.iter().enumerate().filter(|(j, _)| *j != me) {
            true_of &= theirs.replica_ts.covers(&mine.table[j]);
            let matters = [me, j].iter().any(|i| group.is_updatable(ReplicaId(*i as u16)));
            everywhere &= !matters || theirs.replica_ts.covers(&mine.discarded);
        }
        self.must(true_of, "knowledge of a peer is never overestimated");
        self.must(everywhere, "a record leaves a log only when everyone has it");
    }

    /// Judged by what clients saw, without a look at timestamps. Where updates are independent, their
    /// session promises no order.
    fn history(&self, callers: &[ManyCaller]) -> Option<String> {
        if self.scenario.errands.iter().any(|e| e.what == Task::Independent) {
            return None;
        }
        let updates = self.scenario.updates() as u64;
        let mut dice = Random::of(&[self.scenario.seed, 0x415]);
        let mut recorder = Recorder::new();
        for (client, caller) in callers.iter().enumerate() {
            let session = client.to_string();
            for happening in &caller.history {
                let key = |tag: u32| format!("u{tag}");
                if matches!(happening, Happening::Read(None)) {
                    continue;
                }
                let transaction = recorder.begin(&session, Outcome::Committed, 0);
                match happening {
                    Happening::Wrote(tag) => drop(transaction.write(&key(*tag), "1")),
                    Happening::Read(Some(answer)) if updates > 0 => {
                        (0..SHOWN).fold(transaction, |transaction, _| {
                            let tag = dice.below(updates) as u32;
                            transaction.read(&key(tag), answer.has(tag).then_some("1"))
                        });
                    }
                    Happening::Read(_) => {}
                }
            }
        }
        for tag in callers.iter().flat_map(|caller| &caller.abandoned) {
            let transaction = recorder.begin(&format!("abandoned {tag}"), Outcome::Committed, 0);
            let _ = transaction.write(&format!("u{tag}"), "1");
        }
        let history = match recorder.finish() {
            Ok(history) => history,
            Err(mistake) => return Some(format!("a history can be judged: {mistake}")),
        };
        let judged = judge(&history, &[Question::Causal, Question::ReadYourWrites]);
        let violated = judged.answers.iter().find(|(_, v)| matches!(v, Verdict::Violated(_)));
        violated.map(|(question, _)| format!("what clients saw keeps {}", question.name()))
    }
}
