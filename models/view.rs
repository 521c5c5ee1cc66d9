//! What a property may look at: replica managers and clients, from a checker, a simulator or a trace.

use crate::{
    application::{Tag, Tags},
    party::{ClientLocal, Life, Local, ManagerLocal},
};
use chinwag::{Group, LogRecord, ReplicaId, Timestamp};

/// What is fixed about the system that is judged.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Who is in the cluster.
    pub group: Group,
    /// Do all clients tell the truth about what they have seen?
    pub honest: bool,
    /// Does everyone hear of everyone in the end?
    pub whole: bool,
    /// Does the service keep its law? Of one that does not, only answers are compared, to show that they
    /// differ.
    pub lawful: bool,
    /// The updates that the clients ask for in all.
    pub asked: Tags,
    /// Which replica manager may be replaced.
    pub replaced: Option<ReplicaId>,
}

/// Some or all nodes at one moment. A property over nodes or pairs holds of a view if it holds of each node
/// or pair in it, so that the checker may judge small views and remember the verdicts.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// What is fixed.
    pub setting: &'a Setting,
    /// Replica managers, each with its place: those that serve.
    pub managers: Vec<(ReplicaId, &'a ManagerLocal)>,
    /// Those that have lost their state: of them, only what they once received is looked at.
    pub lost: Vec<(ReplicaId, &'a ManagerLocal)>,
    /// Clients.
    pub clients: Vec<&'a ClientLocal>,
}

/// A log record of a model.
pub type Record = LogRecord<crate::application::Application>;

impl<'a> View<'a> {
    /// The view of these nodes; managers come first in the numbering of nodes.
    pub fn of(setting: &'a Setting, nodes: impl IntoIterator<Item = (usize, &'a Local)>) -> Self {
        let (managers, lost, clients) = (Vec::new(), Vec::new(), Vec::new());
        let mut view = Self { setting, managers, lost, clients };
        for (node, local) in nodes {
            match local {
                Local::Manager(manager) if manager.is_lost() => {
                    view.lost.push((ReplicaId(node as u16), manager));
                }
                Local::Manager(manager) if manager.waits_for_copy() => {}
                Local::Manager(manager) => view.managers.push((ReplicaId(node as u16), manager)),
                Local::Client(client) => view.clients.push(client),
            }
        }
        view
    }

    /// Every ordered pair of different managers, without those that are parted.
    pub fn manager_pairs(
        &self,
    ) -> impl Iterator<Item = ((ReplicaId, &'a ManagerLocal), (ReplicaId, &'a ManagerLocal))> + '_
    {
        let all = || self.managers.iter().copied();
        all().flat_map(move |a| {
            all().filter(move |b| a.0 != b.0 && !self.are_parted(a, *b)).map(move |b| (a, b))
        })
    }

    /// One is replaced, and the other has recorded it: neither hears of the other any more.
    fn are_parted(&self, a: (ReplicaId, &ManagerLocal), b: (ReplicaId, &ManagerLocal)) -> bool {
        let between = |old: ReplicaId, other: &ManagerLocal| {
            self.setting.replaced == Some(old) && other.life == Life::Recorded
        };
        between(a.0, b.1) || between(b.0, a.1)
    }

    /// Every ordered pair of different managers, whatever became of them.
    pub fn all_pairs(&self) -> impl Iterator<Item = (&'a ManagerLocal, &'a ManagerLocal)> + '_ {
        let all = || self.managers.iter().chain(&self.lost).copied();
        all().flat_map(move |a| all().filter(move |b| a.0 != b.0).map(move |b| (a.1, b.1)))
    }

    /// Who is lost, and up to which of its updates somebody else holds them, if it made more.
    pub fn lost_beyond(&self) -> Option<(ReplicaId, u64)> {
        self.lost.iter().find_map(|(lost, ghost)| {
            let made = ghost.records().filter(|r| r.origin == *lost).count() as u64;
            let held = self.managers.iter().map(|(_, m)| m.state.replica.replica_ts().get(*lost));
            let held = held.max().unwrap_or(0);
            (made > held).then_some((*lost, held))
        })
    }

    /// Does whoever has seen this wait for an update that is lost for good (C19)?
    pub fn waits_for_lost(&self, ts: &Timestamp) -> bool {
        self.lost_beyond().is_some_and(|(lost, held)| ts.get(lost) > held)
    }

    /// Every client with every manager.
    pub fn meetings(
        &self,
    ) -> impl Iterator<Item = (&'a ClientLocal, ReplicaId, &'a ManagerLocal)> + '_ {
        let clients = self.clients.iter().copied();
        clients.flat_map(|c| self.managers.iter().map(move |(i, m)| (c, *i, *m)))
    }
}

impl ManagerLocal {
    /// The operations that ran here, in order.
    pub fn order(&self) -> &[Tag] {
        &self.state.replica.value().order
    }

    /// The operations that ran here.
    pub fn ran(&self) -> Tags {
        self.order().iter().copied().collect()
    }

    /// Every record that ever came here.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.received.values().map(|r| &**r)
    }
}
