//! The line that moves while a search runs, and how an interrupt stops it.

use crate::console::{bytes, count};
use chinwag_models::engine::Progress;
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    time::{Duration, Instant},
};

/// The exit code of a process that was interrupted, as shells have it.
const INTERRUPTED: i32 = 130;

/// An interrupt that comes so soon after another one is the same.
const ECHO_MAX: Duration = Duration::from_millis(300);

/// Somebody has had enough: searches stop soon after this becomes true.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// Was it interrupted?
pub fn is_interrupted() -> bool {
    STOP.load(Relaxed)
}

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
            "{}  {} states, {}/s, queue {}, depth {}, {}, {:.0} s",
            self.name,
            count(p.unique),
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

/// The first interrupt stops what is being searched, so that what was found is still told; a later one ends
/// at once.
pub fn mind_interrupts() {
    let mut first: Option<Instant> = None;
    let stop = move || {
        if STOP.swap(true, Relaxed) {
            // Some send the same interrupt to the process and to its group.
            if first.is_none_or(|first| first.elapsed() >= ECHO_MAX) {
                std::process::exit(INTERRUPTED);
            }
            return;
        }
        first = Some(Instant::now());
        eprintln!(
            "\ninterrupted: stopping, what was found so far follows (Ctrl-C again ends at once)"
        );
    };
    // Someone else may mind them already: then there is nothing to do.
    let _ = ctrlc::set_handler(stop);
}

/// From now on the first interrupt ends at once: there is nothing to tell.
pub fn end_on_interrupt() {
    STOP.store(true, Relaxed);
}
