//! Storage: what was acknowledged survives power loss, and what is damaged is not believed.
#![cfg(feature = "runtime")]

use chinwag::{
    FrontEndId, Group, Message, Replica, ReplicaId, ReplicaManager, RequestId, Sender, Serial,
    Timestamp, Update,
    runtime::{
        ClusterId, Codec, Disk, Durability, FaultyDisk, FileStorage, GOSSIP_RECORDS_MAX, Host,
        HostConfig, HostError, Identity, Input, MemoryStorage, Output, Packet, Saved, Storage,
        StorageError,
    },
    services::Counter,
};
use proptest::{collection::vec, prelude::*};
use std::{collections::VecDeque, fs, io, net::SocketAddr, path::Path, time::Duration};

const HEADER: usize = 36;

/// Bytes of a frame that are not its batch.
const OVERHEAD: usize = 24;

fn identity() -> Identity {
    let (cluster, service) = ("test".into(), "counter".into());
    let group = Group::of(2);
    Identity { cluster, service, cluster_id: ClusterId(7), group, replica: ReplicaId(1) }
}

fn open(directory: &Path) -> Result<(FileStorage, Saved), StorageError> {
    let mut storage = FileStorage::open(directory, &identity(), false)?;
    let saved = storage.load()?;
    Ok((storage, saved))
}

/// A new directory with these batches in it, and where each frame ends in the journal.
fn directory_with(batches: &[&[u8]]) -> (tempfile::TempDir, Vec<usize>) {
    let directory = tempfile::tempdir().unwrap();
    let storage = FileStorage::open(directory.path(), &identity(), true).unwrap();
    let mut storage = storage.with_extent(4_096);
    storage.load().unwrap();
    let mut end = HEADER;
    let append = |batch: &&[u8]| {
        storage.append(batch).unwrap();
        storage.sync().unwrap();
        end += OVERHEAD + batch.len();
        end
    };
    let ends = batches.iter().map(append).collect();
    (directory, ends)
}

#[test]
fn power_loss_at_any_byte_of_the_last_batch_loses_that_batch_and_no_other() {
    let batches: [&[u8]; 3] = [b"one", b"two", b"a third batch"];
    let (directory, ends) = directory_with(&batches);
    let journal = directory.path().join("journal");
    let whole = fs::read(&journal).unwrap();

    for length in ends[1]..ends[2] {
        fs::write(&journal, &whole[..length]).unwrap();
        let (mut storage, saved) = open(directory.path()).unwrap();
        assert_eq!(saved.batches, batches[..2], "cut at {length}");
        let torn = whole[..length].iter().rposition(|byte| *byte != 0).unwrap() + 1;
        assert_eq!(saved.torn_bytes as usize, torn.saturating_sub(ends[1]));

        storage.append(b"later").unwrap();
        storage.sync().unwrap();
        drop(storage);
        let (_, saved) = open(directory.path()).unwrap();
        assert_eq!(saved.batches, [batches[0], batches[1], b"later"], "cut at {length}");
    }
}

#[test]
fn sectors_of_the_last_batch_that_never_reached_the_disk_lose_that_batch() {
    let batches: [&[u8]; 3] = [b"one", b"two", &[7; 2_000]];
    let (directory, ends) = directory_with(&batches);
    let journal = directory.path().join("journal");
    let whole = fs::read(&journal).unwrap();

    for hole in (ends[1]..ends[2]).step_by(512) {
        let mut torn = whole.clone();
        torn[hole..(hole + 512).min(ends[2])].fill(0);
        fs::write(&journal, torn).unwrap();
        let (_, saved) = open(directory.path()).unwrap();
        assert_eq!(saved.batches, batches[..2], "hole at {hole}");
    }
}

#[test]
fn a_flipped_bit_in_an_acknowledged_batch_is_refused_with_its_offset() {
    let (directory, ends) = directory_with(&[b"one", b"two", b"three"]);
    let journal = directory.path().join("journal");
    let whole = fs::read(&journal).unwrap();

    for bit in 0..ends[1] * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&journal, damaged).unwrap();
        let start = match bit / 8 {
            at if at < HEADER => 0,
            at if at < ends[0] => HEADER,
            _ => ends[0],
        };
        match open(directory.path()) {
            Err(StorageError::Corrupt { path, offset, .. }) => {
                assert_eq!((path, offset), (journal.clone(), start as u64), "bit {bit}");
            }
            other => panic!("bit {bit} was believed: {other:?}"),
        }
    }
}

#[test]
fn a_batch_that_is_missing_is_noticed() {
    let (directory, ends) = directory_with(&[b"one", b"two", b"three"]);
    let journal = directory.path().join("journal");
    let whole = fs::read(&journal).unwrap();

    fs::write(&journal, [&whole[..ends[0]], &whole[ends[1]..]].concat()).unwrap();
    assert!(matches!(open(directory.path()), Err(StorageError::Corrupt { offset, .. })
        if offset == ends[0] as u64));
    fs::write(&journal, [&whole[..HEADER], &whole[ends[0]..]].concat()).unwrap();
    assert!(matches!(open(directory.path()), Err(StorageError::Corrupt { .. })));
}

#[test]
fn a_crash_between_image_and_journal_repeats_nothing() {
    let (directory, _) = directory_with(&[b"one", b"two"]);
    let journal = directory.path().join("journal");
    let before = fs::read(&journal).unwrap();
    let (mut storage, _) = open(directory.path()).unwrap();
    storage.checkpoint(b"image of two").unwrap();
    drop(storage);

    fs::write(&journal, before).unwrap();
    let (mut storage, saved) = open(directory.path()).unwrap();
    assert_eq!(saved.image.as_deref(), Some(b"image of two".as_slice()));
    assert_eq!(saved.batches, Vec::<Vec<u8>>::new());

    storage.append(b"three").unwrap();
    storage.sync().unwrap();
    drop(storage);
    assert_eq!(open(directory.path()).unwrap().1.batches, [b"three"]);
}

#[test]
fn a_damaged_image_is_refused() {
    let (directory, _) = directory_with(&[b"one"]);
    let (mut storage, _) = open(directory.path()).unwrap();
    storage.checkpoint(b"image").unwrap();
    drop(storage);
    let image = directory.path().join("image");
    let whole = fs::read(&image).unwrap();

    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&image, damaged).unwrap();
        assert!(matches!(open(directory.path()), Err(StorageError::Corrupt { .. })), "byte {at}");
        fs::write(&image, &whole[..at]).unwrap();
        assert!(matches!(open(directory.path()), Err(StorageError::Corrupt { .. })), "cut {at}");
    }
}

#[test]
fn a_directory_is_served_by_one_process_and_by_its_owner() {
    let (directory, _) = directory_with(&[b"one"]);
    let path = directory.path();
    let open = |identity: &Identity, init| FileStorage::open(path, identity, init);
    let other = Identity { replica: ReplicaId(2), ..identity() };

    let serving = open(&identity(), false).unwrap();
    assert!(matches!(open(&identity(), false), Err(StorageError::Locked { .. })));
    drop(serving);
    assert!(matches!(open(&other, false), Err(StorageError::Foreign { .. })));
    assert!(matches!(open(&identity(), true), Err(StorageError::Initialised { .. })));
    assert!(open(&identity(), false).is_ok());
}

#[test]
fn an_empty_or_missing_directory_needs_somebody_to_say_so() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("missing");

    for path in [directory.path(), &missing] {
        let refused = FileStorage::open(path, &identity(), false);
        assert!(matches!(refused, Err(StorageError::Uninitialised { .. })));
        assert!(FileStorage::open(path, &identity(), true).is_ok());
    }
}

#[test]
fn a_lost_identity_file_is_not_taken_for_a_first_start() {
    let (directory, _) = directory_with(&[b"one"]);
    fs::remove_file(directory.path().join("identity")).unwrap();
    for init in [false, true] {
        assert!(FileStorage::open(directory.path(), &identity(), init).is_err());
    }
}

/// The form of version 2. A change here is a new version of the directory.
#[test]
fn version_2_is_what_it_was() {
    let mut disk = FaultyDisk::default();
    let mut storage = FileStorage::on(&mut disk, &identity(), Some(9)).unwrap();
    storage.load().unwrap();
    storage.append(b"batch").unwrap();
    let journal = disk.read("journal").unwrap().unwrap();
    let hex: String = journal[..HEADER + OVERHEAD + 5].iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(
        hex,
        "43574a0a02000100070000000000000009000000000000000000000000000000e5f51154\
         05000000010000000000000000000000f40a29ee626174636867b120d8"
    );
    assert!(journal[HEADER + OVERHEAD + 5..].iter().all(|byte| *byte == 0));
}

#[test]
fn a_directory_of_version_1_is_refused_by_its_number() {
    let (directory, _) = directory_with(&[b"one"]);
    fs::write(directory.path().join("identity"), "chinwag replica, format 1: rm1 of cluster ..\n")
        .unwrap();
    assert!(matches!(open(directory.path()), Err(StorageError::Version { found: 1, .. })));
}

/// As a program that was put back would meet it.
#[test]
fn a_directory_of_a_later_form_is_refused_by_both_numbers_and_stays_as_it_is() {
    let (directory, _) = directory_with(&[b"one"]);
    let identity = directory.path().join("identity");
    let later = fs::read_to_string(&identity).unwrap().replace("format = 2", "format = 3");
    fs::write(&identity, &later).unwrap();
    let journal = fs::read(directory.path().join("journal")).unwrap();

    let refused = open(directory.path()).unwrap_err().to_string();
    let both =
        "written in form 3, and this program knows form 2 only. Use the program that wrote it";
    assert!(refused.contains("identity") && refused.contains(both), "{refused}");
    assert_eq!(fs::read_to_string(&identity).unwrap(), later);
    assert_eq!(fs::read(directory.path().join("journal")).unwrap(), journal);
}

// ---- with a host on top ----

const GROUP: Group = Group::of(2).and_read_only(1);

fn codec() -> Codec {
    Codec::new(ClusterId(7), GROUP)
}

fn config(id: u16) -> HostConfig {
    let node = ReplicaManager::new(ReplicaId(id), GROUP);
    HostConfig {
        node,
        codec: codec(),
        gossip_every: Duration::from_millis(100),
        grace: Duration::ZERO,
        durability: Durability::Fsync,
        acknowledged_by: 1,
        paced: true,
    }
}

fn address(id: u16) -> SocketAddr {
    ([127, 0, 0, 1], 1_000 + id).into()
}

fn open_host<D: Storage>(id: u16, storage: D) -> Host<Counter, D> {
    let mut host = Host::open(config(id), storage, (), Duration::ZERO).unwrap();
    GROUP.members().for_each(|peer| host.set_peer(peer, address(peer.0)));
    let asks_its_peers = host.commit(Duration::ZERO).unwrap();
    assert_eq!(asks_its_peers.datagrams.len(), 2);
    host
}

fn update(number: u64, prev: Timestamp, amount: i64) -> Vec<u8> {
    update_of(FrontEndId(number % 3), number, prev, amount)
}

fn update_of(front_end: FrontEndId, number: u64, prev: Timestamp, amount: i64) -> Vec<u8> {
    let serial = Serial { incarnation: 0, number };
    let id = RequestId { front_end, serial };
    let update = Update::<Counter> { id, acknowledged: serial, prev, op: amount };
    codec().encode(Sender::FrontEnd(front_end), &Packet::Message(Message::Update(update))).unwrap()
}

/// A disk that says no from some sync on.
#[derive(Debug)]
struct Failing(u32);

impl Storage for Failing {
    fn load(&mut self) -> Result<Saved, StorageError> {
        Ok(Saved::default())
    }

    fn reserve(&mut self, _: usize) -> Result<(), StorageError> {
        Ok(())
    }

    fn append(&mut self, _: &[u8]) -> Result<(), StorageError> {
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        let error = || io::Error::from(io::ErrorKind::StorageFull);
        self.0 = self.0.checked_sub(1).ok_or_else(|| StorageError::Io {
            doing: "sync it",
            path: "disk".into(),
            error: error(),
        })?;
        Ok(())
    }

    fn checkpoint(&mut self, _: &[u8]) -> Result<(), StorageError> {
        Ok(())
    }
}

#[test]
fn what_is_not_durable_is_not_acknowledged() {
    let mut host = open_host(0, Failing(1));
    let mut send = |number| {
        let bytes = update(number, GROUP.zero(), 1);
        host.handle(Duration::ZERO, Input::Datagram { from: address(9), bytes: &bytes })
    };

    assert_eq!(send(1).unwrap().datagrams.len(), 1);
    assert!(matches!(send(2), Err(HostError::Storage(StorageError::Io { .. }))));
}

#[test]
fn several_inputs_share_an_append_and_their_replies_wait_for_it() {
    let mut host = open_host(0, MemoryStorage::default());
    for number in 1..=5 {
        let bytes = update(number, GROUP.zero(), 1);
        host.take(Duration::ZERO, Input::Datagram { from: address(9), bytes: &bytes }).unwrap();
    }

    let output = host.commit(Duration::ZERO).unwrap();

    assert_eq!(output.datagrams.len(), 5);
    assert_eq!(host.into_storage().load().unwrap().batches.len(), 1);
}

/// What may happen to a small cluster.
#[derive(Clone, Debug)]
enum Step {
    Update { at: u16, amount: i64 },
    Deliver(usize),
    Lose(usize),
    Gossip,
    Checkpoint(u16),
    Restart(u16),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..2u16, -5..5i64).prop_map(|(at, amount)| Step::Update { at, amount }),
        8 => any::<usize>().prop_map(Step::Deliver),
        1 => any::<usize>().prop_map(Step::Lose),
        3 => Just(Step::Gossip),
        1 => (0..3u16).prop_map(Step::Checkpoint),
        1 => (0..3u16).prop_map(Step::Restart),
    ]
}

type MemoryHost = Host<Counter, MemoryStorage>;

/// Hosts with a network that delivers in any order.
struct Cluster {
    hosts: Vec<MemoryHost>,
    network: VecDeque<(SocketAddr, Vec<u8>)>,
    now: Duration,
    next: u64,
}

impl Cluster {
    fn new() -> Self {
        let hosts = (0..3).map(|id| open_host(id, MemoryStorage::default())).collect();
        Self { hosts, network: VecDeque::new(), now: Duration::ZERO, next: 1 }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Update { at, amount } => {
                let prev = self.hosts[usize::from(at)].state().replica.value_ts().clone();
                let bytes = update(self.next, prev, amount);
                self.next += 1;
                self.network.push_back((address(at), bytes));
            }
            Step::Deliver(which) => {
                if let Some((to, bytes)) = self.pick(which) {
                    self.deliver(to, &bytes);
                }
            }
            Step::Lose(which) => drop(self.pick(which)),
            Step::Gossip => {
                self.now += Duration::from_millis(100);
                for host in &mut self.hosts {
                    let Output { datagrams, .. } = host.handle(self.now, Input::Tick).unwrap();
                    self.network.extend(datagrams);
                }
            }
            Step::Checkpoint(id) => self.hosts[usize::from(id)].checkpoint().unwrap(),
            Step::Restart(id) => {
                let storage = self.hosts[usize::from(id)].storage().clone();
                self.hosts[usize::from(id)] = open_host(id, storage);
            }
        }
    }

    fn pick(&mut self, which: usize) -> Option<(SocketAddr, Vec<u8>)> {
        let length = self.network.len().max(1);
        self.network.remove(which % length)
    }

    fn deliver(&mut self, to: SocketAddr, bytes: &[u8]) {
        let at = usize::from(to.port() - 1_000);
        let Some(host) = self.hosts.get_mut(at) else { return };
        let datagram = Input::Datagram { from: address(9), bytes };
        self.network.extend(host.handle(self.now, datagram).unwrap().datagrams);
    }

    fn saved(&self, id: u16) -> Replica<Counter> {
        let storage = self.hosts[usize::from(id)].storage().clone();
        open_host(id, storage).state().replica.clone()
    }
}

impl Cluster {
    /// One round of gossip among some, and all that follows from it.
    fn round(&mut self, among: &[u16]) {
        self.take(Step::Gossip);
        while let Some((to, bytes)) = self.network.pop_front() {
            if among.iter().any(|id| address(*id) == to) {
                self.deliver(to, &bytes);
            }
        }
    }

    fn held(&self, id: u16) -> &Timestamp {
        self.hosts[usize::from(id)].state().replica.replica_ts()
    }
}

/// More records than one gossip message may carry, and a table that was lost with a restart: what is cut
/// short must still end, and end with all that there is.
#[test]
fn a_peer_that_was_away_for_long_catches_up_in_steps() {
    let mut cluster = Cluster::new();
    let count = 2 * GOSSIP_RECORDS_MAX as u64 + 1;
    for number in 1..=count {
        let bytes = update_of(FrontEndId(number), number, GROUP.zero(), 1);
        cluster.deliver(address(0), &bytes);
    }
    cluster.network.clear();

    let all = Timestamp::from_iter([count, 0]);
    let catch_up = |cluster: &mut Cluster, among: &[u16], who: u16| {
        (1..100).find(|_| {
            cluster.round(among);
            *cluster.held(who) == all
        })
    };
    assert!(catch_up(&mut cluster, &[0, 1], 1).is_some(), "rm1 never caught up");
    cluster.take(Step::Restart(0));
    (0..4).for_each(|_| cluster.round(&[0, 1]));
    let known = &cluster.hosts[0].state().table[1];
    assert_eq!(*known, all, "rm0 never learned again what rm1 holds");
    assert!(catch_up(&mut cluster, &[0, 1, 2], 2).is_some(), "rm2 never caught up");
    (0..4).for_each(|_| cluster.round(&[0, 1, 2]));
    assert_eq!(cluster.hosts[0].state().replica.log().len(), 0, "the log is never discarded");
}

proptest! {
    #[test]
    fn replaying_the_journal_is_saving_everything(steps in vec(step(), 0..60)) {
        let mut cluster = Cluster::new();
        for step in steps {
            cluster.take(step);
            for id in 0..3 {
                let memory = &cluster.hosts[usize::from(id)].state().replica;
                prop_assert_eq!(&cluster.saved(id), memory);
            }
        }

        for _ in 0..6 {
            cluster.take(Step::Gossip);
            while !cluster.network.is_empty() {
                cluster.take(Step::Deliver(0));
            }
        }
        let values: Vec<_> = cluster.hosts.iter().map(|h| h.state().replica.value()).collect();
        prop_assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "{values:?}");
    }
}
