//! Numbers of the command line: what they may be, and what is said of others.

/// One at least: of none, nothing could be said.
pub fn parse_some<N: Whole>(text: &str) -> Result<N, String> {
    let number = text.trim().parse().ok().filter(|number| *number != N::default());
    number.ok_or_else(|| format!("`{text}` is no number from 1 to {}", N::MOST))
}

/// Any, from 0 on.
pub fn parse_number<N: Whole>(text: &str) -> Result<N, String> {
    text.trim().parse().map_err(|_| format!("`{text}` is no number from 0 to {}", N::MOST))
}

/// A type of numbers from 0 on.
pub trait Whole: std::str::FromStr + Default + PartialEq + std::fmt::Display {
    /// The greatest.
    const MOST: Self;
}

impl Whole for u16 {
    const MOST: Self = Self::MAX;
}

impl Whole for u64 {
    const MOST: Self = Self::MAX;
}

impl Whole for usize {
    const MOST: Self = Self::MAX;
}

/// Seconds, whole or not.
pub fn parse_seconds(text: &str) -> Result<f64, String> {
    let number = text.trim().parse::<f64>().ok().filter(|s| s.is_finite() && *s >= 0.0);
    number.ok_or_else(|| format!("`{text}` is no number of seconds, such as 60 or 0.5"))
}

/// More threads than this are a slip of the keyboard.
const THREADS_MAX: usize = 256;

/// Threads; 0 stands for all that there are.
pub fn parse_threads(text: &str) -> Result<usize, String> {
    let number = text.trim().parse::<usize>().ok().filter(|number| *number <= THREADS_MAX);
    number.ok_or_else(|| format!("`{text}` is no number from 0 to {THREADS_MAX}"))
}

/// Bytes, with a unit or without.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    if text.starts_with('-') {
        return Err(format!("`{text}` is less than nothing: try 12GiB"));
    }
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1000,
        "mb" => 1000 * 1000,
        "gb" => 1000 * 1000 * 1000,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        other => return Err(format!("`{other}` is no unit of memory: try 12GiB")),
    };
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is no size: try 12GiB"))?;
    Ok((number * scale as f64) as u64)
}
