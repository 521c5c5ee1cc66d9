//! Looks for the nearest violation from a state on, and walks at random from there.

use super::journey::{self, Journey};
use crate::walk::Random;
use chinwag_models::{
    engine::{Interned, InternedState},
    story::Action,
    system::System,
};
use stateright::Model as _;
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

/// States after which the search gives up: a person waits for it.
const STATES_MAX: usize = 200_000;
/// Time after which it gives up.
const TIME_MAX: Duration = Duration::from_secs(20);

/// What came of looking.
pub enum Nearest {
    /// These steps lead to a violation, and none leads to one in fewer.
    Found(Vec<Action>),
    /// No state that can be reached from here violates anything.
    None,
    /// A bound was met after so many states.
    Cut(usize),
}

/// The nearest state, from this one on, that violates a property.
pub fn violation(model: &Interned<System>, from: &InternedState<System>) -> Nearest {
    let started = Instant::now();
    let mut known = HashSet::from([from.fingerprint()]);
    // Each with the place of the state before it, and the step between them.
    let mut found: Vec<(InternedState<System>, usize, Option<Action>)> =
        vec![(from.clone(), 0, None)];
    let mut at = 0;
    while at < found.len() {
        if found.len() > STATES_MAX || started.elapsed() > TIME_MAX {
            return Nearest::Cut(found.len());
        }
        let mut moves = Vec::new();
        model.actions(&found[at].0, &mut moves);
        for chosen in moves {
            let action = chosen.action();
            let Some(next) = model.next_state(&found[at].0, chosen) else { continue };
            let next = journey::settled(model, next);
            if !known.insert(next.fingerprint()) {
                continue;
            }
            let is_goal = model.judge(&next).violated != 0;
            found.push((next, at, Some(action)));
            if is_goal {
                return Nearest::Found(way(&found));
            }
        }
        at += 1;
    }
    Nearest::None
}

/// The steps to the last state that was found.
fn way(found: &[(InternedState<System>, usize, Option<Action>)]) -> Vec<Action> {
    let (mut steps, mut at) = (Vec::new(), found.len() - 1);
    while let (_, before, Some(action)) = &found[at] {
        steps.push(action.clone());
        at = *before;
    }
    steps.reverse();
    steps
}

/// Goes on at random for so many steps, or until something is violated; the numbers of the steps taken.
pub fn walk(
    model: &Interned<System>,
    journey: &mut Journey,
    seed: u64,
    steps: usize,
) -> Vec<usize> {
    let mut random = Random(seed);
    let mut numbers = Vec::new();
    while numbers.len() < steps {
        let mut choices = journey::choices(model, &journey.state);
        if choices.is_empty() {
            break;
        }
        let number = random.below(choices.len());
        journey.take(choices.swap_remove(number));
        numbers.push(number);
        if model.judge(&journey.state).violated != 0 {
            break;
        }
    }
    numbers
}
