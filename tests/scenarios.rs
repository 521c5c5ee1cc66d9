//! The scenarios of `tests/scenarios`: on the model, on live hosts, and with the seeded bugs that they name.

use chinwag_models::{
    mutants::MUTANTS,
    scenario::{By, Live, PROTOCOL, Script, Stop},
};
use std::{env, fs, path::PathBuf};

/// Rewrites what is expected by what is printed.
const UPDATE: &str = "UPDATE_SCENARIOS";

/// What a mutant is found out by if no property is violated.
const OUTPUT: &str = "the output differs";

fn directory() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "scenarios"].iter().collect()
}

/// All scenarios, by name, in order.
fn scenarios() -> Vec<(String, String)> {
    let files = fs::read_dir(directory()).expect("the scenarios can be read");
    let paths = files.map(|file| file.expect("the scenarios can be read").path());
    let texts = paths.filter(|path| path.extension().is_some_and(|e| e == "txt"));
    let read = |path: PathBuf| {
        let name = path.file_name().expect("it is a file").to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).expect("scenarios are text"))
    };
    let mut all: Vec<_> = texts.map(read).collect();
    all.sort();
    all
}

fn read(name: &str, text: &str) -> Script {
    Script::read(text).unwrap_or_else(|why| panic!("{name}: {why}"))
}

fn nothing_in(complaints: Vec<String>) {
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n\n"));
}

#[test]
fn every_scenario_prints_on_the_model_what_it_says() {
    let mut complaints = Vec::new();
    for (name, text) in scenarios() {
        let script = read(&name, &text);
        let (printed, _) = script.run(PROTOCOL, ()).unwrap_or_else(|why| panic!("{name}: {why}"));
        if env::var_os(UPDATE).is_some() {
            fs::write(directory().join(&name), printed.write()).expect("scenarios can be written");
        } else if let Some(difference) = script.difference(&printed) {
            complaints.push(format!("{name}: {difference}\n({UPDATE}=1 takes it over)"));
        }
    }
    nothing_in(complaints);
}

#[test]
fn every_scenario_runs_alike_on_hosts_over_udp() {
    let mut complaints = Vec::new();
    for (name, text) in scenarios() {
        let (script, mut live) = (read(&name, &text), Live::default());
        match script.run(PROTOCOL, &mut live) {
            Ok((_, Some(Stop::Differs(why)))) | Err(why) => {
                complaints.push(format!("{name}: {why}"))
            }
            Ok(_) if live.datagrams == 0 => complaints.push(format!("{name}: no datagram")),
            Ok(_) => {}
        }
    }
    nothing_in(complaints);
}

#[test]
fn every_scenario_finds_out_the_seeded_bugs_that_it_names() {
    let mut complaints = Vec::new();
    for (name, text) in scenarios() {
        let script = read(&name, &text);
        for (mutant, by) in &script.mutants {
            let known = MUTANTS.iter().find(|m| m.name == mutant);
            let Some(known) = known else {
                complaints.push(format!("{name}: there is no mutant {mutant:?}"));
                continue;
            };
            let found = match script.run(By::from(known), ()) {
                Ok((_, Some(Stop::Violated(sentences)))) => sentences.join("\n"),
                Ok((printed, _)) if script.difference(&printed).is_some() => OUTPUT.to_owned(),
                Ok(_) => "nothing".to_owned(),
                Err(why) => why,
            };
            if !found.lines().any(|sentence| sentence == by) {
                complaints.push(format!("{name}: {mutant:?} is found out by\n{found}\nnot\n{by}"));
            }
        }
    }
    nothing_in(complaints);
}
