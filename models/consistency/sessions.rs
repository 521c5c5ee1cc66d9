//! Session guarantees and causal consistency, for services whose answers list the updates that they
//! reflect in the order of execution, as [`Transcript`](chinwag::services::Transcript) does. Deliberately
//! not for other services: that an answer tells its whole past is what makes this polynomial.
//!
//! The four guarantees are those of Terry et al., "Session guarantees for weakly consistent replicated
//! data" (PDIS 1994), read off answers instead of servers: they are P10, P10b and P10c. Causal consistency
//! implies them. Without messages between clients it is no more than them, and that no query reflects an
//! update of the future (Brzezinski, Sobaniec and Wawrzyniak, PDP 2004; `tests/agreement.rs`); with
//! messages, which carry causality past the service, it is.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// Something that one client saw. `U` names updates, each of which is invoked once; `M` names messages.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Event<U, M = u8> {
    /// It asked for an update. Whether it was told that the update was accepted makes no difference.
    Update(U),
    /// It was shown an answer that reflects these updates, executed in this order.
    Query(Vec<U>),
    /// It sent a message to another client.
    Send(M),
    /// It received that message.
    Receive(M),
}

/// The events of each client in order.
pub type History<U, M = u8> = Vec<Vec<Event<U, M>>>;

/// A guarantee that a history does not keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which guarantee.
    pub guarantee: &'static str,
    /// The client that was shown what it should not have been.
    pub client: usize,
    /// Which of its events showed it.
    pub event: usize,
    /// What was wrong with it.
    pub why: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { guarantee, client, event, why } = self;
        write!(f, "{guarantee} is broken: event {event} of client {client} {why}")
    }
}

/// What names updates and messages.
pub trait Name: Copy + Ord + fmt::Debug {}

impl<T: Copy + Ord + fmt::Debug> Name for T {}

/// A query reflects the updates that its client asked for before (P10).
pub fn read_your_writes<U: Name, M: Name>(history: &History<U, M>) -> Result<(), Violation> {
    for query in queries(history) {
        for update in query.before().filter_map(as_update) {
            if !query.answer.contains(&update) {
                let why = format!("does not reflect its own {update:?}");
                return Err(query.violation("read your writes", why));
            }
        }
    }
    Ok(())
}

/// A query reflects what earlier queries of its client reflected (P10).
pub fn monotonic_reads<U: Name, M: Name>(history: &History<U, M>) -> Result<(), Violation> {
    for query in queries(history) {
        for update in query.before().filter_map(as_answer).flatten() {
            if !query.answer.contains(update) {
                let why = format!("does not reflect {update:?}, which the client had been shown");
                return Err(query.violation("monotonic reads", why));
            }
        }
    }
    Ok(())
}

/// An update is executed after the updates that its client asked for before (P10b).
pub fn monotonic_writes<U: Name, M: Name>(history: &History<U, M>) -> Result<(), Violation> {
    let mut causes = Vec::new();
    for events in history {
        let updates: Vec<U> = events.iter().filter_map(as_update).collect();
        for (k, update) in updates.iter().enumerate() {
            causes.extend(updates[..k].iter().map(|before| (*before, *update)));
        }
    }
    executed_in_order(history, "monotonic writes", &causes)
}

/// An update is executed after the updates that its client had been shown (P10c).
pub fn writes_follow_reads<U: Name, M: Name>(history: &History<U, M>) -> Result<(), Violation> {
    let mut causes = Vec::new();
    for events in history {
        for (k, event) in events.iter().enumerate() {
            let Event::Update(update) = event else { continue };
            let shown = events[..k].iter().filter_map(as_answer).flatten();
            // A client that was shown its own update before it asked for it is `causal`'s to report.
            causes.extend(shown.filter(|s| *s != update).map(|before| (*before, *update)));
        }
    }
    executed_in_order(history, "writes follow reads", &causes)
}

/// Causal consistency: answers are explained by the least causal order (P8, P10).
///
/// That order is forced: it holds the order of each client's events, each update before each query that
/// reflects it, each sending before its receipt, and what follows by transitivity. It must be one (no
/// cycles), and each query must reflect exactly the updates before it, in an order that extends it. This is
/// CC of [`super::Level::Causal`] for this kind of service: any other causal order contains this one, and
/// so asks for more.
pub fn causal<U: Name, M: Name>(history: &History<U, M>) -> Result<(), Violation> {
    let updates = positions(history, as_update);
    for query in queries(history) {
        well_formed(&query, &updates)?;
    }
    let order = CausalOrder::of(history, &updates)?;
    for query in queries(history) {
        order.explains(&query, &updates)?;
    }
    Ok(())
}

/// All of the above. The first that is broken, session guarantees first, since they say more.
pub fn all<U: Name, M: Name>(history: &History<U, M>) -> Result<(), Violation> {
    read_your_writes(history)?;
    monotonic_reads(history)?;
    monotonic_writes(history)?;
    writes_follow_reads(history)?;
    causal(history)
}

/// Client and place of an event.
type Position = (usize, usize);

/// A query in its place.
struct Query<'a, U, M> {
    history: &'a History<U, M>,
    at: Position,
    answer: &'a [U],
}

impl<U, M> Query<'_, U, M> {
    fn before(&self) -> impl Iterator<Item = &Event<U, M>> {
        self.history[self.at.0][..self.at.1].iter()
    }

    fn violation(&self, guarantee: &'static str, why: String) -> Violation {
        Violation { guarantee, client: self.at.0, event: self.at.1, why }
    }
}

fn events<U, M>(history: &History<U, M>) -> impl Iterator<Item = (Position, &Event<U, M>)> {
    history.iter().enumerate().flat_map(|(client, events)| {
        events.iter().enumerate().map(move |(k, event)| ((client, k), event))
    })
}

fn queries<U, M>(history: &History<U, M>) -> impl Iterator<Item = Query<'_, U, M>> {
    events(history)
        .filter_map(move |(at, event)| as_answer(event).map(|answer| Query { history, at, answer }))
}

fn as_update<U: Copy, M>(event: &Event<U, M>) -> Option<U> {
    if let Event::Update(update) = event { Some(*update) } else { None }
}

fn as_answer<U, M>(event: &Event<U, M>) -> Option<&[U]> {
    if let Event::Query(answer) = event { Some(answer) } else { None }
}

fn as_sent<U, M: Copy>(event: &Event<U, M>) -> Option<M> {
    if let Event::Send(message) = event { Some(*message) } else { None }
}

/// Where each name was given. Panics if it was given twice: these histories are our own.
fn positions<U: Name, M: Name, N: Name>(
    history: &History<U, M>,
    name: impl Fn(&Event<U, M>) -> Option<N>,
) -> BTreeMap<N, Position> {
    let mut positions = BTreeMap::new();
    for (at, event) in events(history) {
        if let Some(name) = name(event) {
            assert_eq!(positions.insert(name, at), None, "{name:?} names two events");
        }
    }
    positions
}

/// Where an answer reflects the second of two updates, it reflects the first, and before it.
fn executed_in_order<U: Name, M: Name>(
    history: &History<U, M>,
    guarantee: &'static str,
    causes: &[(U, U)],
) -> Result<(), Violation> {
    for query in queries(history) {
        let place = |update: &U| query.answer.iter().position(|shown| shown == update);
        for (cause, effect) in causes {
            let Some(effect_place) = place(effect) else { continue };
            if place(cause).is_none_or(|cause_place| cause_place > effect_place) {
                let why = format!("reflects {effect:?} without {cause:?} before it");
                return Err(query.violation(guarantee, why));
            }
        }
    }
    Ok(())
}

/// An answer lists updates that someone asked for, each once.
fn well_formed<U: Name, M>(
    query: &Query<'_, U, M>,
    updates: &BTreeMap<U, Position>,
) -> Result<(), Violation> {
    for (k, update) in query.answer.iter().enumerate() {
        if !updates.contains_key(update) {
            let why = format!("reflects {update:?}, which nobody asked for");
            return Err(query.violation("integrity", why));
        }
        if query.answer[..k].contains(update) {
            let why = format!("reflects {update:?} twice");
            return Err(query.violation("at most once", why));
        }
    }
    Ok(())
}

/// The least causal order of a history.
struct CausalOrder {
    /// All events before each event.
    pasts: BTreeMap<Position, BTreeSet<Position>>,
}

impl CausalOrder {
    fn of<U: Name, M: Name>(
        history: &History<U, M>,
        updates: &BTreeMap<U, Position>,
    ) -> Result<Self, Violation> {
        let sent = positions(history, as_sent);
        let direct = |(client, k): Position| -> Vec<Position> {
            let previous = k.checked_sub(1).map(|k| (client, k)).into_iter();
            let others = match &history[client][k] {
                Event::Update(_) | Event::Send(_) => Vec::new(),
                Event::Query(answer) => answer.iter().map(|update| updates[update]).collect(),
                Event::Receive(message) => {
                    vec![*sent.get(message).expect("only what was sent is received")]
                }
            };
            previous.chain(others).collect()
        };
        let mut pasts: BTreeMap<Position, BTreeSet<Position>> = BTreeMap::new();
        let mut left: Vec<Position> = events(history).map(|(at, _)| at).collect();
        while let Some(first) = left.first().copied() {
            let before = left.len();
            left.retain(|at| {
                let direct = direct(*at);
                if !direct.iter().all(|cause| pasts.contains_key(cause)) {
                    return true;
                }
                let past = direct.iter().flat_map(|cause| pasts[cause].iter().chain([cause]));
                let past = past.copied().collect();
                pasts.insert(*at, past);
                false
            });
            if left.len() == before {
                let why = "is, or depends on, its own cause".to_string();
                let (client, event) = first;
                return Err(Violation { guarantee: "causality", client, event, why });
            }
        }
        Ok(Self { pasts })
    }

    fn explains<U: Name, M>(
        &self,
        query: &Query<'_, U, M>,
        updates: &BTreeMap<U, Position>,
    ) -> Result<(), Violation> {
        let violation = |why| Err(query.violation("causal consistency", why));
        for (update, at) in updates {
            if self.pasts[&query.at].contains(at) && !query.answer.contains(update) {
                return violation(format!("does not reflect {update:?}, which is in its past"));
            }
        }
        for (k, effect) in query.answer.iter().enumerate() {
            let past = &self.pasts[&updates[effect]];
            if let Some(cause) = query.answer[k..].iter().find(|u| past.contains(&updates[u])) {
                return violation(format!("reflects {effect:?} before its cause {cause:?}"));
            }
        }
        Ok(())
    }
}
