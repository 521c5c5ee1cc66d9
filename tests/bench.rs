//! `chinwag bench`: what it prints and writes. No figure is judged: they are the machine's.

#![cfg(feature = "bench")]

use serde_json::Value;
use std::process::{Command, Output};

fn bench(words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
    command.arg("bench").args(words).env_remove("CHINWAG_CONFIG").output().unwrap()
}

#[test]
fn each_case_is_a_line_of_json_a_line_of_csv_and_a_point_of_the_plot() {
    let directory = tempfile::tempdir().unwrap();
    let [csv, svg] = ["a.csv", "a.svg"].map(|name| directory.path().join(name));
    let files = ["--csv", csv.to_str().unwrap(), "--svg", svg.to_str().unwrap()];
    let load = ["limit-udp", "--clients", "1,4", "--seconds", "0.05", "--json"];

    let output = bench(&[load.as_slice(), &files].concat());

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let clients: Vec<_> = rows.iter().map(|row| row["clients"].as_u64().unwrap()).collect();
    assert_eq!(clients, [1, 4]);
    for row in &rows {
        assert!(row["answered"].as_u64().unwrap() > 0, "{row}");
        assert!(row["p50_us"].as_u64() <= row["max_us"].as_u64(), "{row}");
    }
    let lines = std::fs::read_to_string(csv).unwrap();
    assert_eq!(lines.lines().count(), 3, "{lines}");
    let columns = |line: &str| line.split(',').count();
    assert!(lines.lines().all(|line| columns(line) == 12), "{lines}");
    let drawing = std::fs::read_to_string(svg).unwrap();
    assert!(drawing.starts_with("<svg"));
    assert!(drawing.matches("<circle").count() >= 6, "two cases, three percentiles");
}

#[test]
fn a_durable_echo_leaves_no_file_behind() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();

    let output = bench(&["limit-durable", "--dir", path, "--seconds", "0.5"]);

    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_measured_is_named_with_what_can() {
    let cases = [
        (["limit-udp", "--clients", "0"], "--clients: use 1 to 10000, not 0"),
        (["limit-udp", "--seconds", "0"], "--seconds: use up to 3600, not 0"),
        (["limit-udp", "--rate", "0"], "--rate: use up to 10000000, not 0"),
        (["limit-durable", "--dir", "/nowhere"], "/nowhere: "),
    ];
    for (words, expected) in cases {
        let output = bench(&words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains(expected), "{words:?}: {said}");
        assert!(matches!(output.status.code(), Some(1 | 2)), "{words:?}");
    }
}
