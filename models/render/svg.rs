//! Draws a run as an SVG sequence diagram for slides and documents.
//!
//! The picture needs nothing from outside, no style sheet and no script. Whatever colour says, a shape or a
//! word says too; the colours are those of Okabe and Ito, darkened where white text stands on them.

use std::fmt::Write;

use super::svg_layout::{
    ACTION_SIZE, Arrow, ArrowEnd, BADGE, Layout, LineKind, MARGIN, NOTE_SIZE, PAD, StepBox,
};
use super::words::{one_line, shorten, width, wrap};
use super::{LaneKind, Outcome, Run, Step, StepKind};

const SANS: &str = "'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif";
const MONO: &str = "'DejaVu Sans Mono', Menlo, Consolas, monospace";

const INK: &str = "#1b1f24";
const FAINT: &str = "#5b6570";
const LIFELINE: &str = "#b9c2cc";
const MANAGER: &str = "#0067a3";
const FRONT_END: &str = "#00755a";
const OTHER: &str = "#5b6570";
const ADDED: &str = "#005a8c";
const VIOLATION: &str = "#b84500";
const VIOLATION_PAPER: &str = "#fdeee5";
const FAULT: &str = "#e69f00";
const FAULT_PAPER: &str = "#fdf4df";

/// The run as a self-contained SVG file, 860 or more pixels wide and as high as the run is long.
pub fn svg(run: &Run) -> String {
    let mut body = String::new();
    let width = Layout::new(run, 0.0).width;
    let below_preamble = preamble(&mut body, run, width);
    let layout = Layout::new(run, below_preamble + 44.0);
    repetition(&mut body, run, &layout);
    lifelines(&mut body, run, &layout);
    // Below the boxes: where an arrow must pass behind one, the box stays readable.
    layout.arrows.iter().for_each(|arrow| arrow_line(&mut body, arrow));
    layout.boxes.iter().zip(&run.steps).enumerate().for_each(|(index, (placed, step))| {
        step_box(&mut body, run, &layout, index, placed, step);
    });
    layout.arrows.iter().for_each(|arrow| arrow_label(&mut body, arrow));
    let height = footer(&mut body, run, &layout);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" font-family=\"{SANS}\">\n\
         <title>{}</title>\n<desc>{}</desc>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n",
        escape(&run.title),
        escape(&format!("{} {}", run.claim, run.verdict)),
    )
}

/// Title, claim, model, verdict and explanation. Returns the height that they take.
fn preamble(out: &mut String, run: &Run, page: f64) -> f64 {
    let mut y = MARGIN + 14.0;
    let columns = |size: f64| ((page - 2.0 * MARGIN) / (size * 0.56)) as usize;
    let mut paragraph = |text: &str, size: f64, attributes: &str| {
        for line in wrap(text, columns(size)) {
            label(out, (MARGIN, y), size, attributes, &line);
            y += size * 1.45;
        }
    };
    paragraph(&run.title, 24.0, "font-weight=\"700\"");
    paragraph(&run.claim, 15.0, "");
    paragraph(&run.model, 12.0, &format!("fill=\"{FAINT}\""));
    let mut y = y + 6.0;
    if !run.verdict.is_empty() {
        let colour = match run.outcome {
            Outcome::Violated => VIOLATION,
            Outcome::Witnessed => FRONT_END,
            Outcome::Recorded => OTHER,
        };
        let verdict = shorten(&one_line(&run.verdict), columns(14.0) - 4);
        let pill = 24.0 + width(&verdict) as f64 * 14.0 * 0.62;
        rect(out, (MARGIN, y - 8.0, pill, 26.0), 4.0, colour, "");
        let attributes = "fill=\"#ffffff\" font-weight=\"700\" text-anchor=\"middle\"";
        label(out, (MARGIN + pill / 2.0, y + 10.0), 14.0, attributes, &verdict);
        y += 38.0;
    }
    for reason in &run.explain {
        for (row, line) in wrap(reason, columns(13.0) - 3).iter().enumerate() {
            if row == 0 {
                let _ = writeln!(
                    out,
                    "<circle cx=\"{}\" cy=\"{}\" r=\"2.5\" fill=\"{FAINT}\"/>",
                    MARGIN + 4.0,
                    y - 4.5
                );
            }
            label(out, (MARGIN + 16.0, y), 13.0, "", line);
            y += 20.0;
        }
    }
    y
}

/// Names and lifelines. Managers have corners, front ends are round.
fn lifelines(out: &mut String, run: &Run, layout: &Layout) {
    for (index, lane) in run.lanes.iter().enumerate() {
        let (x, y) = (layout.x(index), layout.top);
        let _ = writeln!(
            out,
            "<line x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"{LIFELINE}\" stroke-width=\"2\"/>",
            layout.bottom
        );
        let (colour, radius) = lane_look(lane.kind);
        let wide = layout.box_width.min(150.0);
        rect(out, (x - wide / 2.0, y - 30.0, wide, 30.0), radius, colour, "");
        let name = shorten(&one_line(&lane.name), (wide / 10.0) as usize);
        let attributes = "fill=\"#ffffff\" font-weight=\"700\" text-anchor=\"middle\"";
        label(out, (x, y - 10.0), 15.0, attributes, &name);
    }
}

fn lane_look(kind: LaneKind) -> (&'static str, f64) {
    match kind {
        LaneKind::Manager => (MANAGER, 3.0),
        LaneKind::FrontEnd => (FRONT_END, 15.0),
        LaneKind::Other => (OTHER, 0.0),
    }
}

/// The background of the steps that repeat for ever, and of a fair continuation.
fn repetition(out: &mut String, run: &Run, layout: &Layout) {
    let fair = run.steps.iter().position(|step| step.fair);
    let fair = fair.map(|first| (first, "fair continuation".to_owned()));
    let repeats = run.repeats().zip(run.repeats_from).map(|(text, first)| (first, text));
    for (first, text) in fair.into_iter().chain(repeats) {
        let top = layout.boxes[first].top - 18.0;
        let area = (8.0, top, layout.width - 16.0, layout.bottom - top - 8.0);
        rect(out, area, 6.0, "#eef1f4", &format!("stroke=\"{FAINT}\" stroke-dasharray=\"2 4\""));
        let attributes = format!("fill=\"{FAINT}\" font-weight=\"700\"");
        label(out, (16.0, layout.bottom - 16.0), 12.0, &attributes, &text);
    }
}

fn step_box(
    out: &mut String,
    run: &Run,
    layout: &Layout,
    index: usize,
    placed: &StepBox,
    step: &Step,
) {
    let colour = run.lanes.get(step.lane).map_or(OTHER, |lane| lane_look(lane.kind).0);
    let (left, wide) = (placed.x - layout.box_width / 2.0, layout.box_width);
    let (badge, paper, border) = match step.kind {
        _ if step.violates.is_some() => (VIOLATION, VIOLATION_PAPER, (VIOLATION, 3.0, "")),
        StepKind::Fault => (INK, FAULT_PAPER, (FAULT, 2.5, "")),
        StepKind::Loss => (VIOLATION, "#ffffff", (VIOLATION, 1.5, "6 4")),
        StepKind::Action => (colour, "#ffffff", (colour, 1.5, "")),
    };
    let dashes = if border.2.is_empty() { "" } else { " stroke-dasharray=\"6 4\"" };
    let attributes = format!("stroke=\"{}\" stroke-width=\"{}\"{dashes}", border.0, border.1);
    rect(out, (left, placed.top, wide, placed.height), 6.0, paper, &attributes);
    violation_banner(out, placed, left, wide);
    let (cx, cy) = (left + PAD + 8.0, placed.top + 20.0);
    let _ = writeln!(out, "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"10\" fill=\"{badge}\"/>");
    let number = "fill=\"#ffffff\" font-weight=\"700\" text-anchor=\"middle\"";
    label(out, (cx, cy + 4.0), 11.0, number, &(index + 1).to_string());
    if step.kind == StepKind::Fault {
        bolt(out, left + wide - 22.0, placed.top + 8.0);
    }
    for line in &placed.lines {
        let at = |indent: f64| (left + PAD + indent, placed.top + line.y);
        match line.kind {
            LineKind::Action => {
                label(out, at(BADGE), ACTION_SIZE, "font-weight=\"700\"", &line.text)
            }
            LineKind::Change => mono(out, at(0.0), ADDED, &line.text),
            LineKind::InFlight => mono(out, at(0.0), FAINT, &line.text),
            LineKind::Violation => {
                label(out, at(0.0), NOTE_SIZE, "fill=\"#ffffff\" font-weight=\"700\"", &line.text);
            }
        }
    }
}

/// The coloured ground of the lines that tell the violation.
fn violation_banner(out: &mut String, placed: &StepBox, left: f64, wide: f64) {
    if let Some(first) = placed.lines.iter().find(|line| line.kind == LineKind::Violation) {
        let top = placed.top + first.y - NOTE_SIZE - 6.0;
        let height = placed.top + placed.height - top;
        rect(out, (left, top, wide, height), 4.0, VIOLATION, "");
    }
}

/// A stroke of lightning, the sign of a fault.
fn bolt(out: &mut String, x: f64, y: f64) {
    let path = "m8 0 -8 11 h5 l-2 9 8 -12 h-5 z";
    let _ = writeln!(
        out,
        "<path transform=\"translate({x:.1} {y:.1})\" d=\"{path}\" fill=\"{FAULT}\" stroke=\"{INK}\" stroke-width=\"1\"/>"
    );
}

fn arrow_line(out: &mut String, arrow: &Arrow) {
    let (colour, dashes) = match arrow.end {
        ArrowEnd::Taken => (INK, ""),
        ArrowEnd::Lost => (VIOLATION, " stroke-dasharray=\"7 4\""),
        ArrowEnd::InFlight => (FAINT, " stroke-dasharray=\"3 3\""),
    };
    let points: Vec<String> = arrow.points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(
        out,
        "<g><title>{}</title><polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\" \
         stroke-linejoin=\"round\"{dashes}/>",
        escape(&arrow.label),
        points.join(" ")
    );
    let (x, y, angle) = last_part(arrow);
    let head = match arrow.end {
        ArrowEnd::Taken => format!("<path d=\"M0 0 L-11 -4.5 L-11 4.5 z\" fill=\"{colour}\"/>"),
        ArrowEnd::Lost => {
            format!(
                "<path d=\"M-7 -7 L7 7 M-7 7 L7 -7\" stroke=\"{colour}\" stroke-width=\"3.5\"/>"
            )
        }
        ArrowEnd::InFlight => format!(
            "<path d=\"M0 0 L-9 -4.5 L-9 4.5 z\" fill=\"#ffffff\" stroke=\"{colour}\" stroke-width=\"1.5\"/>"
        ),
    };
    let _ = writeln!(
        out,
        "<g transform=\"translate({x:.1} {y:.1}) rotate({angle:.1})\">{head}</g></g>"
    );
}

/// The label along the last part of an arrow: the band above a step belongs to the one message it takes.
fn arrow_label(out: &mut String, arrow: &Arrow) {
    let [.., before, last] = arrow.points.as_slice() else { return };
    if arrow.end == ArrowEnd::InFlight {
        return;
    }
    let length = (last.0 - before.0).hypot(last.1 - before.1);
    let text = shorten(&arrow.label, ((length - 14.0) / (NOTE_SIZE * 0.58)).max(6.0) as usize);
    let (_, _, angle) = last_part(arrow);
    // Never upside down.
    let angle = if angle.abs() > 90.0 { angle - 180.0 * angle.signum() } else { angle };
    let (x, y) = ((before.0 + last.0) / 2.0, (before.1 + last.1) / 2.0);
    let colour = if arrow.end == ArrowEnd::Lost { VIOLATION } else { INK };
    let _ = write!(out, "<g transform=\"translate({x:.1} {y:.1}) rotate({angle:.1})\">");
    let halo = format!(
        "fill=\"{colour}\" text-anchor=\"middle\" stroke=\"#ffffff\" stroke-width=\"4\" stroke-linejoin=\"round\" paint-order=\"stroke\""
    );
    label(out, (0.0, -5.0), NOTE_SIZE, &halo, &text);
    out.push_str("</g>\n");
}

/// The end of an arrow and the direction in which it gets there, in degrees.
fn last_part(arrow: &Arrow) -> (f64, f64, f64) {
    match arrow.points.as_slice() {
        [.., (x0, y0), (x, y)] => (*x, *y, (y - y0).atan2(x - x0).to_degrees()),
        _ => (0.0, 0.0, 0.0),
    }
}

/// The replay command. Returns the height of the whole picture.
fn footer(out: &mut String, run: &Run, layout: &Layout) -> f64 {
    let mut y = layout.bottom + 16.0;
    if run.steps.is_empty() {
        label(out, (MARGIN, y), 13.0, &format!("fill=\"{FAINT}\""), "Nothing happens in this run.");
        y += 24.0;
    }
    if !run.replay.is_empty() {
        let area = (MARGIN, y, layout.width - 2.0 * MARGIN, 30.0);
        rect(out, area, 4.0, "#eef1f4", "");
        let columns = ((layout.width - 2.0 * MARGIN - 24.0) / (NOTE_SIZE * 0.605)) as usize;
        let command = format!("$ {}", one_line(&run.replay));
        mono(out, (MARGIN + 12.0, y + 19.0), INK, &shorten(&command, columns));
        y += 46.0;
    }
    y + 8.0
}

fn rect(
    out: &mut String,
    (x, y, w, h): (f64, f64, f64, f64),
    radius: f64,
    fill: &str,
    attributes: &str,
) {
    let _ = writeln!(
        out,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"{radius}\" fill=\"{fill}\" {attributes}/>"
    );
}

fn label(out: &mut String, (x, y): (f64, f64), size: f64, attributes: &str, text: &str) {
    let fill =
        if attributes.contains("fill=") { String::new() } else { format!(" fill=\"{INK}\"") };
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\"{fill} {attributes}>{}</text>",
        escape(text)
    );
}

fn mono(out: &mut String, at: (f64, f64), colour: &str, text: &str) {
    label(out, at, NOTE_SIZE, &format!("fill=\"{colour}\" font-family=\"{MONO}\""), text);
}

/// Text that cannot end an attribute or an element.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in one_line(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            c => escaped.push(c),
        }
    }
    escaped
}
