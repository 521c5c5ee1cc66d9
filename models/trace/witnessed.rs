//! A service that also remembers in which order its updates ran. It is written and read as the service is, so
//! digests and messages are the same with it.

use chinwag::{Applied, RequestId, Service};
use serde::{Deserialize, Serialize};

/// A value with the order of execution beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent, bound = "")]
pub struct Witnessed<S: Service> {
    /// The service's own value.
    pub value: S,
    /// The updates that ran here, in order.
    #[serde(skip)]
    pub order: Vec<RequestId>,
}

impl<S: Service> Service for Witnessed<S> {
    type Op = S::Op;
    type Query = S::Query;
    type Answer = S::Answer;

    fn apply(&mut self, update: Applied<'_, S::Op>) {
        self.order.push(update.id);
        self.value.apply(update);
    }

    fn also_stamped(&mut self, update: Applied<'_, S::Op>) {
        self.value.also_stamped(update);
    }

    fn answer(&self, query: &S::Query) -> S::Answer {
        self.value.answer(query)
    }
}
