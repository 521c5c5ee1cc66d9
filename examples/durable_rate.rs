//! Durable updates a second at one replica manager, beside what the disk itself does in the same run.
//!
//! `cargo run --release --example durable_rate -- DIRECTORY`
//!
//! The limit is a loop of a 128-byte write and a sync into a file that is filled with zeros: what an update
//! would cost if each had a sync of its own. Group commit gets beyond it as soon as requests wait together.

use chinwag::{
    FrontEndId, Group, Message, ReplicaId, ReplicaManager, RequestId, Sender, Serial, Update,
    runtime::{
        ClusterId, Codec, Counters, DATAGRAM_BYTES_MAX, Durability, FileStorage, Host, HostConfig,
        Identity, Packet,
        udp::{self, SystemClock, UdpTransport},
    },
    services::Counter,
};
use std::{
    error::Error,
    fs::File,
    io::{Seek, SeekFrom, Write},
    net::UdpSocket,
    path::{Path, PathBuf},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::channel,
    },
    thread,
    time::{Duration, Instant},
};

const GROUP: Group = Group::of(1);
const SECONDS: u64 = 2;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(std::env::args().nth(1).unwrap_or(".".into()));
    let directory = directory.join(format!("durable-rate-{}", std::process::id()));
    std::fs::create_dir_all(&directory)?;
    let measured = measure(&directory);
    std::fs::remove_dir_all(&directory)?;
    measured
}

/// The loop before and after each case, since the disk of a shared machine changes its mind.
fn measure(directory: &Path) -> Result<(), Box<dyn Error>> {
    println!("level     outstanding  updates/s  syncs/s alone  ratio  updates/batch");
    let interval = Durability::Interval(Duration::from_millis(100));
    let cases = [
        (Durability::Fsync, 1),
        (Durability::Fsync, 16),
        (Durability::Fsync, 64),
        (interval, 64),
        (Durability::Memory, 64),
    ];
    let mut before = syncs(directory)?;
    for (durability, outstanding) in cases {
        let (rate, batch) = updates(directory, durability, outstanding)?;
        let after = syncs(directory)?;
        let alone = f64::midpoint(before, after);
        let level = durability.level().to_string();
        let ratio = rate / alone;
        println!("{level:9} {outstanding:11}  {rate:9.0}  {alone:13.0}  {ratio:5.2}  {batch:13.1}");
        before = after;
    }
    Ok(())
}

fn syncs(directory: &Path) -> Result<f64, Box<dyn Error>> {
    let path = directory.join("loop");
    let mut file = File::create(&path)?;
    file.write_all(&vec![0; 16 << 20])?;
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(1) && count < (16 << 20) / 128 {
        file.write_all(&[7; 128])?;
        file.sync_data()?;
        count += 1;
    }
    std::fs::remove_file(path)?;
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

fn updates(
    directory: &Path,
    durability: Durability,
    outstanding: u64,
) -> Result<(f64, f64), Box<dyn Error>> {
    let (cluster, service) = ("rate".into(), "counter".into());
    let codec = Codec::new(ClusterId::of("rate", "counter", GROUP), GROUP);
    let (cluster_id, replica) = (codec.cluster, ReplicaId(0));
    let identity = Identity { cluster, service, cluster_id, group: GROUP, replica };
    let config = HostConfig {
        paced: true,
        node: ReplicaManager::new(replica, GROUP),
        codec,
        gossip_every: Duration::from_millis(100),
        grace: Duration::ZERO,
        durability,
        acknowledged_by: 1,
    };
    let data = directory.join("rm0");
    let storage = FileStorage::open(&data, &identity, true)?;
    let clock = SystemClock::default();
    let mut host =
        Host::<Counter, _, _>::open(config, storage, Counters::default(), Duration::ZERO)?;
    let mut transport = UdpTransport::bind("127.0.0.1:0")?;
    let at = transport.local_addr()?;
    let (stop, addresses) = (AtomicBool::new(false), channel().1);
    let (served, rate) = thread::scope(|scope| {
        let serving = scope.spawn({
            let (host, transport, clock, stop) = (&mut host, &mut transport, &clock, &stop);
            move || udp::serve(host, transport, clock, &addresses, stop)
        });
        let rate = closed_loop(codec, at, outstanding);
        stop.store(true, Ordering::SeqCst);
        (serving.join(), rate)
    });
    served.map_err(|_| "the server panicked")??;
    let seen = host.observer();
    let batch = seen.changes as f64 / seen.batches as f64;
    drop(host);
    std::fs::remove_dir_all(data)?;
    // A second change is the record's leaving the log, which happens at once where there is no peer.
    Ok((rate?, batch / 2.0))
}

/// So many front ends, each with one request under way.
fn closed_loop(
    codec: Codec,
    at: std::net::SocketAddr,
    outstanding: u64,
) -> Result<f64, std::io::Error> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_secs(5)))?;
    let send = |front_end: u64, number: u64| {
        let (front_end, serial) = (FrontEndId(front_end), Serial { incarnation: 0, number });
        let id = RequestId { front_end, serial };
        let update = Update::<Counter> { id, acknowledged: serial, prev: GROUP.zero(), op: 1 };
        let packet = Packet::Message(Message::Update(update));
        let bytes = codec.encode(Sender::FrontEnd(front_end), &packet).expect("it is small");
        socket.send_to(&bytes, at)
    };
    for front_end in 0..outstanding {
        send(front_end, 1)?;
    }
    let (start, mut count) = (Instant::now(), 0u32);
    let mut buffer = [0; DATAGRAM_BYTES_MAX];
    while start.elapsed() < Duration::from_secs(SECONDS) {
        let length = socket.recv(&mut buffer)?;
        let decoded = codec.decode::<Counter>(&buffer[..length]);
        if let Ok((_, Packet::Message(Message::UpdateReply { id, .. }))) = decoded {
            count += 1;
            send(id.front_end.0, id.serial.number + 1)?;
        }
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}
