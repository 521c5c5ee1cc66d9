//! `simulate`: runs clusters of the deployed hosts under virtual time, and judges them.
//!
//! Decides nothing and judges nothing itself. `simulate --help` tells the exit codes.

use chinwag_simulator::{
    End, Outcome, SCENARIO_BEGINS, Scenario,
    hunt::{self, Hunted, Sum},
    recorded, run, shrink,
    slips::{self, Slip},
};
use clap::Parser;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

const AFTER: &str = "\
Examples:
  simulate --seed 7                      one run, told in short
  simulate --seed 7 --story              the same, event by event
  simulate --seeds 10000 --threads 2     many runs, from a seed of the clock
  simulate --seeds 20 --large            runs of thousands of updates
  simulate --seed 7 --record DIR         the same, for `check explore DIR`
  simulate --scenario FILE               the scenario of a text, as is printed for a failing run
  simulate --mutants                     how soon the seeded bugs are found
  simulate --mutant \"makes a single\" --seeds 100
                                         the smallest scenario that finds one

Exit codes:
  0  nothing broken; with --mutants, all found but those that nobody can tell
  1  something is broken; with --mutants, one was not found, or one was that nobody should
  2  the command line, or a file that it names, makes no sense
  3  cut off: the time was over before all seeds were run
  4  internal error, or the output could not be written";

/// Simulates clusters of chinwag's hosts: network, disks and clocks fail; nothing else is simulated.
#[derive(Parser)]
#[command(version, after_help = AFTER, max_term_width = 110, allow_negative_numbers = true)]
struct Cli {
    /// The first seed; otherwise from the clock. It is printed either way.
    #[arg(long)]
    seed: Option<u64>,
    /// How many seeds, one after the other.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Runs of thousands of updates, judged by sums; otherwise of up to 32, judged by every property.
    #[arg(long)]
    large: bool,
    /// Threads.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Begin no run after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// Run the scenario in this file instead.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "seeds", "large"])]
    scenario: Option<PathBuf>,
    /// Print the scenario and each event; of a failing run also how it came about.
    #[arg(long)]
    story: bool,
    /// With this bug in; the name, or a part of it that no other has.
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// Hunt for each seeded bug, with at most --seeds runs each.
    #[arg(long, conflicts_with_all = ["mutant", "scenario"])]
    mutants: bool,
    /// Record the steps of a single run to this new directory, for `check trace` and `check explore`.
    #[arg(long, value_name = "DIR", conflicts_with_all = ["seeds", "large", "mutants"])]
    record: Option<PathBuf>,
    /// Leave a failing run as it is.
    #[arg(long)]
    no_shrink: bool,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    hunt::quiet_panics();
    let ended = std::panic::catch_unwind(|| execute(&cli));
    let ended = ended.unwrap_or_else(|cause| match unwritten(&*cause) {
        Some(why) => Err((4, why)),
        None => Err((4, "internal error".into())),
    });
    ExitCode::from(ended.unwrap_or_else(|(code, why)| {
        eprintln!("error: {why}");
        code
    }))
}

/// `println!` panics when it cannot write, and says why: the disk is full, or whoever reads has read enough
/// (`| head`). Then nothing can be said of what was not run or not told, so it is no success.
fn unwritten(cause: &(dyn std::any::Any + Send)) -> Option<String> {
    let what = cause.downcast_ref::<String>()?;
    let why = what.strip_prefix("failed printing to stdout: ")?;
    Some(format!("the output is not whole: {why}"))
}

type Failure = (u8, String);

fn execute(cli: &Cli) -> Result<u8, Failure> {
    let slip = cli.mutant.as_deref().map(named).transpose()?;
    let first = cli.seed.unwrap_or_else(of_the_clock);
    let last = cli.seeds.checked_sub(1).and_then(|others| first.checked_add(others));
    let last = last
        .ok_or_else(|| (2, format!("--seeds {}: from {first} on, there are no such", cli.seeds)))?;
    let seeds = first..=last;
    if let Some(path) = &cli.scenario {
        let text = std::fs::read_to_string(path).map_err(|error| {
            let remedy = match error.kind() {
                std::io::ErrorKind::NotFound => "; a failing run prints one, and --story does",
                _ => "",
            };
            (2, format!("--scenario {}: {error}{remedy}", path.display()))
        })?;
        let scenario = Scenario::parse(text.strip_prefix('\u{feff}').unwrap_or(&text));
        let scenario =
            scenario.map_err(|why| (2, format!("--scenario {}: {why}", path.display())))?;
        return one(&scenario, slip, cli);
    }
    if cli.mutants {
        return Ok(mutants(cli, seeds));
    }
    println!("seed {first}, {} in all", cli.seeds);
    if cli.seeds == 1 {
        return one(&Scenario::of_seed(first, cli.large), slip, cli);
    }
    let (begun, limit) = (Instant::now(), cli.timeout.map(Duration::from_secs));
    let sum = hunt::seeds(seeds, cli.large, (slip, cli.threads), limit, slip.is_some());
    report(&sum, begun.elapsed());
    if let Some((seed, _)) = sum.broken.first() {
        println!("\nthe first failing seed, {seed}:");
        one(&Scenario::of_seed(*seed, cli.large), slip, cli)?;
        return Ok(1);
    }
    Ok(if sum.not_run > 0 { 3 } else { 0 })
}

fn named(part: &str) -> Result<Slip, Failure> {
    let all = slips::all();
    let exact = all.iter().find(|(name, ..)| *name == part);
    let found: Vec<_> = all.iter().filter(|(name, ..)| name.contains(part)).collect();
    match (exact, found.as_slice()) {
        (Some((_, slip, _)), _) | (None, [(_, slip, _)]) => Ok(*slip),
        (None, []) => Err((2, format!("no seeded bug is called `{part}`"))),
        (None, several) => {
            let names = several.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join("; ");
            Err((2, format!("`{part}` is part of several names: {names}")))
        }
    }
}

fn of_the_clock() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| u64::from(since.subsec_nanos()) << 20)
}

/// One run, and the smallest that fails like it.
fn one(scenario: &Scenario, slip: Option<Slip>, cli: &Cli) -> Result<u8, Failure> {
    let outcome = match &cli.record {
        Some(directory) => {
            fresh(directory, scenario)?;
            recorded(scenario, slip, cli.story, directory)
        }
        None => run(scenario, slip, cli.story),
    };
    if cli.story {
        print!("{scenario}");
        outcome.story.iter().for_each(|line| println!("{line}"));
    }
    show(&outcome);
    if !matches!(outcome.end, End::Broken(_)) {
        return Ok(0);
    }
    if !cli.no_shrink {
        let (small, runs) = shrink::shrink(scenario, slip);
        let with = cli.mutant.as_ref().map(|name| format!(" --mutant \"{name}\""));
        println!("\n# the smallest scenario found in {runs} runs; again by");
        println!("{SCENARIO_BEGINS}: simulate --scenario FILE{}", with.unwrap_or_default());
        print!("{small}");
        if !cli.story {
            println!("# its end:");
            let story = run(&small, slip, true).story;
            story.iter().rev().take(12).rev().for_each(|line| println!("# {line}"));
        }
    }
    Ok(1)
}

/// Makes the directory of a recording. One that holds something may hold another run.
fn fresh(directory: &Path, scenario: &Scenario) -> Result<(), Failure> {
    let wrong = |why: String| (2, format!("--record {}: {why}", directory.display()));
    if scenario.set.large == 1 {
        return Err(wrong("a run of thousands of updates is not recorded".into()));
    }
    if scenario.replaced().is_some() {
        let why = "a run in which somebody is replaced is not recorded: `check trace` knows none; leave \
                   out the `fault .. replace`";
        return Err(wrong(why.into()));
    }
    std::fs::create_dir_all(directory).map_err(|error| wrong(error.to_string()))?;
    let mut files = std::fs::read_dir(directory).map_err(|error| wrong(error.to_string()))?;
    match files.next() {
        Some(_) => Err(wrong("is not empty: name a new directory".into())),
        None => Ok(()),
    }
}

fn show(outcome: &Outcome) {
    let Outcome { end, digest, virtual_ms, healed_ms, counts, .. } = outcome;
    let end = match end {
        End::Sound => "sound".to_owned(),
        End::Broken(what) => format!("BROKEN: {what}"),
        End::Refused => "a disk lied, and its replica manager was refused: ended there".to_owned(),
        End::Excused => "a disk lied, which nobody could find out: ended there".to_owned(),
    };
    println!("{end}");
    let healed = healed_ms.map(|ms| format!(", right {ms} ms after calm")).unwrap_or_default();
    println!(
        "{} events in {virtual_ms} ms of virtual time{healed}; digest {digest:016x}",
        counts.events
    );
}

fn report(sum: &Sum, took: Duration) {
    let hours = sum.virtual_ms as f64 / 3_600_000.0;
    let minutes = took.as_secs_f64() / 60.0;
    println!(
        "{} runs, {} updates, {hours:.1} virtual hours in {:.0} s: {:.1} hours a minute",
        sum.runs,
        sum.updates,
        took.as_secs_f64(),
        hours / minutes
    );
    println!("properties looked at {} times; longest healing {} ms", sum.looks, sum.healed_ms_max);
    let [refused, excused] = sum.ended_early;
    println!(
        "ended early, a disk having lied: {refused} refused, {excused} that nobody could know of"
    );
    for (name, count) in &sum.counts {
        println!("  {count:>12}  {name}");
    }
    if sum.not_run > 0 {
        println!("CUT OFF: {} seeds were not run", sum.not_run);
    }
    for (seed, what) in sum.broken.iter().take(20) {
        println!("BROKEN, seed {seed}: {what}");
    }
    println!("{} of {} runs broken", sum.broken.len(), sum.runs);
}

fn mutants(cli: &Cli, seeds: std::ops::RangeInclusive<u64>) -> u8 {
    println!("seeds from {}, at most {} for each", seeds.start(), cli.seeds);
    let all = slips::all();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..cli.threads.max(1) {
            scope.spawn(|| {
                while let Some(mutant) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let hunted = hunt::hunt(*mutant, seeds.clone(), cli.large);
                    if let Ok(mut found) = found.lock() {
                        line(&hunted);
                        found.push(hunted);
                    }
                }
            });
        }
    });
    let found = found.into_inner().unwrap_or_default();
    let wrong = found.iter().filter(|h| h.found.is_some() == h.equivalent.is_some()).count();
    let alive = found.iter().filter(|h| h.found.is_none() && h.equivalent.is_none());
    let alive: Vec<_> = alive.map(|h| h.name).collect();
    println!(
        "{} seeded bugs, {wrong} not as they should; not found: {}",
        found.len(),
        alive.join("; ")
    );
    u8::from(wrong > 0)
}

fn line(hunted: &Hunted) {
    let Hunted { name, equivalent, found, runs, virtual_ms } = hunted;
    let by = match (found, equivalent) {
        (Some((_, what)), None) => what.chars().take(90).collect(),
        (Some((_, what)), Some(_)) => format!("FOUND, though nobody can tell it: {what}"),
        (None, None) => "NOT FOUND".to_owned(),
        (None, Some(_)) => "not found, as it should".to_owned(),
    };
    println!("| {name} | {runs} | {:.0} | {by} |", *virtual_ms as f64 / 1_000.0);
}
