//! Takes given steps and tells what happens: replays, and the telling of what a search found.

use super::fair::{FAIR_STEPS_MAX, FairStep, Walker, fair_steps, lose_all, take_fair_step};
use super::flat::Flat;
use super::reader::{Jump, Reader, Touched};
use super::system::{SILENCE, System, Verdict};
use super::tables::Tables;
use super::trace::{
    Action, ReplayError, Snapshot, Stage, Step, Target, Trace, action_in, snapshot,
};
use super::visited::Visited;
use super::worker::Examiner;
use std::collections::HashSet;
use std::sync::Arc;

/// Takes the actions one after the other, each with the eager deliveries after it.
pub fn replay<S: System>(
    tables: &Tables<S>,
    actions: &[Action<S::Message, S::Event>],
) -> Result<Trace<S>, ReplayError> {
    let mut teller = Teller::new(tables);
    teller.choose_all(actions)?;
    Ok(teller.finish())
}

/// Takes the actions as [`replay`] does, and if the target is met only later, a fair continuation.
///
/// The verdict of the trace says whether the target was met.
pub fn replay_to<S: System>(
    tables: &Tables<S>,
    actions: &[Action<S::Message, S::Event>],
    target: Target,
) -> Result<Trace<S>, ReplayError> {
    let mut teller = Teller::new(tables);
    teller.choose_all(actions)?;
    if !target.is_met_by(teller.verdict) {
        teller.continue_fairly(target);
    }
    Ok(teller.finish())
}

/// Takes the steps with these numbers, and if the target is met only later, a fair continuation.
pub(super) fn tell<S: System>(tables: &Tables<S>, choices: &[u16], target: Target) -> Trace<S> {
    let mut teller = Teller::new(tables);
    for choice in choices {
        teller.examiner.reader.jumps(&teller.state, &mut teller.jumps);
        let jump = teller.jumps[usize::from(*choice)];
        teller.choose(jump);
    }
    if !target.is_met_by(teller.verdict) {
        teller.continue_fairly(target);
    }
    teller.finish()
}

/// Takes steps and tells what happens.
struct Teller<'t, S: System> {
    tables: &'t Tables<S>,
    examiner: Examiner<'t, S>,
    state: Flat,
    jumps: Vec<Jump>,
    start: Arc<Snapshot<S>>,
    here: Arc<Snapshot<S>>,
    steps: Vec<Step<S>>,
    verdict: Verdict,
    is_endless: bool,
}

impl<'t, S: System> Teller<'t, S> {
    fn new(tables: &'t Tables<S>) -> Self {
        let mut examiner = Examiner::new(Reader::brief(tables));
        let state = examiner.reader.start();
        let start = Arc::new(snapshot(tables, &state));
        let mut teller = Teller {
            tables,
            examiner,
            state,
            jumps: Vec::new(),
            here: start.clone(),
            start,
            steps: Vec::new(),
            verdict: Verdict::NOTHING,
            is_endless: false,
        };
        teller.settle();
        teller
    }

    fn choose_all(&mut self, actions: &[Action<S::Message, S::Event>]) -> Result<(), ReplayError> {
        for (index, action) in actions.iter().enumerate() {
            self.examiner.reader.jumps(&self.state, &mut self.jumps);
            let is_it = |jump: &&Jump| action_in(self.tables, &self.state, **jump) == *action;
            let jump = *self.jumps.iter().find(is_it).ok_or(ReplayError { index })?;
            self.choose(jump);
        }
        Ok(())
    }

    /// Takes a step and what is eager after it.
    fn choose(&mut self, jump: Jump) {
        let action = action_in(self.tables, &self.state, jump);
        self.examiner.reader.take(&mut self.state, jump);
        self.tell(action, Stage::Chosen);
        self.settle();
    }

    fn settle(&mut self) {
        self.judge();
        while let Some(eager) = self.examiner.reader.eager(&self.state, Touched::ALL) {
            let action = action_in(self.tables, &self.state, eager);
            self.examiner.reader.take(&mut self.state, eager);
            self.tell(action, Stage::Eager);
            self.judge();
        }
    }

    fn judge(&mut self) {
        let examined = self.examiner.examine(&self.state, u32::MAX, None);
        self.verdict = self.verdict.and(examined.verdict);
    }

    /// Adds the fair continuation that meets the target: this one, or the one with everything lost first.
    fn continue_fairly(&mut self, target: Target) {
        let mut walker = Walker::default();
        let verdict = walker.follow(&mut self.examiner.reader, &self.state, &Visited::new());
        if !target.is_met_by(verdict) && self.tables.may_lose() {
            lose_all(&self.examiner.reader, &mut self.state);
            self.tell(Action::LoseAll, Stage::Fair);
        }
        let mut passed = HashSet::new();
        while passed.insert(self.state.fingerprint) && passed.len() <= FAIR_STEPS_MAX {
            let steps = fair_steps(&mut self.examiner.reader, &self.state);
            if steps.is_empty() {
                let locals = self.examiner.reader.locals(&self.state);
                self.verdict = self.verdict.and(self.tables.system.judge_end(&locals));
                return;
            }
            for step in steps {
                self.tell_fair(step);
            }
        }
        self.is_endless = true;
        self.verdict.violated |= 1 << SILENCE;
    }

    fn tell_fair(&mut self, step: FairStep) {
        let action = match step {
            FairStep::Ignored(post) => Action::Drop(self.tables.posts.get(post).envelope.clone()),
            FairStep::Jump(jump) => action_in(self.tables, &self.state, jump),
        };
        take_fair_step(&mut self.examiner.reader, &mut self.state, step);
        self.tell(action, Stage::Fair);
    }

    fn tell(&mut self, action: Action<S::Message, S::Event>, stage: Stage) {
        let after = Arc::new(snapshot(self.tables, &self.state));
        let before = std::mem::replace(&mut self.here, after.clone());
        self.steps.push(Step { action, stage, before, after });
    }

    fn finish(self) -> Trace<S> {
        let Teller { start, steps, verdict, is_endless, .. } = self;
        Trace { start, steps, verdict, is_endless }
    }
}
