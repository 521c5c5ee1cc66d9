//! What becomes of a datagram under way. Each link throws its own dice, by the count of its datagrams.

use crate::{random::Random, scenario::Setting};
use chinwag::{
    Service,
    runtime::{Codec, DATAGRAM_BYTES_MAX},
};
use std::collections::{BTreeMap, BTreeSet};

/// Where datagrams come from and go to: replica managers first, then clients.
pub type Place = u16;

/// A datagram takes at most so many milliseconds in calm weather.
const CALM_MS: u64 = 10;

/// One that comes again late comes after a minute at the earliest and four at the latest.
const LATE_MS: (u64, u64) = (60_000, 240_000);

/// How often each thing happened to a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    /// Sent.
    pub sent: u64,
    /// Lost by chance.
    pub lost: u64,
    /// Lost at a partition.
    pub cut: u64,
    /// Held up at a clogged link.
    pub clogged: u64,
    /// Came twice, soon.
    pub twice: u64,
    /// Came once more, minutes later.
    pub late: u64,
    /// Changed on its way.
    pub corrupt: u64,
    /// Of these, so many could still be read, and were dropped as UDP's checksum would.
    pub checksum: u64,
    /// Took up to a hundred times as long.
    pub stray: u64,
}

/// The links between all.
#[derive(Debug)]
pub struct Network {
    seed: u64,
    set: Setting,
    counts: BTreeMap<(Place, Place), u64>,
    cut: BTreeMap<(Place, Place), u64>,
    clogged: BTreeMap<(Place, Place), u64>,
    severed: BTreeSet<(Place, Place)>,
    /// Nothing goes wrong from or to these.
    pub favoured: Vec<Place>,
    /// Nothing goes wrong any more.
    pub calm: bool,
    /// What happened.
    pub weather: Weather,
}

impl Network {
    /// With nothing under way.
    pub fn new(seed: u64, set: Setting) -> Self {
        Self {
            seed,
            set,
            counts: BTreeMap::new(),
            cut: BTreeMap::new(),
            clogged: BTreeMap::new(),
            severed: BTreeSet::new(),
            favoured: Vec::new(),
            calm: false,
            weather: Weather::default(),
        }
    }

    /// Nothing passes this way until then.
    pub fn cut(&mut self, link: (Place, Place), until: u64) {
        let known = self.cut.entry(link).or_default();
        *known = until.max(*known);
    }

    /// What is sent this way waits until then.
    pub fn clog(&mut self, link: (Place, Place), until: u64) {
        let known = self.clogged.entry(link).or_default();
        *known = until.max(*known);
    }

    /// Nothing passes either way until [`Network::join`].
    pub fn sever(&mut self, (a, b): (Place, Place)) {
        self.severed.extend([(a, b), (b, a)]);
    }

    /// All links are as they should be, but for those that are severed.
    pub fn mend(&mut self) {
        self.calm = true;
        self.cut.clear();
        self.clogged.clear();
    }

    /// Severed links are whole again. Were there any?
    pub fn join(&mut self) -> bool {
        !std::mem::take(&mut self.severed).is_empty()
    }

    /// Is a link severed?
    pub fn is_severed(&self) -> bool {
        !self.severed.is_empty()
    }

    /// When what arrives, if anything does. Moments are in microseconds.
    pub fn send<S: Service>(
        &mut self,
        now: u64,
        link: (Place, Place),
        codec: &Codec,
        bytes: Vec<u8>,
    ) -> Vec<(u64, Vec<u8>)> {
        let count = self.counts.entry(link).or_default();
        *count += 1;
        let mut dice = Random::of(&[self.seed, link.0.into(), link.1.into(), *count]);
        self.weather.sent += 1;
        let favoured = [link.0, link.1].iter().any(|place| self.favoured.contains(place));
        if self.severed.contains(&link) && !favoured {
            self.weather.cut += 1;
            return Vec::new();
        }
        if self.calm || favoured {
            return vec![(now + dice.between(100, CALM_MS * 1_000), bytes)];
        }
        if self.cut.get(&link).is_some_and(|until| now < *until) {
            self.weather.cut += 1;
            return Vec::new();
        }
        if dice.chance(self.set.loss) {
            self.weather.lost += 1;
            return Vec::new();
        }
        let free = self.clogged.get(&link).copied().unwrap_or_default().max(now);
        self.weather.clogged += u64::from(free > now);
        let mut arrivals = Vec::new();
        if dice.chance(self.set.twice) {
            self.weather.twice += 1;
            arrivals.push((free + self.delay(&mut dice), bytes.clone()));
        }
        if dice.chance(self.set.late) {
            self.weather.late += 1;
            let after = dice.between(LATE_MS.0, LATE_MS.1) * 1_000;
            arrivals.push((free + after, bytes.clone()));
        }
        let at = free + self.delay(&mut dice);
        match dice.chance(self.set.corrupt) {
            false => arrivals.push((at, bytes)),
            true => {
                self.weather.corrupt += 1;
                let changed = corrupt(&mut dice, bytes);
                // The wire has no checksum of its own: what is changed and can still be read is left to
                // that of UDP.
                match codec.decode::<S>(&changed) {
                    Ok(_) => self.weather.checksum += 1,
                    Err(_) => arrivals.push((at, changed)),
                }
            }
        }
        arrivals
    }

    fn delay(&mut self, dice: &mut Random) -> u64 {
        let usual = dice.between(100, self.set.delay_ms * 1_000);
        if !dice.chance(self.set.stray) {
            return usual;
        }
        self.weather.stray += 1;
        usual * dice.between(2, 100)
    }
}

fn corrupt(dice: &mut Random, mut bytes: Vec<u8>) -> Vec<u8> {
    match dice.below(4) {
        0 => bytes.truncate(dice.below(bytes.len() as u64) as usize),
        1 => bytes.extend((0..dice.between(1, 2 * DATAGRAM_BYTES_MAX as u64)).map(|i| i as u8)),
        2 => {
            let from = dice.below(bytes.len() as u64) as usize;
            bytes[from..].fill(0xff);
        }
        _ => {
            for _ in 0..dice.between(1, 4) {
                let at = dice.below(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << dice.below(8);
            }
        }
    }
    bytes
}
