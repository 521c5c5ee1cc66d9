//! Writes a run as a log for ShiViz, which draws it and compares it with other runs.
//!
//! The clocks are those of the run's own messages: they show what could have influenced what,
//! whatever timestamps the protocol itself computed.

use serde_json::{Map, Value, json};

use super::{Run, StepKind, words};

/// What ShiViz parses a line of the log with. It says so itself, on the first line of the file.
const PARSER: &str = r"(?<host>\S+) (?<clock>\{.*?\}) (?<step>\d+) (?<event>.*)";

/// The events that one participant knows of, counted by participant.
type Clock = Vec<u64>;

/// The run as a file that can be uploaded to ShiViz as it is.
///
/// Line 1 is the parser's regular expression, line 2 the empty separator of executions, then one
/// line an event. A message that the network loses is no event of any participant and has no line.
pub fn shiviz(run: &Run) -> String {
    // White space, quotes and braces would confuse the parser.
    let hosts = words::identifiers(run.lanes.iter().map(|lane| lane.name.as_str()), '-');
    let mut clocks: Vec<Clock> = vec![vec![0; hosts.len()]; hosts.len()];
    let mut sent: Vec<(u64, Clock)> = Vec::new();
    let mut log = format!("{PARSER}\n\n");
    for (index, step) in run.steps.iter().enumerate() {
        let Some(clock) = clocks.get_mut(step.lane).filter(|_| step.kind != StepKind::Loss) else {
            continue;
        };
        if let Some(received) = &step.received
            && let Some((_, theirs)) = sent.iter().rev().find(|(id, _)| *id == received.id)
        {
            clock.iter_mut().zip(theirs).for_each(|(ours, theirs)| *ours = *theirs.max(ours));
        }
        clock[step.lane] += 1;
        sent.extend(step.sent.iter().map(|message| (message.id, clock.clone())));

        let host = &hosts[step.lane];
        let event = event(&step.action, step.violates.as_deref());
        log += &format!("{host} {} {} {event}\n", clock_json(&hosts, clock), run.number(index));
    }
    log
}

fn event(action: &str, violates: Option<&str>) -> String {
    let violation = violates.map(|violates| format!(" VIOLATED: {violates}")).unwrap_or_default();
    words::one_line(&format!("{action}{violation}"))
}

/// A clock as ShiViz wants it: hosts that are not yet known are left out.
fn clock_json(hosts: &[String], clock: &Clock) -> String {
    let known = hosts.iter().zip(clock).filter(|(_, count)| **count > 0);
    Value::Object(known.map(|(host, count)| (host.clone(), json!(count))).collect::<Map<_, _>>())
        .to_string()
}
