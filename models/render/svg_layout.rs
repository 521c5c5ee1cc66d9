//! Decides where everything of the SVG diagram goes, in pixels; draws nothing.
//!
//! A step is a box on its participant's lifeline. Boxes never share a height: the bands between the rows
//! belong to the arrows, and so do the gaps between the columns.

use super::flights::{Flight, flights};
use super::words::{one_line, shorten, wrap_at_most};
use super::{Change, Run, Step, StepKind};

/// Space around the picture.
pub const MARGIN: f64 = 32.0;
/// Font size of notes, which are monospaced, and the height of their lines.
pub const NOTE_SIZE: f64 = 11.0;
const NOTE_LINE: f64 = 15.0;
/// Font size of actions and the height of their lines.
pub const ACTION_SIZE: f64 = 12.5;
const ACTION_LINE: f64 = 16.0;
/// Width of a monospaced character, in font sizes, and of a bold proportional one of a wide font.
const MONO: f64 = 0.605;
const SANS: f64 = 0.66;
/// Inner margin of a box.
pub const PAD: f64 = 10.0;
/// Space that the number of a step takes from the first line of its action.
pub const BADGE: f64 = 24.0;
/// More changes than this are only counted.
const CHANGES_MAX: usize = 8;

/// Where everything goes.
pub struct Layout {
    pub width: f64,
    /// Distance of two lifelines.
    pub spacing: f64,
    pub box_width: f64,
    /// The top of the lifelines.
    pub top: f64,
    /// The lower end of the lifelines.
    pub bottom: f64,
    pub boxes: Vec<StepBox>,
    pub arrows: Vec<Arrow>,
}

/// The box of one step.
pub struct StepBox {
    /// Its middle.
    pub x: f64,
    pub top: f64,
    pub height: f64,
    pub lines: Vec<Line>,
}

/// A line of text in a box.
pub struct Line {
    /// Offset of its base line from the top of the box.
    pub y: f64,
    pub kind: LineKind,
    pub text: String,
}

/// What a line of a box says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    Action,
    Change,
    InFlight,
    Violation,
}

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
    /// Places the steps of `run` below `top`.
    pub fn new(run: &Run, top: f64) -> Self {
        let lanes = run.lanes.len().max(1) as f64;
        let spacing = (1216.0 / lanes).clamp(230.0, 360.0);
        let mut layout = Layout {
            width: (2.0 * MARGIN + lanes * spacing).max(860.0),
            spacing,
            box_width: spacing - 70.0,
            top,
            bottom: top,
            boxes: Vec::new(),
            arrows: Vec::new(),
        };
        let flights = flights(run);
        for (index, step) in run.steps.iter().enumerate() {
            let takes = step.received.is_some();
            layout.bottom += if takes { 50.0 } else { 24.0 };
            let placed =
                layout.place(run, step, flights.iter().filter(|f| f.sent_at == Some(index)));
            layout.bottom += placed.height;
            layout.boxes.push(placed);
        }
        layout.bottom += 30.0;
        let arrows = flights.iter().flat_map(|flight| layout.arrows_of(run, flight, &flights));
        layout.arrows = arrows.collect();
        layout
    }

    /// The column of a lifeline.
    pub fn x(&self, lane: usize) -> f64 {
        MARGIN + self.spacing * (lane as f64 + 0.5)
    }

    fn place<'f>(&self, run: &Run, step: &Step, sent: impl Iterator<Item = &'f Flight>) -> StepBox {
        let columns = |size: f64, width: f64, less: f64| {
            ((self.box_width - 2.0 * PAD - less) / (size * width)).max(8.0) as usize
        };
        let notes = columns(NOTE_SIZE, MONO, 0.0);
        let mut lines = Lines { y: PAD - 3.0, lines: Vec::new() };
        let action = wrap_at_most(&step.action, columns(ACTION_SIZE, SANS, BADGE), 4);
        lines.extend(LineKind::Action, ACTION_LINE, action);
        lines.y += 3.0;
        for change in step.changes.iter().take(CHANGES_MAX) {
            lines.extend(LineKind::Change, NOTE_LINE, change_lines(change, notes));
        }
        if step.changes.len() > CHANGES_MAX {
            let more = format!("and {} more changes", step.changes.len() - CHANGES_MAX);
            lines.extend(LineKind::Change, NOTE_LINE, vec![more]);
        }
        for flight in sent.filter(|flight| flight.ends.is_empty()) {
            let to = flight.to.map_or("anyone", |lane| run.lane_name(lane));
            let text = format!("{} to {to}: in flight at the end", flight.label);
            lines.extend(LineKind::InFlight, NOTE_LINE, wrap_at_most(&text, notes, 3));
        }
        if let Some(violates) = &step.violates {
            lines.y += 9.0;
            let text = format!("VIOLATED: {violates}");
            let wrapped = wrap_at_most(&text, columns(NOTE_SIZE, SANS + 0.02, 0.0), 6);
            lines.extend(LineKind::Violation, NOTE_LINE, wrapped);
        }
        let x = if step.lane < run.lanes.len() { self.x(step.lane) } else { self.x(0) };
        StepBox { x, top: self.bottom, height: lines.y + PAD, lines: lines.lines }
    }

    /// One arrow for each time the message arrived or was lost, or a stub when it never was.
    fn arrows_of(&self, run: &Run, flight: &Flight, all: &[Flight]) -> Vec<Arrow> {
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
        let from = flight.from?;
        let rightwards = match flight.heading(run) {
            Some(to) if to == from => return None,
            Some(to) => to > from,
            None => from + 1 < run.lanes.len(),
        };
        let direction = if rightwards { 1.0 } else { -1.0 };
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
        if self.boxes[sent_at + 1..end]
            .iter()
            .all(|between| !between.meets(start, goal, self.box_width))
        {
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
}

impl StepBox {
    /// Whether a line passes through the box or close by.
    fn meets(&self, start: (f64, f64), end: (f64, f64), width: f64) -> bool {
        let at = |y: f64| start.0 + (end.0 - start.0) * (y - start.1) / (end.1 - start.1);
        let (upper, lower) = (at(self.top - 4.0), at(self.top + self.height + 4.0));
        let reach = width / 2.0 + 6.0;
        upper.min(lower) < self.x + reach && upper.max(lower) > self.x - reach
    }
}

/// The lines of a box while it fills.
struct Lines {
    y: f64,
    lines: Vec<Line>,
}

impl Lines {
    fn extend(&mut self, kind: LineKind, height: f64, texts: Vec<String>) {
        for text in texts {
            self.y += height;
            self.lines.push(Line { y: self.y, kind, text });
        }
    }
}

fn change_lines(change: &Change, columns: usize) -> Vec<String> {
    let path = shorten(&one_line(&change.path), columns);
    let what = match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (None, Some(after)) => format!("+ {after}"),
        (Some(before), None) => format!("− {before}"),
        (None, None) => "changes".to_owned(),
    };
    wrap_at_most(&format!("{path} {what}"), columns, 3)
}

/// Shortens the last part of a line to a fraction of it.
fn cut_last(points: &mut [(f64, f64)], fraction: f64) {
    if let [.., before, last] = points {
        last.0 = before.0 + (last.0 - before.0) * fraction;
        last.1 = before.1 + (last.1 - before.1) * fraction;
    }
}
