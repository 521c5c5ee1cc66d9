//! The line that moves while a search runs, and what an interrupt leaves behind.

use crate::console::{bytes, count};
use chinwag_models::engine::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

/// The exit code of a process that was interrupted, as shells have it.
const INTERRUPTED: i32 = 130;

/// A line on the terminal that tells how a search gets on; nothing where stderr is no terminal.
#[derive(Debug)]
pub struct Line {
    bar: ProgressBar,
    name: String,
}

impl Line {
    /// Begins.
    pub fn begin(name: &str, quiet: bool) -> Self {
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new_spinner() };
        let style = ProgressStyle::with_template("{spinner} {wide_msg}");
        bar.set_style(style.expect("the template is a constant"));
        bar.enable_steady_tick(Duration::from_millis(200));
        bar.set_message(name.to_owned());
        Line { bar, name: name.to_owned() }
    }

    /// Tells.
    pub fn tell(&self, p: &Progress) {
        self.bar.set_message(format!(
            "{}  {} states, {} generated, {}/s, queue {}, depth {}, {}, {:.0} s",
            self.name,
            count(p.unique),
            count(p.generated),
            count(p.states_per_second as u64),
            count(p.frontier),
            p.depth,
            bytes(p.memory),
            p.seconds
        ));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// Ends at once when interrupted, and says what that means.
pub fn mind_interrupts() {
    let stop = || {
        eprintln!("\ninterrupted: what is not in the table above was not checked");
        std::process::exit(INTERRUPTED);
    };
    // Someone else may mind them already: then there is nothing to do.
    let _ = ctrlc::set_handler(stop);
}
