//! Draws a run for the terminal: the sequence diagram at the left, at its right what each step did.

use super::canvas::Canvas;
use super::words::{one_line, shorten, width, wrap};
use super::{Change, Outcome, Run, Step, StepKind};

/// How a run is drawn for a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextStyle {
    /// Columns of the terminal. 60 to 200 are sensible; less is treated as 60. Only the replay
    /// command and, with more than six lanes, the diagram may be wider.
    pub width: usize,
    /// Whether to use ANSI colours. The caller looks at `NO_COLOR` and at where the text goes.
    pub colour: bool,
    /// Whether to draw with ASCII characters alone. Labels stay as they are.
    pub ascii: bool,
}

impl TextStyle {
    /// Unicode without colours.
    pub fn plain(width: usize) -> Self {
        TextStyle { width, colour: false, ascii: false }
    }
}

/// Emphasis of a piece of text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ink {
    /// As it is.
    #[default]
    Plain,
    /// Names and headings.
    Bold,
    /// Background, such as lifelines and old values.
    Dim,
    /// Messages.
    Arrow,
    /// Violations and losses.
    Bad,
    /// Faults and messages in flight.
    Warn,
    /// New values.
    Good,
}

/// A piece of text and its emphasis.
pub type Span = (Ink, String);

/// Columns of the step number and the space after it.
const NUMBER: usize = 5;

/// Rows after which the names of the lanes are repeated, at the next step.
const HEADING_EVERY: usize = 45;

/// A value longer than this many columns is cut; the files beside this one have all of it.
const VALUE_WIDTH_MAX: usize = 160;

/// The run as a sequence diagram with notes, one column a lane, top to bottom.
///
/// Under each step stands only what it changed. Ends with the command that replays the run, on a
/// line of its own that is never broken.
pub fn text(run: &Run, style: &TextStyle) -> String {
    let style = TextStyle { width: style.width.max(60), ..*style };
    let mut page = Page { style, text: String::new() };
    preamble(&mut page, run);
    diagram(&mut page, run);
    legend(&mut page, run);
    if !run.notation.is_empty() {
        page.field("Notation", Ink::Dim, "", &run.notation);
        page.line(&[]);
    }
    if !run.replay.is_empty() {
        page.line(&[(Ink::Bold, "Replay".to_owned())]);
        page.line(&[(Ink::Plain, format!("  {}", one_line(&run.replay)))]);
    }
    page.text
}

/// The text so far.
struct Page {
    style: TextStyle,
    text: String,
}

impl Page {
    fn line(&mut self, spans: &[Span]) {
        let mut line = String::new();
        for alike in spans.chunk_by(|(one, _), (other, _)| one == other) {
            let ink = alike[0].0;
            let text: String = alike.iter().map(|(_, text)| text.as_str()).collect();
            let code = match ink {
                _ if !self.style.colour || text.trim().is_empty() => None,
                Ink::Plain => None,
                Ink::Bold => Some("1"),
                Ink::Dim => Some("2"),
                Ink::Arrow => Some("36"),
                Ink::Bad => Some("1;31"),
                Ink::Warn => Some("33"),
                Ink::Good => Some("32"),
            };
            match code {
                Some(code) => line += &format!("\x1b[{code}m{text}\x1b[0m"),
                None => line += &text,
            }
        }
        self.text += line.trim_end();
        self.text.push('\n');
    }

    /// A heading and a wrapped text beside it; nothing when there is no text. `mark` hangs before
    /// the text.
    fn field(&mut self, name: &str, ink: Ink, mark: &str, text: &str) {
        let hanging = " ".repeat(width(mark));
        for (row, line) in wrap(text, self.style.width - 9 - width(mark)).into_iter().enumerate() {
            let (name, mark) = if row == 0 { (name, mark) } else { ("", hanging.as_str()) };
            self.line(&[(Ink::Dim, format!("{name:<9}")), (ink, format!("{mark}{line}"))]);
        }
    }

    fn symbol(&self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.style.ascii { ascii } else { unicode }
    }
}

fn preamble(page: &mut Page, run: &Run) {
    for line in wrap(&run.title, page.style.width) {
        page.line(&[(Ink::Bold, line)]);
    }
    page.field("Model", Ink::Plain, "", &run.model);
    page.field("Claim", Ink::Plain, "", &run.claim);
    let (mark, ink) = match run.outcome {
        Outcome::Violated => (page.symbol("✖ ", "! "), Ink::Bad),
        Outcome::Witnessed => (page.symbol("✔ ", ""), Ink::Good),
        Outcome::Recorded => ("", Ink::Plain),
    };
    page.field("Verdict", ink, mark, &run.verdict);
    let bullet = page.symbol("• ", "- ");
    for (index, reason) in run.explain.iter().enumerate() {
        page.field(if index == 0 { "Why" } else { "" }, Ink::Plain, bullet, reason);
    }
    if !page.text.is_empty() {
        page.line(&[]);
    }
}

fn diagram(page: &mut Page, run: &Run) {
    if run.lanes.is_empty() || run.steps.is_empty() {
        page.line(&[(Ink::Dim, "Nothing happens in this run.".to_owned())]);
        page.line(&[]);
        return;
    }
    let spacing = (page.style.width.saturating_sub(NUMBER + 45) / run.lanes.len()).clamp(5, 10);
    let mut canvas = Canvas::new(run, spacing, page.style.ascii);
    let notes_width = page.style.width.saturating_sub(canvas.width() + 1 + NUMBER).max(25);
    let mut rows_since_heading = HEADING_EVERY;
    for (index, step) in run.steps.iter().enumerate() {
        if rows_since_heading >= HEADING_EVERY {
            page.line(&heading(run, &canvas, spacing));
            rows_since_heading = 0;
        }
        let mut notes = separator(run, index, notes_width);
        let mut rows = vec![canvas.quiet_row(); notes.len()];
        rows.extend(canvas.step_rows(index));
        notes.extend(notes_of(page, run, &canvas, index, step, notes_width));
        while rows.len() < notes.len() {
            rows.push(canvas.quiet_row());
        }
        notes.resize(rows.len(), Vec::new());
        rows_since_heading += rows.len();
        for (mut row, note) in rows.into_iter().zip(notes) {
            row.push((Ink::Plain, " ".to_owned()));
            row.extend(note);
            page.line(&row);
        }
    }
    page.line(&canvas.quiet_row());
    page.line(&[]);
}

/// The names of the lanes above their lifelines.
fn heading(run: &Run, canvas: &Canvas, spacing: usize) -> Vec<Span> {
    let mut line = String::new();
    for (index, lane) in run.lanes.iter().enumerate() {
        let name = shorten(&one_line(&lane.name), spacing - 1);
        let start = canvas.column(index) - (width(&name).saturating_sub(1) / 2).min(2);
        line += &" ".repeat(start.saturating_sub(width(&line)));
        line += &name;
    }
    vec![(Ink::Bold, line)]
}

/// What stands between two steps: the name of the part that begins, or one empty line.
fn separator(run: &Run, index: usize, columns: usize) -> Vec<Vec<Span>> {
    match run.part_beginning_at(index) {
        Some(part) => indent(wrap(&format!("{part}:"), columns), Ink::Warn),
        None => vec![Vec::new()],
    }
}

/// The lines at the right of a step: what it did, changed, sent and violated.
fn notes_of(
    page: &Page,
    run: &Run,
    canvas: &Canvas,
    index: usize,
    step: &Step,
    columns: usize,
) -> Vec<Vec<Span>> {
    let mut notes = action(run, canvas, index, step, columns);
    let name_width =
        step.changes.iter().map(|change| width(change.place())).max().unwrap_or(0).min(18);
    for change in &step.changes {
        notes.extend(change_lines(page, change, name_width, columns));
    }
    for sends in sends(run, canvas, index) {
        notes.extend(indent(wrap(&sends, columns), Ink::Arrow));
    }
    if let Some(violates) = &step.violates {
        let mark = page.symbol("✖", "!!");
        notes.extend(indent(wrap(&format!("{mark} VIOLATED: {violates}"), columns), Ink::Bad));
    }
    notes
}

fn action(run: &Run, canvas: &Canvas, index: usize, step: &Step, columns: usize) -> Vec<Vec<Span>> {
    let ink = match step.kind {
        StepKind::Action | StepKind::Start => Ink::Bold,
        StepKind::Fault => Ink::Warn,
        StepKind::Loss => Ink::Bad,
    };
    let sent_at = canvas.taken_by(index).and_then(|flight| flight.sent_at);
    let from = match sent_at.filter(|sent| sent + 1 != index) {
        Some(sent) => format!(" (sent at step {})", run.number(sent)),
        None => String::new(),
    };
    // What the network does is not done by a lane.
    let subject = if step.kind == StepKind::Loss { "" } else { run.lane_name(step.lane) };
    let lines = wrap(&format!("{subject} {}{from}", step.action), columns);
    let number = |row: usize| match row {
        0 => format!("{:>3}  ", run.number(index)),
        _ => " ".repeat(NUMBER),
    };
    let line = |(row, line): (usize, String)| vec![(Ink::Bold, number(row)), (ink, line)];
    lines.into_iter().enumerate().map(line).collect()
}

fn change_lines(page: &Page, change: &Change, name_width: usize, columns: usize) -> Vec<Vec<Span>> {
    let arrow = page.symbol("→", "->");
    let value = |value: &str| shorten(&one_line(value), VALUE_WIDTH_MAX);
    let what = match (&change.before, &change.after) {
        (Some(before), Some(after)) => format!("{} {arrow} {}", value(before), value(after)),
        (None, Some(after)) => format!("+ {}", value(after)),
        (Some(before), None) => format!("- {}", value(before)),
        (None, None) => "changes".to_owned(),
    };
    let name = shorten(&one_line(change.place()), name_width.max(1));
    let name = format!("{name}{}  ", " ".repeat(name_width.saturating_sub(width(&name))));
    let lines = wrap(&what, columns.saturating_sub(width(&name)).max(12));
    let line = |(row, line): (usize, String)| {
        let name = if row == 0 { name.clone() } else { " ".repeat(width(&name)) };
        vec![(Ink::Plain, " ".repeat(NUMBER)), (Ink::Dim, name), (Ink::Good, line)]
    };
    lines.into_iter().enumerate().map(line).collect()
}

/// "sends LABEL to rm1 (taken at step 4), rm2 (does not arrive)", once a label.
fn sends(run: &Run, canvas: &Canvas, index: usize) -> Vec<String> {
    let mut sends: Vec<(&str, Vec<String>)> = Vec::new();
    for flight in canvas.sent_by(index) {
        let to = flight.to.map_or("whoever takes it", |lane| run.lane_name(lane));
        let to = format!("{to} ({})", flight.fate(run));
        match sends.iter_mut().find(|(label, _)| *label == flight.label) {
            Some((_, addressees)) => addressees.push(to),
            None => sends.push((&flight.label, vec![to])),
        }
    }
    sends.into_iter().map(|(label, to)| format!("sends {label} to {}", to.join(", "))).collect()
}

fn indent(lines: Vec<String>, ink: Ink) -> Vec<Vec<Span>> {
    let line = |line| vec![(Ink::Plain, " ".repeat(NUMBER)), (ink, line)];
    lines.into_iter().map(line).collect()
}

/// Explains the symbols that occur.
fn legend(page: &mut Page, run: &Run) {
    let flights = super::flights::flights(run);
    let any = |kind| run.steps.iter().any(|step| step.kind == kind);
    let entries = [
        (!flights.is_empty(), page.symbol("╰─▶ message on its way", "+-> message")),
        (any(StepKind::Loss), page.symbol("× lost", "x lost")),
        (
            flights.iter().any(|flight| flight.ends.is_empty()),
            page.symbol("▷ does not arrive", "> does not arrive"),
        ),
        (any(StepKind::Fault), page.symbol("◆ fault", "# fault")),
        (
            run.steps.iter().any(|step| step.violates.is_some()),
            page.symbol("✖ violation", "! violation"),
        ),
    ];
    let shown: Vec<&str> =
        entries.iter().filter(|(occurs, _)| *occurs).map(|(_, text)| *text).collect();
    let mut line = String::new();
    for entry in shown {
        if !line.is_empty() && width(&line) + 3 + width(entry) > page.style.width {
            page.line(&[(Ink::Dim, std::mem::take(&mut line))]);
        }
        line += if line.is_empty() { "" } else { "   " };
        line += entry;
    }
    if !line.is_empty() {
        page.line(&[(Ink::Dim, line)]);
        page.line(&[]);
    }
}
