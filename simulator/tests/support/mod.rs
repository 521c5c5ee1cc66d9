//! What several test programs use.

use chinwag_simulator::{
    End, Scenario, run,
    slips::{self, Slip},
};

/// The seeded bug of this name.
pub fn slip(name: &str) -> Slip {
    let found = slips::all().into_iter().find(|(known, ..)| *known == name);
    found.expect("the table has it").1
}

/// What is broken when the scenario runs with this bug in, if anything is.
pub fn broken(scenario: &Scenario, name: &str) -> Option<String> {
    match run(scenario, Some(slip(name)), false).end {
        End::Broken(what) => Some(what),
        End::Sound | End::Refused | End::Excused => None,
    }
}
