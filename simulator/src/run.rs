//! A whole run: faults, then calm, in which everything must end up right within a bound of virtual time.

use crate::{
    cluster::Cluster,
    fault::Kind,
    few::Few,
    judge::{Judge, Moment},
    many::Many,
    network::Weather,
    scenario::Scenario,
    slips::Slip,
};
use std::{collections::BTreeMap, panic, path::Path};

/// How long it may take in calm until all is as it should be, or one more request is answered, in
/// milliseconds of virtual time.
pub const CONVERGE_WITHIN_MS: u64 = 60_000;

/// How often it is looked whether it is, in milliseconds.
const LOOK_EVERY_MS: u64 = 100;

/// How long after that what is still under way may come, in milliseconds: what is late, and what strayed.
const LATEST_MS: u64 = 260_000;

/// Events of a run of few updates, and of one of many. More are a loop without a pause.
const EVENTS_MAX: [u64; 2] = [1_000_000, 20_000_000];

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Nothing was broken, and all ended up right.
    Sound,
    /// This is broken.
    Broken(String),
    /// A disk that lied lost what was told of, and this was found out: there the run ends.
    Refused,
    /// A disk that lied lost what was told to clients alone, which nobody can find out: there the run ends.
    Excused,
}

/// What happened, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Events.
    pub events: u64,
    /// Rounds of a host.
    pub steps: u64,
    /// Of these, with more than one datagram.
    pub batched: u64,
    /// What clients did.
    pub errands: u64,
    /// Requests that were repeated.
    pub repeats: u64,
    /// Datagrams that could not be read.
    pub unreadable: u64,
    /// Datagrams that found a buffer full.
    pub overflown: u64,
    /// Faults, by kind.
    pub faults: BTreeMap<Kind, u64>,
    /// Faults that would have befallen who was down, or was being watched.
    pub skipped: u64,
    /// Disks that were replaced by others that had less.
    pub swapped: u64,
    /// Replica managers that were refused, as they had to be.
    pub refused: u64,
    /// Copies that newcomers took.
    pub copies: u64,
    /// Clients that waited at the end for what was lost with a replica manager.
    pub in_vain: u64,
    /// Recoveries in which power was lost.
    pub recoveries_cut: u64,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How it ended.
    pub end: End,
    /// All that happened, as one number.
    pub digest: u64,
    /// Virtual time, in milliseconds.
    pub virtual_ms: u64,
    /// How long it took in calm until all was right, in milliseconds.
    pub healed_ms: Option<u64>,
    /// What happened.
    pub counts: Counts,
    /// What happened to datagrams.
    pub weather: Weather,
    /// How often all properties were looked at.
    pub looks: u64,
    /// What happened, in words, if it was asked for.
    pub story: Vec<String>,
}

/// Runs a scenario, with a seeded bug or without, and tells its story if wanted.
pub fn run(scenario: &Scenario, slip: Option<Slip>, tells: bool) -> Outcome {
    match scenario.set.large {
        1 => run_with::<Many>(scenario, slip, tells, None),
        _ => run_with::<Few>(scenario, slip, tells, None),
    }
}

/// The same of few updates, where every replica manager records its steps to this directory as one over UDP
/// does: `check trace` and `check explore` read it.
pub fn recorded(scenario: &Scenario, slip: Option<Slip>, tells: bool, directory: &Path) -> Outcome {
    run_with::<Few>(scenario, slip, tells, Some(directory))
}

fn run_with<J: Judge>(
    scenario: &Scenario,
    slip: Option<Slip>,
    tells: bool,
    record: Option<&Path>,
) -> Outcome {
    let mut cluster = Cluster::<J>::new(scenario, slip, tells, record);
    let whole = panic::AssertUnwindSafe(|| go(&mut cluster, scenario.set.calm_ms * 1_000));
    let healed_ms = match panic::catch_unwind(whole) {
        Ok(healed) => healed,
        Err(cause) => {
            let text = cause.downcast_ref::<String>().map(String::as_str);
            let text = text.or(cause.downcast_ref::<&str>().copied()).unwrap_or("?");
            cluster.end = Some(End::Broken(format!("nothing panics: {text}")));
            None
        }
    };
    cluster.finish();
    Outcome {
        end: cluster.end.clone().unwrap_or(End::Sound),
        digest: cluster.digest,
        virtual_ms: cluster.now / 1_000,
        healed_ms,
        weather: cluster.weather(),
        looks: cluster.looks(),
        counts: std::mem::take(&mut cluster.counts),
        story: cluster.story.take().unwrap_or_default(),
    }
}

/// Returns how long it took in calm until all was right.
fn go<J: Judge>(cluster: &mut Cluster<J>, calm_at: u64) -> Option<u64> {
    while cluster.next(calm_at) {
        bounded(cluster);
    }
    if cluster.end.is_some() {
        return None;
    }
    cluster.calm();
    let mut healed = heal(cluster, calm_at)?;
    if cluster.join() {
        let joined = cluster.now;
        healed = healed.max(heal(cluster, joined)?);
    }
    // What strays or comes late must not undo it.
    let latest = cluster.now + LATEST_MS * 1_000;
    while cluster.under_way > 0 && cluster.now < latest && cluster.next(latest) {
        bounded(cluster);
    }
    let again = cluster.now;
    heal(cluster, again)?;
    cluster.look(Moment::Any);
    Some(healed)
}

fn heal<J: Judge>(cluster: &mut Cluster<J>, since: u64) -> Option<u64> {
    // A client asks one thing after the other: what it has left to ask may take longer, but no request alone.
    let (mut left, mut deadline) = (usize::MAX, 0);
    for look in 0.. {
        let until = since + look * LOOK_EVERY_MS * 1_000;
        while cluster.next(until) {
            bounded(cluster);
        }
        if cluster.end.is_some() {
            return None;
        }
        let still_left = cluster.left();
        if still_left < left {
            (left, deadline) = (still_left, look + CONVERGE_WITHIN_MS / LOOK_EVERY_MS);
        }
        match cluster.unfinished() {
            None => return Some(look * LOOK_EVERY_MS),
            Some(what) if look >= deadline => {
                cluster.fail(format!("{what} (within {CONVERGE_WITHIN_MS} ms of calm)"));
            }
            Some(_) => {}
        }
    }
    None
}

fn bounded<J: Judge>(cluster: &mut Cluster<J>) {
    if cluster.counts.events > EVENTS_MAX[cluster.is_large()] {
        cluster.fail("nothing goes round without a pause");
    }
}
