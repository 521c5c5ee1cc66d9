//! What gossip costs, and how soon news is everywhere.

use super::{
    cluster::{Cluster, Gossiping},
    load::Target,
    sessions::Sessions,
};
use chinwag::{
    ReplicaId, Request,
    runtime::{DATAGRAM_BYTES_MAX, Route, SessionToken, Transport, udp},
    services::{RegisterMap, RegisterOp, RegisterQuery},
};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::{
    error::Error,
    path::Path,
    sync::atomic::Ordering,
    thread,
    time::{Duration, Instant},
};

/// Clients that write at a time.
const CLIENTS: usize = 16;

/// Rounds of gossip for which an idle cluster is watched.
const IDLE_ROUNDS: u32 = 10;

/// How long to wait for a reply on loopback before it is taken for lost.
const LOST_AFTER: Duration = Duration::from_millis(500);

/// What was found.
#[derive(Debug, Serialize)]
pub struct Spread {
    /// Replica managers.
    pub replicas: u16,
    /// Updates between two messages of gossip.
    pub batch: u32,
    /// Milliseconds between two considerations of a peer.
    pub gossip_interval_ms: u64,
    /// An update, and a query at each of the other replica managers in turn that has seen it: microseconds
    /// for all of them, of half of the trials.
    pub visible_p50_us: u64,
    /// Of all but one of a hundred.
    pub visible_p99_us: u64,
    /// Updates that one replica manager took before it knew its peers.
    pub backlog: u64,
    /// Milliseconds from when they knew each other until clients saw all of the backlog at every one.
    pub converged_ms: f64,
    /// Updates taken under load.
    pub updates: u64,
    /// Messages for each: the request, the reply, and its share of the gossip, until nothing was left to say.
    pub messages_per_update: f64,
    /// 2 + (R - 1) / G: what the paper counts. None if gossip goes by time only.
    pub formula: Option<f64>,
    /// Bytes between replica managers, for each update and each one that receives it.
    pub bytes_per_update_and_receiver: f64,
    /// Datagrams between replica managers in a round of gossip with nothing new.
    pub idle_datagrams_per_round: f64,
}

/// Measures all of it. Its files are in the directory, and removed.
pub fn measure(
    gossip: Gossiping,
    updates: u64,
    directory: &Path,
) -> Result<Spread, Box<dyn Error>> {
    let scratch = directory.join(format!("chinwag-bench-{}", std::process::id()));
    let result = (|| {
        let visible = visible(gossip, &scratch.join("visible"))?;
        let converged = converge(gossip, updates, &scratch.join("converge"))?;
        let (messages, bytes, idle) = load(gossip, updates, &scratch.join("load"))?;
        let others = f64::from(gossip.replicas - 1);
        Ok(Spread {
            replicas: gossip.replicas,
            batch: gossip.batch,
            gossip_interval_ms: gossip.every.as_millis() as u64,
            visible_p50_us: visible.value_at_quantile(0.5),
            visible_p99_us: visible.value_at_quantile(0.99),
            backlog: updates,
            converged_ms: converged.as_secs_f64() * 1e3,
            updates,
            messages_per_update: messages as f64 / updates as f64,
            formula: (gossip.batch > 0).then(|| 2.0 + others / f64::from(gossip.batch)),
            bytes_per_update_and_receiver: bytes as f64 / (updates as f64 * others.max(1.0)),
            idle_datagrams_per_round: idle,
        })
    })();
    let _ = std::fs::remove_dir_all(&scratch);
    result
}

fn put(client: usize) -> RegisterOp {
    // 32 bytes when it is encoded.
    RegisterOp::Put { key: format!("key-{client:05}"), value: "abcdefghijklmnopqrst".into() }
}

fn visible(gossip: Gossiping, directory: &Path) -> Result<Histogram<u64>, Box<dyn Error>> {
    let cluster = Cluster::start(gossip, directory)?;
    cluster.connect();
    let mut client = cluster.client()?;
    let mut found = Histogram::new(3)?;
    for trial in 0..200 {
        let start = Instant::now();
        client.route(Route::Only(ReplicaId(0)));
        client.update(put(0))?;
        for replica in cluster.codec.group.members().skip(1) {
            client.route(Route::Only(replica));
            client.query(RegisterQuery::Get("key-00000".into()))?;
        }
        // The first ones find the peers.
        if trial >= 20 {
            found.record(start.elapsed().as_micros() as u64)?;
        }
    }
    cluster.stop()?;
    Ok(found)
}

fn converge(gossip: Gossiping, updates: u64, directory: &Path) -> Result<Duration, Box<dyn Error>> {
    let cluster = Cluster::start(gossip, directory)?;
    fill(&cluster, updates)?;
    let mut client = cluster.client()?;
    client.route(Route::Only(ReplicaId(0)));
    client.update(put(0))?;
    let everything = client.token();
    let start = Instant::now();
    cluster.connect();
    let see = |replica| see_all(&cluster, replica, &everything).map_err(|e| e.to_string());
    thread::scope(|scope| {
        let others = cluster.codec.group.members().skip(1);
        let all: Vec<_> = others.map(|replica| scope.spawn(move || see(replica))).collect();
        all.into_iter().try_for_each(|one| one.join().map_err(|_| "a client panicked")?)
    })?;
    let elapsed = start.elapsed();
    cluster.stop()?;
    Ok(elapsed)
}

fn see_all(
    cluster: &Cluster,
    replica: ReplicaId,
    everything: &SessionToken,
) -> Result<(), Box<dyn Error>> {
    let mut client = cluster.client()?;
    client.join(everything)?;
    client.route(Route::Only(replica));
    client.query(RegisterQuery::Get("key-00000".into()))?;
    Ok(())
}

/// Messages, bytes between replica managers, and datagrams in a round without news.
fn load(
    gossip: Gossiping,
    updates: u64,
    directory: &Path,
) -> Result<(u64, u64, f64), Box<dyn Error>> {
    let cluster = Cluster::start(gossip, directory)?;
    cluster.connect();
    fill(&cluster, updates)?;
    cluster.settle()?;
    let counts = &cluster.counts;
    let (datagrams, bytes) =
        (counts.datagrams.load(Ordering::Relaxed), counts.bytes.load(Ordering::Relaxed));
    thread::sleep(gossip.every * IDLE_ROUNDS);
    let idle = counts.datagrams.load(Ordering::Relaxed) - datagrams;
    cluster.stop()?;
    Ok((2 * updates + datagrams, bytes, idle as f64 / f64::from(IDLE_ROUNDS)))
}

/// So many updates at the first replica manager.
fn fill(cluster: &Cluster, updates: u64) -> Result<(), Box<dyn Error>> {
    let mut transport = udp::client_transport(&cluster.addresses)?;
    let work = (0..CLIENTS).map(|client| Request::Update(put(client))).collect();
    let to = vec![cluster.addresses[0]];
    let first = udp::random_front_end()?.0;
    let mut sessions: Sessions<RegisterMap> = Sessions::new(cluster.codec, to, work, first);
    let mut under_way: Vec<_> = (0..CLIENTS).map(|client| sessions.request(client)).collect();
    let mut asked = CLIENTS as u64;
    let mut buffer = [0; DATAGRAM_BYTES_MAX + 1];
    for (to, bytes) in &under_way {
        transport.send(*to, bytes)?;
    }
    let mut answered = 0;
    while answered < updates {
        let Some((length, _)) = transport.receive(&mut buffer, LOST_AFTER)? else {
            for (to, bytes) in &under_way {
                transport.send(*to, bytes)?;
            }
            continue;
        };
        let Some(client) = sessions.reply(&buffer[..length]) else { continue };
        answered += 1;
        if asked < updates {
            asked += 1;
            under_way[client] = sessions.request(client);
            let (to, bytes) = &under_way[client];
            transport.send(*to, bytes)?;
        }
    }
    Ok(())
}
