//! Plots as inline SVG. Colours come from the page's style, so that they follow light, dark and paper.

use super::page::escape;
use std::fmt::Write as _;

/// Width and height of a plot, in its own units.
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 240.0;
/// Room for labels: left, bottom, and what is left free at the top and the right.
const LEFT: f64 = 44.0;
const BOTTOM: f64 = 38.0;
const FREE: f64 = 12.0;
/// Lines of the grid in each direction.
const LINES: usize = 4;

/// One line of a plot.
#[derive(Debug)]
pub struct Series {
    /// What it is.
    pub name: String,
    /// Where it goes.
    pub points: Vec<(f64, f64)>,
    /// Measured: drawn with a dot at each point. Otherwise computed, and drawn as a line.
    pub measured: bool,
    /// Its colour: 0 to 3.
    pub colour: usize,
}

/// Lines over one axis, with a legend below. The names of the axes are part of the picture.
pub fn lines(label: &str, x_name: &str, y_name: &str, series: &[Series]) -> String {
    let points = || series.iter().flat_map(|one| &one.points);
    let x_max = points().map(|p| p.0).fold(1.0, f64::max);
    let y_max = round_up(points().map(|p| p.1).fold(0.0, f64::max));
    let x_at = |x: f64| LEFT + x / x_max * (WIDTH - LEFT - FREE);
    let y_at = |y: f64| HEIGHT - BOTTOM - y / y_max * (HEIGHT - BOTTOM - FREE);
    let mut svg = open(label, WIDTH, HEIGHT);
    for step in 0..=LINES {
        let part = step as f64 / LINES as f64;
        let (x, y) = (part * x_max, part * y_max);
        let (left, right, bottom) = (LEFT, WIDTH - FREE, HEIGHT - BOTTOM);
        let at = y_at(y);
        put(&mut svg, format_args!("<path class=\"grid\" d=\"M{left} {at:.1}H{right}\"/>"));
        put(&mut svg, text(left - 5.0, at + 4.0, "end", &tick(y)).as_str());
        put(&mut svg, text(x_at(x), bottom + 15.0, "middle", &tick(x)).as_str());
    }
    put(&mut svg, text(LEFT + (WIDTH - LEFT) / 2.0, HEIGHT - 6.0, "middle", x_name).as_str());
    for one in series {
        let line = one.points.iter().map(|(x, y)| format!("{:.1},{:.1}", x_at(*x), y_at(*y)));
        let (line, colour) = (line.collect::<Vec<_>>().join(" "), one.colour);
        if !one.measured {
            put(&mut svg, format_args!("<polyline class=\"line c{colour}\" points=\"{line}\"/>"));
            continue;
        }
        for (x, y) in &one.points {
            let (cx, cy) = (x_at(*x), y_at(*y));
            let dot =
                format!("<circle class=\"dot c{colour}\" cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"3\">");
            let says = escape(&format!("{}: {}, {}", one.name, short(*x), short(*y)));
            put(&mut svg, format_args!("{dot}<title>{says}</title></circle>"));
        }
    }
    svg += "</svg>";
    let legend = series.iter().map(|one| {
        let sign = if one.measured { "●" } else { "—" };
        format!("<span class=\"c{}\">{sign}</span> {}", one.colour, escape(&one.name))
    });
    let legend = legend.collect::<Vec<_>>().join("<br/>");
    format!("<p class=\"axis\">{}</p>{svg}<p class=\"legend\">{legend}</p>", escape(y_name))
}

/// Bars from 0, one for each number, without axes.
pub fn bars(label: &str, numbers: &[u64]) -> String {
    let (width, height) = (240.0, 70.0);
    let most = numbers.iter().copied().max().unwrap_or(1).max(1) as f64;
    let step = width / numbers.len().max(1) as f64;
    let mut svg = open(label, width, height);
    for (depth, number) in numbers.iter().enumerate() {
        let tall = (*number as f64 / most * height).max(0.5);
        let (x, y, wide) = (depth as f64 * step, height - tall, step * 0.85);
        put(
            &mut svg,
            format_args!(
                "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{wide:.1}\" height=\"{tall:.1}\">\
                 <title>depth {depth}: {number}</title></rect>"
            ),
        );
    }
    svg + "</svg>"
}

fn open(label: &str, width: f64, height: f64) -> String {
    let label = escape(label);
    format!("<svg role=\"img\" aria-label=\"{label}\" viewBox=\"0 0 {width} {height}\">")
}

fn text(x: f64, y: f64, anchor: &str, words: &str) -> String {
    let words = escape(words);
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>")
}

fn put(svg: &mut String, what: impl std::fmt::Display) {
    write!(svg, "{what}").expect("a string takes everything");
}

/// The next of 1, 2, 4, 5, 10, 12, 20, 40 and so on: a quarter of it reads well.
fn round_up(most: f64) -> f64 {
    let scale = 10f64.powf(most.max(1e-9).log10().floor());
    let steps = [1.0, 1.2, 2.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * scale).find(|top| *top >= most).unwrap_or(most)
}

/// A number with as many decimals as it needs, two at most.
fn short(number: f64) -> String {
    without_zeros(&format!("{number:.2}"))
}

/// A quarter of what [`round_up`] came to, exactly.
fn tick(number: f64) -> String {
    without_zeros(&format!("{number:.3}"))
}

fn without_zeros(text: &str) -> String {
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
