//! What is promised: one line a property, each with its source, its scope and its predicate.
//!
//! `Pn` is PROTOCOL section 3. A property is judged by the checker, the simulator and the trace checker
//! alike.

mod bookkeeping;
mod causality;
mod convergence;
mod premises;
mod sessions;
mod witnesses;

pub use premises::{Premise, premise_of};

use crate::view::View;

/// What a property needs to see at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Each node by itself.
    Node,
    /// Each two nodes.
    Pair,
    /// All nodes, when nothing is left to do.
    Idle,
    /// All nodes, where a fair continuation ends: no new faults, everything delivered, gossip until silent.
    End,
}

/// How a property is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It holds at every moment (within its scope).
    Always,
    /// A witness: it holds at some moment, so that what is promised of it is not promised of nothing.
    Sometimes,
}

/// A promise, or a witness.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// The promise in words.
    pub sentence: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// How it is meant.
    pub kind: Kind,
    /// What it needs to see.
    pub scope: Scope,
    /// Does it hold of this view?
    pub holds: fn(&View<'_>) -> bool,
}

macro_rules! properties {
    ($($kind:ident $scope:ident $source:literal $sentence:literal => $holds:path;)*) => {
        &[$(Property {
            sentence: $sentence,
            source: $source,
            kind: Kind::$kind,
            scope: Scope::$scope,
            holds: $holds,
        }),*]
    };
}

/// Everything that is promised, and every witness.
#[rustfmt::skip]
pub const PROPERTIES: &[Property] = properties! {
    Always Node "P1"        "the replica is in good shape"                               => bookkeeping::is_in_good_shape;
    Always Pair "P2"        "no timestamp speaks of updates that do not exist"           => bookkeeping::nothing_from_the_future;
    Always Node "P3"        "a timestamp is the past with one new update in it"          => bookkeeping::stamps_are_the_past_plus_one;
    Always Pair "P3"        "a timestamp names one update"                               => bookkeeping::stamps_are_unique;
    Always Node "P4"        "the value never runs ahead of the log"                      => bookkeeping::value_within_log;
    Always Node "P5"        "the log has no holes"                                       => bookkeeping::log_has_no_holes;
    Always Node "P6"        "the value reflects exactly what its timestamp covers"       => causality::value_is_what_its_timestamp_covers;
    Always Pair "P7"        "a timestamp covers the past of what it covers"              => causality::timestamps_are_closed;
    Always Pair "P8"        "execution respects causality"                               => causality::execution_respects_causality;
    Always Pair "P8"        "execution respects what clients had seen"                   => causality::execution_respects_what_clients_saw;
    Always Node "P9"        "an update is executed at most once"                         => causality::at_most_once;
    Always Node "P9b"       "no update is taken for another"                             => causality::no_false_duplicate;
    Always Node "P9 S27"    "a manager makes one record of an update"                    => bookkeeping::one_record_each;
    Always Node "P10"       "a client reads its own writes"                              => sessions::reads_own_writes;
    Always Node "P10"       "a client never sees less than it has seen"                  => sessions::reads_are_monotonic;
    Always Node "P8 S48"    "a client sees what it was told of"                          => sessions::sees_what_it_was_told;
    Always Pair "P10b"      "a client's writes run in its order"                         => sessions::writes_are_monotonic;
    Always Pair "P10c"      "a write runs after what its client had read"                => sessions::writes_follow_reads;
    Always Node "P11"       "an answer is as new as was asked for"                       => sessions::answers_are_fresh;
    Always Pair "P11 S21"   "an answer reflects what its timestamp covers"               => sessions::answers_reflect_their_timestamp;
    Always Node "P12"       "no timestamp goes down"                                     => bookkeeping::timestamps_grow;
    Always Pair "P12 C7"    "knowledge of a peer is never overestimated"                 => bookkeeping::knowledge_is_true;
    Always Pair "P13 C13"   "a record leaves a log only when everyone has it"            => bookkeeping::discarded_is_everywhere;
    Always Node "P14"       "a record leaves a log only when it has run there"           => bookkeeping::discarded_has_run;
    Always Node "P17"       "nothing waits that need not wait"                           => convergence::nothing_ready_waits;
    Always Pair "P19"       "equal timestamps mean equal values"                         => convergence::equal_timestamps_equal_values;
    Always Pair "P19"       "equal updates mean equal answers"                           => convergence::equal_updates_equal_answers;
    Always Node "P20"       "a reply covers every record of its update"                  => bookkeeping::replies_cover;
    Always Node "P21"       "a read-only replica makes no record"                        => bookkeeping::read_only_makes_no_record;
    Always Node "P22"       "nothing is sent before it is durable"                       => bookkeeping::durable_before_sent;
    Always Node "P22"       "the journal accounts for the replica"                       => bookkeeping::journal_accounts;
    Always Node "P23"       "a replica manager alone takes updates and answers"          => bookkeeping::alone_it_serves;
    Always Node "P25 C16"   "a record is journalled once"                                => bookkeeping::journalled_once;
    Always Node "P26"       "what was forgotten never comes back"                        => bookkeeping::forgotten_stays_away;
    Always Pair "P26"       "what was forgotten is recorded nowhere again"               => bookkeeping::forgotten_everywhere;
    Always Idle "P16"       "when all is quiet, all are equal"                           => convergence::idle_is_equal;
    Always End  "P16"       "every update ends up executed everywhere"                   => convergence::all_executed_everywhere;
    Always End  "P8 P10"    "what clients saw is causally consistent"                    => crate::histories::histories_are_causal;
    Always End  "P17"       "every query ends up answered"                               => convergence::all_answered;
    Always End  "P15 C14"   "the logs end up empty"                                      => convergence::logs_drain;
    Always End  "P15 P25"   "the executed table ends up with what is not acknowledged"   => convergence::executed_table_drains;

    Sometimes Node "S25"    "an update has run"                                          => witnesses::an_update_ran;
    Sometimes Pair "S43"    "an update has run at two managers"                          => witnesses::an_update_ran_at_two;
    Sometimes Pair "S36"    "a manager knows that a peer holds an update"                => witnesses::a_peer_is_known_to_hold;
    Sometimes Node "P10"    "a client reads what it wrote"                               => witnesses::reads_what_it_wrote;
    Sometimes Node "P10"    "a client that has read asks again"                          => witnesses::reads_again;
    Sometimes Node "P10"    "a client asks that was told of an update"                   => witnesses::asks_after_hearsay;
    Sometimes Node "P10b"   "a client writes twice"                                      => witnesses::writes_twice;
    Sometimes Node "P10c"   "a client writes after it has read"                          => witnesses::writes_after_it_read;
    Sometimes Node "S21"    "an answer shows an update"                                  => witnesses::an_answer_shows_an_update;
    Sometimes Node "S19"    "an update waits for its past"                               => witnesses::an_update_waits;
    Sometimes Node "S16"    "a query waits"                                              => witnesses::a_query_waits;
    Sometimes Pair "S11"    "concurrent updates run in different orders"                 => witnesses::orders_differ;
    Sometimes Pair "C10"    "one update is recorded twice"                               => witnesses::recorded_twice;
    Sometimes Node "S41"    "a record is discarded"                                      => witnesses::a_record_is_discarded;
    Sometimes Node "S42"    "an identifier is forgotten"                                 => witnesses::an_identifier_is_forgotten;
    Sometimes Node "C11"    "a forgotten update is requested once more"                  => witnesses::a_late_duplicate;
    Sometimes Node "S14"    "a client is told of an update before it has seen it"        => witnesses::told_before_read;
    Sometimes Pair "C1"     "a timestamp covers a count that has not all run"            => witnesses::covered_out_of_order;
    Sometimes Idle "P16"    "two updates are everywhere"                                 => witnesses::two_updates_are_everywhere;
};

/// The promise that is judged by the engine and not of a view: there is no end without it.
pub const SILENCE: Promise =
    Promise { sentence: "every fair continuation becomes silent", source: "-" };

/// What is promised, and where that comes from.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    /// The promise in words.
    pub sentence: &'static str,
    /// Where it comes from.
    pub source: &'static str,
}

/// Everything that is promised, [`SILENCE`] last.
pub fn promises() -> impl Iterator<Item = Promise> {
    let table = PROPERTIES.iter().filter(|property| property.kind == Kind::Always);
    let table = table.map(|p| Promise { sentence: p.sentence, source: p.source });
    table.chain([SILENCE])
}

/// The place of a property in the table.
pub fn index_of(sentence: &str) -> Option<usize> {
    PROPERTIES.iter().position(|p| p.sentence == sentence)
}
