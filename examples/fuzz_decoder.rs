//! Feeds damaged datagrams to the decoder, and damaged sealed ones to the sealer, for as long as one likes.
//!
//! ```sh
//! cargo run --release --example fuzz_decoder -- --inputs 100000000 --seed 1
//! ```
//!
//! It starts from a datagram of each kind and from what is in `tests/corpus`, and knows how they are made up;
//! it does not look which code was reached. A panic is a finding, and so is a datagram that is read, written
//! again and then reads otherwise, or a changed sealed one that is opened. With `--keep DIR`, the first input
//! of each outcome is kept there.

use chinwag::{
    Service,
    runtime::{DecodeError, KeyRing, KeyUse, Opened, Party, Sealer},
    services::{BulletinBoard, Counter, OrSet, RegisterMap},
};
use std::{collections::BTreeMap, fs, net::SocketAddr, path::Path, time::Instant};

#[path = "../tests/common/mutate.rs"]
mod mutate;
use mutate::{Chance, codec, mutate as damage, seeds};

/// One input in so many goes to the sealer.
const SEALED_EVERY: u64 = 16;

/// Inputs between two lines of progress.
const PROGRESS_EVERY: u64 = 10_000_000;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name);
        at.and_then(|at| arguments.get(at + 1))
    };
    let number = |name, default| option(name).map_or(default, |n| n.parse().expect("a number"));
    let (inputs, seed) = (number("--inputs", 1_000_000), number("--seed", 1));
    println!("{inputs} inputs, seed {seed}");

    let mut corpus: Vec<Vec<u8>> = seeds().into_iter().map(|(_, bytes)| bytes).collect();
    corpus.extend(kept());
    let (mut chance, mut sealed) = (Chance(seed), Sealed::new());
    let mut outcomes: BTreeMap<&str, u64> = BTreeMap::new();
    let start = Instant::now();
    for n in 1..=inputs {
        let outcome = if n % SEALED_EVERY == 0 {
            sealed.one(&mut chance)
        } else {
            let mut bytes = corpus[chance.below(corpus.len())].clone();
            let other = chance.below(corpus.len());
            damage(&mut bytes, &corpus[other], &mut chance);
            let outcome = match chance.below(8) {
                0 => one::<Counter>(&bytes),
                1 => one::<OrSet>(&bytes),
                2 => one::<BulletinBoard>(&bytes),
                _ => one::<RegisterMap>(&bytes),
            };
            if let (Some(directory), false) = (option("--keep"), outcomes.contains_key(outcome)) {
                let name = outcome.replace(' ', "-");
                fs::write(Path::new(directory).join(name), &bytes).expect("it can be kept");
            }
            outcome
        };
        *outcomes.entry(outcome).or_default() += 1;
        if n % PROGRESS_EVERY == 0 {
            println!("{n} inputs, {:.0} a second", n as f64 / start.elapsed().as_secs_f64());
        }
    }
    for (outcome, count) in &outcomes {
        println!("{count:>12} {outcome}");
    }
    println!("{inputs} inputs, seed {seed}: no finding");
}

/// What is checked in.
fn kept() -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut files: Vec<_> =
        fs::read_dir(directory).into_iter().flatten().flatten().map(|file| file.path()).collect();
    files.sort();
    files.iter().map(|path| fs::read(path).expect("the corpus can be read")).collect()
}

fn one<S: Service>(bytes: &[u8]) -> &'static str {
    match codec().decode::<S>(bytes) {
        Ok((sender, packet)) => {
            // Towards one for whom this kind has the form that the low half of the version names.
            let same = codec().towards(bytes[2] & 0x0f);
            let written = same.encode(sender, &packet);
            // Numbers have longer forms than those that we write, never shorter ones.
            let written = written.expect("what was read can be written");
            let again = codec().decode::<S>(&written).expect("and read again");
            assert!(again == (sender, packet), "it reads otherwise: {bytes:02x?}");
            "read"
        }
        Err(error) => DecodeError::reason(error),
    }
}

/// A replica manager that knows a client, and a datagram of that client's.
struct Sealed {
    replica: Sealer,
    good: Vec<u8>,
}

impl Sealed {
    fn new() -> Self {
        let mut ring = KeyRing::default();
        ring.add(KeyUse::Peer).and_then(|_| ring.add(KeyUse::Client)).expect("there is room");
        let cluster = codec().cluster;
        let mut replica = Sealer::new(Party::Replica, cluster, ring.clone(), [1; 40]);
        let mut client = Sealer::new(Party::Client, cluster, ring, [2; 40]);
        let (here, there) = (address(1), address(2));
        let (_, query) =
            seeds().into_iter().find(|(name, _)| name == "query").expect("it is there");
        let hello = client.seal(there, &query).expect("there is a key");
        let Ok(Opened::Answer(challenge, _)) = replica.open(here, &hello) else { panic!() };
        let Ok(Opened::Answer(good, _)) = client.open(there, &challenge) else { panic!() };
        replica.open(here, &good).expect("it is proved");
        let good = client.seal(there, &query).expect("there is a key");
        Self { replica, good }
    }

    fn one(&mut self, chance: &mut Chance) -> &'static str {
        let mut bytes = self.good.clone();
        damage(&mut bytes, &self.good, chance);
        match self.replica.open(address(1), &bytes) {
            Ok(_) if bytes != self.good => panic!("forged: {bytes:02x?}"),
            Ok(_) => "sealed: opened, unchanged",
            Err(why) => why.reason(),
        }
    }
}

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}
