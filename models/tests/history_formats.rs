//! Files of histories: each format says the same, and what cannot be read is refused with its line.

use chinwag_models::history::{
    Access, HistoryTester, Mistake, Outcome, Question, Recorder, Store, Verdict,
    formats::{self, Format},
    judge,
};
use proptest::prelude::*;
use stateright::semantics::ConsistencyTester;
use std::{fs, path::Path};

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/histories").join(name);
    fs::read_to_string(path).expect("the examples are there")
}

/// What is violated, by the format that the text seems to be in: its pattern, for each question; `-` if
/// it holds.
fn verdicts(text: &str) -> Vec<String> {
    let format = Format::guess(text).expect("its format is plain");
    let history = formats::read(text, format).expect("it can be read");
    let told =
        judge(&history, &Question::ALL).answers.into_iter().map(|(_, verdict)| match verdict {
            Verdict::Holds => "-".to_owned(),
            Verdict::Violated(violation) => format!("{:?}", violation.pattern),
            Verdict::Undecided(why) => why,
        });
    told.collect()
}

fn refused(text: &str, format: Format) -> (usize, String) {
    let Mistake { line, what } = formats::read(text, format).expect_err("it cannot be read");
    (line, what)
}

#[test]
fn a_stale_read_of_the_initial_value_is_refuted_in_every_format() {
    for (name, format) in [
        ("stale-initial.jsonl", Format::Lines),
        ("stale-initial.itf.json", Format::Itf),
        ("stale-initial.edn", Format::Elle),
        ("stale-initial.elle.jsonl", Format::Elle),
        ("stale-initial.dbcop.json", Format::Dbcop),
        ("stale-initial.plume.txt", Format::Plume),
    ] {
        let text = file(name);
        assert_eq!(Format::guess(&text), Some(format), "{name}");
        let stale = "WriteCOInitRead";
        assert_eq!(verdicts(&text), [stale, stale, stale, "-", "-", "-", stale], "{name}");
    }
}

#[test]
fn the_example_files_have_the_verdicts_that_their_page_gives() {
    assert_eq!(verdicts(&file("fine.jsonl")), ["-"; 7]);
    assert_eq!(verdicts(&file("wavering.jsonl"))[..3], ["-", "CyclicHB", "CyclicCF"]);
    assert_eq!(verdicts(&file("diverged.jsonl"))[..3], ["-", "-", "CyclicCF"]);
    assert_eq!(verdicts(&file("fractured.jsonl"))[..3], ["FracturedRead"; 3]);
}

#[test]
fn each_session_guarantee_is_told_from_the_others() {
    let plume = |text: &str| verdicts(&text.replace(' ', "\n"))[3..].join(" ");

    assert_eq!(plume("w(x,1,a,1) r(x,0,a,2)"), "WriteCOInitRead - - -");
    assert_eq!(plume("w(x,1,a,1) w(x,2,a,2) r(x,1,a,3)"), "WriteCORead - - -");
    assert_eq!(plume("w(x,1,a,1) r(x,1,b,1) r(x,0,b,2)"), "- WriteCOInitRead - -");
    assert_eq!(plume("w(x,1,a,1) w(y,1,a,2) r(y,1,b,1) r(x,0,b,2)"), "- - WriteCOInitRead -");
    let reply = "w(x,1,a,1) r(x,1,b,1) w(y,1,b,2) r(y,1,c,1) r(x,0,c,2)";
    assert_eq!(plume(reply), "- - - WriteCOInitRead");
    // Over three sessions it is causality alone that is broken.
    let chain = "w(x,1,a,1) r(x,1,b,1) w(y,1,b,2) r(y,1,c,1) w(z,1,c,2) r(z,1,d,1) r(x,0,d,2)";
    assert_eq!(plume(chain), "- - - -");
    assert_eq!(verdicts(&chain.replace(' ', "\n"))[0], "WriteCOInitRead");
}

#[test]
fn reads_that_nothing_explains_are_named() {
    let lines = |text: &str| verdicts(&text.replace(" | ", "\n"))[0].clone();
    let write = r#"{"session":"a","op":"write","key":"x","value":1"#;
    let read = r#"{"session":"b","op":"read","key":"x","value":1}"#;

    assert_eq!(lines(read), "ThinAirRead");
    assert_eq!(lines(&format!("{write},\"outcome\":\"failed\"}} | {read}")), "AbortedRead");
    assert_eq!(lines(&format!("{write},\"outcome\":\"unknown\"}} | {read}")), "-");
    let both = |txn: &str| format!(r#"{{"session":"a","txn":[{txn}]}}"#);
    let (one, two) =
        (r#"{"op":"write","key":"x","value":1}"#, r#"{"op":"write","key":"x","value":2}"#);
    let own = r#"{"op":"read","key":"x","value":1}"#;
    assert_eq!(lines(&both(&format!("{own},{one}"))), "FutureRead");
    assert_eq!(lines(&both(&format!("{one},{own},{two}"))), "-");
    assert_eq!(lines(&both(&format!("{one},{two},{own}"))), "InternalRead");
    assert_eq!(lines(&format!("{} | {read}", both(&format!("{one},{two}")))), "IntermediateRead");
}

#[test]
fn a_failed_write_may_be_retried_and_a_written_zero_is_no_initial_value() {
    let retried =
        "{:type :fail, :process 0, :value [[:w 0 1]]}\n{:type :ok, :process 1, :value [[:w 0 1]]}";
    assert_eq!(
        verdicts(&format!("{retried}\n{{:type :ok, :process 2, :value [[:r 0 1]]}}")),
        ["-"; 7]
    );

    assert_eq!(verdicts("w(x,0,a,1)\nr(x,0,a,2)"), ["-"; 7]);
    assert_eq!(verdicts("w(x,1,a,1)\nw(x,0,a,2)\nr(x,1,b,1)\nr(x,0,b,2)"), ["-"; 7]);
}

#[test]
fn an_invocation_without_completion_may_have_taken_place() {
    let invoked = "{:type :invoke, :process 0, :value [[:w :x 1] [:r :y nil]]}";
    let seen =
        "{:type :ok, :process 1, :value [[:r :x 1]]}\n{:type :ok, :process 1, :value [[:w :y 1]]}";
    assert_eq!(verdicts(&format!("{invoked}\n{seen}")), ["-"; 7]);
    assert_eq!(verdicts("{:type :ok, :process 1, :value [[:r :x 1]]}")[0], "ThinAirRead");
}

#[test]
fn what_cannot_be_read_is_refused_with_its_line() {
    let good = "{\"session\":1,\"op\":\"write\",\"key\":\"x\",\"value\":1}\n\n";
    for (bad, why) in [
        ("nonsense", "expected ident"),
        (r#"{"session":1,"op":"write","key":"x"}"#, "a write needs a `value`"),
        (r#"{"session":1,"op":"cas","key":"x","value":2}"#, "unknown variant `cas`"),
        (r#"{"session":1,"op":"read","kay":"x"}"#, "unknown field `kay`"),
        (r#"{"session":1,"op":"read"}"#, "either `op` and `key`, or `txn`"),
        (r#"{"session":1,"op":"read","key":1.5}"#, "a string or an integer"),
        (r#"{"session":2,"op":"write","key":"x","value":1}"#, "x=1 is written twice"),
    ] {
        let (line, what) = refused(&format!("{good}{bad}"), Format::Lines);
        assert_eq!(line, 3, "{bad}: {what}");
        assert!(what.contains(why), "{bad}: {what}");
    }
    let (line, what) = refused("w(x,1,a,1)\nr(x,1,a)", Format::Plume);
    assert_eq!((line, what.as_str()), (2, "`r(x,1,a)` is no r(KEY,VALUE,SESSION,TRANSACTION)"));
    let (line, what) = refused("w(x,1,a,1)\nw(x,2,a,2)\nw(x,3,a,1)", Format::Plume);
    assert_eq!((line, what.as_str()), (3, "transaction 1 of session a had ended before"));
    let (line, what) = refused("{:type :ok, :process 0, :value [[:append 0 1]]}", Format::Elle);
    assert!(line == 1 && what.contains("only :r and :w"), "{what}");
    let (line, _) =
        refused("{\n\"data\": [[\n{\"events\": [7], \"committed\": true}]]}", Format::Dbcop);
    assert_eq!(line, 3);
    assert!(refused("{\"states\": []}", Format::Itf).1.contains("no `states`"));
    for (_, format) in Format::ALL {
        let (_, what) = refused("", format);
        assert!(!what.is_empty());
    }
}

#[test]
fn deep_nesting_is_refused_and_does_not_overflow_the_stack() {
    let deep = "[".repeat(1_000_000);
    for (text, format) in [
        (format!("{{:value {deep}"), Format::Elle),
        (format!("{{\"data\":{deep}"), Format::Dbcop),
        (format!("{{\"states\":{deep}"), Format::Itf),
        (format!("{{\"txn\":{deep}"), Format::Lines),
        ("#_".repeat(1_000_000), Format::Elle),
        ("#a ".repeat(1_000_000), Format::Elle),
    ] {
        refused(&text, format);
    }
}

#[test]
fn the_tester_judges_transactions_for_stateright() -> Result<(), String> {
    type Tester = HistoryTester<u8, char, u8>;
    fn holds(tester: &Tester) -> bool {
        ConsistencyTester::<u8, Store<char, u8>>::is_consistent(tester)
    }
    let mut tester = Tester::new(Question::Causal, None);
    tester.on_invoke(0, vec![Access::Write('x', 1), Access::Write('y', 1)])?;
    // It has not returned, and was seen.
    tester.on_invret(1, vec![Access::Read('x')], vec![Some(1)])?;
    assert!(holds(&tester));
    tester.on_invret(1, vec![Access::Read('y')], vec![None])?;
    assert!(!holds(&tester));
    Ok(())
}

#[test]
#[should_panic(expected = "x=1 is written twice")]
fn the_tester_does_not_guess_where_values_are_not_unique() {
    let mut recorder = Recorder::new();
    recorder.begin("a", Outcome::Committed, 0).write("x", "1");
    recorder.begin("b", Outcome::Committed, 0).write("x", "1");
    recorder.finish().unwrap_or_else(|mistake| panic!("{mistake}"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_a_reader_panic(text in "[\\[\\]{}()\"#:\\\\;,rw01x _\nékniltypeoksvauproc]{0,60}") {
        for (_, format) in Format::ALL {
            let _ = formats::read(&text, format); // Whatever it says, it says.
        }
    }
}
