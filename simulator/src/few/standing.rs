//! Who is a member, who is not yet or not any more, and what a newcomer has of the others.

use super::{Few, FewCaller, Snapshot};
use crate::{node::Common, widen};
use chinwag::{Group, ManagerState, RecordKey, ReplicaId, Timestamp};
use chinwag_models::{
    application::{Application, Tags},
    party::{ClientLocal, Life, ManagerLocal},
    view::View,
};

/// A newcomer waits.
pub(super) fn at_first(common: &Common, id: ReplicaId) -> Life {
    match common.group.is_member(id) {
        true => Life::Up,
        false => Life::Waits { confirmed: 0, asked: false },
    }
}

impl Few {
    /// Of these replica managers, those that serve, and those that are lost; of the others nothing is judged.
    pub(super) fn view<'a>(
        &'a self,
        clients: &[&'a ClientLocal],
        which: impl Fn(ReplicaId) -> bool,
    ) -> View<'a> {
        let group: Group = self.setting.group;
        let places = group.places().zip(&self.locals).filter(|(id, _)| which(*id));
        let there = places.filter(|(_, local)| !local.waits_for_copy());
        let (lost, managers) = there.partition(|(_, local)| local.is_lost());
        View { setting: &self.setting, managers, lost, clients: clients.to_vec() }
    }

    /// What a newcomer holds, others received before it: for each origin, up to where it says. What it has
    /// executed and does not remember, it was given as forgotten.
    pub(super) fn take_copy(&mut self, me: ReplicaId, state: &ManagerState<Application>) {
        let state = widen::state(state, self.setting.group);
        let held: &Timestamp = state.replica.replica_ts();
        let is_held = |key: &RecordKey| key.seq <= held.get(key.origin);
        let all = self.locals.iter().flat_map(|local: &ManagerLocal| &local.received);
        let received =
            all.filter(|(key, _)| is_held(key)).map(|(key, r)| (*key, r.clone())).collect();
        let mut local = ManagerLocal { received, ..self.locals[me.index()].clone() };
        let ids = local.records().map(|r| r.update.id);
        local.forgotten = ids
            .filter(|id| !state.replica.executed().contains_key(id))
            .filter(|id| !state.replica.known(*id).waiting)
            .collect();
        (local.life, local.disk) = (Life::Recorded, state.replica.clone());
        self.told[me.index()] = held.clone();
        local.state = state;
        self.snapshots[me.index()] = vec![Snapshot(local.clone())];
        self.locals[me.index()] = local;
        self.new.insert(me);
    }

    /// What several hold when it is acknowledged is not lost with one of them.
    pub(super) fn lost_though_held(&self, callers: &[FewCaller]) -> Option<String> {
        let held = self.view(&[], |_| true).managers.into_iter().flat_map(|(_, m)| m.records());
        let held: Tags = held.map(|r| r.update.op.tag).collect();
        let stamped = |caller: &FewCaller| caller.local.stamped.within(held);
        let holds = self.common.acknowledged_by == 1 || callers.iter().all(stamped);
        (!holds).then(|| "what several hold when it is acknowledged is not lost with one".into())
    }
}
