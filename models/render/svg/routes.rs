//! Finds the ways of messages between the boxes.

use super::super::flights::Flight;
use super::super::words::one_line;
use super::super::{Run, StepKind};
use super::layout::{Layout, StepBox};

/// The way of one message.
pub struct Arrow {
    pub points: Vec<(f64, f64)>,
    pub label: String,
    pub end: ArrowEnd,
}

/// How an arrow ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ArrowEnd {
    /// At its receiver.
    Taken,
    /// Between the lanes.
    Lost,
    /// Nowhere in this run.
    InFlight,
}

impl Layout {
    /// One arrow for each time the message arrived or was lost, or a stub when it never was.
    pub fn arrows_of(&self, run: &Run, flight: &Flight, all: &[Flight]) -> Vec<Arrow> {
        let label = one_line(&flight.label);
        if flight.ends.is_empty() {
            return self.stub(run, flight, label).into_iter().collect();
        }
        let arrow = |end: &usize| {
            let target = &self.boxes[*end];
            let mut points = match (flight.from, flight.sent_at) {
                (Some(from), Some(sent_at)) if self.x(from) != target.x => {
                    self.route(run, flight, from, sent_at, *end, all)
                }
                // Sent by the receiver itself: the actions tell.
                (Some(_), Some(_)) => return None,
                (Some(from), None) if self.x(from) != target.x => {
                    let away = (self.x(from) - target.x).signum() * (self.spacing / 2.0 + 20.0);
                    vec![(target.x + away, target.top - 44.0), (target.x, target.top)]
                }
                (None, _) | (_, None) => {
                    vec![(target.x - self.spacing * 0.4, target.top - 40.0), (target.x, target.top)]
                }
            };
            let lost = run.steps[*end].kind == StepKind::Loss;
            if lost {
                cut_last(&mut points, 0.82);
            }
            let end = if lost { ArrowEnd::Lost } else { ArrowEnd::Taken };
            Some(Arrow { points, label: label.clone(), end })
        };
        flight.ends.iter().filter_map(arrow).collect()
    }

    /// The start of a message that goes on for longer than the run.
    fn stub(&self, run: &Run, flight: &Flight, label: String) -> Option<Arrow> {
        let sender = &self.boxes[flight.sent_at?];
        let direction = if flight.rightwards(run)? { 1.0 } else { -1.0 };
        let start =
            (sender.x + direction * self.box_width / 2.0, sender.top + sender.height - 14.0);
        let points = vec![start, (start.0 + direction * 40.0, start.1 + 10.0)];
        Some(Arrow { points, label, end: ArrowEnd::InFlight })
    }

    /// A straight line where no box is in the way; otherwise down the gap beside the sender.
    fn route(
        &self,
        run: &Run,
        flight: &Flight,
        from: usize,
        sent_at: usize,
        end: usize,
        all: &[Flight],
    ) -> Vec<(f64, f64)> {
        let (sender, target) = (&self.boxes[sent_at], &self.boxes[end]);
        let start = (self.x(from), sender.top + sender.height);
        let goal = (target.x, target.top);
        if self.is_free(sent_at, end, start, goal) {
            return vec![start, goal];
        }
        let direction = (goal.0 - start.0).signum();
        // Messages that are under way together in this gap get a track each.
        let beside = all.iter().take_while(|other| *other != flight).filter(|other| {
            let same_side = other.heading(run).is_some_and(|to| (to > from) == (direction > 0.0));
            other.from == Some(from) && same_side && other.ends.last() > Some(&sent_at)
        });
        let track =
            start.0 + direction * (self.box_width / 2.0 + 12.0 + 9.0 * (beside.count() % 5) as f64);
        let below = start.1 + 14.0;
        vec![start, (track, below), (track, goal.1 - 38.0), goal]
    }

    /// Whether a straight line between two steps meets no third one.
    fn is_free(&self, sent_at: usize, end: usize, start: (f64, f64), goal: (f64, f64)) -> bool {
        let others = self.boxes[..end].iter().enumerate().filter(|(index, _)| *index != sent_at);
        others.map(|(_, other)| other).all(|other| !other.meets(start, goal, self.box_width))
    }
}

impl StepBox {
    /// Whether a line passes through the box or close by.
    fn meets(&self, start: (f64, f64), end: (f64, f64), width: f64) -> bool {
        let (top, bottom) = (self.top - 4.0, self.top + self.height + 4.0);
        if bottom < start.1 || top > end.1 {
            return false;
        }
        let at = |y: f64| {
            let y = y.clamp(start.1, end.1);
            start.0 + (end.0 - start.0) * (y - start.1) / (end.1 - start.1)
        };
        let (upper, lower) = (at(top), at(bottom));
        let reach = width / 2.0 + 6.0;
        upper.min(lower) < self.x + reach && upper.max(lower) > self.x - reach
    }
}

/// Shortens the last part of a line to a fraction of it.
fn cut_last(points: &mut [(f64, f64)], fraction: f64) {
    if let [.., before, last] = points {
        last.0 = before.0 + (last.0 - before.0) * fraction;
        last.1 = before.1 + (last.1 - before.1) * fraction;
    }
}
