//! An operation that panics: the host stops and names it, before anything of its batch is durable or told.

use super::HostError;
use crate::{Replica, Service, runtime::PANIC_TEXT_MAX};
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Runs what calls the service. After an error, `state` is good for naming the operation and no more.
pub(super) fn guard<T, S: Service>(
    state: &mut T,
    handle: impl FnOnce(&mut T),
    replica: impl FnOnce(&T) -> &Replica<S>,
) -> Result<(), HostError> {
    // Safe to unwind through: whoever gets the error drops the state.
    catch_unwind(AssertUnwindSafe(|| handle(state))).map_err(|panic| {
        let record = replica(state).interrupted();
        let applying = record.map(|record| (record.update.id, record.key()));
        HostError::Panicked { applying, why: text(&*panic) }
    })
}

fn text(panic: &(dyn Any + Send)) -> String {
    let literal = panic.downcast_ref::<&str>().copied();
    let said = literal.or(panic.downcast_ref::<String>().map(String::as_str)).unwrap_or_default();
    said[..said.floor_char_boundary(PANIC_TEXT_MAX)].into()
}
