//! The scenarios of `tests/scenarios` on simulated hosts, beside the model.

use chinwag_models::scenario::{PROTOCOL, Script, Stop};
use chinwag_simulator::{follow::Followers, slips::StorageSlip};
use std::{collections::BTreeMap, fs, path::Path};

/// How many scenarios there are.
const SCENARIOS: usize = 43;

/// Those in which a replica manager crashes, once each, that holds something.
const CRASHES: [&str; 3] = ["c17_counter_survives", "c17b_gossip_is_journalled", "c19_phantom"];

fn scenarios() -> BTreeMap<String, Script> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/scenarios");
    let files = fs::read_dir(directory).expect("the scenarios can be read");
    let paths = files.map(|file| file.expect("the scenarios can be read").path());
    let texts = paths.filter(|path| path.extension().is_some_and(|e| e == "txt"));
    let read = |path: std::path::PathBuf| {
        let name = path.file_stem().expect("it is a file").to_string_lossy().into_owned();
        let text = fs::read_to_string(&path).expect("scenarios are text");
        let script = Script::read(&text).unwrap_or_else(|why| panic!("{name}: {why}"));
        (name, script)
    };
    texts.map(read).collect()
}

/// In what simulated hosts differ from the model, if they do.
fn difference(script: &Script, hosts: &mut Followers) -> Option<String> {
    match script.run(PROTOCOL, hosts) {
        Ok((_, Some(Stop::Differs(why)))) | Err(why) => Some(why),
        Ok(_) => None,
    }
}

#[test]
fn every_scenario_runs_alike_on_simulated_hosts() {
    let (mut complaints, mut power_losses) = (Vec::new(), 0);
    let scenarios = scenarios();
    for (name, script) in &scenarios {
        let mut hosts = Followers::default();
        let why = difference(script, &mut hosts);
        let silent = (hosts.datagrams == 0).then(|| "no datagram".to_owned());
        complaints.extend(why.or(silent).map(|why| format!("{name}: {why}")));
        power_losses += hosts.power_losses;
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n\n"));
    assert_eq!((scenarios.len(), power_losses), (SCENARIOS, CRASHES.len()));
}

#[test]
fn a_simulated_host_that_never_syncs_is_found_out_where_there_is_a_crash() {
    let mut found = Vec::new();
    for (name, script) in scenarios() {
        let mut hosts = Followers::with_slip(StorageSlip::NeverSyncs);
        if difference(&script, &mut hosts).is_some() {
            found.push(name);
        }
    }
    // A copy that is put away is of what is synced.
    let [counter, gossip, phantom] = CRASHES;
    assert_eq!(found, [counter, gossip, "c18_restored_from_a_backup", phantom]);
}
