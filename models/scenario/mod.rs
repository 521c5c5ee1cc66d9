//! Scenarios as text: commands and what they print, judged by every property of safety at each step.
//!
//! A scenario runs on the parties of the models. A [`Follower`] may do the same steps elsewhere, for instance
//! on hosts with sockets ([`Live`]), and must come to the same. `tests/scenarios/README.md` has the language.
//! Nothing is left to chance: no message moves and no timer fires unless the scenario says so.

pub mod beside;
mod command;
mod live;
mod run;
mod script;
mod settle;
mod show;
mod stage;

pub use command::{Asked, Command, Kind, Pick, Which};
pub use live::Live;
pub use run::Run;
pub use script::{Block, Script};

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
}

/// By which rules, and on what disks, the parties of a scenario work.
#[derive(Clone, Copy, Debug)]
pub struct By {
    /// The rules.
    pub rules: &'static Rules,
    /// The disks.
    pub disk: Disk,
}

/// The protocol.
pub const PROTOCOL: By = By { rules: &FAITHFUL, disk: Disk::Honest };

impl From<&'static Mutant> for By {
    fn from(mutant: &'static Mutant) -> Self {
        Self { rules: mutant.rules, disk: mutant.disk }
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
