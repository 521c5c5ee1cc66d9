//! Decides where everything of the SVG diagram goes, in pixels; draws nothing.
//!
//! A step is a box on its participant's lifeline; later steps begin lower. The band above a step
//! that takes a message is free of boxes, it belongs to the arrow of that message. So do the gaps
//! between the columns.

use super::super::flights::{Flight, flights};
use super::super::words::{one_line, shorten, wrap_at_most};
use super::super::{Change, Run, Step};
use super::routes::Arrow;

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
/// Height of the band above a step that takes a message.
const BAND: f64 = 46.0;
/// Height of the band above a step that begins a new part of the run.
pub const PART_BAND: f64 = 62.0;

/// Where everything goes.
pub struct Layout {
    lanes: usize,
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
    /// How many of the text's bytes are the name of what changed.
    pub name: usize,
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

impl Layout {
    /// Places the steps of `run` below `top`.
    pub fn new(run: &Run, top: f64) -> Self {
        let lanes = run.lanes.len().max(1) as f64;
        let spacing = (1216.0 / lanes).clamp(240.0, 360.0);
        let mut layout = Layout {
            lanes: run.lanes.len(),
            width: (2.0 * MARGIN + lanes * spacing).max(860.0),
            spacing,
            box_width: spacing - 64.0,
            top,
            bottom: top,
            boxes: Vec::new(),
            arrows: Vec::new(),
        };
        let flights = flights(run);
        for (index, step) in run.steps.iter().enumerate() {
            let y = layout.next_top(run, index);
            let sent = flights.iter().filter(|flight| flight.sent_at == Some(index));
            let placed = layout.place(run, step, y, sent);
            layout.bottom = layout.bottom.max(y + placed.height);
            layout.boxes.push(placed);
        }
        layout.bottom += 30.0;
        let arrows = flights.iter().flat_map(|flight| layout.arrows_of(run, flight, &flights));
        layout.arrows = arrows.collect();
        layout
    }

    /// The column of a lifeline.
    ///
    /// A lane that does not exist stands at the right edge.
    pub fn x(&self, lane: usize) -> f64 {
        MARGIN + self.spacing * (lane.min(self.lanes) as f64 + 0.5)
    }

    /// Where the next step begins: below everything when it takes a message, else beside what other
    /// participants did just before.
    fn next_top(&self, run: &Run, index: usize) -> f64 {
        let step = &run.steps[index];
        if run.part_beginning_at(index).is_some() {
            return self.bottom + PART_BAND;
        }
        let x = self.x(step.lane);
        let own = self
            .boxes
            .iter()
            .filter(|placed| placed.x == x)
            .map(|placed| placed.top + placed.height);
        match self.boxes.last() {
            Some(_) if step.received.is_some() => self.bottom + BAND,
            None => self.top + if step.received.is_some() { BAND } else { 20.0 },
            Some(last) => own.fold(last.top + 36.0, |lowest, bottom| lowest.max(bottom + 20.0)),
        }
    }

    fn place<'f>(
        &self,
        run: &Run,
        step: &Step,
        top: f64,
        sent: impl Iterator<Item = &'f Flight>,
    ) -> StepBox {
        let columns = |size: f64, width: f64, less: f64| {
            ((self.box_width - 2.0 * PAD - less) / (size * width)).max(8.0) as usize
        };
        let notes = columns(NOTE_SIZE, MONO, 0.0);
        let mut lines = Lines { y: PAD - 3.0, lines: Vec::new() };
        let action = wrap_at_most(&step.action, columns(ACTION_SIZE, SANS, BADGE), 4);
        lines.extend(LineKind::Action, ACTION_LINE, action);
        lines.y += 3.0;
        for change in step.changes.iter().take(CHANGES_MAX) {
            lines.change(change, notes);
        }
        if step.changes.len() > CHANGES_MAX {
            let more = format!("and {} more changes", step.changes.len() - CHANGES_MAX);
            lines.extend(LineKind::Change, NOTE_LINE, vec![more]);
        }
        for flight in sent.filter(|flight| flight.ends.is_empty()) {
            let to = flight.to.map_or("anyone", |lane| run.lane_name(lane));
            let text = format!("{} to {to}: {}", flight.label, flight.fate(run));
            lines.extend(LineKind::InFlight, NOTE_LINE, wrap_at_most(&text, notes, 4));
        }
        if let Some(violates) = &step.violates {
            lines.y += 9.0;
            let text = format!("VIOLATED: {violates}");
            let wrapped = wrap_at_most(&text, columns(NOTE_SIZE, SANS + 0.02, 0.0), 6);
            lines.extend(LineKind::Violation, NOTE_LINE, wrapped);
        }
        StepBox { x: self.x(step.lane), top, height: lines.y + PAD, lines: lines.lines }
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
            self.lines.push(Line { y: self.y, kind, name: 0, text });
        }
    }

    fn change(&mut self, change: &Change, columns: usize) {
        let name = shorten(&one_line(change.place()), columns);
        let first = self.lines.len();
        self.extend(LineKind::Change, NOTE_LINE, change_lines(&name, change, columns));
        if let Some(line) = self.lines.get_mut(first).filter(|line| line.text.starts_with(&name)) {
            line.name = name.len();
        }
    }
}

fn change_lines(name: &str, change: &Change, columns: usize) -> Vec<String> {
    let what = match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{before} → {after}"),
        (None, Some(after)) => format!("+ {after}"),
        (Some(before), None) => format!("− {before}"),
        (None, None) => "changes".to_owned(),
    };
    wrap_at_most(&format!("{name} {what}"), columns, 3)
}
