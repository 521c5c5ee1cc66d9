//! Makes a failing run smaller: leaves out faults, errands, clients and replica managers, and calms the
//! weather, as long as the same thing is broken (delta debugging, Zeller and Hildebrandt, TSE 2002).

use crate::{
    run::{End, run},
    scenario::{Scenario, Task},
    slips::Slip,
};

/// Seeds that are tried for a smaller cluster: its own, and others.
const DICE: [Option<u64>; 6] = [None, Some(0), Some(1), Some(2), Some(3), Some(4)];

/// Runs that are spent on it.
pub const RUNS_MAX: u64 = 600;

/// The smallest scenario that was found to break the same, and how many runs that took.
pub fn shrink(scenario: &Scenario, slip: Option<Slip>) -> (Scenario, u64) {
    let End::Broken(what) = run(scenario, slip, false).end else { return (scenario.clone(), 1) };
    let mut shrinker = Shrinker { best: scenario.clone(), slip, what: gist(&what), runs: 1 };
    loop {
        let before = shrinker.best.clone();
        shrinker.round();
        if shrinker.best == before || shrinker.runs >= RUNS_MAX {
            return (shrinker.best, shrinker.runs);
        }
    }
}

/// The promise, without the particulars of this run.
fn gist(what: &str) -> String {
    what.split([':', '(']).next().unwrap_or_default().trim().to_owned()
}

struct Shrinker {
    best: Scenario,
    slip: Option<Slip>,
    what: String,
    runs: u64,
}

impl Shrinker {
    fn round(&mut self) {
        self.lists(|scenario| &mut scenario.faults);
        self.lists(|scenario| &mut scenario.errands);
        self.settings();
        // The dice fall otherwise in a smaller cluster, so some are thrown anew.
        for count in 1..self.best.set.replicas {
            if DICE.iter().any(|seed| self.with_replicas(count, *seed)) {
                break;
            }
        }
        while self.without_a_client() {}
    }

    /// Is this one broken in the same way? Then it is the best one from now on.
    fn tries(&mut self, scenario: Scenario) -> bool {
        if self.runs >= RUNS_MAX || Scenario::parse(&scenario.to_string()).is_err() {
            return false;
        }
        self.runs += 1;
        let end = run(&scenario, self.slip, false).end;
        let same = matches!(end, End::Broken(what) if gist(&what) == self.what);
        if same {
            self.best = scenario;
        }
        same
    }

    /// Leaves out longer and shorter pieces of a list.
    fn lists<T: Clone>(&mut self, list: fn(&mut Scenario) -> &mut Vec<T>) {
        let mut size = list(&mut self.best).len();
        while size > 0 {
            let mut from = 0;
            while from < list(&mut self.best).len() {
                let mut fewer = self.best.clone();
                let all = list(&mut fewer);
                all.drain(from..(from + size).min(all.len()));
                if !self.tries(fewer) {
                    from += size;
                }
            }
            size /= 2;
        }
    }

    fn settings(&mut self) {
        const CALMER: [(&str, u64); 11] = [
            ("loss", 0),
            ("twice", 0),
            ("late", 0),
            ("corrupt", 0),
            ("stray", 0),
            ("delay_ms", 1),
            ("copies", 1),
            ("batch", 0),
            ("fragment", 0),
            ("acknowledged_by", 1),
            ("large", 0),
        ];
        for (name, value) in CALMER {
            let mut calmer = self.best.clone();
            let place =
                crate::scenario::Setting::NAMES.iter().position(|(known, ..)| *known == name);
            let number = &mut calmer.set.all();
            let number = place.and_then(|place| number.get_mut(place));
            let changed = number.is_some_and(|number| std::mem::replace(*number, value) != value);
            if changed {
                self.tries(calmer);
            }
        }
        let mut sooner = self.best.clone();
        let errands = sooner.errands.iter().map(|errand| errand.at_ms);
        let last = errands.chain(sooner.faults.iter().map(|fault| fault.at_ms)).max();
        sooner.set.calm_ms = last.unwrap_or_default() + 1_000;
        if sooner.set.calm_ms < self.best.set.calm_ms {
            self.tries(sooner);
        }
    }

    fn with_replicas(&mut self, last: u64, seed: Option<u64>) -> bool {
        let mut fewer = self.best.clone();
        fewer.seed = seed.unwrap_or(fewer.seed);
        fewer.set.replicas = last;
        fewer.set.updatable = fewer.set.updatable.min(last);
        fewer.set.acknowledged_by = fewer.set.acknowledged_by.min(fewer.set.updatable);
        // The newcomer comes after all others, however many they are.
        for fault in fewer.faults.iter_mut().filter(|fault| !fault.kind.is_clients()) {
            let is_newcomer = u64::from(fault.who) == self.best.set.replicas;
            fault.who = if is_newcomer { last as u16 } else { fault.who };
        }
        let most = if fewer.replaced().is_some() { last } else { last - 1 };
        fewer.faults.retain(|fault| fault.kind.is_clients() || u64::from(fault.who) <= most);
        self.tries(fewer)
    }

    /// Without one that does nothing; those after it move up.
    fn without_a_client(&mut self) -> bool {
        let busy = |scenario: &Scenario, client: u16| {
            scenario
                .errands
                .iter()
                .any(|errand| errand.client == client || errand.what == Task::Tell(client))
        };
        let clients = self.best.set.clients as u16;
        let Some(idle) = (0..clients).find(|client| !busy(&self.best, *client)) else {
            return false;
        };
        if clients == 1 {
            return false;
        }
        let moved = |client: u16| client - u16::from(client > idle);
        DICE.iter().any(|seed| {
            let mut fewer = self.best.clone();
            fewer.seed = seed.unwrap_or(fewer.seed);
            fewer.set.clients -= 1;
            fewer.faults.retain(|fault| !fault.kind.is_clients() || fault.who != idle);
            for errand in &mut fewer.errands {
                errand.client = moved(errand.client);
                if let Task::Tell(to) = &mut errand.what {
                    *to = moved(*to);
                }
            }
            for fault in fewer.faults.iter_mut().filter(|fault| fault.kind.is_clients()) {
                fault.who = moved(fault.who);
            }
            self.tries(fewer)
        })
    }
}
