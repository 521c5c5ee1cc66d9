//! The program `simulate`: what its exit codes and its output promise.

use std::{
    fs,
    process::{Command, Output},
};

fn simulate(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulate"));
    command.args(words).output().expect("the binary exists")
}

#[test]
fn seeds_that_do_not_exist_are_refused_and_not_counted_as_sound() {
    for words in [
        &["--seeds", "0"][..],
        &["--seed", "18446744073709551615", "--seeds", "2"],
        &["--mutants", "--seeds", "0"],
    ] {
        let output = simulate(words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{words:?}: {said}");
        assert!(said.contains("there are no such"), "{said}");
    }
}

#[test]
fn a_failing_run_is_printed_as_a_scenario_that_fails_again() {
    let bug = "answers too early";
    let output = simulate(&["--seed", "0", "--seeds", "30", "--mutant", bug]);
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{printed}");
    assert!(
        printed.contains("simulate --scenario FILE --mutant \"answers too early\""),
        "{printed}"
    );

    let file = std::env::temp_dir().join(format!("chinwag-scenario-{}", std::process::id()));
    fs::write(&file, &output.stdout).expect("it can be written");
    let name = file.to_str().expect("a plain name");
    let again = simulate(&["--scenario", name, "--mutant", bug, "--no-shrink"]);
    let without = simulate(&["--scenario", name]);
    fs::remove_file(&file).expect("it is there");
    assert_eq!(again.status.code(), Some(1), "{}", String::from_utf8_lossy(&again.stderr));
    assert_eq!(without.status.code(), Some(0), "{}", String::from_utf8_lossy(&without.stderr));
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_said_is_no_success() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let mut command = Command::new(env!("CARGO_BIN_EXE_simulate"));
    let output = command.args(["--seed", "7"]).stdout(full).output().expect("the binary exists");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("the output is not whole"), "{said}");
}

#[test]
fn the_last_seed_that_there_is_can_be_run() {
    for (seed, seeds) in [("18446744073709551615", "1"), ("18446744073709551614", "2")] {
        let output = simulate(&["--seed", seed, "--seeds", seeds]);
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
}
