//! The judge against seeded bugs: a replay with the rules of a mutant agrees with its own steps, so nobody
//! but the judge can find out that the rules are wrong.

use super::{Judge, Player, ReplicaId};
use crate::{mutants::MUTANTS, trace::witnessed::Witnessed};
use chinwag::{
    Destination, Effects, FrontEndId, Group, Input, Message, Replica, ReplicaManager, RequestId,
    Rules, Sender, Serial, Timer, Timestamp, Update,
    runtime::{ClusterId, Codec},
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
    flying: Vec<(Sender, ReplicaId, Message<S>)>,
    clients: [Timestamp; CLIENTS],
    outstanding: [Option<Update<S>>; CLIENTS],
    asked: [u64; CLIENTS],
    chance: u64,
}

impl Run {
    fn new(rules: &'static Rules, seed: u64) -> Self {
        let group = Group::of(REPLICAS);
        let codec = Codec { cluster: ClusterId::of("judge", "counter", group), group };
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
            flying: Vec::new(),
            clients: [(); CLIENTS].map(|()| group.zero()),
            outstanding: [(); CLIENTS].map(|()| None),
            asked: [0; CLIENTS],
            chance: seed,
        }
    }

    /// Below `end`; the same in every run with one seed (splitmix64).
    fn below(&mut self, end: usize) -> usize {
        self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.chance ^ self.chance >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ mixed >> 27) % end as u64) as usize
    }

    fn ask(&mut self) {
        let client = self.below(CLIENTS);
        if self.outstanding[client].is_none() {
            self.asked[client] += 1;
            let serial = |number| Serial { incarnation: 0, number };
            self.outstanding[client] = Some(Update {
                id: RequestId {
                    front_end: FrontEndId(client as u64),
                    serial: serial(self.asked[client]),
                },
                acknowledged: serial(self.asked[client]),
                prev: self.clients[client].clone(),
                op: 1,
            });
        }
        let to = ReplicaId(self.below(REPLICAS.into()) as u16);
        let update = self.outstanding[client].clone().expect("it was just asked for");
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
        self.judge.step(&self.players, node, &fx.journal)
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
        self.judge.end(&self.players)
    }
}

/// What the judge has against one of many runs with these rules.
fn objection(rules: &'static Rules) -> Option<String> {
    (0..RUNS).find_map(|seed| {
        let mut run = Run::new(rules, seed);
        let steps = (0..STEPS).try_for_each(|_| run.step());
        steps.and_then(|()| run.settle().map(drop)).err()
    })
}

#[test]
fn the_judge_accepts_the_protocol_and_sees_quiet_ends() {
    assert_eq!(objection(&chinwag::rules::FAITHFUL), None);
    let mut run = Run::new(&chinwag::rules::FAITHFUL, 0);
    (0..STEPS).try_for_each(|_| run.step()).unwrap();
    assert_eq!(run.settle(), Ok(true));
}

#[test]
fn the_judge_finds_out_rules_that_are_wrong_by_each_of_its_promises() {
    let found: Vec<_> =
        MUTANTS.iter().filter_map(|mutant| Some((mutant.name, objection(mutant.rules)?))).collect();
    let by = |promise: &str| found.iter().filter(|(_, why)| why.contains(promise)).count();
    for promise in ["(P3)", "(P6)", "(P8)", "(P9)", "(P12)", "(P13)", "(P16)", "(P25)"] {
        assert!(by(promise) > 0, "{promise} finds out nothing: {found:?}");
    }
}
