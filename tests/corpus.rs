//! The corpus of the fuzzer, replayed: every outcome has an input, and none takes more memory than it should.
#![cfg(feature = "runtime")]

use chinwag::{Service, runtime::DecodeError, services::RegisterMap};
use std::{collections::BTreeMap, fs, path::Path};

#[path = "common/mutate.rs"]
mod mutate;
use mutate::{Chance, codec, mutate as damage, seeds};

/// Bytes that reading a datagram may allocate at once for each of its own bytes. An empty string takes one
/// byte on the wire and 24 in memory, and a vector of them grows by doubling.
const ALLOCATED_PER_BYTE: u64 = 80;

/// And in any case.
const ALLOCATED_ALWAYS: u64 = 256;

fn corpus() -> BTreeMap<String, Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let files = fs::read_dir(directory).unwrap().map(Result::unwrap);
    let read = |file: fs::DirEntry| {
        (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap())
    };
    files.map(read).collect()
}

fn outcome<S: Service>(bytes: &[u8]) -> &'static str {
    codec().decode::<S>(bytes).map_or_else(DecodeError::reason, |_| "read")
}

/// Each file is called as what it came to for one of the services.
#[test]
fn every_input_of_the_corpus_comes_to_what_it_came_to() {
    use chinwag::services::{BulletinBoard, Counter, OrSet};
    let corpus = corpus();
    assert!(corpus.len() >= 14, "{:?}", corpus.keys());
    for (name, bytes) in &corpus {
        let outcomes = [
            outcome::<RegisterMap>(bytes),
            outcome::<Counter>(bytes),
            outcome::<OrSet>(bytes),
            outcome::<BulletinBoard>(bytes),
        ];
        assert!(outcomes.contains(&name.replace('-', " ").as_str()), "{name}: {outcomes:?}");
    }
}

#[test]
fn reading_a_datagram_allocates_in_proportion_to_it() {
    let mut inputs: Vec<Vec<u8>> = corpus().into_values().collect();
    inputs.extend(seeds().into_iter().map(|(_, bytes)| bytes));
    inputs.push(many_strings());
    let (mut chance, kept) = (Chance(1), inputs.clone());
    for _ in 0..100_000 {
        let mut bytes = kept[chance.below(kept.len())].clone();
        damage(&mut bytes, &kept[chance.below(kept.len())], &mut chance);
        inputs.push(bytes);
    }
    let mut most = 0;
    for bytes in &inputs {
        let info = allocation_counter::measure(|| drop(codec().decode::<RegisterMap>(bytes)));
        let allowed = ALLOCATED_ALWAYS + ALLOCATED_PER_BYTE * bytes.len() as u64;
        assert!(
            info.bytes_max <= allowed,
            "{} for {} bytes: {bytes:02x?}",
            info.bytes_max,
            bytes.len()
        );
        most = most.max(info.bytes_max);
    }
    assert!(most > 10_000, "nothing was counted: {most}");
}

/// An answer of empty strings, which take 24 times as much in memory as on the wire.
fn many_strings() -> Vec<u8> {
    let (_, answer) = seeds().into_iter().find(|(name, _)| name == "answer").unwrap();
    let strings = [&answer[..answer.len() - 10], &[0xf4, 0x07], &[0; 1_012][..]].concat();
    assert_eq!(outcome::<RegisterMap>(&strings), "read", "{answer:02x?}");
    strings
}
