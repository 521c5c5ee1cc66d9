//! The judge, and the shadow that asks every property, against seeded bugs: a replay with the rules of a
//! mutant agrees with its own steps, so nobody but these can find out that the rules are wrong.

use super::{Judge, Player, ReplicaId};
use crate::{
    application::TAGS_MAX,
    mutants::MUTANTS,
    trace::{shadow::Shadow, witnessed::Witnessed},
};
use chinwag::{
    Destination, Effects, FrontEndId, Group, Input, Message, Replica, ReplicaManager, RequestId,
    Rules, Sender, Serial, Timer, Timestamp, Update,
    runtime::{ClusterId, Codec, TraceInput},
    services::Counter,
};

type S = Witnessed<Counter>;

const REPLICAS: u16 = 3;
const CLIENTS: usize = 3;
const RUNS: u64 = 150;
const STEPS: usize = 400;

/// A cluster in memory whose network loses, repeats and reorders, and whose clients go anywhere.
struct Run {
    players: Vec<Player<Counter>>,
    judge: Judge<Counter>,
    /// Judges in the judge's place, if it is there.
    shadow: Option<Shadow>,
    flying: Vec<(Sender, ReplicaId, Message<S>)>,
    clients: [Timestamp; CLIENTS],
    outstanding: [Option<Update<S>>; CLIENTS],
    asked: [u64; CLIENTS],
    /// Of each client.
    asks_max: u64,
    chance: u64,
}

impl Run {
    fn new(rules: &'static Rules, seed: u64) -> Self {
        let group = Group::of(REPLICAS);
        let codec = Codec::new(ClusterId::of("judge", "counter", group), group);
        let player = |id| {
            let node = ReplicaManager::new(id, group).with_rules(rules);
            let mut player = Player::new(node, codec);
            let replica = Replica::empty(REPLICAS.into());
            player.state = Some(player.node.start(replica, &mut Effects::default()));
            player
        };
        Self {
            players: group.members().map(player).collect(),
            judge: Judge::new(group),
            shadow: None,
            flying: Vec::new(),
            clients: [(); CLIENTS].map(|()| group.zero()),
            outstanding: [(); CLIENTS].map(|()| None),
            asked: [0; CLIENTS],
            asks_max: u64::MAX,
            chance: seed,
        }
    }

    /// Judged by every property.
    fn with_shadow(rules: &'static Rules, seed: u64) -> Self {
        let mut run = Self::new(rules, seed);
        let each = (TAGS_MAX / CLIENTS) as u64;
        let ids = (0..CLIENTS as u64).flat_map(|client| (1..=each).map(move |n| id(client, n)));
        let nodes = run.players.iter().map(|player| player.node.clone());
        run.shadow = Some(Shadow::of(Group::of(REPLICAS), ids.zip(0..).collect(), nodes));
        run.asks_max = each;
        run
    }

    /// Below `end`; the same in every run with one seed (splitmix64).
    fn below(&mut self, end: usize) -> usize {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.chance ^ self.chance >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ mixed >> 27) % end as u64) as usize
    }

    fn ask(&mut self) {
        let client = self.below(CLIENTS);
        if self.outstanding[client].is_none() && self.asked[client] < self.asks_max {
            self.asked[client] += 1;
            let (id, prev) = (id(client as u64, self.asked[client]), self.clients[client].clone());
            let acknowledged = id.serial;
            self.outstanding[client] = Some(Update { id, acknowledged, prev, op: 1 });
        }
        let to = ReplicaId(self.below(REPLICAS.into()) as u16);
        let Some(update) = self.outstanding[client].clone() else { return };
        let from = Sender::FrontEnd(update.id.front_end);
        self.flying.push((from, to, Message::Update(update)));
    }

    fn step(&mut self) -> Result<(), String> {
        match self.below(8) {
            0 => self.ask(),
            1 | 2 => {
                let (at, to) = (self.below(REPLICAS.into()), self.below(REPLICAS.into()));
                if at != to {
                    let to = ReplicaId(to as u16);
                    return self.handle(at, Input::Timer(Timer::Gossip { to }));
                }
            }
            _ if self.flying.is_empty() => {}
            3 => {
                let lost = self.below(self.flying.len());
                self.flying.swap_remove(lost);
            }
            kind => {
                let at = self.below(self.flying.len());
                let (from, to, message) = match kind {
                    4 => self.flying[at].clone(),
                    _ => self.flying.swap_remove(at),
                };
                return self.handle(to.index(), Input::Message(from, message));
            }
        }
        Ok(())
    }

    fn handle(&mut self, node: usize, input: Input<S>) -> Result<(), String> {
        let traced = match &input {
            Input::Message(from, message) => {
                TraceInput::Message { from: *from, message: message.clone() }
            }
            Input::Timer(timer) => TraceInput::Timer(*timer),
            Input::Request(_) => unreachable!("clients are not replica managers"),
        };
        let (mut fx, player) = (Effects::default(), &mut self.players[node]);
        let state = player.state.as_mut().expect("all have started");
        player.node.handle(state, input, &mut fx);
        for (to, message) in fx.sends.drain(..) {
            match (to, message) {
                (Destination::Replica(peer), message) => {
                    self.flying.push((Sender::Replica(ReplicaId(node as u16)), peer, message));
                }
                (Destination::FrontEnd(front_end), Message::UpdateReply { id, ts }) => {
                    let client = front_end.0 as usize;
                    if self.outstanding[client].as_ref().is_some_and(|update| update.id == id) {
                        self.outstanding[client] = None;
                        self.clients[client].merge(&ts);
                    }
                }
                _ => {}
            }
        }
        match &mut self.shadow {
            Some(shadow) => {
                shadow.step(node, &traced);
                let told = |(promise, why)| [vec![promise], why].concat().join("\n");
                shadow.judge().map_err(told)
            }
            None => self.judge.step(&self.players, node, &fx.journal),
        }
    }

    /// Everything once more, until nothing is left to say, and then the end.
    fn settle(&mut self) -> Result<bool, String> {
        for _ in 0..20 {
            for (from, to, message) in std::mem::take(&mut self.flying) {
                self.handle(to.index(), Input::Message(from, message))?;
            }
            for (at, to) in (0..9).map(|i| (i / 3, ReplicaId(i as u16 % 3))) {
                if at != to.index() {
                    self.handle(at, Input::Timer(Timer::Gossip { to }))?;
                }
            }
        }
        match &self.shadow {
            Some(_) => Ok(true),
            None => self.judge.end(&self.players),
        }
    }
}

fn id(client: u64, number: u64) -> RequestId {
    let serial = Serial { incarnation: 0, number };
    RequestId { front_end: FrontEndId(client), serial }
}

/// What the judge has against one of many runs with these rules.
fn objection(
    rules: &'static Rules,
    runs: u64,
    begin: fn(&'static Rules, u64) -> Run,
) -> Option<String> {
    (0..runs).find_map(|seed| {
        let mut run = begin(rules, seed);
        let steps = (0..STEPS).try_for_each(|_| run.step());
        steps.and_then(|()| run.settle().map(drop)).err()
    })
}

#[test]
fn the_judge_accepts_the_protocol_and_sees_quiet_ends() {
    assert_eq!(objection(&chinwag::rules::FAITHFUL, RUNS, Run::new), None);
    let mut run = Run::new(&chinwag::rules::FAITHFUL, 0);
    (0..STEPS).try_for_each(|_| run.step()).unwrap();
    assert_eq!(run.settle(), Ok(true));
}

#[test]
fn the_judge_finds_out_rules_that_are_wrong_by_each_of_its_promises() {
    let found = MUTANTS.iter().filter_map(|m| Some((m.name, objection(m.rules, RUNS, Run::new)?)));
    let found: Vec<_> = found.collect();
    let by = |promise: &str| found.iter().filter(|(_, why)| why.contains(promise)).count();
    for promise in ["(P3)", "(P6)", "(P8)", "(P9)", "(P12)", "(P13)", "(P16)", "(P25)"] {
        assert!(by(promise) > 0, "{promise} finds out nothing: {found:?}");
    }
}

#[test]
fn the_shadow_accepts_the_protocol() {
    assert_eq!(objection(&chinwag::rules::FAITHFUL, SHADOWED, Run::with_shadow), None);
}

/// What clients see, read-only replicas, crashes and the end are not in these runs: of that the models and
/// the simulator tell.
#[test]
fn the_shadow_finds_out_rules_that_are_wrong_by_many_properties() {
    for (name, promise) in FOUND {
        let mutant = MUTANTS.iter().find(|mutant| mutant.name == name).expect(name);
        let why = objection(mutant.rules, RUNS, Run::with_shadow);
        assert!(why.as_ref().is_some_and(|why| why.starts_with(promise)), "{name}: {why:?}");
        // With who, what and which numbers.
        let is_explained = |why: &String| why.lines().count() > 2 && !why.contains("not so here");
        assert!(why.as_ref().is_some_and(is_explained), "{name}: {why:?}");
    }
}

/// Runs with every property judged after each step, of rules that are right.
const SHADOWED: u64 = 10;

const FOUND: [(&str, &str); 13] = [
    ("records duplicates", "a manager makes one record of an update"),
    ("ignores what is finished", "an update is executed at most once"),
    ("drops duplicates silently", "a replica manager alone takes updates and answers"),
    ("answers duplicates with the value's timestamp", "a reply covers every record of its update"),
    ("stamps without the past", "a timestamp is the past with one new update in it"),
    ("counts from the client's past", "a timestamp names one update"),
    ("counts the whole timestamp", "the log has no holes"),
    ("executes before the past", "the value never runs ahead of the log"),
    ("makes a single pass", "nothing waits that need not wait"),
    ("has no executed table", "the value reflects exactly what its timestamp covers"),
    ("believes what it sent arrived", "knowledge of a peer is never overestimated"),
    ("overwrites what it knew", "no timestamp goes down"),
    ("discards what a majority has", "a record leaves a log only when everyone has it"),
];
