//! What a host recorded of a run over UDP, as events for the proved checker.

use crate::trace::{Event, Happened};
use chinwag::{
    Effects, Input, Message, Service,
    runtime::{TraceInput, TraceStep},
};

/// The events of one replica manager, of all its starts in order.
///
/// An update that found no room on the disk is no event: no handler saw it. Of a start that ended by itself,
/// the last batch is none either if the next start does not recover it: it was written down before it was
/// journalled, and nothing of it was sent.
pub fn events<'a, S: Service>(
    boots: impl IntoIterator<Item = &'a [TraceStep<S>]>,
) -> Vec<Event<S>> {
    let boots: Vec<_> = boots.into_iter().collect();
    let nexts = boots.iter().skip(1).map(|next| next.first()).chain([None]);
    let all = boots.iter().zip(nexts).flat_map(|(boot, next)| kept(boot, next));
    all.filter_map(event).collect()
}

fn kept<'a, S: Service>(
    boot: &'a [TraceStep<S>],
    next: Option<&TraceStep<S>>,
) -> &'a [TraceStep<S>] {
    let (Some(last), Some(TraceInput::Start { replica })) = (boot.last(), next.map(|n| &n.input))
    else {
        return boot;
    };
    match last.after.replica == *replica {
        true => boot,
        false => &boot[..boot.partition_point(|step| step.commit < last.commit)],
    }
}

fn event<S: Service>(step: &TraceStep<S>) -> Option<Event<S>> {
    let mut sends = step.sends.clone();
    let happened = match &step.input {
        TraceInput::Start { .. } => {
            // The driver's, not the protocol's: it asks everyone for what it missed.
            sends.retain(|(_, message)| !matches!(message, Message::Pull { .. }));
            Happened::Start
        }
        TraceInput::Message { from, message } => {
            Happened::Input(Input::Message(*from, message.clone()))
        }
        TraceInput::Timer(timer) => Happened::Input(Input::Timer(*timer)),
        TraceInput::GiveUp { queries } => Happened::GiveUp(queries.clone()),
        TraceInput::TurnedAway { .. } => return None,
    };
    let effects = Effects { journal: step.journal.clone(), sends, ..Effects::default() };
    let after = &step.after;
    let after = [&after.replica_ts, &after.value_ts, &after.discarded].map(Clone::clone);
    Some(Event { happened, effects, after })
}
