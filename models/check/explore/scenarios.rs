//! The scenarios of `tests/scenarios`, which the page links to. They are in the program, so that it needs no
//! files.

use serde_json::{Value, json};

/// A scenario: its name, and its text.
pub type Named = (&'static str, &'static str);

macro_rules! scenarios {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../../tests/scenarios/", $name, ".txt")))),*]
    };
}

/// All of them. `tests/scenarios.rs` compares with the directory.
pub const SCENARIOS: &[Named] = scenarios!(
    "c01_covered_is_not_counted"
    "c02_executed_table"
    "c03_single_pass"
    "c03b_stable_set_order"
    "c03c_linear_extension"
    "c04_waits_for_the_value"
    "c04b_reflects_only_what_ran"
    "c04c_no_false_dependency"
    "c04d_componentwise"
    "c05_filter_before_merge"
    "c06_gap"
    "c07_what_was_sent_may_be_lost"
    "c08_fragment_claims_what_it_carries"
    "c09_only_the_own_entry_moves"
    "c10_recorded_twice"
    "c11_late_duplicate"
    "c11b_acknowledged_with_the_next"
    "c11c_acknowledged_is_not_known"
    "c12_duplicates_are_answered"
    "c12b_after_it_ran"
    "c13_collected_when_everyone_has_it"
    "c13b_collected_when_it_has_run"
    "c14_the_logs_drain"
    "c14b_ring"
    "c15_stale_gossip"
    "c16_known_and_not_stable"
    "c17_counter_survives"
    "c17b_gossip_is_journalled"
    "c17c_implausible_past"
    "c18_restored_from_a_backup"
    "c19_phantom"
    "c20_reads_own_writes"
    "c20b_hearsay"
    "c20c_monotonic_reads"
    "c20d_replies_are_merged"
    "c21_numbers_are_not_used_again"
    "c21b_the_past_stays"
    "c21c_told_while_waiting"
    "c23_read_only"
    "c24_held_back_queries"
    "c24b_pull"
    "c25_what_must_not_be_built"
    "c26_quiet_means_equal"
);

/// The scenario of this name.
pub fn named(name: &str) -> Option<Named> {
    SCENARIOS.iter().copied().find(|(known, _)| *known == name)
}

/// As the page lists them: each by itself, and with each seeded bug that it finds out.
pub fn listed() -> Vec<Value> {
    SCENARIOS.iter().map(listed_as).collect()
}

fn listed_as((name, text): &Named) -> Value {
    let mutants = text.lines().filter_map(|line| line.strip_prefix("# mutant: "));
    let mutants = mutants.filter_map(|line| line.split_once(" => "));
    let mutants = mutants.map(|(bug, by)| json!({ "bug": bug, "by": by }));
    let about = text.lines().next().unwrap_or_default().trim_start_matches(['#', ' ']);
    json!({ "run": name, "about": about, "mutants": mutants.collect::<Vec<_>>() })
}
