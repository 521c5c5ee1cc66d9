//! Looks every now and then whether a bound on time or memory is met, or someone has had enough.

use super::options::Options;
use super::report::{End, resident_bytes};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// How often bounds are checked and progress is told.
const TICK: Duration = Duration::from_millis(200);

/// When a search began, and when it last looked at its bounds.
pub(super) struct Watch<'a> {
    options: &'a Options,
    started: Instant,
    looked: Instant,
}

impl<'a> Watch<'a> {
    pub fn start(options: &'a Options) -> Self {
        let now = Instant::now();
        Watch { options, started: now, looked: now }
    }

    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Is it time to look again? Costs next to nothing.
    pub fn is_due(&mut self) -> bool {
        let is_due = self.is_stopped() || self.looked.elapsed() >= TICK;
        if is_due {
            self.looked = Instant::now();
        }
        is_due
    }

    /// The bound that is met, if one is, by a search whose tables take so many bytes.
    pub fn bound_met(&self, own_bytes: u64) -> Option<End> {
        let over =
            |limit: Option<u64>| limit.is_some_and(|max| own_bytes.max(resident_bytes()) > max);
        match self.options {
            _ if self.is_stopped() => Some(End::Stopped),
            options if options.time_max.is_some_and(|max| self.elapsed() >= max) => Some(End::Time),
            options if over(options.memory_max) => Some(End::Memory),
            _ => None,
        }
    }

    fn is_stopped(&self) -> bool {
        self.options.stop.is_some_and(|stop| stop.load(Relaxed))
    }
}
