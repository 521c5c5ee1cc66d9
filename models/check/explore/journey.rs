//! Takes steps from the start of a model, by their numbers among the steps that are possible.
//!
//! The steps of a state are sorted by what they say, so a list of numbers leads to the same state in every
//! process of one version. Eager deliveries are taken at once and have no number.

use crate::{Complaint, files, replay};
use chinwag_models::{
    engine::{Interned, InternedState, Stage, Trace},
    story::Action,
    system::System,
};
use stateright::Model as _;

/// A step that is possible.
pub struct Choice {
    /// What it says.
    pub text: String,
    /// The step.
    pub action: Action,
    /// The state after it, and after the eager deliveries that follow.
    pub next: InternedState<System>,
}

/// Where a list of numbers leads.
pub struct Journey {
    /// The steps that were chosen.
    pub actions: Vec<Action>,
    /// What they say.
    pub texts: Vec<String>,
    /// The state that they lead to.
    pub state: InternedState<System>,
}

/// Takes the steps with these numbers.
pub fn follow(model: &Interned<System>, path: &[usize]) -> Result<Journey, Complaint> {
    let state = start(model);
    let mut journey = Journey { actions: Vec::new(), texts: Vec::new(), state };
    for (place, number) in path.iter().enumerate() {
        let mut choices = choices(model, &journey.state);
        if *number >= choices.len() {
            let there = choices.len();
            return Err(Complaint(format!(
                "step {} of the path has number {number}, but {there} steps are possible there: the link \
                 is mistyped, or was made by another version",
                place + 1
            )));
        }
        journey.take(choices.swap_remove(*number));
    }
    Ok(journey)
}

impl Journey {
    /// Takes a step that is possible at its end.
    pub fn take(&mut self, choice: Choice) {
        self.actions.push(choice.action);
        self.texts.push(choice.text);
        self.state = choice.next;
    }
}

/// The state in which a model begins.
pub fn start(model: &Interned<System>) -> InternedState<System> {
    settled(model, model.init_states().swap_remove(0))
}

/// The steps of a state in the order of their numbers.
pub fn choices(model: &Interned<System>, state: &InternedState<System>) -> Vec<Choice> {
    let system = model.tables().system();
    let mut moves = Vec::new();
    model.actions(state, &mut moves);
    let choice = |chosen: chinwag_models::engine::Move<System>| {
        let action = chosen.action();
        let next = settled(model, model.next_state(state, chosen)?);
        Some(Choice { text: files::describe(system, &action), action, next })
    };
    let mut choices: Vec<_> = moves.into_iter().filter_map(choice).collect();
    choices.sort_by_cached_key(|c| (c.text.clone(), c.next.fingerprint()));
    choices
}

/// The state after all eager deliveries.
pub fn settled(
    model: &Interned<System>,
    mut state: InternedState<System>,
) -> InternedState<System> {
    loop {
        let mut moves = Vec::new();
        model.actions(&state, &mut moves);
        let [only] = &moves[..] else { return state };
        if !replay::is_eager(model.tables().system(), &state.snapshot(), &only.action()) {
            return state;
        }
        match model.next_state(&state, only.clone()) {
            Some(next) => state = next,
            None => return state,
        }
    }
}

/// The numbers of these steps.
pub fn numbers(model: &Interned<System>, actions: &[Action]) -> Result<Vec<usize>, Complaint> {
    let mut state = start(model);
    let mut numbers = Vec::new();
    for action in actions {
        let mut choices = choices(model, &state);
        let text = files::describe(model.tables().system(), action);
        let found = choices.iter().position(|choice| choice.action == *action);
        let number = found.ok_or_else(|| {
            let place = numbers.len() + 1;
            Complaint(format!("step {place}, \"{text}\", is not possible on today's code"))
        })?;
        state = choices.swap_remove(number).next;
        numbers.push(number);
    }
    Ok(numbers)
}

/// Where each position of a trace ends: after a chosen step with its eager ones, or after one fair step.
pub fn positions(trace: &Trace<System>) -> Vec<usize> {
    let mut ends = Vec::new();
    for (index, step) in trace.steps.iter().enumerate() {
        let is_news = !(step.stage == Stage::Fair && matches!(step.action, Action::Drop(_)));
        match step.stage {
            Stage::Eager => {}
            // What nobody wants is not news: it belongs to the step before.
            Stage::Fair if !is_news => {}
            Stage::Chosen | Stage::Fair => ends.push(index + 1),
        }
        if let Some(last) = ends.last_mut() {
            *last = index + 1;
        }
    }
    ends
}
