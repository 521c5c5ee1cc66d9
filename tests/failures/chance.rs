//! Dice: the same throws for the same seed. What they are thrown for depends on the machine's timing.

/// The seed of all scenarios, unless the environment names another one.
const SEED: u64 = 20_261_127;

/// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Depends on these numbers only.
    pub fn of(numbers: &[u64]) -> Self {
        let mut chance = Self(0);
        for number in numbers {
            chance.0 ^= number;
            chance.0 = chance.next();
        }
        chance
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `least` to `most`, both included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.next() % (most - least + 1)
    }

    /// True so many times in a thousand.
    pub fn permille(&mut self, chance: u64) -> bool {
        self.next() % 1_000 < chance
    }
}

/// The seed: `CHINWAG_FAULTS_SEED`, or always the same. It is printed, which is shown of a test that fails.
pub fn seed() -> u64 {
    let given = std::env::var("CHINWAG_FAULTS_SEED");
    let seed = given.map_or(SEED, |text| text.parse().expect("CHINWAG_FAULTS_SEED is a number"));
    eprintln!("CHINWAG_FAULTS_SEED={seed}");
    seed
}
