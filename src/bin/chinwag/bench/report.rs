//! What was measured, for people, programs and the eye.

use super::load::{Load, Measured};
use plotters::prelude::*;
use serde::Serialize;
use std::{fmt::Write as _, path::Path};

/// One case, in numbers. Latencies in microseconds.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// What was loaded.
    pub case: String,
    /// Requests that could be under way at a time.
    pub clients: usize,
    /// Requests a second that were asked for; none in a closed loop.
    pub rate: Option<f64>,
    /// Requests answered a second.
    pub per_second: f64,
    /// Requests answered.
    pub answered: u64,
    /// Datagrams sent once more.
    pub repeated: u64,
    /// Requests without a reply at the end; they are in the latencies with the time until then.
    pub open: u64,
    /// Half of the requests took at most so long.
    pub p50_us: u64,
    /// Nine of ten.
    pub p90_us: u64,
    /// All but one of a hundred.
    pub p99_us: u64,
    /// All but one of a thousand.
    pub p999_us: u64,
    /// The longest.
    pub max_us: u64,
}

impl Row {
    /// The numbers of a measurement.
    pub fn new(case: &str, load: Load, measured: &Measured) -> Self {
        let at = |quantile| measured.latency.value_at_quantile(quantile);
        Self {
            case: case.into(),
            clients: load.clients,
            rate: load.rate,
            per_second: measured.per_second(),
            answered: measured.answered,
            repeated: measured.repeated,
            open: measured.open,
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: measured.latency.max(),
        }
    }
}

/// The head of the table that [`line`] makes.
pub const HEAD: &str = "case             clients  asked/s  answered/s   p50 us   p90 us   p99 us \
                        p99.9 us   max us  repeated  open";

/// One line of a table.
pub fn line(row: &Row) -> String {
    let rate = row.rate.map_or("-".into(), |rate| format!("{rate:.0}"));
    format!(
        "{:16} {:7} {rate:>8} {:11.0} {:8} {:8} {:8} {:8} {:8} {:9} {:5}",
        row.case,
        row.clients,
        row.per_second,
        row.p50_us,
        row.p90_us,
        row.p99_us,
        row.p999_us,
        row.max_us,
        row.repeated,
        row.open
    )
}

/// All rows as comma-separated values, with a head.
pub fn csv(rows: &[Row]) -> String {
    let mut text = String::from(
        "case,clients,rate,per_second,answered,repeated,open,p50_us,p90_us,p99_us,p999_us,max_us\n",
    );
    for row in rows {
        let rate = row.rate.map_or(String::new(), |rate| rate.to_string());
        let Row { case, clients, per_second, answered, repeated, open, .. } = row;
        let Row { p50_us, p90_us, p99_us, p999_us, max_us, .. } = row;
        let _ = writeln!(
            text,
            "{case},{clients},{rate},{per_second:.1},{answered},{repeated},{open},\
             {p50_us},{p90_us},{p99_us},{p999_us},{max_us}"
        );
    }
    text
}

/// Draws latency over throughput: a line for each of three percentiles, a point for each row.
pub fn plot(rows: &[Row], path: &Path) -> Result<(), String> {
    let mut rows: Vec<_> = rows.iter().filter(|row| row.answered > 0).collect();
    if rows.is_empty() {
        return Err("there is nothing to draw: no request was answered".into());
    }
    rows.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
    let fastest = rows.iter().map(|row| row.per_second).fold(1.0, f64::max);
    let slowest = rows.iter().map(|row| row.p999_us).max().unwrap_or(1).max(1);
    let area = SVGBackend::new(path, (800, 480)).into_drawing_area();
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    area.fill(&WHITE).map_err(|e| failed(&e))?;
    let mut chart = ChartBuilder::on(&area)
        .margin(16)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(0.0..fastest * 1.05, (1.0..slowest as f64 * 2.0).log_scale())
        .map_err(|e| failed(&e))?;
    chart
        .configure_mesh()
        .x_desc("requests answered a second")
        .y_desc("latency, microseconds")
        .draw()
        .map_err(|e| failed(&e))?;
    type Percentile = fn(&Row) -> u64;
    let lines: [(&str, RGBColor, Percentile); 3] = [
        ("half", RGBColor(0, 114, 178), |row| row.p50_us),
        ("99 %", RGBColor(230, 159, 0), |row| row.p99_us),
        ("99.9 %", RGBColor(213, 94, 0), |row| row.p999_us),
    ];
    for (name, colour, latency) in lines {
        let points: Vec<_> =
            rows.iter().map(|row| (row.per_second, latency(row).max(1) as f64)).collect();
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)).point_size(3))
            .map_err(|e| failed(&e))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], colour));
    }
    chart
        .configure_series_labels()
        .background_style(WHITE)
        .border_style(BLACK)
        .draw()
        .map_err(|e| failed(&e))?;
    area.present().map_err(|e| failed(&e))
}
