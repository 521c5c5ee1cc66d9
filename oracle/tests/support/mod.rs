//! Every local step of a model's replica managers, compared with what was proved.

use chinwag::{
    Effects, Input, ManagerState, Message, Replica, ReplicaId, ReplicaManager, Rules, Sender,
};
use chinwag_models::{
    application::Application,
    engine::{Cause, Options, Report, Tables, Taken, search},
    model::Model,
    party::{Disk, Life, Local, Manager, ManagerLocal, Party, Turn},
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

/// And in the models of replacement. (Copies are compared too; they stand among other words.)
const REPLACING: [&str; 3] = ["restored", "replacement recorded", "copy asked for"];

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
    let of_managers =
        |kind: &&str| MANAGERS.contains(kind) || model.replaces && REPLACING.contains(kind);
    let kinds = report.kinds.iter().filter(|(kind, _)| of_managers(kind));
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

/// A replica manager's constants (by its place, and whether it has recorded a replacement) and state, and
/// what happened to it.
type Situation = (usize, Life, Arc<ManagerState<Application>>, What);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum What {
    Input(Input<Application>),
    /// It starts with what is on its disk, with these constants after it has recorded a replacement.
    Start(Box<Replica<Application>>, Life),
    /// It is new, and gets a copy.
    Copy(ReplicaId, Box<Replica<Application>>),
    /// It is new, so many others have recorded it, and it asks for a copy.
    Asks(usize),
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
        Some(Local::Manager(after)) => after,
        _ => before,
    };
    let Some(what) = what(system, taken, before, after) else {
        assert_eq!(before.state, after.state, "nothing happens to it");
        return Ok(());
    };
    let situation = (taken.node, before.life, Arc::new(before.state.clone()), what.clone());
    if !seen.insert(situation) {
        return Ok(());
    }
    let rust = compared(oracle, party, before, after, &what);
    let rust = rust.map_err(|mismatch| (format!("{what:?}\nat {:?}", before.state), mismatch))?;
    assert_eq!(rust, after.state, "the search took another step than the handler");
    Ok(())
}

/// What happened to it that it takes notice of.
fn what(
    system: &System,
    taken: &Taken<'_, System>,
    before: &ManagerLocal,
    after: &ManagerLocal,
) -> Option<What> {
    let start = |disk: &Replica<_>| Some(What::Start(Box::new(disk.clone()), after.life));
    match &taken.cause {
        Cause::Message(envelope) => {
            let sender = system.sender(envelope.src);
            match (&envelope.message, before.life) {
                (Message::Tell { .. }, Life::Waits { .. }) if after.life == Life::Recorded => {
                    let Sender::Replica(of) = sender else { unreachable!("managers tell") };
                    Some(What::Copy(of, Box::new(after.disk.clone())))
                }
                (Message::Tell { .. }, _) | (_, Life::Lost | Life::Waits { .. }) => None,
                (Message::Update(_), Life::Restored) => None,
                (message, _) => Some(What::Input(Input::Message(sender, message.clone()))),
            }
        }
        Cause::Event(Happens::Timer(timer)) => Some(What::Input(Input::Timer(*timer))),
        Cause::Event(Happens::Crash) => start(&before.disk),
        Cause::Event(Happens::Turn(Turn::Restored | Turn::Records)) => start(&after.disk),
        Cause::Event(Happens::Turn(Turn::Copies(_))) => {
            let Life::Waits { confirmed, .. } = before.life else { unreachable!("it waits") };
            Some(What::Asks(confirmed.count_ones() as usize))
        }
        Cause::Event(Happens::Turn(Turn::BackedUp | Turn::Lost | Turn::Asks)) => None,
    }
}

fn compared(
    oracle: &Oracle,
    party: &Manager,
    before: &ManagerLocal,
    after: &ManagerLocal,
    what: &What,
) -> Result<ManagerState<Application>, Mismatch> {
    match what {
        What::Input(input) => {
            let node = party.node_of(before);
            let (state, fx) = oracle.step(node, &before.state, input)?;
            is_cut(oracle, party, node, &fx)?;
            Ok(state)
        }
        What::Start(disk, _) => oracle.start(party.node_of(after), (**disk).clone()),
        What::Copy(of, copy) => oracle.start_with_copy(&party.node, *of, (**copy).clone()),
        What::Asks(confirmed) => {
            let others = party.node.group.members().count() - 1;
            assert!(oracle.may_copy(party.node.rules(), *confirmed, others)?, "it asks");
            Ok(after.state.clone())
        }
    }
}

/// Are the messages of this step cut as they are proved to be?
fn is_cut(
    oracle: &Oracle,
    party: &Manager,
    node: &ReplicaManager,
    fx: &Effects<Application>,
) -> Result<(), Mismatch> {
    let max = party.records_per_gossip_max;
    for (_, message) in &fx.sends {
        if let Message::Gossip(gossip) = message
            && gossip.log.len() > max
        {
            let pieces = gossip.clone().fragments(max, |_| 1);
            oracle.is_cut(node.group, gossip, &pieces)?;
        }
    }
    Ok(())
}
