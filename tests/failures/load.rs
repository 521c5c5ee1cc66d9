//! What clients do while everything fails, what they saw of it, and whether that is as promised.
//!
//! Clients add to a set, each element once, and read the whole set at replica managers that they choose by
//! chance. To the checker of histories each element is a key that is written once, and a read is a
//! transaction that reads all keys.

use super::{
    chance::Chance,
    cluster::{CLIENTS, Cluster, PATIENCE, REPLICAS, connect, read_at},
    proxy::End,
};
use chinwag::{
    ReplicaId,
    runtime::{ClientError, Config, Route},
    services::OrSetOp,
};
use chinwag_models::history::{Outcome, Question, Recorder, judge};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

/// How long an update may take before its client goes on without knowing.
const UPDATE_PATIENCE: Duration = Duration::from_secs(5);

/// How long a client waits for an answer of a replica manager that may be out of reach.
const READ_PATIENCE: Duration = Duration::from_millis(250);

/// Something that a session did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Added(String, Outcome),
    Read(BTreeSet<String>),
}

/// What each session did, in order.
pub type Sessions = Vec<Vec<Event>>;

/// What clients have done so far.
#[derive(Debug, Default)]
pub struct Progress {
    stop: AtomicBool,
    acknowledged: [AtomicUsize; CLIENTS],
    read: [AtomicUsize; CLIENTS],
}

impl Progress {
    pub fn acknowledged(&self, client: usize) -> usize {
        self.acknowledged[client].load(SeqCst)
    }

    /// Until a client was answered so many more times.
    pub fn wait_to_read(&self, client: usize, more: usize) {
        let read = || self.read[client].load(SeqCst);
        let before = read();
        super::cluster::wait_until("a client is answered", || read() >= before + more);
    }

    /// Until each of these clients has so many more updates acknowledged.
    pub fn wait(&self, clients: &[usize], more: usize) {
        let before: Vec<_> = clients.iter().map(|client| self.acknowledged(*client)).collect();
        super::cluster::wait_until("updates are acknowledged", || {
            let mut both = clients.iter().zip(&before);
            both.all(|(client, before)| self.acknowledged(*client) >= before + more)
        });
    }
}

/// Stops the clients, also when a test fails.
struct StopsClients<'a>(&'a Progress);

impl Drop for StopsClients<'_> {
    fn drop(&mut self) {
        self.0.stop.store(true, SeqCst);
    }
}

/// Lets clients work while the cluster is disturbed, then calms the network, and lets each session read once
/// more everywhere.
pub fn under_load(
    seed: u64,
    cluster: &mut Cluster,
    disturb: impl FnOnce(&mut Cluster, &Progress),
) -> Sessions {
    let progress = Arc::<Progress>::default();
    let start = |number| {
        let (config, progress) = (cluster.as_seen_by(End::Client(number)), Arc::clone(&progress));
        thread::spawn(move || work(seed, &config, number, &progress))
    };
    let clients: Vec<_> = (0..CLIENTS).map(start).collect();
    {
        let _stops = StopsClients(&progress);
        progress.wait(&[0, 1, 2], 1);
        disturb(cluster, &progress);
        cluster.network.calm();
    }
    clients.into_iter().map(|client| client.join().unwrap()).collect()
}

fn work(seed: u64, config: &Config, number: usize, progress: &Progress) -> Vec<Event> {
    let mut client = connect(config, UPDATE_PATIENCE);
    let mut chance = Chance::of([seed, 77, number as u64]);
    let mut events = Vec::new();
    for count in 0.. {
        if progress.stop.load(SeqCst) {
            break;
        }
        let element = format!("{number}.{count}");
        let outcome = match client.update(OrSetOp::Add(element.clone())) {
            Ok(_) => Outcome::Committed,
            Err(ClientError::Indefinite { .. }) => Outcome::Unknown,
            Err(_) => Outcome::Failed,
        };
        events.push(Event::Added(element, outcome));
        let counted = usize::from(outcome == Outcome::Committed);
        progress.acknowledged[number].fetch_add(counted, SeqCst);
        if chance.permille(400) {
            client.patience(READ_PATIENCE);
            client.route(Route::Only(ReplicaId(chance.between(0, u64::from(REPLICAS) - 1) as u16)));
            if let Ok(answer) = client.query(()) {
                events.push(Event::Read(answer));
                progress.read[number].fetch_add(1, SeqCst);
            }
            client.route(Route::Fastest);
            client.patience(UPDATE_PATIENCE);
        }
        thread::sleep(Duration::from_millis(chance.between(2, 8)));
    }
    client.patience(PATIENCE);
    events.extend((0..REPLICAS).map(|id| Event::Read(read_at(&mut client, id))));
    events
}

/// What clients were told, and what the replica managers answer in the end: as promised?
///
/// Nothing acknowledged is lost, nothing is there that nobody asked for, all answer alike, and the history is
/// causally consistent and keeps all session guarantees.
pub fn verdict(sessions: &Sessions, answers: &[BTreeSet<String>]) -> Result<(), String> {
    if let Some(other) = answers.iter().find(|answer| **answer != answers[0]) {
        let differ: Vec<_> = other.symmetric_difference(&answers[0]).collect();
        return Err(format!("replica managers differ in {differ:?}"));
    }
    let lost: Vec<_> =
        added(sessions, |o| o == Outcome::Committed).filter(|e| !answers[0].contains(*e)).collect();
    if !lost.is_empty() {
        return Err(format!("acknowledged, then lost: {lost:?}"));
    }
    let asked: BTreeSet<_> = added(sessions, |o| o != Outcome::Failed).collect();
    let invented: Vec<_> = answers[0].iter().filter(|element| !asked.contains(element)).collect();
    if !invented.is_empty() {
        return Err(format!("nobody asked for {invented:?}, or it was refused"));
    }
    judged(sessions)
}

fn added(sessions: &Sessions, fits: fn(Outcome) -> bool) -> impl Iterator<Item = &String> {
    sessions.iter().flatten().filter_map(move |event| match event {
        Event::Added(element, outcome) if fits(*outcome) => Some(element),
        _ => None,
    })
}

/// The verdict of the project's checker of histories.
fn judged(sessions: &Sessions) -> Result<(), String> {
    let all: BTreeSet<_> = added(sessions, |o| o != Outcome::Failed).collect();
    let mut recorder = Recorder::new();
    for (number, session) in sessions.iter().enumerate() {
        let name = format!("client {number}");
        // What a session has read it need not read again: the write is in its past for ever. So only what is
        // absent is told each time.
        let mut met = BTreeSet::new();
        for (line, event) in (1..).zip(session) {
            match event {
                Event::Added(_, Outcome::Failed) => {}
                Event::Added(element, outcome) => {
                    recorder.begin(&name, *outcome, line).write(element, "in");
                }
                Event::Read(seen) => {
                    let transaction = recorder.begin(&name, Outcome::Committed, line);
                    all.iter().filter(|element| !seen.contains(**element)).for_each(|element| {
                        transaction.read(element, None);
                    });
                    for element in seen.iter().filter(|element| met.insert(*element)) {
                        transaction.read(element, Some("in"));
                    }
                }
            }
        }
    }
    let history = recorder.finish().map_err(|mistake| mistake.to_string())?;
    let judgement = judge(&history, &Question::ALL);
    match judgement.is_decided() && !judgement.is_violated() {
        true => Ok(()),
        false => Err(format!("the history does not hold: {:?}", judgement.answers)),
    }
}
