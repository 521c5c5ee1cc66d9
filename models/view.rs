//! What a property may look at: replica managers and clients, from a checker, a simulator or a trace.

use crate::{
    application::{Tag, Tags},
    party::{ClientLocal, Local, ManagerLocal},
};
use chinwag::{Group, LogRecord, ReplicaId};

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
}

/// Some or all nodes at one moment. A property over nodes or pairs holds of a view if it holds of each node
/// or pair in it, so that the checker may judge small views and remember the verdicts.
#[derive(Clone, Debug)]
pub struct View<'a> {
    /// What is fixed.
    pub setting: &'a Setting,
    /// Replica managers, each with its place.
    pub managers: Vec<(ReplicaId, &'a ManagerLocal)>,
    /// Clients.
    pub clients: Vec<&'a ClientLocal>,
}

/// A log record of a model.
pub type Record = LogRecord<crate::application::Application>;

impl<'a> View<'a> {
    /// The view of these nodes; managers come first in the numbering of nodes.
    pub fn of(setting: &'a Setting, nodes: impl IntoIterator<Item = (usize, &'a Local)>) -> Self {
        let mut view = Self { setting, managers: Vec::new(), clients: Vec::new() };
        for (node, local) in nodes {
            match local {
                Local::Manager(manager) => view.managers.push((ReplicaId(node as u16), manager)),
                Local::Client(client) => view.clients.push(client),
            }
        }
        view
    }

    /// Every ordered pair of different managers.
    pub fn manager_pairs(
        &self,
    ) -> impl Iterator<Item = ((ReplicaId, &'a ManagerLocal), (ReplicaId, &'a ManagerLocal))> + '_
    {
        let all = || self.managers.iter().copied();
        all().flat_map(move |a| all().filter(move |b| a.0 != b.0).map(move |b| (a, b)))
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
