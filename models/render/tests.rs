use std::path::PathBuf;

use serde_json::{Value, json};

use super::{
    Change, Run, TextStyle, diff, formats, itf, sample, shiviz, svg, text, words, write_all,
};

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
    let path = path.display();
    assert!(expected == actual, "{path} differs: look, then UPDATE_EXPECT=1. Now it is:\n{actual}");
}

/// Runs of all shapes: any number of lanes, long, hostile, empty.
fn all_runs() -> Vec<Run> {
    let busy = (1..=7).flat_map(|lanes| (1..=20).map(move |seed| sample::busy(lanes, 30, seed)));
    let mut runs = vec![Run::default(), sample::stale_read(), sample::hostile()];
    runs.extend(busy);
    runs
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
    let liveness = sample::busy(5, 12, 9);
    expect("busy.txt", &text(&liveness, &TextStyle::plain(80)));
    expect("busy.svg", &svg(&liveness));
}

#[test]
fn the_display_part_of_a_replay_file_reads_back_as_it_was() {
    for run in all_runs() {
        let json = serde_json::to_string(&run).expect("a run is JSON");

        assert_eq!(serde_json::from_str::<Run>(&json).expect("and JSON is a run"), run);
    }
}

#[test]
fn an_empty_run_says_that_nothing_happened() {
    let run = Run::default();

    assert_eq!(text(&run, &TextStyle::plain(80)), "Nothing happens in this run.\n\n");
    assert!(svg(&run).contains("Nothing happens in this run."));
    assert_eq!(shiviz(&run).lines().count(), 2);
    assert_eq!(itf(&run)["states"].as_array().map(Vec::len), Some(1));
}

#[test]
fn indices_that_point_nowhere_are_harmless() {
    for lanes in 0..3 {
        for seed in 0..20 {
            // What was six lanes: most steps and addressees do not exist any more.
            let mut run = sample::busy(6, 30, seed);
            run.lanes.truncate(lanes);
            run.repeats_from = Some(99);
            run.steps.iter_mut().flat_map(|step| &mut step.sent).for_each(|sent| {
                sent.to = sent.to.filter(|to| *to != 1);
            });
            assert!(!text(&run, &TextStyle::plain(80)).is_empty());
            assert_eq!(well_formed(&svg(&run)), Ok(()));
            assert!(!shiviz(&run).is_empty() && itf(&run).is_object());
        }
    }
}

#[test]
fn the_terminal_diagram_keeps_to_its_width() {
    for mut run in all_runs() {
        run.replay = String::new();
        for columns in [60, 80, 100, 140] {
            let text = text(&run, &TextStyle::plain(columns));
            let widest = text.lines().map(words::width).max().unwrap_or(0);
            // A sixth lane does not fit beside notes in 60 columns.
            assert!(widest <= columns || run.lanes.len() > 5, "{widest} columns:\n{text}");
            assert!(widest <= columns.max(74), "{widest} columns:\n{text}");
        }
    }
}

#[test]
fn text_without_colour_has_no_escape_sequences_and_ascii_is_ascii() {
    let hostile = text(&sample::hostile(), &TextStyle::plain(80));
    assert!(!hostile.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'));

    let style = TextStyle { width: 80, colour: false, ascii: true };
    for seed in 0..20 {
        let text = text(&sample::busy(4, 30, seed), &style);
        assert!(text.is_ascii(), "{text}");
    }
}

#[test]
fn every_arrow_of_the_terminal_diagram_that_starts_also_ends() {
    let diagram = text(&sample::stale_read(), &TextStyle::plain(100));
    let count = |symbols: &str| diagram.chars().filter(|c| symbols.contains(*c)).count();

    let legend = [1, 1, 1];
    assert_eq!(count("╮╭"), 5, "messages that arrive or are lost");
    assert_eq!(count("▶◀") - legend[0], 4, "arrivals");
    assert_eq!(count("×") - legend[1], 1, "losses");
    assert_eq!(count("▷◁") - legend[2], 1, "messages that do not arrive");
}

#[test]
fn the_svg_is_well_formed_whatever_the_labels_are() {
    for run in all_runs() {
        let svg = svg(&run);
        if let Err(problem) = well_formed(&svg) {
            panic!("{problem}:\n{svg}");
        }
        assert!(
            !svg.contains("<script") && !svg.contains("href"),
            "nothing is executed or fetched"
        );
    }
}

/// Enough of XML for what the renderer writes: elements nest, attributes are quoted and named once,
/// text has only the five entities.
fn well_formed(xml: &str) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut rest = xml;
    while let Some(start) = rest.find('<') {
        text_is_escaped(&rest[..start])?;
        let end = rest[start..].find('>').ok_or("a tag does not end")? + start;
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let opened = open.pop();
            if opened != Some(name) {
                return Err(format!("</{name}> closes {opened:?}"));
            }
        } else {
            let (tag, empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
            let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            attributes_are_quoted(attributes)?;
            if !empty {
                open.push(name);
            }
        }
    }
    if open.is_empty() && rest.trim().is_empty() {
        Ok(())
    } else {
        Err(format!("left open: {open:?}"))
    }
}

fn attributes_are_quoted(mut rest: &str) -> Result<(), String> {
    let mut names = Vec::new();
    while !rest.trim().is_empty() {
        let (name, after) =
            rest.trim_start().split_once("=\"").ok_or(format!("no value: {rest}"))?;
        let (value, after) = after.split_once('"').ok_or(format!("no closing quote: {rest}"))?;
        text_is_escaped(value)?;
        if names.contains(&name)
            || name.contains(|c: char| !(c.is_alphabetic() || "-:0123456789".contains(c)))
        {
            return Err(format!("attribute {name}"));
        }
        names.push(name);
        rest = after;
    }
    Ok(())
}

fn text_is_escaped(text: &str) -> Result<(), String> {
    let entities = ["amp;", "lt;", "gt;", "quot;", "apos;"];
    let unescaped = |part: &str| !entities.iter().any(|entity| part.starts_with(entity));
    if text.split('&').skip(1).any(unescaped)
        || text.contains(|c: char| c.is_control() && c != '\n')
    {
        return Err(format!("unescaped: {text}"));
    }
    Ok(())
}

#[test]
fn words_are_measured_in_columns() {
    assert_eq!(words::width("日本"), 4);
    assert_eq!(words::shorten("日本語", 5), "日本…");
    assert_eq!(words::shorten("日本語", 4), "日…");
    assert_eq!(words::wrap("日本語 e\u{301}té", 6), ["日本語", "e\u{301}té"]);
    assert_eq!(words::wrap("a,bcdefgh", 4), ["a,bc", "defg", "h"]);
    assert_eq!(words::wrap_at_most("one two three four", 9, 1), ["one two…"]);
    assert_eq!(words::one_line("a\r\n\tb\u{1b}[0m\u{200b}"), "a b\u{fffd}[0m");

    let mut run = sample::stale_read();
    run.lanes[0].name = "日本".to_owned();
    run.steps[0].action = "日本語 ".repeat(30);
    let text = text(&run, &TextStyle::plain(80));
    assert!(text.lines().all(|line| words::width(line) <= 80), "{text}");
}

#[test]
fn a_diff_tells_only_what_changed() {
    let before = json!({
        "value_ts": [0, 0], "log": ["rm0:1 fe0#1", "rm1:1 fe1#1"], "table": [[0, 0], [1, 0]],
        "same": { "deep": [1] }, "waiting": null, "gone": 1, "executed": { "fe0#1": [1, 0] },
    });
    let after = json!({
        "value_ts": [1, 0], "log": ["rm1:1 fe1#1", "rm0:2 fe0#2"], "table": [[0, 0], [1, 1]],
        "same": { "deep": [1] }, "waiting": { "id": "fe0#3", "since": [1, 1] },
        "executed": { "fe0#1": [1, 0], "fe1#1": [1, 1] },
    });
    let changes = diff(&before, &after);

    let shown: Vec<String> = changes.iter().map(shown).collect();
    let expected = [
        "executed.fe1#1 + [1,1]",
        "log - rm0:1 fe0#1",
        "log + rm0:2 fe0#2",
        "table[1] [1,0] > [1,1]",
        "value_ts [0,0] > [1,0]",
        "waiting none > {id: fe0#3, since: [1,1]}",
        "gone - 1",
    ];
    assert_eq!(shown, expected);
    assert_eq!(diff(&after, &after), []);
}

fn shown(Change { path, before, after, .. }: &Change) -> String {
    match (before, after) {
        (Some(before), Some(after)) => format!("{path} {before} > {after}"),
        (None, after) => format!("{path} + {}", after.as_deref().unwrap_or("?")),
        (Some(before), None) => format!("{path} - {before}"),
    }
}

#[test]
fn an_array_of_records_tells_which_were_added_removed_and_moved() {
    let record = |id: &str| json!({ "id": id });
    let [a, b, c] = ["a", "b", "c"].map(record);
    let changes = |before: Value, after: Value| -> Vec<String> {
        diff(&before, &after).iter().map(shown).collect()
    };

    assert_eq!(changes(json!([a, b]), json!([a, b, c])), ["state + {id: c}"]);
    assert_eq!(
        changes(json!([a, b]), json!([c])),
        ["state - {id: a}", "state - {id: b}", "state + {id: c}"]
    );
    assert_eq!(changes(json!([a, a]), json!([a])), ["state - {id: a}"]);
    assert_eq!(changes(json!([a, b]), json!([a, c])), ["[1].id b > c"]);
    assert_eq!(changes(json!(["b", "a"]), json!(["a", "b"])), ["state [b, a] > [a, b]"]);
    assert_eq!(changes(json!("say \"hi\""), json!("")), ["state \"say \\\"hi\\\"\" > \"\""]);
}

#[test]
fn an_itf_trace_has_a_state_more_than_the_run_has_steps_and_no_bare_number() {
    for run in all_runs() {
        let trace = itf(&run);
        let states = trace["states"].as_array().expect("states are an array");
        assert_eq!(states.len(), run.steps.len() + 1);
        let vars: Vec<&str> =
            trace["vars"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for state in states {
            assert_eq!(state.as_object().map(|state| state.len()), Some(vars.len() + 1));
            assert!(vars.iter().all(|var| !has_bare_number(&state[var])), "{state}");
        }
    }
    let trace = itf(&sample::stale_read());
    assert_eq!(
        trace["states"][3]["rm0"]["value_ts"],
        json!([{ "#bigint": "1" }, { "#bigint": "0" }])
    );
    assert_eq!(trace["states"][3]["fe0"], trace["states"][1]["fe0"], "others stay as they are");
}

fn has_bare_number(value: &Value) -> bool {
    match value {
        Value::Number(_) | Value::Null => true,
        Value::Array(elements) => elements.iter().any(has_bare_number),
        Value::Object(entries) => entries.values().any(has_bare_number),
        Value::Bool(_) | Value::String(_) => false,
    }
}

#[test]
fn a_shiviz_log_counts_the_events_of_each_host_one_by_one() {
    for run in all_runs() {
        let mut counts = serde_json::Map::new();
        for line in shiviz(&run).lines().skip(2) {
            // What the parser on the first line says, by hand.
            let (host, rest) = line.split_once(" {").expect("a host stands before the clock");
            let (clock, _) = rest.split_once("} ").expect("an event stands after the clock");
            let clock: Value =
                serde_json::from_str(&format!("{{{clock}}}")).expect("a clock is JSON");
            let count = counts.get(host).and_then(Value::as_u64).unwrap_or(0) + 1;
            assert_eq!(clock[host], json!(count), "{line}");
            counts.insert(host.to_owned(), json!(count));
        }
    }
}

#[test]
fn all_files_are_written() {
    let dir = std::env::temp_dir().join(format!("chinwag-render-{}", std::process::id()));
    let paths =
        write_all(&dir, "run", &sample::stale_read()).expect("the temporary directory is writable");

    let names: Vec<_> = paths.iter().filter_map(|path| path.file_name()?.to_str()).collect();
    assert_eq!(names, ["run.txt", "run.svg", "run.itf.json", "run.shiviz.log", "run.json"]);
    assert!(paths.iter().all(|path| path.is_file()));
    std::fs::remove_dir_all(dir).expect("what was written can be removed");
}
