//! Draws a run as an SVG sequence diagram for slides and documents.
//!
//! The picture needs nothing from outside, no style sheet and no script. Whatever colour says, a
//! shape or a word says too; the colours are those of Okabe and Ito, darkened where white text
//! stands on them.

mod arrows;
mod cycle;
mod layout;
mod pen;
mod routes;

pub use cycle::{Cycle, CycleArrow, CycleBox, cycle_svg};

use std::fmt::Write;

use layout::{ACTION_SIZE, BADGE, Layout, LineKind, MARGIN, NOTE_SIZE, PAD, PART_BAND, StepBox};
use pen::{
    ADDED, FAINT, FAULT, FAULT_PAPER, FRONT_END, INK, LIFELINE, MANAGER, OTHER, SANS, VIOLATION,
    VIOLATION_PAPER, escape, label, mono, rect,
};

use super::words::{one_line, shorten, width, wrap};
use super::{LaneKind, Outcome, Run, Step, StepKind};

/// The run as a self-contained SVG file, 860 or more pixels wide and as high as the run is long.
pub fn svg(run: &Run) -> String {
    let mut body = String::new();
    let width = Layout::new(run, 0.0).width;
    let below_preamble = preamble(&mut body, run, width);
    let layout = Layout::new(run, below_preamble + 50.0);
    parts(&mut body, run, &layout);
    lifelines(&mut body, run, &layout);
    // Below the boxes: where an arrow must pass behind one, the box stays readable.
    layout.arrows.iter().for_each(|arrow| arrows::line(&mut body, arrow));
    layout.boxes.iter().zip(&run.steps).enumerate().for_each(|(index, (placed, step))| {
        step_box(&mut body, run, &layout, index, placed, step);
    });
    layout.arrows.iter().for_each(|arrow| arrows::head_and_label(&mut body, arrow));
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
            "<line x1=\"{x:.1}\" y1=\"{y:.1}\" x2=\"{x:.1}\" y2=\"{:.1}\" stroke=\"{LIFELINE}\" \
             stroke-width=\"2\"/>",
            layout.bottom
        );
        let (colour, radius, kind) = lane_look(lane.kind);
        let wide = layout.box_width.min(150.0);
        rect(out, (x - wide / 2.0, y - 40.0, wide, 40.0), radius, colour, "");
        let name = shorten(&one_line(&lane.name), (wide / 10.0) as usize);
        let attributes = "fill=\"#ffffff\" font-weight=\"700\" text-anchor=\"middle\"";
        label(out, (x, y - 21.0), 15.0, attributes, &name);
        let attributes = "fill=\"#ffffff\" text-anchor=\"middle\"";
        label(out, (x, y - 7.0), 10.0, attributes, kind);
    }
}

/// Colour, radius of the corners, and the kind in words.
fn lane_look(kind: LaneKind) -> (&'static str, f64, &'static str) {
    match kind {
        LaneKind::Manager => (MANAGER, 3.0, "replica manager"),
        LaneKind::FrontEnd => (FRONT_END, 20.0, "front end"),
        LaneKind::Other => (OTHER, 0.0, ""),
    }
}

/// The background of a fair continuation and of the steps that repeat for ever.
fn parts(out: &mut String, run: &Run, layout: &Layout) {
    for (index, placed) in layout.boxes.iter().enumerate() {
        let Some(part) = run.part_beginning_at(index) else { continue };
        let top = placed.top - PART_BAND + 10.0;
        let area = (8.0, top, layout.width - 16.0, layout.bottom - top - 8.0);
        let attributes = format!("stroke=\"{FAINT}\" stroke-dasharray=\"2 4\"");
        rect(out, area, 6.0, "#f4f6f8", &attributes);
        let attributes = format!("fill=\"{FAINT}\" font-weight=\"700\"");
        label(out, (18.0, top + 17.0), 12.0, &attributes, &part);
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
        StepKind::Action | StepKind::Start => (colour, "#ffffff", (colour, 1.5, "")),
    };
    let dashes = if border.2.is_empty() { "" } else { " stroke-dasharray=\"6 4\"" };
    let attributes = format!("stroke=\"{}\" stroke-width=\"{}\"{dashes}", border.0, border.1);
    rect(out, (left, placed.top, wide, placed.height), 6.0, paper, &attributes);
    violation_banner(out, placed, left, wide);
    let (cx, cy) = (left + PAD + 8.0, placed.top + 20.0);
    let _ = writeln!(out, "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"10\" fill=\"{badge}\"/>");
    let number = "fill=\"#ffffff\" font-weight=\"700\" text-anchor=\"middle\"";
    label(out, (cx, cy + 4.0), 11.0, number, &run.number(index).to_string());
    if step.kind == StepKind::Fault {
        bolt(out, left + wide - 22.0, placed.top + 8.0);
    }
    for line in &placed.lines {
        let at = |indent: f64| (left + PAD + indent, placed.top + line.y);
        match line.kind {
            LineKind::Action => {
                label(out, at(BADGE), ACTION_SIZE, "font-weight=\"700\"", &line.text)
            }
            LineKind::Change => {
                let (name, value) = line.text.split_at(line.name);
                let spans = [(FAINT, name), (ADDED, value)];
                pen::mono_spans(out, at(0.0), &spans);
            }
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
        "<path transform=\"translate({x:.1} {y:.1})\" d=\"{path}\" fill=\"{FAULT}\" \
         stroke=\"{INK}\" stroke-width=\"1\"/>"
    );
}

/// How short forms are read, and the replay command. Returns the height of the whole picture.
fn footer(out: &mut String, run: &Run, layout: &Layout) -> f64 {
    let mut y = layout.bottom + 16.0;
    if run.steps.is_empty() {
        label(out, (MARGIN, y), 13.0, &format!("fill=\"{FAINT}\""), "Nothing happens in this run.");
        y += 24.0;
    }
    let columns = ((layout.width - 2.0 * MARGIN) / (12.0 * 0.56)) as usize;
    for line in wrap(&run.notation, columns) {
        label(out, (MARGIN, y), 12.0, &format!("fill=\"{FAINT}\""), &line);
        y += 17.0;
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
