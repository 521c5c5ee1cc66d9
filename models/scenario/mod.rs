//! Scenarios as text: commands and what they print, judged by every property of safety at each step.
//!
//! A scenario runs on the parties of the models. A [`Follower`] may do the same steps elsewhere, for instance
//! on hosts with sockets ([`Live`]), and must come to the same. `tests/scenarios/README.md` has the language.
//! Nothing is left to chance: no message moves and no timer fires unless the scenario says so.

pub mod beside;
mod chronicle;
mod command;
mod diff;
mod export;
mod fault;
mod flight;
mod live;
mod run;
mod script;
mod settle;
mod show;
mod stage;
mod verdict;

pub use command::{Asked, Command, Kind, Pick, Which};
pub use diff::Whose;
pub use export::export;
pub use live::Live;
pub use run::Run;
pub use script::{Block, Mismatch, Script};
pub use verdict::Played;

use crate::{application::Application, mutants::Mutant, party::Disk, party::Sent};
use chinwag::{Input, ManagerState, ReplicaId, ReplicaManager, Rules, rules::FAITHFUL};

/// Does at once whatever replica managers of a scenario do, by other means.
///
/// Errors say in what it differs from the model; the scenario then fails.
pub trait Follower {
    /// A replica manager is there, with nothing stored. They come in order.
    fn begin(&mut self, node: &ReplicaManager) -> Result<(), String>;

    /// A replica manager took an input; the model's then sent this and was in this state.
    fn step(
        &mut self,
        id: ReplicaId,
        input: &Input<Application>,
        sends: &[Sent],
        state: &ManagerState<Application>,
    ) -> Result<(), String>;

    /// A replica manager starts again with what it had stored; the model's was then in this state.
    fn restart(&mut self, id: ReplicaId, state: &ManagerState<Application>) -> Result<(), String>;

    /// A copy of what a replica manager has stored is put away.
    fn back_up(&mut self, id: ReplicaId) -> Result<(), String>;

    /// That copy is put back in place of what it has stored, and it starts again; the model's was then in
    /// this state. From then on it takes no update until its peers have told what they know of it.
    fn restore(&mut self, id: ReplicaId, state: &ManagerState<Application>) -> Result<(), String>;

    /// A replica manager took an input that tells that it has lost state: it must stop.
    fn lost(&mut self, id: ReplicaId, input: &Input<Application>) -> Result<(), String>;

    /// Do its messages travel as bytes, so that a record must be large to fill one?
    fn has_datagrams(&self) -> bool {
        true
    }
}

/// The model alone.
impl Follower for () {
    fn begin(&mut self, _: &ReplicaManager) -> Result<(), String> {
        Ok(())
    }

    fn step(
        &mut self,
        _: ReplicaId,
        _: &Input<Application>,
        _: &[Sent],
        _: &ManagerState<Application>,
    ) -> Result<(), String> {
        Ok(())
    }

    fn restart(&mut self, _: ReplicaId, _: &ManagerState<Application>) -> Result<(), String> {
        Ok(())
    }

    fn back_up(&mut self, _: ReplicaId) -> Result<(), String> {
        Ok(())
    }

    fn restore(&mut self, _: ReplicaId, _: &ManagerState<Application>) -> Result<(), String> {
        Ok(())
    }

    fn lost(&mut self, _: ReplicaId, _: &Input<Application>) -> Result<(), String> {
        Ok(())
    }

    fn has_datagrams(&self) -> bool {
        false
    }
}

/// By which rules, and on what disks, the parties of a scenario work.
#[derive(Clone, Copy, Debug)]
pub struct By {
    /// The rules.
    pub rules: &'static Rules,
    /// The disks.
    pub disk: Disk,
    /// Does one that starts from an old copy wait for what its peers know of it?
    pub waits_for_peers: bool,
}

/// The protocol.
pub const PROTOCOL: By = By { rules: &FAITHFUL, disk: Disk::Honest, waits_for_peers: true };

/// A seeded bug that is of the host and not of the protocol: [`PROTOCOL`] without the wait for peers. By its
/// name in the simulator.
pub const NO_GRACE: (&str, By) =
    ("host: starts without a grace", By { waits_for_peers: false, ..PROTOCOL });

impl From<&'static Mutant> for By {
    fn from(mutant: &'static Mutant) -> Self {
        Self { rules: mutant.rules, disk: mutant.disk, ..PROTOCOL }
    }
}

/// Why a scenario cannot go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// These properties are violated.
    Violated(Vec<&'static str>),
    /// The follower differs from the model.
    Differs(String),
    /// The command makes no sense here.
    Unusable(String),
}
