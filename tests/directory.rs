//! `chinwag verify` and `chinwag dump`, on directories of every kind; and a real disk that is full.
#![cfg(feature = "program")]

use chinwag::{
    FrontEndId, Group, Message, Refusal, ReplicaId, ReplicaManager, RequestId, Sender, Serial,
    Update,
    runtime::{
        ClusterId, Codec, FileStorage, Host, HostConfig, Identity, Input, Packet, SPACE_RETRY_EVERY,
    },
    services::Counter,
};
use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Command, Output},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

const GROUP: Group = Group::of(1);
const HEADER: usize = 36;

/// A process that is about to be started has our locks for a moment, too.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

type DiskHost = Host<Counter, FileStorage>;

fn codec() -> Codec {
    Codec::new(ClusterId::of("test", "counter", GROUP), GROUP)
}

fn open(directory: &Path, init: bool) -> DiskHost {
    let (cluster, service, replica) = ("test".into(), "counter".into(), ReplicaId(0));
    let identity =
        Identity { cluster, service, cluster_id: codec().cluster, group: GROUP, replica };
    let config = HostConfig {
        paced: true,
        node: ReplicaManager::new(ReplicaId(0), GROUP),
        codec: codec(),
        gossip_every: Duration::from_millis(100),
        grace: Duration::ZERO,
        durability: Default::default(),
        acknowledged_by: 1,
    };
    let storage = FileStorage::open(directory, &identity, init).unwrap();
    Host::open(config, storage, (), Duration::ZERO).unwrap()
}

fn add(host: &mut DiskHost, now: Duration, number: u64) -> Message<Counter> {
    let (front_end, serial) = (FrontEndId(5), Serial { incarnation: 0, number });
    let id = RequestId { front_end, serial };
    let update = Update::<Counter> { id, acknowledged: serial, prev: GROUP.zero(), op: 7 };
    let packet = Packet::Message(Message::Update(update));
    let bytes = codec().encode(Sender::FrontEnd(front_end), &packet).unwrap();
    let from: SocketAddr = ([127, 0, 0, 1], 9).into();
    let output = host.handle(now, Input::Datagram { from, bytes: &bytes }).unwrap();
    match codec().decode(&output.datagrams[0].1).unwrap().1 {
        Packet::Message(message) => message,
        other => panic!("{other:?}"),
    }
}

/// A directory with an image of two batches, and three after it.
fn directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let mut host = open(directory.path(), true);
    (1..=2).for_each(|number| drop(add(&mut host, Duration::ZERO, number)));
    host.checkpoint().unwrap();
    (3..=5).for_each(|number| drop(add(&mut host, Duration::ZERO, number)));
    directory
}

fn chinwag(words: &[&str], directory: &Path) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
    let Output { status, stdout, stderr } = command.args(words).arg(directory).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().unwrap(), text(stdout), text(stderr))
}

#[test]
fn a_sound_directory_is_verified_and_dumped_and_not_changed() {
    let _alone = alone();
    let directory = directory();
    let before = fs::read(directory.path().join("journal")).unwrap();

    let (code, out, _) = chinwag(&["verify"], directory.path());
    assert_eq!(code, 0);
    assert!(out.contains("rm0 of cluster \"test\"") && out.contains("up to batch 2"), "{out}");
    assert!(out.contains("batches 3 to 5 in the journal, 0 bytes of a torn end"), "{out}");
    assert!(out.contains("sound: holds [5], reflects [5]"), "{out}");

    let (code, out, _) = chinwag(&["dump"], directory.path());
    assert_eq!(code, 0);
    assert!(
        out.contains("batch 4 at byte") && out.contains("rm0:4 [4] fe5#4 7 after [0]"),
        "{out}"
    );

    let (code, out, _) = chinwag(&["dump", "--json"], directory.path());
    assert_eq!(code, 0);
    let lines: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["directory"]["image"]["covers"], 2);
    assert_eq!(lines[1]["batch"]["number"], 3);
    assert_eq!(lines.last().unwrap()["replica"]["value"], 35);

    assert_eq!(fs::read(directory.path().join("journal")).unwrap(), before);
    drop(open(directory.path(), false));
}

#[test]
fn a_torn_end_is_told_and_is_no_damage() {
    let _alone = alone();
    let directory = directory();
    let journal = directory.path().join("journal");
    let mut bytes = fs::read(&journal).unwrap();
    let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[last] ^= 1;
    fs::write(&journal, bytes).unwrap();

    let (code, out, _) = chinwag(&["verify"], directory.path());
    assert_eq!(code, 0);
    assert!(out.contains("batches 3 to 4 in the journal") && !out.contains(" 0 bytes of"), "{out}");
    assert!(out.contains("sound: holds [4]"), "{out}");
}

#[test]
fn damage_is_named_by_file_and_byte_and_what_is_before_it_can_be_read() {
    let _alone = alone();
    let directory = directory();
    let path = |name| directory.path().join(name);
    let journal = fs::read(path("journal")).unwrap();
    let length = u32::from_le_bytes(*journal[HEADER..].first_chunk().unwrap()) as usize;
    let second = HEADER + 24 + length;
    let mut damaged = journal.clone();
    damaged[second + 30] ^= 0x40;
    fs::write(path("journal"), damaged).unwrap();

    for words in [vec!["verify"], vec!["dump"], vec!["dump", "--json"]] {
        let (code, out, why) = chinwag(&words, directory.path());
        assert_eq!(code, 1);
        assert!(why.contains(&format!("journal: corrupt at byte {second}")), "{why}");
        assert!(words == ["verify"] || out.contains("batch 3") || out.contains("\"number\":3"));
    }

    fs::write(path("journal"), &journal).unwrap();
    let mut image = fs::read(path("image")).unwrap();
    image[HEADER + 25] ^= 1;
    fs::write(path("image"), image).unwrap();
    let (code, out, why) = chinwag(&["dump"], directory.path());
    assert!(code == 1 && why.contains("image: corrupt at byte 36"), "{why}");
    assert!(out.contains("batch 5"), "the journal is sound all the same: {out}");

    fs::remove_file(path("image")).unwrap();
    let (code, _, why) = chinwag(&["verify"], directory.path());
    assert!(code == 1 && why.contains("the image that this journal goes on from"), "{why}");
    fs::remove_file(path("journal")).unwrap();
    let (code, _, why) = chinwag(&["verify"], directory.path());
    assert!(code == 1 && why.contains("journal: corrupt at byte 0: the file is missing"), "{why}");
}

#[test]
fn what_is_no_directory_of_a_replica_or_is_in_use_is_not_looked_at() {
    let _alone = alone();
    let empty = tempfile::tempdir().unwrap();
    let (code, _, why) = chinwag(&["verify"], empty.path());
    assert!(code == 2 && why.contains("no replica is here"), "{why}");
    let directory = directory();
    let serving = open(directory.path(), false);
    let (code, _, why) = chinwag(&["dump"], directory.path());
    assert!(code == 2 && why.contains("another process uses this directory"), "{why}");
    drop(serving);
}

/// A file system of its own, if the tests may mount one.
struct Mounted(tempfile::TempDir);

impl Mounted {
    fn new(options: &str) -> Option<Self> {
        let directory = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(directory.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        mounted.then_some(Self(directory))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_real_disk_that_is_full_refuses_updates_until_there_is_space() {
    let _alone = alone();
    let Some(mounted) = Mounted::new("size=3m") else {
        return eprintln!("not tried: only root may mount");
    };
    let directory = mounted.0.path().join("rm0");
    let mut host = open(&directory, true);
    let filler = mounted.0.path().join("filler");
    fs::write(&filler, vec![1; 2_500_000]).unwrap();

    let refused = add(&mut host, Duration::ZERO, 1);
    assert!(matches!(refused, Message::Refused { reason: Refusal::NoSpace, .. }), "{refused:?}");
    fs::remove_file(&filler).unwrap();
    let taken = add(&mut host, SPACE_RETRY_EVERY, 1);
    assert!(matches!(taken, Message::UpdateReply { .. }), "{taken:?}");
    drop(host);
    assert_eq!(open(&directory, false).state().replica.replica_ts().weight(), 1);
}
