//! Writes the elements of the picture; the only place where text becomes markup.

use std::fmt::Write;

use super::super::words::one_line;
use super::layout::NOTE_SIZE;

pub const SANS: &str = "'Helvetica Neue', Helvetica, Arial, 'DejaVu Sans', sans-serif";
pub const MONO: &str = "'DejaVu Sans Mono', Menlo, Consolas, monospace";

pub const INK: &str = "#1b1f24";
pub const FAINT: &str = "#5b6570";
pub const LIFELINE: &str = "#b9c2cc";
pub const MANAGER: &str = "#0067a3";
pub const FRONT_END: &str = "#00755a";
pub const OTHER: &str = "#5b6570";
pub const ADDED: &str = "#005a8c";
pub const VIOLATION: &str = "#b84500";
pub const VIOLATION_PAPER: &str = "#fdeee5";
pub const FAULT: &str = "#e69f00";
pub const FAULT_PAPER: &str = "#fdf4df";

/// A rectangle: place and size, radius of the corners, filling.
pub fn rect(
    out: &mut String,
    (x, y, w, h): (f64, f64, f64, f64),
    radius: f64,
    fill: &str,
    attributes: &str,
) {
    let _ = writeln!(
        out,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" rx=\"{radius}\" \
         fill=\"{fill}\" {attributes}/>"
    );
}

/// A line of text whose base line starts at a point.
pub fn label(out: &mut String, (x, y): (f64, f64), size: f64, attributes: &str, text: &str) {
    let fill =
        if attributes.contains("fill=") { String::new() } else { format!(" fill=\"{INK}\"") };
    let _ = writeln!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\"{fill} {attributes}>{}</text>",
        escape(text)
    );
}

/// A line of monospaced text.
pub fn mono(out: &mut String, at: (f64, f64), colour: &str, text: &str) {
    label(out, at, NOTE_SIZE, &format!("fill=\"{colour}\" font-family=\"{MONO}\""), text);
}

/// A line of monospaced text in several colours.
pub fn mono_spans(out: &mut String, (x, y): (f64, f64), spans: &[(&str, &str)]) {
    let _ = write!(
        out,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{NOTE_SIZE}\" font-family=\"{MONO}\" \
         xml:space=\"preserve\">"
    );
    for (colour, text) in spans.iter().filter(|(_, text)| !text.is_empty()) {
        // `escape` drops the space at the start, which separates the spans.
        let space = if text.starts_with(' ') { " " } else { "" };
        let _ = write!(out, "<tspan fill=\"{colour}\">{space}{}</tspan>", escape(text));
    }
    out.push_str("</text>\n");
}

/// Text that cannot end an attribute or an element.
pub fn escape(text: &str) -> String {
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
