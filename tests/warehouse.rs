//! The service of `examples/warehouse.rs` as a user would run it: from one file, in processes of its own.
#![cfg(all(feature = "checker", feature = "runtime"))]

use chinwag::runtime::udp::free_addresses;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

/// `cargo test` builds the examples beside its tests.
fn warehouse() -> Command {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples/warehouse");
    assert!(program.exists(), "{}: `cargo build --examples` makes it", program.display());
    Command::new(program)
}

/// Ends with the test.
struct Node(Child);

impl Node {
    fn start(config: &Path) -> Self {
        let mut command = warehouse();
        command.arg("serve").arg(config).arg("init").stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_service_of_ones_own_is_served_and_asked_from_the_file_that_checks_it() {
    let directory = tempfile::tempdir().unwrap();
    let addresses = free_addresses(2).unwrap();
    let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
    let configs: Vec<PathBuf> = (0..2)
        .map(|id| {
            let path = directory.path().join(format!("rm{id}.toml"));
            let text = format!(
                "cluster = 'shop'\nservice = 'warehouse'\nreplicas = {addresses:?}\n\
                 [replica]\nid = {id}\ndata_dir = 'rm{id}'\n"
            );
            fs::write(&path, text).unwrap();
            path
        })
        .collect();
    let _nodes: Vec<_> = configs.iter().map(|config| Node::start(config)).collect();
    let ask = |words: [&str; 2], rest: &[&str]| -> (bool, String) {
        let [what, at] = words;
        let session = directory.path().join("ann");
        let command = &mut warehouse();
        let command = command.arg(what).arg(&configs[0]).arg(session).arg(at).args(rest);
        let Output { status, stdout, .. } = command.output().unwrap();
        (status.success(), String::from_utf8(stdout).unwrap().trim().into())
    };

    // A new cluster takes updates when all have been up once, which may take longer than one patience.
    let moved = (0..6).map(|_| ask(["move", "0"], &["tea", "5"])).find(|(done, _)| *done);
    assert!(moved.is_some(), "rm0 takes no update");
    let (done, stock) = ask(["stock", "1"], &["tea"]);

    // Once if the first try was answered; one that was not may have counted, too.
    assert!(done && stock.parse::<i64>().unwrap() % 5 == 0 && stock != "0", "{stock:?}");
}
