//! Power loss at every step of the storage, with any part of what was not synced left; failing and full
//! disks.
#![cfg(feature = "runtime")]

use chinwag::{
    Group, ReplicaId,
    runtime::{ClusterId, Disk, FaultyDisk, FileStorage, Identity, Saved, Storage, StorageError},
};
use proptest::prelude::*;

/// What the storage may be asked for.
#[derive(Clone, Copy, Debug)]
enum Call {
    Append,
    Sync,
    Checkpoint,
}

use Call::*;

/// Batches with and without a sync of their own, and checkpoints of either.
const SCRIPT: [Call; 14] = [
    Append, Sync, Append, Append, Append, Sync, Checkpoint, Append, Sync, Append, Append,
    Checkpoint, Append, Sync,
];

/// Small enough that the script needs several.
const EXTENT: usize = 96;

/// Pieces of which any may survive: a frame is several.
const PIECE: usize = 8;

/// Choices of which all combinations are tried; of more, as many combinations are drawn.
const CHOICES_MAX: u32 = 13;

fn identity() -> Identity {
    let (cluster, service, group) = ("test".into(), "counter".into(), Group::of(2));
    Identity { cluster, service, cluster_id: ClusterId(7), group, replica: ReplicaId(1) }
}

/// The batch of this number, of a length of its own. The first is as long as what a frame's header has a
/// checksum of, and for a journal's first frame both checksums go on from the same seed.
fn batch(number: usize) -> Vec<u8> {
    let length = [5, 16, 8, 11][number % 4];
    (0..length).map(|i| (number * 16 + i) as u8 | 1).collect()
}

fn image(batches: usize) -> Vec<u8> {
    (1..=batches).flat_map(batch).collect()
}

/// How far a run came, by what it was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Progress {
    initialised: bool,
    tried: usize,
    synced: usize,
}

fn failing(mut disk: FaultyDisk, at: u64) -> FaultyDisk {
    disk.fails_at = Some(at);
    disk
}

/// Runs calls on a new directory until the end or the first error.
fn run(disk: &mut FaultyDisk, calls: &[Call]) -> Progress {
    let mut progress = Progress::default();
    let _ = try_run(disk, calls, &mut progress);
    progress
}

fn try_run(
    disk: &mut FaultyDisk,
    calls: &[Call],
    progress: &mut Progress,
) -> Result<(), StorageError> {
    let mut storage = FileStorage::on(disk, &identity(), Some(9))?.with_extent(EXTENT);
    progress.initialised = true;
    storage.load()?;
    for call in calls {
        match call {
            Append => {
                progress.tried += 1;
                storage.append(&batch(progress.tried))?;
            }
            Sync => storage.sync()?,
            Checkpoint => storage.checkpoint(&image(progress.tried))?,
        }
        if !matches!(call, Append) {
            progress.synced = progress.tried;
        }
    }
    Ok(())
}

fn reopen(disk: &mut FaultyDisk) -> Result<Saved, StorageError> {
    FileStorage::on(disk, &identity(), None)?.with_extent(EXTENT).load()
}

/// How many batches were recovered. They are the first ones, in order, or this panics.
fn recovered(saved: &Saved) -> usize {
    let is_image = |n: &usize| saved.image.as_ref().is_none_or(|found| *found == image(*n));
    let covered = (0..=SCRIPT.len()).find(is_image).expect("the image is one that was taken");
    for (i, found) in saved.batches.iter().enumerate() {
        assert_eq!(*found, batch(covered + i + 1), "after an image of {covered}");
    }
    covered + saved.batches.len()
}

/// What must hold after power loss, whatever survived.
fn judge(disk: &mut FaultyDisk, progress: Progress, what: &str) {
    match reopen(disk) {
        Ok(saved) => {
            let count = recovered(&saved);
            let allowed = progress.synced..=progress.tried;
            assert!(allowed.contains(&count), "{what}: {count} recovered, {progress:?}");
            goes_on(disk, count, what);
        }
        Err(StorageError::Uninitialised { .. }) if !progress.initialised => {}
        Err(error) => panic!("{what}, {progress:?}: {error}"),
    }
}

/// What was recovered once is durable, and the next batch follows it.
fn goes_on(disk: &mut FaultyDisk, count: usize, what: &str) {
    let mut disk = disk.lose_power(PIECE, || false);
    let mut storage = FileStorage::on(&mut disk, &identity(), None).unwrap().with_extent(EXTENT);
    assert_eq!(recovered(&storage.load().unwrap()), count, "{what}: not durable once read");
    storage.append(&batch(count + 1)).unwrap();
    storage.sync().unwrap();
    let mut disk = disk.lose_power(PIECE, || false);
    assert_eq!(recovered(&reopen(&mut disk).unwrap()), count + 1, "{what}: cannot go on");
}

/// Draws bits, the same ones each time.
struct Draw(u64);

impl Draw {
    fn bit(&mut self) -> bool {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 63 == 1
    }
}

/// All that power loss may leave, if there are few choices; else a sample of it.
fn leftovers(disk: &FaultyDisk) -> (Vec<FaultyDisk>, bool) {
    let choices = disk.choices(PIECE);
    let all = choices <= CHOICES_MAX;
    let left = (0..1u64 << choices.min(CHOICES_MAX)).map(|mask| {
        let (mut at, mut draw) = (0, Draw(mask));
        disk.lose_power(PIECE, || {
            at += 1;
            if all { mask >> (at - 1) & 1 == 1 } else { draw.bit() }
        })
    });
    (left.collect(), all)
}

/// Steps of the script, leftovers that were judged, and steps after which not all leftovers were.
#[test]
fn power_loss_at_any_step_keeps_what_was_synced_and_invents_nothing() {
    let mut whole = FaultyDisk::default();
    assert_eq!(run(&mut whole, &SCRIPT).synced, 8);
    let (mut judged, mut sampled) = (0, 0);
    for fails_at in 1..=whole.steps() {
        let mut disk = failing(FaultyDisk::default(), fails_at);
        let progress = run(&mut disk, &SCRIPT);
        let (left, all) = leftovers(&disk);
        sampled += u32::from(!all);
        for mut disk in left {
            judge(&mut disk, progress, &format!("step {fails_at}"));
            judged += 1;
        }
    }
    assert_eq!((whole.steps(), judged, sampled), (55, 65_132, 6));
}

#[test]
fn power_loss_while_recovering_from_power_loss_changes_nothing() {
    let mut whole = FaultyDisk::default();
    run(&mut whole, &SCRIPT);
    let (mut draw, mut judged) = (Draw(1), 0);
    for first in 1..=whole.steps() {
        let mut disk = failing(FaultyDisk::default(), first);
        let progress = run(&mut disk, &SCRIPT);
        let left = disk.lose_power(PIECE, || draw.bit());
        let mut sound = left.clone();
        let _ = reopen(&mut sound);
        for second in 1..=sound.steps() {
            let mut disk = failing(left.clone(), second);
            assert!(reopen(&mut disk).is_err(), "it goes on without power");
            for _ in 0..8 {
                let mut left = disk.lose_power(PIECE, || draw.bit());
                judge(&mut left, progress, &format!("steps {first}, {second}"));
                judged += 1;
            }
        }
    }
    assert_eq!(judged, 1_224);
}

fn call() -> impl Strategy<Value = Call> {
    prop_oneof![2 => Just(Append), 1 => Just(Sync), 1 => Just(Checkpoint)]
}

proptest! {
    /// Byte by byte, over scripts of any kind.
    #[test]
    fn power_loss_at_any_byte_of_any_script(
        calls in proptest::collection::vec(call(), 0..12),
        fails_at in 1..70u64,
        seed in any::<u64>(),
    ) {
        let mut disk = failing(FaultyDisk::default(), fails_at);
        let progress = run(&mut disk, &calls);
        let mut draw = Draw(seed);
        let mut left = disk.lose_power(1, || draw.bit());
        judge(&mut left, progress, "any script");
    }
}

/// The system forgets what it could not write, and a second sync would say that all is well.
#[test]
fn a_sync_that_failed_is_not_tried_again() {
    let mut disk = FaultyDisk::default();
    let mut storage = FileStorage::on(&mut disk, &identity(), Some(9)).unwrap();
    storage.load().unwrap();
    storage.append(&batch(1)).unwrap();
    storage.sync().unwrap();
    storage.append(&batch(2)).unwrap();
    storage.disk().sync_fails = true;
    assert!(matches!(storage.sync(), Err(StorageError::Io { .. })));
    assert!(matches!(storage.sync(), Err(StorageError::FailedBefore { .. })));
    assert!(matches!(storage.append(&batch(3)), Err(StorageError::FailedBefore { .. })));
    assert!(matches!(storage.checkpoint(&image(2)), Err(StorageError::FailedBefore { .. })));

    // The next process sees the batch. Once it has believed it, no power loss may take it away.
    assert_eq!(recovered(&reopen(&mut disk).unwrap()), 2);
    let mut disk = disk.lose_power(PIECE, || false);
    assert_eq!(recovered(&reopen(&mut disk).unwrap()), 2);
}

#[test]
fn a_full_disk_is_met_before_a_batch_is_written() {
    let mut disk = FaultyDisk::default();
    let storage = FileStorage::on(&mut disk, &identity(), Some(9)).unwrap();
    let mut storage = storage.with_extent(EXTENT);
    storage.load().unwrap();
    storage.disk().space = Some(1_000);
    let mut count = 0;
    while storage.reserve(20).is_ok() {
        count += 1;
        storage.append(&batch(count)).unwrap();
        storage.sync().unwrap();
    }
    assert!(matches!(storage.reserve(20), Err(StorageError::NoSpace { .. })));
    assert!(matches!(storage.checkpoint(&image(count)), Err(StorageError::NoSpace { .. })));
    let left_behind = storage.disk().read("image.new").unwrap();
    assert_eq!(left_behind, None, "the very thing that fills the disk");
    storage.disk().space = Some(2_000);
    count += 1;
    storage.append(&batch(count)).unwrap();
    storage.checkpoint(&image(count)).unwrap();
    let mut disk = disk.lose_power(PIECE, || false);
    let saved = reopen(&mut disk).unwrap();
    assert_eq!((saved.image, saved.batches.len()), (Some(image(count)), 0));
}

#[test]
fn files_of_two_times_or_directories_are_not_mixed() {
    let run = |first, calls: &[Call]| {
        let mut disk = FaultyDisk::default();
        let mut storage = FileStorage::on(&mut disk, &identity(), Some(first)).unwrap();
        storage.load().unwrap();
        for (i, call) in calls.iter().enumerate() {
            match call {
                Append => storage.append(&batch(i)).unwrap(),
                Sync => storage.sync().unwrap(),
                Checkpoint => storage.checkpoint(b"image").unwrap(),
            }
        }
        disk
    };
    let take = |disk: &mut FaultyDisk, name: &str, from: &mut FaultyDisk| {
        let bytes = from.read(name).unwrap().unwrap();
        disk.create(name).unwrap();
        disk.write_at(name, 0, &bytes).unwrap();
        reopen(disk)
    };
    let older: [Call; 3] = [Append, Sync, Checkpoint];
    let newer: [Call; 6] = [Append, Sync, Checkpoint, Append, Sync, Checkpoint];

    let refused = take(&mut run(1, &newer), "journal", &mut run(2, &newer));
    assert!(matches!(refused, Err(StorageError::Corrupt { offset: 0, .. })), "another directory's");
    let refused = take(&mut run(1, &newer), "image", &mut run(2, &newer));
    assert!(matches!(refused, Err(StorageError::Corrupt { offset: 0, .. })), "another directory's");
    let refused = take(&mut run(1, &newer), "image", &mut run(1, &older));
    assert!(matches!(refused, Err(StorageError::Corrupt { offset: 24, .. })), "an older image");
}
