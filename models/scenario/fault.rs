//! What befalls a replica manager of a scenario: it starts again, or with an old copy of what it had stored.

use super::{Follower, Stop, chronicle::befalls, stage::Stage};
use crate::{
    party::{Life, Local, ManagerLocal, Party, Turn},
    system::Happens,
};
use chinwag::ReplicaId;

impl<F: Follower> Stage<F> {
    /// A manager starts again with what its disk holds.
    pub fn restart(&mut self, node: usize) -> Result<(), Stop> {
        let (Party::Manager(party), Some(local)) = (&self.parties[node], self.manager(node)) else {
            return Err(Stop::Unusable("that is no replica manager".into()));
        };
        self.has_its_own(node)?;
        let local = party.crash(local);
        let same = self.follower.restart(party.node.id, &local.state);
        same.map_err(Stop::Differs)?;
        self.halted[node] = false;
        self.settled(befalls(node, &Happens::Crash), Local::Manager(local), Vec::new()).map(drop)
    }

    /// A copy of what a manager has stored is put away.
    pub fn back_up(&mut self, node: usize) -> Result<(), Stop> {
        self.has_its_own(node)?;
        let (local, party) = self.turn(node, Turn::BackedUp)?;
        self.follower.back_up(party).map_err(Stop::Differs)?;
        self.settled(
            befalls(node, &Happens::Turn(Turn::BackedUp)),
            Local::Manager(local),
            Vec::new(),
        )
        .map(drop)
    }

    /// A manager stops, and starts again with the copy that was put away.
    pub fn restore(&mut self, node: usize) -> Result<(), Stop> {
        self.has_its_own(node)?;
        let has_backup = self.manager(node).is_some_and(|local| local.backup.is_some());
        // One that is to be replaced may come back with an empty directory as well.
        if !has_backup && !self.model.replaces {
            return Err(Stop::Unusable("no copy was put away: say `backup` before".into()));
        }
        let (mut local, id) = self.turn(node, Turn::Restored)?;
        if !self.by.waits_for_peers {
            local.life = Life::Up;
        }
        self.follower.restore(id, &local.state).map_err(Stop::Differs)?;
        self.halted[node] = false;
        self.settled(
            befalls(node, &Happens::Turn(Turn::Restored)),
            Local::Manager(local),
            Vec::new(),
        )
        .map(drop)
    }

    fn turn(&self, node: usize, turn: Turn) -> Result<(ManagerLocal, ReplicaId), Stop> {
        match (&self.parties[node], self.manager(node)) {
            (Party::Manager(party), Some(local)) => Ok((party.turn(local, turn).0, party.node.id)),
            _ => Err(Stop::Unusable("that is no replica manager".into())),
        }
    }

    /// The first manager may be replaced. Hosts of a scenario are not: their configurations stay.
    pub fn may_replace(&mut self) -> Result<(), Stop> {
        if self.follower.has_datagrams() {
            return Err(Stop::Unusable("hosts replace nobody here".into()));
        }
        if self.model.updatable < 3 {
            let why =
                "one that is lost, one that stays and one that comes: say `replicas 3` before";
            return Err(Stop::Unusable(why.into()));
        }
        self.set_up(|s| s.model.replaces = true)
    }

    /// A manager is lost, records who is replaced, asks for confirmations, or for a copy.
    pub fn takes_turn(&mut self, node: usize, turn: Turn) -> Result<(), Stop> {
        let (Party::Manager(party), Some(local)) = (&self.parties[node], self.manager(node)) else {
            return Err(Stop::Unusable("that is no replica manager".into()));
        };
        let can = [party.turns(local), party.fair_turns(local)].concat();
        if !can.contains(&turn) {
            let why = if self.model.replaces { "not now" } else { "say `replaces` before" };
            return Err(Stop::Unusable(format!("{why}: it cannot do that")));
        }
        let (local, sent) = party.turn(local, turn);
        let told = befalls(node, &Happens::Turn(turn));
        self.settled(told, Local::Manager(local), sent).map(drop)
    }

    /// Of one that started from an old copy nothing else is tried.
    pub fn has_its_own(&self, node: usize) -> Result<(), Stop> {
        match self.manager(node).is_some_and(ManagerLocal::is_lost) {
            true => Err(Stop::Unusable(format!("{} has an old copy", self.node_name(node)))),
            false => Ok(()),
        }
    }
}
