//! Takes the steps of a replay file on today's code.

use crate::{
    Complaint, Ended, Exit,
    cli::Common,
    console::{Console, Ink},
    files::{self, Replay},
    json,
    lab::{self, Panicked},
    names,
    show::{self, Shown},
};
use chinwag_models::{
    engine::{Expectation, Interned, PropertyInfo, Tables, Target, Trace, replay, replay_to},
    story::{self, Action},
    system::System,
};
use stateright::Model as _;
use std::{path::Path, sync::Arc};

/// Replays a file: exit 1 if it still violates its property, 0 if it does not, 3 if it diverges.
pub fn replay_file(path: &Path, common: &Common, console: &Console) -> Ended {
    let file = Replay::read(path)?;
    let refuse = |Complaint(text)| Complaint(format!("{}: refused: {text}", path.display()));
    let model = names::model(&file.model).map_err(refuse)?;
    let mutant = names::mutant_if(file.mutant.as_deref()).map_err(refuse)?;
    let tables = lab::tables(model, mutant);
    let system = tables.system();
    let words = file.property.as_deref();
    let property = words.map(|words| names::property(system, words)).transpose().map_err(refuse)?;
    let actions = file.actions(system).map_err(refuse)?;
    if file.bounds != story::describe_model(model, None) {
        console.warn(&format!("the model has changed since: it was {}", file.bounds));
    }
    let trace = match run(&tables, &actions, property.as_ref()) {
        Ok(Ok(trace)) => trace,
        Ok(Err(index)) => return Ok(diverges(&tables, &actions, index, console)),
        Err(Panicked(text)) => {
            console.say(&console.ink(Ink::Bad, &format!("PANICKED: {text}")));
            return Ok(Exit::Internal);
        }
    };
    let found = property.filter(|p| p.is_found_by(trace.verdict));
    let shown = Shown::of(system, &trace, mutant, found.as_ref());
    let (mut drawn, written) = shown.write(common)?;
    drawn.replay = format!("{} replay {}", files::COMMAND, path.display());
    show::present(console, &drawn, &written);
    let exit = verdict(console, &file, found.as_ref());
    json::write(common, || json::shown("replay", &drawn, exit))?;
    Ok(exit)
}

fn run(
    tables: &Tables<System>,
    actions: &[Action],
    property: Option<&PropertyInfo>,
) -> Result<Result<Trace<System>, usize>, Panicked> {
    let taken = lab::caught(|| match property {
        Some(property) if property.expectation == Expectation::Finally => {
            replay_to(tables, actions, Target::of(property))
        }
        _ => replay(tables, actions),
    });
    taken.map(|trace| trace.map_err(|error| error.index))
}

fn verdict(console: &Console, file: &Replay, found: Option<&PropertyInfo>) -> Exit {
    console.say("");
    match (found, &file.property) {
        (Some(p), _) if p.expectation == Expectation::Sometimes => {
            console.say(&console.ink(Ink::Good, &format!("REPRODUCED: {}.", p.name)));
            Exit::AsExpected
        }
        (Some(p), _) => {
            console.say(&console.ink(Ink::Bad, &format!("REPRODUCED: violates \"{}\".", p.name)));
            Exit::Violation
        }
        (None, Some(sentence)) => {
            let words = "NOT REPRODUCED: all steps are possible, and the property is not violated";
            console.say(&console.ink(Ink::Good, &format!("{words}: \"{sentence}\".")));
            Exit::AsExpected
        }
        (None, None) => {
            console.say("All steps are possible.");
            Exit::AsExpected
        }
    }
}

/// Says where, and what is possible there instead.
fn diverges(
    tables: &Arc<Tables<System>>,
    actions: &[Action],
    index: usize,
    console: &Console,
) -> Exit {
    let system = tables.system();
    console.say(
        &console.ink(Ink::Warn, &format!("DIVERGES at action {} of {}:", index + 1, actions.len())),
    );
    console.say(&format!("  {}", files::describe(system, &actions[index])));
    console.say("is not possible on today's code after the actions before it. What is:");
    for possible in possible_after(tables, &actions[..index]) {
        console.say(&format!("  {}", files::describe(system, &possible)));
    }
    Exit::CutOff
}

fn possible_after(tables: &Arc<Tables<System>>, actions: &[Action]) -> Vec<Action> {
    let model = Interned::over(Arc::clone(tables));
    let mut state = model.init_states().swap_remove(0);
    let mut todo = actions.iter();
    loop {
        let mut moves = Vec::new();
        model.actions(&state, &mut moves);
        let eager =
            moves.len() == 1 && is_eager(tables.system(), &state.snapshot(), &moves[0].action());
        let next = match eager {
            true => moves.pop(),
            false => {
                let Some(action) = todo.next() else {
                    return moves.iter().map(|m| m.action()).collect();
                };
                moves.into_iter().find(|m| m.action() == *action)
            }
        };
        match next.and_then(|next| model.next_state(&state, next)) {
            Some(after) => state = after,
            None => return Vec::new(),
        }
    }
}

/// Is this the delivery of a message that arrives at once, in this state?
pub fn is_eager(system: &System, state: &story::Snapshot, action: &Action) -> bool {
    use chinwag_models::engine::System as _;
    match action {
        Action::Deliver { envelope, node } if system.rules().eager => {
            system.is_eager(*node, &state.locals[*node], envelope.src, &envelope.message)
        }
        _ => false,
    }
}
