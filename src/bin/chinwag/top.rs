//! `chinwag top`: all replica managers at a glance, again and again.

use crate::{
    Failure, config_with,
    status::{acknowledges, client},
    stop_flag, with,
};
use chinwag::{
    Group, ReplicaId,
    runtime::{
        Clock, Config, Status,
        command::{CliService, WithService},
        udp::{SystemClock, UdpClient},
    },
};
use clap::Args;
use crossterm::{
    cursor::{Hide, MoveTo, Show},
    event::{self, Event, KeyCode, KeyEvent, KeyModifiers},
    execute, queue,
    style::Print,
    terminal::{self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen},
};
use std::{
    io::{self, IsTerminal, Write},
    path::PathBuf,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// How long a replica manager may take to answer before it is shown as down.
const ANSWER_WITHIN: Duration = Duration::from_millis(400);

/// What is shown where nobody says how large the terminal is.
const COLUMNS: usize = 80;

/// What to watch, and how.
#[derive(Args)]
pub struct TopArgs {
    /// The configuration of the cluster or of any of its replicas.
    #[arg(long, env = "CHINWAG_CONFIG", default_value = "chinwag-cluster/cluster.toml")]
    config: PathBuf,
    /// The key ring, instead of the configuration's.
    #[arg(long, env = "CHINWAG_KEYS")]
    keys: Option<PathBuf>,
    /// How often to look, in milliseconds.
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    interval_ms: u64,
    /// Look twice, print one table, and end: exit code 1 if a replica manager is down.
    #[arg(long)]
    once: bool,
    /// The same as one line of JSON.
    #[arg(long)]
    json: bool,
}

/// Watches until told to end.
pub fn run(args: &TopArgs) -> Result<(), Failure> {
    let config = config_with(&args.config, args.keys.as_ref())?;
    let service = config.service.clone();
    with(&args.config, &service, Watching { args, config })
}

struct Watching<'a> {
    args: &'a TopArgs,
    config: Config,
}

impl WithService for Watching<'_> {
    type Output = Result<(), Failure>;

    fn run<S: CliService>(self) -> Result<(), Failure> {
        let Self { args, config } = self;
        let interval = Duration::from_millis(args.interval_ms);
        let mut poll = Poll {
            client: client::<S>(&config, ANSWER_WITHIN)?,
            last: None,
            group: config.group(),
        };
        poll.look();
        if args.once || args.json {
            std::thread::sleep(interval);
            let rows = poll.look();
            match args.json {
                true => println!("{}", json(&config, &rows)),
                false => lines(&config, &rows, COLUMNS, usize::MAX)
                    .iter()
                    .for_each(|line| println!("{line}")),
            }
            return match rows.iter().filter(|row| row.status.is_none()).count() {
                0 => Ok(()),
                n => Err(Failure::new(1, format!("{n} of {} are down", rows.len()))),
            };
        }
        if !io::stdout().is_terminal() {
            return Err(Failure::operator("top: not a terminal; add --once or --json"));
        }
        let stop = stop_flag()?;
        let screen = Screen::open().map_err(|error| Failure::new(1, error))?;
        let watched = watch(&config, &mut poll, interval, &stop);
        drop(screen);
        watched.map_err(|error| Failure::new(1, error))
    }
}

/// What is shown of a replica manager.
struct Row {
    /// Its number.
    place: usize,
    status: Option<Status>,
    /// Updates and queries a second, if it answered twice and did not start anew in between.
    rates: Option<(f64, f64)>,
}

struct Poll<S: CliService> {
    client: UdpClient<S>,
    last: Option<(Duration, Vec<Option<Status>>)>,
    group: Group,
}

impl<S: CliService> Poll<S> {
    fn look(&mut self) -> Vec<Row> {
        thread_local!(static CLOCK: SystemClock = SystemClock::default());
        let statuses = self.client.statuses(ANSWER_WITHIN);
        let now = CLOCK.with(Clock::now);
        let last = self.last.replace((now, statuses.clone()));
        let row = |(i, status): (usize, Option<Status>)| {
            let before = last.as_ref().and_then(|(at, all)| Some((*at, all[i].as_ref()?)));
            let rates = before.zip(status.as_ref()).and_then(|((at, before), status)| {
                let seconds = now.saturating_sub(at).as_secs_f64().max(1e-3);
                let updates = status.updates.checked_sub(before.updates)?;
                let queries = status.queries.checked_sub(before.queries)?;
                Some((updates as f64 / seconds, queries as f64 / seconds))
            });
            Row { place: i, status, rates }
        };
        let is_member = |(i, _): &(usize, _)| self.group.is_member(ReplicaId(*i as u16));
        statuses.into_iter().enumerate().filter(is_member).map(row).collect()
    }
}

fn json(config: &Config, rows: &[Row]) -> serde_json::Value {
    let replicas = rows.iter().map(|row| {
        let state = row.status.as_ref().map_or("down", |status| status.condition().word());
        serde_json::json!({
            "replica": row.place,
            "address": config.replicas[row.place],
            "state": state,
            "updates_per_second": row.rates.map(|(updates, _)| updates),
            "queries_per_second": row.rates.map(|(_, queries)| queries),
            "status": row.status,
        })
    });
    serde_json::json!({ "cluster": config.cluster, "replicas": replicas.collect::<Vec<_>>() })
}

const HEAD: &str = "     state     upd/s  qry/s    log   pend   exec  held  durable    lag";

const LEGEND: [&str; 3] = [
    "pend: records that wait for their past; held: queries that wait for it",
    "lag: updates held there that rm0, rm1, .. are not known to hold, or the most",
    "exec: identifiers of updates that are remembered, so that none runs twice",
];

/// The table, cut to this size.
fn lines(config: &Config, rows: &[Row], columns: usize, height: usize) -> Vec<String> {
    let up = rows.iter().filter(|row| row.status.is_some()).count();
    let (cluster, service, count) = (&config.cluster, &config.service, rows.len());
    let mut lines = vec![
        format!("cluster {cluster}, service {service}: {up} of {count} replica managers answer"),
        String::new(),
        HEAD.to_string(),
    ];
    // One line for those that have no room, one for the keys.
    let room = height.saturating_sub(lines.len() + LEGEND.len() + 2).max(1);
    let all = rows.iter().take(room);
    lines.extend(all.map(|row| line(row.place, &config.replicas[row.place], row, columns)));
    match rows.len().saturating_sub(room) {
        0 => lines.push(String::new()),
        hidden => lines.push(format!("and {hidden} more, for which there is no room")),
    }
    lines.extend(LEGEND.map(String::from));
    lines.iter_mut().for_each(|line| *line = line.chars().take(columns).collect());
    lines
}

fn line(i: usize, address: &str, row: &Row, columns: usize) -> String {
    let name = format!("rm{i}");
    let Some(status) = &row.status else { return format!("{name:<5}DOWN     {address}") };
    let rate = |rate: Option<f64>| rate.map_or("-".into(), |rate| short(rate.round() as u64));
    let start = format!(
        "{name:<5}{:<8}{:>7}{:>7}{:>7}{:>7}{:>7}{:>6}  {:<10} ",
        status.condition().word(),
        rate(row.rates.map(|(updates, _)| updates)),
        rate(row.rates.map(|(_, queries)| queries)),
        short(status.log),
        short(status.pending),
        short(status.executed),
        short(status.waiting),
        acknowledges(status).replace(" of ", "/"),
    );
    let lag = |(peer, lag): (usize, &u32)| match peer == i {
        true => "-".to_string(),
        false => short((*lag).into()),
    };
    let all: Vec<_> = status.lag.iter().enumerate().map(lag).collect();
    let all = all.join(" ");
    match start.len() + all.len() <= columns {
        true => start + &all,
        // The slowest one is what keeps the log long.
        false => {
            let most = status.lag.iter().enumerate().max_by_key(|(_, lag)| **lag);
            let worst = most.map(|(peer, lag)| format!("rm{peer}:{}", short((*lag).into())));
            start + &worst.unwrap_or_default()
        }
    }
}

/// At most six characters.
fn short(count: u64) -> String {
    match count {
        0..100_000 => count.to_string(),
        100_000..10_000_000 => format!("{}k", count / 1_000),
        10_000_000..10_000_000_000 => format!("{}M", count / 1_000_000),
        _ => format!("{}G", count / 1_000_000_000),
    }
}

/// The terminal, which is as it was afterwards.
struct Screen;

impl Screen {
    fn open() -> io::Result<Self> {
        terminal::enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok(Self)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // Nothing is left to do if it cannot be.
        let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
        let _ = terminal::disable_raw_mode();
    }
}

fn watch<S: CliService>(
    config: &Config,
    poll: &mut Poll<S>,
    interval: Duration,
    stop: &AtomicBool,
) -> io::Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let rows = poll.look();
        let (columns, height) = terminal::size()?;
        let mut lines = lines(config, &rows, columns.into(), height.into());
        lines.push("q ends".into());
        let mut out = io::stdout();
        queue!(out, Clear(ClearType::All))?;
        for (row, line) in (0..height).zip(&lines) {
            queue!(out, MoveTo(0, row), Print(line))?;
        }
        out.flush()?;
        if event::poll(interval)? && ends(&event::read()?) {
            break;
        }
    }
    Ok(())
}

fn ends(event: &Event) -> bool {
    let Event::Key(KeyEvent { code, modifiers, .. }) = event else { return false };
    match code {
        KeyCode::Char('q') | KeyCode::Esc => true,
        KeyCode::Char('c') => modifiers.contains(KeyModifiers::CONTROL),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chinwag::{Timestamp, runtime::Level};

    fn config(replicas: usize) -> Config {
        let addresses: Vec<_> = (0..replicas).map(|i| format!("10.0.0.{i}:4001")).collect();
        let text =
            format!("cluster = 'c'\nservice = 'kv'\nupdatable = 2\nreplicas = {addresses:?}");
        Config::parse("c.toml".as_ref(), &text).unwrap()
    }

    fn row(place: usize, lag: Vec<u32>) -> Row {
        let zero = Timestamp::zero(2);
        let status = Status {
            replica_ts: zero.clone(),
            value_ts: zero.clone(),
            discarded: zero,
            log: 99_999,
            pending: 123_456,
            waiting: 10_000,
            executed: 98_765_432,
            other_versions: 0,
            dropped: 0,
            durability: Level::Interval,
            acknowledged_by: 3,
            full: true,
            joining: false,
            updates: 0,
            queries: 0,
            lag,
            versions: None,
        };
        Row { place, status: Some(status), rates: Some((1_234_567.0, 0.4)) }
    }

    #[test]
    fn the_widest_row_of_three_fits_eighty_columns_and_says_each_lag() {
        let down = Row { place: 2, status: None, rates: None };
        let rows = [row(0, vec![0, 12_345, 99_999]), row(1, vec![1, 0, 2]), down];
        let found = lines(&config(3), &rows, 80, 24);
        let expected = [
            "cluster c, service kv: 2 of 3 replica managers answer",
            "",
            "     state     upd/s  qry/s    log   pend   exec  held  durable    lag",
            "rm0  full      1234k      0  99999   123k    98M 10000  interval/3 - 12345 99999",
            "rm1  full      1234k      0  99999   123k    98M 10000  interval/3 1 - 2",
            "rm2  DOWN     10.0.0.2:4001",
            "",
        ];
        assert_eq!(found[..7], expected);
        assert_eq!(found[3].len(), 80);
    }

    #[test]
    fn many_rows_are_cut_to_the_height_and_say_the_greatest_lag() {
        let rows: Vec<_> = (0..40).map(|place| row(place, (0..40).collect())).collect();
        let found = lines(&config(40), &rows, 80, 24);
        assert_eq!(found.len(), 23, "and a line for the keys");
        assert!(found[3].ends_with(" rm39:39"), "{}", found[3]);
        assert_eq!(found[19], "and 24 more, for which there is no room");
    }
}
