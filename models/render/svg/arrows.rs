//! Draws the ways of messages.

use std::fmt::Write;

use super::super::words::{shorten, width};
use super::layout::NOTE_SIZE;
use super::pen::{FAINT, INK, VIOLATION, escape, label};
use super::routes::{Arrow, ArrowEnd};

/// Radius of the bends.
const BEND: f64 = 14.0;

/// The line of a message, without its end.
pub fn line(out: &mut String, arrow: &Arrow) {
    let dashes = match arrow.end {
        ArrowEnd::Taken => "",
        ArrowEnd::Lost => " stroke-dasharray=\"7 4\"",
        ArrowEnd::InFlight => " stroke-dasharray=\"3 3\"",
    };
    let _ = writeln!(
        out,
        "<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.8\"{dashes}>\
         <title>{}</title></path>",
        bent(&arrow.points),
        colour(arrow.end),
        escape(&arrow.label)
    );
}

/// What is drawn above the boxes: how the arrow ends, and what the message is.
pub fn head_and_label(out: &mut String, arrow: &Arrow) {
    let colour = colour(arrow.end);
    let head = match arrow.end {
        ArrowEnd::Taken => format!("<path d=\"M0 0 L-11 -4.5 L-11 4.5 z\" fill=\"{colour}\"/>"),
        ArrowEnd::Lost => {
            format!(
                "<path d=\"M-7 -7 L7 7 M-7 7 L7 -7\" stroke=\"{colour}\" stroke-width=\"3.5\"/>"
            )
        }
        ArrowEnd::InFlight => format!(
            "<path d=\"M0 0 L-9 -4.5 L-9 4.5 z\" fill=\"#ffffff\" stroke=\"{colour}\" \
             stroke-width=\"1.5\"/>"
        ),
    };
    let (x, y, angle) = last_part(arrow);
    let _ =
        writeln!(out, "<g transform=\"translate({x:.1} {y:.1}) rotate({angle:.1})\">{head}</g>");
    if arrow.end != ArrowEnd::InFlight {
        along(out, arrow);
    }
}

fn colour(end: ArrowEnd) -> &'static str {
    match end {
        ArrowEnd::Taken => INK,
        ArrowEnd::Lost => VIOLATION,
        ArrowEnd::InFlight => FAINT,
    }
}

/// A line through the points with its corners rounded.
fn bent(points: &[(f64, f64)]) -> String {
    let mut path = String::new();
    let towards = |from: (f64, f64), to: (f64, f64)| {
        let length = (to.0 - from.0).hypot(to.1 - from.1).max(0.1);
        let part = (BEND / length).min(0.5);
        (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part)
    };
    for (index, (x, y)) in points.iter().enumerate() {
        let at = (*x, *y);
        match (index.checked_sub(1).map(|before| points[before]), points.get(index + 1)) {
            (None, _) => path = format!("M{x:.1} {y:.1}"),
            (Some(_), None) => path += &format!(" L{x:.1} {y:.1}"),
            (Some(before), Some(after)) => {
                let (start, end) = (towards(at, before), towards(at, *after));
                let _ = write!(
                    path,
                    " L{:.1} {:.1} Q{x:.1} {y:.1} {:.1} {:.1}",
                    start.0, start.1, end.0, end.1
                );
            }
        }
    }
    path
}

/// The label along the last part of an arrow: the band above a step belongs to the one message it
/// takes.
fn along(out: &mut String, arrow: &Arrow) {
    let [.., before, last] = arrow.points.as_slice() else { return };
    let length = (last.0 - before.0).hypot(last.1 - before.1);
    let steep = last.1 - before.1 > 70.0;
    let straight = arrow.points.len() == 2;
    // A line of one part begins below its sender's box, which the label must not touch.
    let columns = (length * if straight { 0.72 } else { 1.0 } - 14.0) / (NOTE_SIZE * 0.58);
    let text = shorten(&arrow.label, columns.max(6.0) as usize);
    let half = width(&text) as f64 * NOTE_SIZE * 0.29;
    let centre = match straight {
        // Down there it is alone in its band.
        true if steep => (1.0 - (half + 24.0) / length).max(0.62),
        true => 0.62,
        false => 0.5,
    };
    let (_, _, angle) = last_part(arrow);
    // Never upside down.
    let angle = if angle.abs() > 90.0 { angle - 180.0 * angle.signum() } else { angle };
    let between = |from: f64, to: f64| from + (to - from) * centre;
    let (x, y) = (between(before.0, last.0), between(before.1, last.1));
    let colour = colour(arrow.end);
    let _ = write!(out, "<g transform=\"translate({x:.1} {y:.1}) rotate({angle:.1})\">");
    let halo = format!(
        "fill=\"{colour}\" text-anchor=\"middle\" stroke=\"#ffffff\" stroke-width=\"4\" \
         stroke-linejoin=\"round\" paint-order=\"stroke\""
    );
    label(out, (0.0, -6.0), NOTE_SIZE, &halo, &text);
    out.push_str("</g>\n");
}

/// The end of an arrow and the direction in which it gets there, in degrees.
fn last_part(arrow: &Arrow) -> (f64, f64, f64) {
    match arrow.points.as_slice() {
        [.., (x0, y0), (x, y)] => (*x, *y, (y - y0).atan2(x - x0).to_degrees()),
        _ => (0.0, 0.0, 0.0),
    }
}
