//! The end of a scenario: no more faults.

use super::{Follower, Stop, stage::Stage};
use crate::{
    party::{Local, Party, Turn},
    properties::Scope,
    system::TRIES_IN_VAIN,
};
use chinwag::{Input, ReplicaId, Timer};

/// Rounds in which everyone who has something to say says it. The longest scenario needs a few.
const ROUNDS_MAX: usize = 50;

/// Messages that arrive without a timer in between.
const DELIVERIES_MAX: usize = 2_000;

/// The promise that is broken if it goes on for ever; the engine judges it, so no property has it.
pub(super) const SILENCE: &str = crate::properties::SILENCE.sentence;

impl<F: Follower> Stage<F> {
    /// All that is under way arrives, oldest first, and what comes of it.
    pub(super) fn deliver_all(&mut self, out: &mut Vec<String>) -> Result<(), Stop> {
        for _ in 0..DELIVERIES_MAX {
            if self.flight.is_empty() {
                return Ok(());
            }
            let packet = self.flight.remove(0);
            self.arrive(&packet, out)?;
        }
        Err(Stop::Violated(vec![SILENCE]))
    }

    /// All arrives and all timers with a reason fire, until there are no more; then it is judged as an end.
    ///
    /// Clients ask again for what is unanswered, unless they are patient.
    pub(super) fn settle(&mut self, patiently: bool) -> Result<usize, Stop> {
        if !self.model.replaces {
            (0..self.managers()).try_for_each(|node| self.has_its_own(node))?;
        }
        for round in 0..ROUNDS_MAX {
            self.deliver_all(&mut Vec::new())?;
            let (due, turns) = (self.due(patiently), self.turns_due());
            if due.is_empty() && turns.is_empty() {
                self.judge(&[Scope::Idle, Scope::End])?;
                return Ok(round);
            }
            for (node, timer) in due {
                self.step(node, Input::Timer(timer))?;
            }
            for (node, turn) in turns {
                self.takes_turn(node, turn)?;
            }
        }
        Err(Stop::Violated(vec![SILENCE]))
    }

    pub(super) fn due(&self, patiently: bool) -> Vec<(usize, Timer)> {
        let mut due = Vec::new();
        for (node, (party, local)) in self.parties.iter().zip(&self.locals).enumerate() {
            match (party, local) {
                (Party::Manager(party), Local::Manager(local)) => {
                    let speaker = party.node_of(local);
                    let is_peer = |to: &ReplicaId| *to != speaker.id && local.speaks();
                    let peers = speaker.group.members().filter(is_peer);
                    let due_to = |to: &ReplicaId| speaker.has_reason(&local.state, *to);
                    due.extend(peers.filter(due_to).map(|to| (node, Timer::Gossip { to })));
                }
                (_, Local::Client(_)) if patiently => {}
                (_, Local::Client(local)) if local.in_vain >= TRIES_IN_VAIN => {}
                (_, Local::Client(local)) => {
                    let numbers = local.state.in_flight.keys();
                    due.extend(numbers.map(|n| (node, Timer::Retry { number: *n })));
                }
                _ => unreachable!("a party's state has the party's kind"),
            }
        }
        due
    }

    /// What is left to be done of a replacement.
    fn turns_due(&self) -> Vec<(usize, Turn)> {
        let mut due = Vec::new();
        for (node, (party, local)) in self.parties.iter().zip(&self.locals).enumerate() {
            if let (Party::Manager(party), Local::Manager(local)) = (party, local) {
                due.extend(party.fair_turns(local).into_iter().map(|turn| (node, turn)));
            }
        }
        due
    }
}
