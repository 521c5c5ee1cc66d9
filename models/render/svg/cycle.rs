//! Draws operations that must each come before the next: a column for each session, time downwards, and
//! the arrow that goes against it.

use std::fmt::Write;

use super::super::words::{shorten, width as columns, wrap_at_most};
use super::pen::{
    FAINT, INK, LIFELINE, MANAGER, MONO, SANS, VIOLATION, VIOLATION_PAPER, escape, label, rect,
};

/// What is drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cycle {
    /// A headline.
    pub title: String,
    /// What it means.
    pub claim: String,
    /// The operations, in an order that most arrows follow.
    pub boxes: Vec<CycleBox>,
    /// What must come before what. Indices that point nowhere are not drawn.
    pub arrows: Vec<CycleArrow>,
}

/// An operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CycleBox {
    /// Its name, such as `A`.
    pub name: String,
    /// Its column.
    pub session: String,
    /// What it did.
    pub text: String,
}

/// One operation must come before another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CycleArrow {
    /// Index of the first.
    pub from: usize,
    /// Index of the second.
    pub to: usize,
    /// Why, in a few words.
    pub label: String,
    /// Neither session nor read says so; it is concluded.
    pub is_concluded: bool,
    /// It is part of the cycle, not of the reason for another arrow.
    pub is_in_cycle: bool,
}

const MARGIN: f64 = 40.0;
const TOP: f64 = 150.0;
const SPACING: f64 = 330.0;
const BOX: (f64, f64) = (220.0, 62.0);
const ROW: f64 = 112.0;
/// Columns of the text at an arrow. What is longer is cut; the text beside the picture has all of it.
const LABEL_COLUMNS: usize = 30;
/// Sizes of the texts of a box and of an arrow. They hold keys of any length and letters of any width: only
/// where all are equally wide it is known what fits.
const TEXT: f64 = 11.0;
const LABEL: f64 = 10.0;
/// Of a column of monospaced text, the part of its size that it takes.
const MONO_WIDTH: f64 = 0.61;
/// How far arrows in one column, and concluded ones, swing out.
const SWING: f64 = 70.0;

/// The cycle as a self-contained SVG file.
pub fn cycle_svg(cycle: &Cycle) -> String {
    let mut sessions: Vec<&str> = Vec::new();
    for CycleBox { session, .. } in &cycle.boxes {
        if !sessions.contains(&session.as_str()) {
            sessions.push(session);
        }
    }
    let column = |session: &str| sessions.iter().position(|known| *known == session).unwrap_or(0);
    let place = |index: usize| {
        let x = MARGIN + SWING + SPACING * column(&cycle.boxes[index].session) as f64;
        (x, TOP + ROW * index as f64)
    };
    let width = 2.0 * (MARGIN + SWING) + SPACING * sessions.len().max(2) as f64 - 40.0;
    let height = TOP + ROW * cycle.boxes.len() as f64 + MARGIN;
    let mut body = String::new();
    label(&mut body, (MARGIN, 44.0), 22.0, "font-weight=\"700\"", &cycle.title);
    for (row, line) in wrap_at_most(&cycle.claim, (width / 8.0) as usize, 2).iter().enumerate() {
        label(&mut body, (MARGIN, 70.0 + 18.0 * row as f64), 14.0, "", line);
    }
    for (number, session) in sessions.iter().enumerate() {
        let x = MARGIN + SWING + SPACING * number as f64 + BOX.0 / 2.0;
        let ends = format!("x1=\"{x:.1}\" y1=\"128\" x2=\"{x:.1}\" y2=\"{:.1}\"", height - 20.0);
        let _ = writeln!(body, "<line {ends} stroke=\"{LIFELINE}\" stroke-width=\"1.5\"/>");
        let attributes = format!("fill=\"{MANAGER}\" font-weight=\"700\" text-anchor=\"middle\"");
        label(&mut body, (x, 120.0), 14.0, &attributes, &shorten(session, 30));
    }
    let known = |arrow: &&CycleArrow| arrow.from.max(arrow.to) < cycle.boxes.len();
    let arrows: Vec<&CycleArrow> = cycle.arrows.iter().filter(known).collect();
    for (index, one) in cycle.boxes.iter().enumerate() {
        draw_box(&mut body, place(index), one);
    }
    for arrow in arrows {
        draw_arrow(&mut body, place(arrow.from), place(arrow.to), arrow, width);
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" font-family=\"{SANS}\">\n\
         <title>{}</title>\n<desc>{}</desc>\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n",
        escape(&cycle.title),
        escape(&cycle.claim),
    )
}

fn draw_box(out: &mut String, (x, y): (f64, f64), one: &CycleBox) {
    let attributes = format!("stroke=\"{INK}\" stroke-width=\"1.2\"");
    out.push_str("<g>");
    rect(out, (x, y, BOX.0, BOX.1), 6.0, "#ffffff", &attributes);
    label(out, (x + 12.0, y + 26.0), 17.0, "font-weight=\"700\"", &one.name);
    let room = ((BOX.0 - 40.0 - 6.0) / (TEXT * MONO_WIDTH)) as usize;
    for (row, line) in wrap_at_most(&one.text, room, 3).iter().enumerate() {
        let at = (x + 40.0, y + 20.0 + 16.0 * row as f64);
        label(out, at, TEXT, &format!("font-family=\"{MONO}\""), line);
    }
    let _ = writeln!(out, "<title>{}</title></g>", escape(&one.text));
}

/// From side to side; what stays in a column, or is concluded, swings out.
fn draw_arrow(out: &mut String, from: (f64, f64), to: (f64, f64), arrow: &CycleArrow, page: f64) {
    let colour = match (arrow.is_concluded, arrow.is_in_cycle) {
        (true, _) => VIOLATION,
        (false, true) => INK,
        (false, false) => FAINT,
    };
    // Arrows that may lie between the same boxes meet them at different heights.
    let height = BOX.1
        * match (arrow.is_concluded, to.1 > from.1) {
            (true, true) => 0.45,
            (true, false) => 0.2,
            (false, _) => 0.75,
        };
    let (start_y, end_y) = (from.1 + height, to.1 + height);
    let rightward = match from.0 == to.0 {
        true => arrow.is_concluded,
        false => to.0 > from.0,
    };
    let out_of = |x: f64, right: bool| if right { x + BOX.0 } else { x };
    let sign = |right: bool| if right { 1.0 } else { -1.0 };
    let into_right = if from.0 == to.0 { rightward } else { !rightward };
    let (start_x, end_x) = (out_of(from.0, rightward), out_of(to.0, into_right));
    let (bend, end_bend) = (start_x + sign(rightward) * SWING, end_x + sign(into_right) * SWING);
    let dashes = if arrow.is_concluded { " stroke-dasharray=\"7 4\"" } else { "" };
    let _ = writeln!(
        out,
        "<path d=\"M{start_x:.1} {start_y:.1} C{bend:.1} {start_y:.1} {end_bend:.1} {end_y:.1} \
         {end_x:.1} {end_y:.1}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{}\"{dashes}/>",
        if arrow.is_in_cycle { 2.2 } else { 1.4 }
    );
    let back = sign(into_right) * 10.0;
    let (tip, low, high) = (end_x + back, end_y - 5.0, end_y + 5.0);
    let _ = writeln!(
        out,
        "<path d=\"M{end_x:.1} {end_y:.1} L{tip:.1} {low:.1} L{tip:.1} {high:.1} z\" \
         fill=\"{colour}\"/>"
    );
    let middle_x = (start_x + 3.0 * bend + 3.0 * end_bend + end_x) / 8.0;
    let middle_y = (start_y + end_y) / 2.0 + if to.1 > from.1 { 14.0 } else { -8.0 };
    let paper = if arrow.is_concluded { VIOLATION_PAPER } else { "#ffffff" };
    let halo = format!(
        "font-family=\"{MONO}\" fill=\"{colour}\" text-anchor=\"middle\" stroke=\"{paper}\" \
         stroke-width=\"4\" stroke-linejoin=\"round\" paint-order=\"stroke\""
    );
    let text = shorten(&arrow.label, LABEL_COLUMNS);
    // Near a side of the page the middle of a long text stands further in.
    let half = columns(&text) as f64 * LABEL * MONO_WIDTH / 2.0 + 4.0;
    let middle_x = middle_x.min(page - half).max(half);
    label(out, (middle_x, middle_y), LABEL, &halo, &text);
}
