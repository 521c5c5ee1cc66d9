//! Warnings that cannot flood a log: at most one of a kind at a time, and it says how many there were.

use std::{collections::BTreeMap, time::Duration};

/// How often the same is warned of at most.
pub const WARN_EVERY: Duration = Duration::from_secs(10);

/// When of what was warned last. Kinds are words of the program, so there are few.
#[derive(Debug, Default)]
pub struct Warnings {
    last: BTreeMap<&'static str, (Duration, u64)>,
}

impl Warnings {
    /// It happened. Of how many times a warning is due now, this one included; none if it is too soon.
    pub fn count(&mut self, what: &'static str, now: Duration) -> Option<u64> {
        let Some((warned, silent)) = self.last.get_mut(what) else {
            self.last.insert(what, (now, 0));
            return Some(1);
        };
        *silent += 1;
        if now < *warned + WARN_EVERY {
            return None;
        }
        let count = *silent;
        (*warned, *silent) = (now, 0);
        Some(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_one_warning_at_a_time_and_each_is_counted_once() {
        let (mut warnings, second) = (Warnings::default(), Duration::from_secs(1));
        let told: Vec<_> =
            (0..25).filter_map(|i| warnings.count("flood", i * second).map(|n| (i, n))).collect();
        assert_eq!(told, [(0, 1), (10, 10), (20, 10)]);
        assert_eq!(warnings.count("another", 25 * second), Some(1));
    }
}
