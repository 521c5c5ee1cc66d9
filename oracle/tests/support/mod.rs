//! Every local step of a model's replica managers, compared with what was proved.

use chinwag::{Input, ManagerState, Rules};
use chinwag_models::{
    application::Application,
    engine::{Cause, Options, Report, Tables, Taken, search},
    model::Model,
    party::{Disk, Local, Party},
    system::{Happens, System},
};
use chinwag_oracle::{Mismatch, Oracle};
use std::{collections::HashSet, sync::Arc};

/// What was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Different pairs of a replica manager's state and what happened to it.
    pub steps: usize,
    /// Steps of the whole system in which a replica manager took one of them.
    pub transitions: u64,
}

/// The kinds of actions in which a replica manager takes a step.
const MANAGERS: [&str; 6] = ["update", "query", "gossip", "pull", "gossip timer", "crash"];

/// Searches a model and compares every step that a replica manager took in it.
pub fn compare(
    oracle: &Oracle,
    model: &Model,
    rules: &'static Rules,
    states_max: Option<u64>,
) -> (Report, Result<Compared, (String, Mismatch)>) {
    let system = Arc::new(System::new(model, rules, Disk::Honest));
    let tables = Tables::new(system.clone(), system.rules());
    let options = Options { threads: 1, keep_going: true, states_max, ..Options::default() };
    let report = search(&tables, &options, &mut |_| {});
    let kinds = report.kinds.iter().filter(|(kind, _)| MANAGERS.contains(kind));
    let mut compared = Compared { steps: 0, transitions: kinds.map(|(_, count)| count).sum() };
    let mut seen = HashSet::new();
    let mut differs = None;
    tables.each_step(|taken| {
        if differs.is_none() {
            differs = step(oracle, &system, &taken, &mut seen).err();
        }
    });
    compared.steps = seen.len();
    (report, differs.map_or(Ok(compared), Err))
}

/// A replica manager's state and what happened to it.
type Situation = (usize, Arc<ManagerState<Application>>, What);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum What {
    Input(Input<Application>),
    Crash(Box<chinwag::Replica<Application>>),
}

fn step(
    oracle: &Oracle,
    system: &System,
    taken: &Taken<'_, System>,
    seen: &mut HashSet<Situation>,
) -> Result<(), (String, Mismatch)> {
    let (Party::Manager(party), Local::Manager(before)) =
        (&system.parties[taken.node], taken.before)
    else {
        return Ok(());
    };
    let after = match taken.after {
        Some(Local::Manager(after)) => &after.state,
        _ => &before.state,
    };
    let what = match &taken.cause {
        Cause::Message(envelope) => {
            let sender = system.sender(envelope.src);
            What::Input(Input::Message(sender, envelope.message.clone()))
        }
        Cause::Event(Happens::Timer(timer)) => What::Input(Input::Timer(*timer)),
        Cause::Event(Happens::Turn(_)) => return Ok(()),
        Cause::Event(Happens::Crash) => What::Crash(Box::new(before.disk.clone())),
    };
    if !seen.insert((taken.node, Arc::new(before.state.clone()), what.clone())) {
        return Ok(());
    }
    let rust = match &what {
        What::Input(input) => {
            oracle.step(&party.node, &before.state, input).map(|(after, _)| after)
        }
        What::Crash(disk) => oracle.start(&party.node, (**disk).clone()),
    };
    let rust = rust.map_err(|mismatch| (format!("{what:?}\nat {:?}", before.state), mismatch))?;
    assert_eq!(rust, *after, "the search took another step than the handler");
    Ok(())
}
