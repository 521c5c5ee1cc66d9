//! The figures of the page: the shape of each search, and what the protocol costs.

use super::{
    measure::{self, Shape},
    page::{escape, section},
    plot::{self, Series},
};
use crate::{
    console::{count, plural},
    verify::Verified,
};

/// The largest batch and interval that are drawn.
const MOST: u32 = 20;

/// States by depth, for each model that was searched.
pub fn levels(all: &[Verified]) -> String {
    let figure = |one: &Verified| {
        let report = one.report.as_ref()?;
        let name = one.model.name;
        let cut = if one.is_cut() { "CUT OFF: " } else { "" };
        let words = format!(
            "{cut}{} in {} levels, {} in the widest",
            plural(report.unique as usize, "state"),
            report.levels.len(),
            count(report.widest())
        );
        let bars = plot::bars(&format!("{name}: states by depth"), &report.levels);
        let (name, words) = (escape(name), escape(&words));
        Some(format!(
            "<figure><h3>{name}</h3>{bars}<figcaption class=\"legend\">{words}</figcaption></figure>"
        ))
    };
    let figures: String = all.iter().filter_map(figure).collect();
    section(
        "States by depth",
        "Distinct states 0, 1, 2 ... steps from the start, from left to right. Each has its own scale.",
        &format!("<div class=\"plots small\">{figures}</div>"),
    )
}

/// Three figures that are measured anew on clusters in memory.
pub fn protocol() -> String {
    let figure =
        |title: &str, plot: String| format!("<figure><h3>{}</h3>{plot}</figure>", escape(title));
    let figures = [
        figure("Messages per update, against G", cost()),
        figure("Latency, against G", latency()),
        figure("Staleness, against the gossip interval", staleness()),
    ];
    section(
        "What gossip costs, and what it brings",
        "Measured when this page was made, by the protocol itself, on small clusters in memory that lose \
         nothing and take no time: these are examples, not proofs, and say nothing about milliseconds.",
        &format!("<div class=\"plots\">{}</div>", figures.concat()),
    )
}

fn cost() -> String {
    let one = |(colour, replicas): (usize, u16)| {
        let of = |f: fn(u16, u32) -> f64| {
            (1..=MOST).map(|batch| (f64::from(batch), f(replicas, batch))).collect()
        };
        let measured = Series {
            name: format!("R = {replicas}, measured"),
            points: of(measure::messages_per_update),
            measured: true,
            colour,
        };
        let formula = Series {
            name: format!("R = {replicas}, 2 + (R - 1) / G"),
            points: of(measure::messages_by_formula),
            measured: false,
            colour,
        };
        [formula, measured]
    };
    let series: Vec<_> = [2, 3, 5, 10].into_iter().enumerate().flat_map(one).collect();
    let y = "messages: request, reply, a share of gossip";
    plot::lines("messages per update against G", "G, updates in a batch", y, &series)
}

fn latency() -> String {
    let points = (1..=MOST).map(|batch| (f64::from(batch), measure::latency(batch))).collect();
    let per = measure::UPDATES_PER_INTERVAL;
    let name = format!("R = 3, {per} updates in an interval, measured");
    let series = [Series { name, points, measured: true, colour: 0 }];
    let y = "gossip intervals until the others have an update, on average";
    plot::lines("latency against G", "G, updates in a batch", y, &series)
}

fn staleness() -> String {
    let one = |(colour, shape, words): (usize, Shape, &str)| {
        let at = |interval: u32| (interval.into(), measure::staleness(shape, interval as usize));
        let name = format!("{words}, measured");
        Series { name, points: (1..=MOST).map(at).collect(), measured: true, colour }
    };
    let shapes = [
        (0, Shape::Mesh, "R = 4, each gossips to each"),
        (1, Shape::Ring, "R = 4, each to the next: the third hop"),
    ];
    let series = shapes.map(one);
    let y = "updates that the last manager lacks, on average";
    plot::lines(
        "staleness against the interval",
        "interval, in updates of the first manager",
        y,
        &series,
    )
}
