//! Ways in which the event of a trace can be altered.

use chinwag::{
    Input, Message, ReplicaId, Service,
    services::{RegisterMap, RegisterQuery},
};
use chinwag_oracle::{Event, Happened};

/// Alters an event, if it can be altered so.
pub type Alteration = fn(&mut Event<RegisterMap>) -> bool;

/// What no run does: each turns some event of an accepted trace into one that is refused.
pub const ALTERATIONS: [(&str, Alteration); 6] = [
    ("more was received", |event| {
        event.after[0].set(ReplicaId(0), event.after[0].get(ReplicaId(0)) + 1);
        true
    }),
    ("less is reflected", |event| {
        let count = event.after[1].get(ReplicaId(0));
        event.after[1].set(ReplicaId(0), count.saturating_sub(1));
        count > 0
    }),
    ("a reply's timestamp", |event| {
        event.effects.sends.iter_mut().any(|(_, message)| match message {
            Message::UpdateReply { ts, .. } => {
                ts.set(ReplicaId(0), ts.get(ReplicaId(0)) + 1);
                true
            }
            _ => false,
        })
    }),
    ("nothing is journalled", |event| event.effects.journal.pop().is_some()),
    ("an answer", |event| {
        event.effects.sends.iter_mut().any(|(_, message)| match message {
            Message::QueryReply { answer, .. } => {
                *answer = RegisterMap::default().answer(&RegisterQuery::Get("nothing".into()));
                true
            }
            _ => false,
        })
    }),
    ("gossip that arrives claims more", |event| match &mut event.happened {
        Happened::Input(Input::Message(_, Message::Gossip(gossip))) if gossip.complete => {
            // More than any message ever claims: one more might be true of a later one.
            gossip.ts.set(ReplicaId(0), 1_000);
            true
        }
        _ => false,
    }),
];
