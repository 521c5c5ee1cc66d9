//! What the clients of a model saw, for the judges that look at nothing else: no timestamp, no manager.
//!
//! A model keeps histories if its `histories` is set; without, there is nothing to judge, and all is well.

use crate::{
    application::Tag,
    consistency::{
        CausalConsistencyTester,
        sessions::{self, Event, History},
    },
    party::Happening,
    view::View,
};
use serde::Serialize;
use stateright::semantics::{ConsistencyTester, SequentialSpec};
use std::collections::BTreeSet;

/// A message between clients: from whom, to whom. The first of several.
pub type Word = (usize, usize);

/// What the clients saw.
///
/// A client that tells another one several times tells more each time, and which of the messages arrived
/// first is not known. It is taken for the first one, of which the least can be expected.
///
/// The view must have all clients, in their order.
pub fn history(view: &View<'_>) -> History<Tag, Word> {
    view.clients.iter().enumerate().map(|(me, client)| events(me, &client.history)).collect()
}

fn events(me: usize, happenings: &[Happening]) -> Vec<Event<Tag, Word>> {
    let mut told = BTreeSet::new();
    let mut events = Vec::new();
    for happening in happenings {
        match happening {
            Happening::Updated(tag) => events.push(Event::Update(*tag)),
            Happening::Read(order) => events.push(Event::Query(order.clone())),
            Happening::Asked => {}
            Happening::Told(to) if !told.insert(*to) => {}
            Happening::Told(to) => events.push(Event::Send((me, *to as usize))),
            Happening::Heard(from) => events.push(Event::Receive((*from as usize, me))),
        }
    }
    events
}

/// Is there a causal order that explains all that the clients saw? Says also which session guarantee broke,
/// to whoever asks `sessions::all`.
///
/// What was refuted stays refuted, so this need be asked only where the histories end.
pub fn histories_are_causal(view: &View<'_>) -> bool {
    sessions::all(&history(view)).is_ok()
}

/// The same by the exact tester, which knows nothing of transcripts. Exponential.
pub fn is_explained(history: &History<Tag, Word>) -> bool {
    let mut tester = CausalConsistencyTester::new(Chat::default());
    for (client, events) in history.iter().enumerate() {
        for event in events {
            let answer = if let Event::Query(answer) = event { answer.clone() } else { Vec::new() };
            // Only what was sent is received: that it was received is what the object returns.
            let ret = Said { answer, is_possible: true };
            // What a query showed is its return; it may not be part of the question.
            let op =
                if let Event::Query(_) = event { Event::Query(Vec::new()) } else { event.clone() };
            tester.on_invret(client, op, ret).expect("a client does one thing after the other");
        }
    }
    tester.is_consistent()
}

/// A transcript, and messages of which each can be received once it was sent: what clients have dealings
/// with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Chat {
    order: Vec<Tag>,
    sent: BTreeSet<Word>,
}

/// What a [`Chat`] says.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Said {
    /// The order of execution, for a query.
    pub answer: Vec<Tag>,
    /// False where something is received that was not sent.
    pub is_possible: bool,
}

impl SequentialSpec for Chat {
    type Op = Event<Tag, Word>;
    type Ret = Said;

    fn invoke(&mut self, op: &Self::Op) -> Said {
        let mut said = Said { answer: Vec::new(), is_possible: true };
        match op {
            Event::Update(tag) => self.order.push(*tag),
            Event::Query(_) => said.answer = self.order.clone(),
            Event::Send(word) => drop(self.sent.insert(*word)),
            Event::Receive(word) => said.is_possible = self.sent.contains(word),
        }
        said
    }
}
