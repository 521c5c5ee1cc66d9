//! A service as a sequential specification, so that testers can judge histories of the shipped ones.

use chinwag::{Applied, RequestId, Service, Timestamp};
use serde::Serialize;
use stateright::semantics::SequentialSpec;

/// A [`Service`] that executes one operation after the other.
///
/// Each update has all earlier ones in its past. That is the right specification for a service whose
/// answers are those of *some* sequence: a transcript, a counter, a board. To one that shows concurrency
/// ([`OrSet`](chinwag::services::OrSet), [`RegisterMap`](chinwag::services::RegisterMap)) it denies that
/// there is any, and a history with siblings, say, is rightly not consistent with it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct ServiceSpec<S> {
    value: S,
    executed: u64,
}

/// What a client asks a [`ServiceSpec`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum ServiceOp<Op, Query> {
    /// An update, by its name, which some services show.
    Update(RequestId, Op),
    /// A query.
    Query(Query),
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum ServiceRet<Answer> {
    /// The update was accepted; that is all an update returns.
    Accepted,
    /// The query's answer.
    Answer(Answer),
}

impl<S: Service> SequentialSpec for ServiceSpec<S> {
    type Op = ServiceOp<S::Op, S::Query>;
    type Ret = ServiceRet<S::Answer>;

    fn invoke(&mut self, op: &Self::Op) -> Self::Ret {
        match op {
            ServiceOp::Update(id, op) => {
                let prev = Timestamp::from_iter([self.executed]);
                self.executed += 1;
                let ts = Timestamp::from_iter([self.executed]);
                self.value.apply(Applied { op, id: *id, prev: &prev, ts: &ts });
                ServiceRet::Accepted
            }
            ServiceOp::Query(query) => ServiceRet::Answer(self.value.answer(query)),
        }
    }
}
