//! Replica managers with a network stack each: see `namespaces.sh`.

use super::cluster::{accepted, may};
use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// Partitions by the kernel: a cable that is out, an interface that is down, a route that is prohibited one
/// way, a line too thin. The system's refusals to send are counted, and lose nothing (fault 14).
#[test]
fn replica_managers_that_the_kernel_parts_serve_and_agree_when_it_is_over() {
    let through = ["unshare", "--kill-child", "-rnmpf"];
    if !may(&through, "network namespaces") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/failures/namespaces.sh");
    let mut command = Command::new(through[0]);
    command.args(&through[1..]).arg("bash").arg(script).arg(env!("CARGO_BIN_EXE_chinwag"));
    let output = command.arg(directory.path()).output().unwrap();
    let (said, why) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{said}{why}");

    let (acknowledged, answer) = said.split_once("all: ").unwrap();
    let of = |words: &str| words.split_whitespace().map(String::from).collect::<BTreeSet<_>>();
    assert_eq!(of(answer), of(acknowledged));
    assert_eq!(of(answer).len(), 19);
    let log = fs::read_to_string(directory.path().join("rm0.log")).unwrap();
    assert!(log.contains("the system did not send it"), "{log}");
    assert!(log.contains("stopped, with"), "{log}");
    accepted(&directory.path().join("trace"));
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
