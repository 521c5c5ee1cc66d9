//! What goes to the terminal, and how numbers read.

use crate::cli::Common;
use chinwag_models::render::{Run, TextStyle, text};
use std::{
    io::{Error, ErrorKind, IsTerminal, Write, stderr, stdout},
    sync::{Mutex, PoisonError},
};

/// The first error of stdout: nothing is written there after it.
static LOST: Mutex<Option<Error>> = Mutex::new(None);

/// Where text goes, and whether in colours.
#[derive(Debug)]
pub struct Console {
    /// No progress and no diagrams.
    pub quiet: bool,
    colour: bool,
    ascii: bool,
    width: usize,
}

/// Emphasis.
#[derive(Clone, Copy, Debug)]
pub enum Ink {
    /// As expected.
    Good,
    /// Not as expected.
    Bad,
    /// Worth a look.
    Warn,
    /// Headings.
    Bold,
    /// Background.
    Dim,
}

/// Columns where there is no terminal to ask.
const WIDTH: usize = 100;

impl Console {
    /// What the command line and the terminal say.
    pub fn of(common: &Common) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let columns = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        Console {
            quiet: common.quiet,
            colour: stdout().is_terminal() && !no_color && !common.no_color,
            ascii: common.ascii,
            width: common.width.or_else(columns).unwrap_or(WIDTH).clamp(60, 200),
        }
    }

    /// A line on stdout. Whoever closed it does not want the rest, but how it ends is in the exit code.
    pub fn say(&self, line: &str) {
        let mut lost = LOST.lock().unwrap_or_else(PoisonError::into_inner);
        if lost.is_none() {
            *lost = writeln!(stdout(), "{line}").err();
        }
    }

    /// Why stdout is not whole, unless its reader went away.
    pub fn lost(&self) -> Option<String> {
        let lost = LOST.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = lost.as_ref().filter(|error| error.kind() != ErrorKind::BrokenPipe);
        lost.map(|error| format!("the output is not whole: {error}"))
    }

    /// A paragraph, wrapped.
    pub fn paragraph(&self, words: &str) {
        let mut line = String::new();
        for word in words.split_whitespace() {
            if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > self.width {
                self.say(&std::mem::take(&mut line));
            }
            line += if line.is_empty() { "" } else { " " };
            line += word;
        }
        self.say(&line);
    }

    /// A warning on stderr.
    pub fn warn(&self, line: &str) {
        let _ = writeln!(stderr(), "warning: {line}"); // Without a stderr there is nobody to warn.
    }

    /// An error on stderr.
    pub fn error(&self, line: &str) {
        let _ = writeln!(stderr(), "error: {line}"); // As above.
    }

    /// The text in colour, if there are any.
    pub fn ink(&self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Good => "32",
            Ink::Bad => "1;31",
            Ink::Warn => "33",
            Ink::Bold => "1",
            Ink::Dim => "2",
        };
        if self.colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// The run as a diagram.
    pub fn draw(&self, run: &Run) {
        let style = TextStyle { width: self.width, colour: self.colour, ascii: self.ascii };
        self.say(text(run, &style).trim_end());
    }
}

/// `1,234,567`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `1 model`, `2 models`.
pub fn plural(n: usize, thing: &str) -> String {
    if n == 1 { format!("1 {thing}") } else { format!("{} {thing}s", count(n as u64)) }
}

/// `12 ms`, `3.4 s`, `5m08s`.
pub fn seconds(s: f64) -> String {
    match s {
        s if s < 1.0 => format!("{:.0} ms", s * 1000.0),
        s if s < 100.0 => format!("{s:.1} s"),
        s => format!("{}m{:02}s", s as u64 / 60, s as u64 % 60),
    }
}

/// `1.5 GiB`.
pub fn bytes(n: u64) -> String {
    match n {
        n if n < 10 << 20 => format!("{} KiB", n >> 10),
        n if n < 10 << 30 => format!("{} MiB", n >> 20),
        n => format!("{:.1} GiB", n as f64 / f64::from(1 << 30)),
    }
}
