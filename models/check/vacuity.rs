//! What a model allows and what never happened in it: of that, nothing was checked.

use crate::verify::Verified;
use chinwag_models::{
    engine::Report,
    model::{Model, Net},
    party::Line,
    properties::{Premise, SILENCE, premise_of},
};

/// Did the premise of a promise come about in this search?
pub fn is_put_to_the_test(report: &Report, promise: &str) -> bool {
    match premise_of(promise) {
        Some(Premise::Seen(witness)) => report.finding(witness).is_some_and(|w| w.depth.is_some()),
        Some(Premise::Happens(kind)) => happened(report, kind),
        // Every search that judges it follows fair continuations.
        None => promise == SILENCE.sentence,
    }
}

fn happened(report: &Report, kind: &str) -> bool {
    report.kinds.iter().any(|(name, times)| *name == kind && *times > 0)
}

/// The kinds of actions that the model of a complete search allows, and that it never took.
pub fn never_happened(one: &Verified) -> Vec<&'static str> {
    match &one.report {
        Some(report) if report.is_exhaustive() => unused(one.model, report),
        _ => Vec::new(),
    }
}

fn unused(model: &Model, report: &Report) -> Vec<&'static str> {
    allowed(model).into_iter().filter(|kind| !happened(report, kind)).collect()
}

/// By the names that the engine counts them under.
fn allowed(model: &Model) -> Vec<&'static str> {
    let lines: Vec<Line> = model.lines().into_iter().flatten().collect();
    let says = |what: fn(&Line) -> bool| lines.iter().any(what);
    let updates = says(|line| matches!(line, Line::Update(_) | Line::Independent(_)));
    let queries = says(|line| *line == Line::Query);
    let kinds = [
        ("update", updates),
        ("update reply", updates),
        ("query", queries),
        ("query reply", queries),
        ("tell", says(|line| matches!(line, Line::Tell(_)))),
        ("gossip timer", updates),
        ("gossip", updates),
        ("pull", model.pulls),
        ("retry", model.retries > 0),
        ("crash", model.crashes.iter().any(|times| *times > 0)),
        ("lose", model.net == Net::Lossy),
    ];
    kinds.into_iter().filter(|(_, is_allowed)| *is_allowed).map(|(kind, _)| kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab;
    use chinwag_models::{
        engine::{Options, search},
        model::PLAIN,
    };

    fn unused_in(model: &Model) -> Vec<&'static str> {
        unused(model, &search(&lab::tables(model, None), &Options::default(), &mut |_| {}))
    }

    #[test]
    fn what_a_model_allows_and_never_does_is_named() {
        let idle = Model { retries: 1, pulls: true, scripts: &[""], ..PLAIN };
        assert_eq!(unused_in(&idle), ["pull", "retry"]);
    }

    #[test]
    fn what_happens_is_not_named() {
        let busy = Model { retries: 1, crashes: &[1], net: Net::Lossy, scripts: &["uq"], ..PLAIN };
        assert_eq!(unused_in(&busy), [""; 0]);
    }
}
