use std::path::PathBuf;

use super::{Run, TextStyle, formats, sample, text};

fn golden_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("render/golden")
}

/// Compares with a golden file; with `UPDATE_EXPECT=1`, writes it.
fn expect(file: &str, actual: &str) {
    let path = golden_dir().join(file);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(&path, actual).expect("the golden directory is part of the repository");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == actual,
        "{} differs; look at it, then run with UPDATE_EXPECT=1. Now it is:\n{actual}",
        path.display()
    );
}

#[test]
fn the_sample_looks_as_it_did() {
    for (extension, content) in formats(&sample::stale_read()).expect("a run is JSON") {
        expect(&format!("stale-read.{extension}"), &content);
    }
    let ascii = TextStyle { width: 80, colour: false, ascii: true };
    expect("stale-read.ascii.txt", &text(&sample::stale_read(), &ascii));
    let colour = TextStyle { width: 100, colour: true, ascii: false };
    expect("stale-read.colour.txt", &text(&sample::stale_read(), &colour));
}

#[test]
fn an_empty_run_says_that_nothing_happened() {
    let text = text(&Run::default(), &TextStyle::plain(80));

    assert_eq!(text, "Nothing happens in this run.\n\n");
}
