//! Draws a scenario from a seed. Each seed draws first which kinds of faults there are at all, so that some
//! runs meet one kind alone, and some meet many at once (swarm testing, Groce et al., ISSTA 2012).

use crate::{
    fault::{Fault, KINDS, Kind, LATER},
    random::Random,
    scenario::{CLIENTS_MAX, Errand, REPLICAS_MAX, Scenario, Setting, Task},
};
use chinwag::runtime::Level;
use chinwag_models::model::Serves;

/// How long clients work and things go wrong, in a run of few updates.
const SMALL_MS: u64 = 12_000;

/// And in one of thousands.
const LARGE_MS: u64 = 60_000;

/// The scenario of a seed.
pub fn scenario(seed: u64, large: bool) -> Scenario {
    let mut random = Random::of(&[seed, u64::from(large), 0x5cea]);
    let length = if large { LARGE_MS } else { SMALL_MS };
    let replicas = random.between(1, u64::from(REPLICAS_MAX));
    let read_only = if random.chance(300) { random.below(replicas) } else { 0 };
    let updatable = replicas - read_only;
    let clients = random.between(1, if large { u64::from(CLIENTS_MAX) } else { 5 });
    let set = Setting {
        replicas,
        updatable,
        clients,
        copies: if random.chance(300) { random.between(1, 3) } else { 1 },
        batch: random.one(&[0, 0, 0, 1, 4]),
        acknowledged_by: if random.chance(150) { random.between(1, updatable) } else { 1 },
        calm_ms: length,
        loss: random.one(&[0, 0, 20, 100, 300, 500]),
        twice: random.one(&[0, 0, 50, 300]),
        late: random.one(&[0, 0, 5, 20]),
        corrupt: random.one(&[0, 0, 10, 100]),
        stray: random.one(&[0, 0, 20, 200]),
        delay_ms: random.one(&[1, 5, 20, 100]),
        fragment: 0,
        large: u64::from(large),
    };
    let set = in_pieces(seed, set);
    let serves =
        [Serves::Transcript, Serves::Counter, Serves::Set, Serves::Registers, Serves::Board];
    let level = match random.below(10) {
        0 => Level::Interval,
        1 => Level::Memory,
        _ => Level::Fsync,
    };
    let serves = random.one(&serves);
    // Updates that are close to each other are under way together.
    let busy = if set.fragment > 0 { length / 6 } else { length };
    let errands = errands(&mut random, &set, busy);
    let mut faults = faults(&mut random, &set, level, length);
    faults.extend(severed(seed, &set, length));
    faults.extend(later(seed, &set, level));
    faults.extend(replaced(seed, &set, level));
    if faults.iter().any(|fault| fault.kind == Kind::Replace) {
        // One that holds nothing waits for all others, as it should: for ever, across a severed link.
        faults.retain(|fault| fault.kind != Kind::Sever);
    }
    faults.sort_by_key(|fault| fault.at_ms);
    Scenario { seed, set, serves, level, errands, faults }
}

/// In some runs a datagram carries few records, so that few updates already make gossip of several, and
/// those overtake each other; and requests are doubled. With dice of their own.
fn in_pieces(seed: u64, set: Setting) -> Setting {
    let mut random = Random::of(&[seed, set.large, 0xf1ec]);
    if !random.chance(150) {
        return set;
    }
    let replicas = random.one(&[3, 3, 3, 4, 5]);
    let (updatable, acknowledged_by) = (replicas, 1);
    let fragment = random.one(&[1, 1, 1, 2, 3]);
    let (copies, loss) = (random.between(2, 3), random.one(&[100, 300, 500]));
    let (stray, delay_ms) = (random.one(&[20, 200]), random.one(&[5, 20, 100]));
    let several = Setting { replicas, updatable, acknowledged_by, ..set };
    Setting { fragment, copies, loss, stray, delay_ms, ..several }
}

fn errands(random: &mut Random, set: &Setting, length: u64) -> Vec<Errand> {
    let (tasks, updates_max) = match set.large == 1 {
        true => (random.between(2_500, 6_000), 3_000),
        false => (random.between(4, 60), chinwag_models::application::TAGS_MAX),
    };
    let independent = random.chance(300);
    let mut updates = 0;
    let mut errands: Vec<_> = (0..tasks)
        .map(|_| {
            let client = random.below(set.clients) as u16;
            let what = match random.below(10) {
                0..=4 if updates < updates_max => Task::Update,
                5 if independent && updates < updates_max => Task::Independent,
                6 if set.clients > 1 => {
                    let other = random.between(1, set.clients - 1) as u16;
                    Task::Tell((client + other) % set.clients as u16)
                }
                _ => Task::Query,
            };
            updates += usize::from(matches!(what, Task::Update | Task::Independent));
            Errand { at_ms: random.below(length), client, what }
        })
        .collect();
    errands.sort_by_key(|errand| errand.at_ms);
    errands
}

fn faults(random: &mut Random, set: &Setting, level: Level, length: u64) -> Vec<Fault> {
    let on: Vec<Kind> = KINDS
        .iter()
        .map(|(kind, _)| *kind)
        // Drawn by themselves.
        .filter(|kind| *kind != Kind::Sever && !LATER.contains(kind))
        .filter(|kind| {
            let likely = match kind {
                // Whatever a disk lies about, little can be promised after.
                Kind::Lie => 60,
                Kind::Backup | Kind::Restore | Kind::Wipe | Kind::Vanish => 150,
                _ => 350,
            };
            random.chance(likely) && is_fair(*kind, level)
        })
        .collect();
    let mut faults = Vec::new();
    if on.is_empty() {
        return faults;
    }
    let count = random.between(1, if set.large == 1 { 60 } else { 14 });
    for _ in 0..count {
        let kind = random.one(&on);
        let at_ms = random.between(1, length);
        draw(random, set, (kind, at_ms), &mut faults);
    }
    faults.sort_by_key(|fault| fault.at_ms);
    faults
}

/// Links that are cut for good, but for a line through all that take updates and a link from there to each
/// read-only one, which passes nothing on. With dice of their own, so that the rest of a seed's scenario is
/// as it was before there were any.
fn severed(seed: u64, set: &Setting, length: u64) -> Vec<Fault> {
    let mut random = Random::of(&[seed, set.large, 0x5e7e]);
    // An update that several must hold may wait for one that its taker does not hear.
    if set.replicas < 3 || set.acknowledged_by > 1 || !random.chance(150) {
        return Vec::new();
    }
    let mut line: Vec<_> = (0..set.updatable).collect();
    for last in (1..line.len()).rev() {
        line.swap(last, random.below(last as u64 + 1) as usize);
    }
    let mut stay: Vec<_> = line.windows(2).map(|pair| [pair[0], pair[1]]).collect();
    stay.extend((set.updatable..set.replicas).map(|last| [random.below(set.updatable), last]));
    let mut faults = Vec::new();
    for (who, much) in (0..set.replicas).flat_map(|b| (0..b).map(move |a| (a, b))) {
        let goes = !stay.contains(&[who, much]) && !stay.contains(&[much, who]);
        if goes && random.chance(500) {
            let (at_ms, kind, who) = (random.below(length), Kind::Sever, who as u16);
            faults.push(Fault { at_ms, kind, who, much, for_ms: 0 });
        }
    }
    faults
}

/// The kinds that came later, each in a run of four; with dice of their own, too.
fn later(seed: u64, set: &Setting, level: Level) -> Vec<Fault> {
    let mut random = Random::of(&[seed, set.large, 0x1a7e]);
    let (length, mut faults) = (set.calm_ms, Vec::new());
    for kind in [Kind::Return, Kind::CrashStart, Kind::Downgrade, Kind::Boast] {
        let is_on = random.chance(250) && is_fair(kind, level);
        for _ in 0..if is_on { random.between(1, 3) } else { 0 } {
            let at_ms = random.between(1, length);
            let nodes = if kind.is_clients() { set.clients } else { set.replicas };
            let who = random.below(nodes) as u16;
            let much = match kind {
                Kind::CrashStart => random.between(1, 8),
                Kind::Boast => random.one(&[1, 10, 1_000_000]),
                _ => 0,
            };
            let for_ms = random.between(1, 1_000);
            let fault = Fault { at_ms, kind, who, much, for_ms };
            let after = |kind, random: &mut Random| Fault {
                at_ms: at_ms + random.between(500, 6_000),
                kind,
                ..fault
            };
            match kind {
                Kind::Return => faults.extend([
                    Fault { kind: Kind::Vanish, ..fault },
                    after(Kind::Return, &mut random),
                ]),
                Kind::Downgrade if random.chance(600) => {
                    faults.extend([fault, after(Kind::Upgrade, &mut random)]);
                }
                _ => faults.push(fault),
            }
        }
    }
    faults
}

/// A replica manager is replaced, in a run of four of those in which it can be, and things befall the
/// newcomer and the others meanwhile; and processes of clients end. With dice of their own, too.
fn replaced(seed: u64, set: &Setting, level: Level) -> Vec<Fault> {
    let mut random = Random::of(&[seed, set.large, 0x4e91]);
    let mut faults = Vec::new();
    if random.chance(250) {
        for _ in 0..random.between(1, 4) {
            let (at_ms, who) = (random.between(1, set.calm_ms), random.below(set.clients) as u16);
            faults.push(Fault { at_ms, kind: Kind::Renew, who, much: 0, for_ms: 0 });
        }
    }
    let may = set.replicas > 1 && set.updatable == set.replicas && set.large == 0;
    if !may || !random.chance(250) {
        return faults;
    }
    let (at_ms, who) = (random.between(1_000, set.calm_ms), random.below(set.replicas) as u16);
    let (runs_on, cut) = (random.below(2), level == Level::Fsync && random.chance(300));
    let much = runs_on + if cut { 2 * random.between(1, 30) } else { 0 };
    let for_ms = random.one(&[100, 1_000, 5_000]);
    faults.push(Fault { at_ms, kind: Kind::Replace, who, much, for_ms });
    for _ in 0..random.below(4) {
        let kind =
            random.one(&[Kind::Kill, Kind::Crash, Kind::CrashStart, Kind::Pause, Kind::Full]);
        let who = if random.chance(600) { set.replicas } else { random.below(set.replicas) };
        let at_ms = at_ms + random.between(1, for_ms + 2_000);
        let much = if kind == Kind::Full { random.below(500) } else { random.between(1, 8) };
        let fault = Fault { at_ms, kind, who: who as u16, much, for_ms: random.between(1, 500) };
        faults.extend(is_fair(kind, level).then_some(fault));
    }
    faults
}

/// The weaker levels promise nothing to clients after power loss, so there is none at these; a killed
/// process loses nothing at any level.
fn is_fair(kind: Kind, level: Level) -> bool {
    let needs_sync = matches!(
        kind,
        Kind::Crash
            | Kind::CrashStart
            | Kind::SyncFails
            | Kind::Lie
            | Kind::Backup
            | Kind::Restore
            | Kind::Wipe
    );
    level == Level::Fsync || !needs_sync
}

fn draw(random: &mut Random, set: &Setting, (kind, at_ms): (Kind, u64), faults: &mut Vec<Fault>) {
    let nodes = if kind.is_clients() { set.clients } else { set.replicas };
    let who = random.below(nodes) as u16;
    let length = random.one(&[20, 200, 1_000, 5_000]);
    let for_ms = random.between(1, length);
    let much = match kind {
        Kind::Crash => random.one(&[0, 1, 1, 2, 2, 3, 4, 5, 6, 8]),
        Kind::Full => random.one(&[0, 0, 10, 100, 5_000]),
        Kind::Slow => random.between(1, 40),
        Kind::Jump => random.one(&[1, 100, 10_000, 3_600_000]),
        Kind::Drift => random.one(&[500, 900, 1_100, 2_000]),
        Kind::Partition => random.below(1 << set.replicas),
        Kind::OneWay | Kind::Clog => random.below(set.replicas),
        _ => 0,
    };
    let fault = Fault { at_ms, kind, who, much, for_ms };
    if kind == Kind::Clog && random.chance(300) {
        // Swizzle: links clog one after the other, and come free in another order.
        for other in 0..set.replicas {
            let (at_ms, for_ms) = (at_ms + random.below(300), random.between(200, 3_000));
            faults.push(Fault { at_ms, who: other as u16, much: u64::from(who), for_ms, ..fault });
            let at_ms = at_ms + random.below(300);
            faults.push(Fault { at_ms, much: other, for_ms: random.between(200, 3_000), ..fault });
        }
        return;
    }
    if kind == Kind::Restore {
        let at_ms = random.below(at_ms);
        faults.push(Fault { at_ms, kind: Kind::Backup, ..fault });
    }
    faults.push(fault);
}
