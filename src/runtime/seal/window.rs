//! Which datagrams of one sender came already.

/// How far a datagram may be overtaken before it is dropped as if it had been lost: datagrams of its sender.
pub const REPLAY_WINDOW: u64 = 1_024;

const WORDS: usize = (REPLAY_WINDOW / 64) as usize;

/// The highest number that came, and which of those just below did: a ring of bits.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    /// One above the highest; zero before the first.
    next: u64,
    seen: [u64; WORDS],
}

impl Window {
    /// Could this number be a new one?
    pub fn is_new(&self, number: u64) -> bool {
        number >= self.next
            || self.next - number <= REPLAY_WINDOW && self.seen[word(number)] & bit(number) == 0
    }

    /// It has come.
    pub fn mark(&mut self, number: u64) {
        if number >= self.next {
            let passed = (number - self.next).saturating_add(1).min(REPLAY_WINDOW);
            for n in (number + 1 - passed.min(number + 1))..=number {
                self.seen[word(n)] &= !bit(n);
            }
            self.next = number + 1;
        }
        self.seen[word(number)] |= bit(number);
    }
}

fn word(number: u64) -> usize {
    (number % REPLAY_WINDOW / 64) as usize
}

fn bit(number: u64) -> u64 {
    1 << (number % 64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Against a set of all that came.
    #[test]
    fn a_number_is_new_once_and_only_near_the_highest() {
        let (mut window, mut came, mut state) = (Window::default(), BTreeSet::new(), 7u64);
        let mut refused = 0;
        for _ in 0..100_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let highest = came.last().copied();
            let jump = if state >> 54 == 0 { 5_000 } else { 3 };
            let back = if state >> 62 == 0 { 1_500 } else { 20 };
            let number = highest.unwrap_or(0) + (state >> 33) % jump;
            let number = number.saturating_sub((state >> 40) % back);
            let near = highest.is_none_or(|highest| number + REPLAY_WINDOW > highest);
            let expected = near && !came.contains(&number);
            assert_eq!(window.is_new(number), expected, "{number} at {highest:?}");
            refused += u32::from(!expected);
            if expected {
                window.mark(number);
                came.insert(number);
            }
        }
        assert!((10_000..90_000).contains(&refused), "{refused}");
    }
}
