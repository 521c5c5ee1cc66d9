//! Dice: the same throws for the same seed. What they are thrown for depends on the machine's timing.

use proptest::{
    prelude::RngExt,
    test_runner::{RngAlgorithm, TestRng},
};

/// The seed of all scenarios, unless the environment names another one.
const SEED: u64 = 20_261_127;

/// Throws dice.
#[derive(Clone, Debug)]
pub struct Chance(TestRng);

impl Chance {
    /// Depends on these numbers only.
    pub fn of<const N: usize>(numbers: [u64; N]) -> Self {
        const { assert!(N <= 4, "a seed has 32 bytes") };
        let mut seed = [0; 32];
        for (place, number) in seed.chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
    }

    /// From `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        self.0.random_range(least..=most)
    }

    /// True so many times in a thousand.
    pub fn permille(&mut self, chance: u64) -> bool {
        self.between(1, 1_000) <= chance
    }
}

/// The seed: `CHINWAG_FAULTS_SEED`, or always the same. It is printed, which is shown of a test that fails.
pub fn seed() -> u64 {
    let given = std::env::var("CHINWAG_FAULTS_SEED");
    let seed = given.map_or(SEED, |text| text.parse().expect("CHINWAG_FAULTS_SEED is a number"));
    eprintln!("CHINWAG_FAULTS_SEED={seed}");
    seed
}
