//! The end of a scenario: no more faults.

use super::{Follower, Stop, stage::Stage};
use crate::{
    party::{Local, Party},
    properties::Scope,
};
use chinwag::{Input, ReplicaId, Timer};

/// Rounds in which everyone who has something to say says it. The longest scenario needs a few.
const ROUNDS_MAX: usize = 50;

/// Messages that arrive without a timer in between.
const DELIVERIES_MAX: usize = 2_000;

/// The promise that is broken if it goes on for ever; the engine judges it, so no property has it.
pub(super) const SILENCE: &str = "every fair continuation becomes silent";

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
        (0..self.managers()).try_for_each(|node| self.has_its_own(node))?;
        for round in 0..ROUNDS_MAX {
            self.deliver_all(&mut Vec::new())?;
            let due = self.due(patiently);
            if due.is_empty() {
                self.judge(&[Scope::Idle, Scope::End])?;
                return Ok(round);
            }
            for (node, timer) in due {
                self.step(node, Input::Timer(timer))?;
            }
        }
        Err(Stop::Violated(vec![SILENCE]))
    }

    pub(super) fn due(&self, patiently: bool) -> Vec<(usize, Timer)> {
        let mut due = Vec::new();
        for (node, (party, local)) in self.parties.iter().zip(&self.locals).enumerate() {
            match (party, local) {
                (Party::Manager(party), Local::Manager(local)) => {
                    let peers = party.node.group.members().filter(|peer| *peer != party.node.id);
                    let due_to = |to: &ReplicaId| party.node.has_reason(&local.state, *to);
                    due.extend(peers.filter(due_to).map(|to| (node, Timer::Gossip { to })));
                }
                (_, Local::Client(_)) if patiently => {}
                (_, Local::Client(local)) => {
                    let numbers = local.state.in_flight.keys();
                    due.extend(numbers.map(|n| (node, Timer::Retry { number: *n })));
                }
                _ => unreachable!("a party's state has the party's kind"),
            }
        }
        due
    }
}
