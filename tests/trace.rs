//! What real processes recorded is an execution of the model, and what was altered is none.
#![cfg(feature = "program")]

use chinwag::{
    Message, ReplicaId, Sender, Service, Timer,
    runtime::{
        ClientConfig, ClusterId, Config, Observer, Recorder, ReplicaConfig, Route, Step, StepInput,
        TraceHeader, TraceInput, TraceStep,
        command::CliService,
        trace_file_name,
        udp::{self, UdpClient},
    },
    services::{Counter, OrSet, OrSetOp},
};
use chinwag_models::trace::{self, Boot, End, Summary, Trace, Verdict, Witnessed};
use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

/// Everything that is waited for happens within this, or the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !done() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// A cluster of processes that record. They end with it.
struct Cluster {
    directory: tempfile::TempDir,
    config: Config,
    children: Vec<Option<Child>>,
}

impl Cluster {
    fn start<S: CliService>(replicas: u16, gossip_interval_ms: u64, records: bool) -> Self {
        let addresses = udp::free_addresses(replicas).unwrap();
        let config = Config {
            speaks: None,
            cluster: "traced".into(),
            service: S::NAME.into(),
            replicas: addresses.iter().map(|address| address.to_string()).collect(),
            replaced: Vec::new(),
            updatable: None,
            keys: None,
            replica: None,
            client: ClientConfig { retry_after_ms: 200, ..ClientConfig::default() },
        };
        let directory = tempfile::tempdir().unwrap();
        let children = (0..replicas).map(|_| None).collect();
        let mut cluster = Self { directory, config, children };
        for id in 0..replicas {
            let replica = ReplicaConfig {
                id,
                data_dir: format!("rm{id}").into(),
                listen: None,
                gossip_interval_ms,
                gossip_batch: 0,
                record: records.then(|| "trace".into()),
                http: None,
                unknown_past: Default::default(),
                durability: Default::default(),
            };
            let config = Config { replica: Some(replica), ..cluster.config.clone() };
            fs::write(cluster.path(id), toml::to_string(&config).unwrap()).unwrap();
            cluster.run(id, true);
        }
        (0..replicas).for_each(|id| cluster.wait_for::<S>(id));
        cluster
    }

    fn path(&self, id: u16) -> PathBuf {
        self.directory.path().join(format!("rm{id}.toml"))
    }

    fn run(&mut self, id: u16, init: bool) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chinwag"));
        command.arg("replica").arg("--config").arg(self.path(id));
        command.args(init.then_some("--init")).stderr(Stdio::null());
        self.children[usize::from(id)] = Some(command.spawn().unwrap());
    }

    fn client<S: Service>(&self) -> UdpClient<S> {
        let name = (udp::random_front_end().unwrap(), 0);
        udp::connect(&self.config, name, self.config.group().zero(), PATIENCE).unwrap()
    }

    fn wait_for<S: Service>(&self, id: u16) {
        let wait = Duration::from_millis(300);
        wait_until("a replica is ready", || {
            let status = self.client::<S>().status(ReplicaId(id), wait);
            status.is_some_and(|status| !status.joining)
        });
    }

    fn wait_until_all_agree<S: Service>(&self) {
        let wait = Duration::from_millis(300);
        wait_until("all hold the same, and know it", || {
            let members = self.config.group().members();
            let all: Option<Vec<_>> =
                members.map(|id| self.client::<S>().status(id, wait)).collect();
            let held = |s: &chinwag::runtime::Status| (s.replica_ts.clone(), s.discarded.clone());
            all.is_some_and(|all| {
                let same = all.iter().all(|status| held(status) == held(&all[0]));
                same && all[0].replica_ts == all[0].discarded
            })
        });
    }

    /// SIGKILL.
    fn kill(&mut self, id: u16) {
        let mut child = self.children[usize::from(id)].take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// SIGTERM to all, and what they recorded.
    fn stop(mut self) -> (tempfile::TempDir, PathBuf) {
        for child in self.children.iter_mut().filter_map(Option::as_mut) {
            Command::new("kill").arg(child.id().to_string()).status().unwrap();
            wait_until("it stops", || child.try_wait().unwrap().is_some());
        }
        self.children.clear();
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap());
        let trace = directory.path().join("trace");
        (directory, trace)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for child in self.children.iter_mut().flatten() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn accepted(verdict: Verdict) -> Summary {
    match verdict {
        Verdict::Accepted(summary) => summary,
        Verdict::Refused(refused) => panic!("{refused}"),
    }
}

#[test]
fn what_processes_that_are_killed_recorded_is_an_execution_of_the_model() {
    let mut cluster = Cluster::start::<OrSet>(3, 20, true);
    let mut client = cluster.client::<OrSet>();
    for round in 0..6 {
        for number in 0..20 {
            client.update(OrSetOp::Add(format!("{round}.{number}"))).unwrap();
        }
        // Two of three are always there.
        let id = round % 3;
        cluster.kill(id);
        client.update(OrSetOp::Add(format!("{round}"))).unwrap();
        cluster.run(id, false);
        cluster.wait_for::<OrSet>(id);
        let mut reader = cluster.client::<OrSet>();
        reader.route(Route::Only(ReplicaId(id)));
        reader.query(()).unwrap();
    }
    cluster.wait_until_all_agree::<OrSet>();
    let (_directory, path) = cluster.stop();

    let summary = accepted(trace::check_directory(&path).unwrap());
    assert_eq!(summary.missing, Vec::<String>::new());
    assert_eq!((summary.boots, summary.killed, summary.updates), (9, 6, 126));
    assert!(summary.quiescent && summary.lies == 0, "{summary:?}");
    eprintln!("{summary:?}");

    // Who looks at it sees no timers at which nothing was told.
    let shown = trace::record_directory(&path).unwrap();
    let speaks = |step: &&chinwag_models::render::Step| step.action.starts_with("gossips to");
    let mut spoken = shown.run.steps.iter().filter(speaks);
    assert!(spoken.all(|step| !step.sent.is_empty() || !step.changes.is_empty()));
    let note = shown.notes.iter().find_map(|note| note.strip_suffix(", left out."));
    let left_out = note.and_then(|note| note.rsplit(' ').next()?.parse::<usize>().ok()).unwrap();
    let most = summary.steps - left_out;
    assert!(left_out > 0 && shown.moments.len() <= most.min(5_000), "{left_out} of {most}");
}

/// Three processes, one of them killed, some updates and queries: few enough steps to try all alterations.
fn small() -> Trace<Witnessed<OrSet>> {
    let mut cluster = Cluster::start::<OrSet>(3, 300, true);
    let mut client = cluster.client::<OrSet>();
    client.route(Route::Only(ReplicaId(0)));
    client.update(OrSetOp::Add("milk".into())).unwrap();
    cluster.kill(0);
    client.route(Route::Only(ReplicaId(1)));
    cluster.run(0, false);
    // Until then it is silent, and what the others say twice meanwhile could as well be said once.
    cluster.wait_for::<OrSet>(0);
    client.update(OrSetOp::Remove("milk".into())).unwrap();
    client.route(Route::Only(ReplicaId(2)));
    client.query(()).unwrap();
    cluster.wait_until_all_agree::<OrSet>();
    let (_directory, path) = cluster.stop();
    Trace::read(&path).unwrap()
}

type Small = Trace<Witnessed<OrSet>>;
type SmallStep = TraceStep<Witnessed<OrSet>>;

/// Numbers the steps anew, so that only their content can betray what was done to them.
fn renumber(trace: &mut Small, boot: usize) {
    let steps = &mut trace.boots[boot].steps;
    let (mut last, mut commit) = (steps.first().map_or(0, |step| step.commit), 0);
    for (seq, step) in (0..).zip(steps) {
        commit += u64::from(step.commit != last);
        last = step.commit;
        (step.seq, step.commit) = (seq, commit);
    }
    let Boot { steps, end, .. } = &mut trace.boots[boot];
    if let End::Stopped { steps: count } = end {
        *count = steps.len() as u64;
    }
}

fn is_refused(trace: &Small) -> bool {
    trace::check(trace).map_or(true, |verdict| verdict.is_refused())
}

/// Does the step leave everything as it was?
fn is_idle(trace: &Small, boot: usize, step: usize) -> bool {
    let steps = &trace.boots[boot].steps;
    step > 0 && steps[step].after == steps[step - 1].after && steps[step].journal.is_empty()
}

/// Does gossip arrive that leads back to where the step before it began, by asking for a receipt?
fn asks_for_the_receipt_just_given(trace: &Small, boot: usize, step: usize) -> bool {
    let [.., start, gives, asks] = &trace.boots[boot].steps[..=step] else { return false };
    let is_question = matches!(&asks.input, TraceInput::Message { message: Message::Gossip(gossip), .. }
        if gossip.asks);
    let is_timer = matches!(gives.input, TraceInput::Timer(Timer::Gossip { .. }));
    is_timer && is_question && asks.after == start.after && asks.journal.is_empty()
}

fn places(trace: &Small) -> Vec<(usize, usize)> {
    let steps = |boot: usize| (0..trace.boots[boot].steps.len()).map(move |step| (boot, step));
    (0..trace.boots.len()).flat_map(steps).collect()
}

#[test]
fn a_trace_with_a_step_dropped_swapped_doubled_or_altered_is_refused() {
    let whole = small();
    let summary = accepted(trace::check(&whole).unwrap());
    assert!(summary.missing.is_empty() && summary.all_properties && summary.quiescent);
    let mut table: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    let mut count = |what: &'static str, refused: bool| {
        table.entry(what).or_default()[usize::from(!refused)] += 1;
    };

    for (boot, step) in places(&whole) {
        let last = step + 1 == whole.boots[boot].steps.len();
        let mut numbered = whole.clone();
        renumber(&mut numbered, boot);
        type Manipulate = fn(&mut Vec<SmallStep>, usize);
        let manipulations: [(&str, Manipulate); 3] = [
            ("dropped", |steps: &mut Vec<SmallStep>, at: usize| drop(steps.remove(at))),
            ("doubled", |steps: &mut Vec<SmallStep>, at: usize| {
                steps.insert(at, steps[at].clone())
            }),
            ("swapped", |steps: &mut Vec<SmallStep>, at: usize| {
                steps.swap(at, at + 1);
                let commit = steps[at].commit;
                steps[at].commit = steps[at + 1].commit;
                steps[at + 1].commit = commit;
            }),
        ];
        for (what, manipulate) in manipulations {
            if what == "swapped" && last {
                continue;
            }
            let mut other = whole.clone();
            manipulate(&mut other.boots[boot].steps, step);
            let cut = what == "dropped" && last && whole.boots[boot].end == End::Cut;
            assert!(cut || is_refused(&other), "{what}, and the numbers say so: {boot} {step}");
            renumber(&mut other, boot);
            if other == numbered {
                // Twice the same in a row, swapped: but for the numbers, the very trace.
                assert!(what == "swapped" && !is_refused(&other));
                continue;
            }
            let refused = is_refused(&other);
            count(what, refused);
            // What changes nothing may happen once less, once more, or a moment later.
            let harmless = is_idle(&whole, boot, step)
                && (what != "swapped" || is_idle(&whole, boot, step + 1))
                || what == "doubled" && whole.boots[boot].steps[step].journal.is_empty()
                // A receipt and the next question crossed: they could as well not have.
                || what == "swapped" && asks_for_the_receipt_just_given(&whole, boot, step + 1)
                // Nothing tells of the end of a log but its own count.
                || what == "dropped" && last;
            let shown = &whole.boots[boot].steps[step.saturating_sub(1)..];
            let shown = &shown[..shown.len().min(3)];
            assert!(refused || harmless, "{what}: {boot} {step}: {shown:#?}");
        }
        for (path, altered) in alterations(&whole.boots[boot].steps[step]) {
            let refused = altered.is_none_or(|altered| {
                let mut other = whole.clone();
                other.boots[boot].steps[step] = altered;
                is_refused(&other)
            });
            let idle = is_idle(&whole, boot, step);
            let shown = &whole.boots[boot].steps[step];
            let class = if refused { Some("altered") } else { harmless(&path, shown, idle) };
            let class = class.unwrap_or_else(|| panic!("{path}: {boot} {step}: {shown:?}"));
            count(class, refused);
        }
    }
    eprintln!("{} steps; refused and accepted: {table:?}", places(&whole).len());
    for what in ["dropped", "doubled", "swapped", "altered"] {
        assert!(table[what][0] > 0, "none {what} was refused");
    }
}

/// Why a step that is altered there may be one of the model's too, if it may.
fn harmless(path: &str, step: &SmallStep, is_idle: bool) -> Option<&'static str> {
    match &step.input {
        _ if path == "/commit" => Some("the end of a batch, which matters only to a crash"),
        _ if !path.starts_with("/input/") => None,
        TraceInput::Message { from: Sender::FrontEnd(_), .. } => {
            Some("what a client asked, who may ask what it likes")
        }
        TraceInput::Message { .. } if is_idle => {
            Some("another message of that peer, as much without effect")
        }
        TraceInput::Timer(Timer::Gossip { .. }) if is_idle && step.sends.is_empty() => {
            Some("another timer, as much without effect")
        }
        _ => None,
    }
}

/// The step with each number, word and truth value in it altered; none if nothing can be read then.
fn alterations(step: &SmallStep) -> Vec<(String, Option<SmallStep>)> {
    fn walk(value: &serde_json::Value, path: &str, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Array(all) => {
                let inside = |(i, inner)| walk(inner, &format!("{path}/{i}"), found);
                all.iter().enumerate().for_each(inside);
            }
            serde_json::Value::Object(all) => {
                all.iter().for_each(|(key, inner)| walk(inner, &format!("{path}/{key}"), found));
            }
            serde_json::Value::Null => {}
            _ => found.push(path.into()),
        }
    }
    let whole = serde_json::to_value(step).unwrap();
    let mut paths = Vec::new();
    walk(&whole, "", &mut paths);
    let alter = |path: &String| {
        let mut other = whole.clone();
        let leaf = other.pointer_mut(path).unwrap();
        *leaf = match &*leaf {
            serde_json::Value::Number(n) => (n.as_u64().unwrap() ^ 1).into(),
            serde_json::Value::Bool(truth) => (!truth).into(),
            serde_json::Value::String(text) => {
                let end = if text.ends_with('0') { "1" } else { "0" };
                format!("{}{end}", &text[..text.len() - 1]).into()
            }
            other => panic!("{other} in a step"),
        };
        (path.clone(), serde_json::from_value(other).ok())
    };
    paths.iter().map(alter).collect()
}

#[test]
fn a_recorder_that_must_stop_says_that_steps_are_missing() {
    let directory = tempfile::tempdir().unwrap();
    let group = chinwag::Group::of(1);
    let node = chinwag::ReplicaManager::new(ReplicaId(0), group);
    let header = TraceHeader::of(&node, ClusterId(1), "counter");
    let limit = 1_200;
    let mut recorder = Recorder::create(directory.path(), &header).unwrap().with_bytes_max(limit);
    let mut fx = chinwag::Effects::default();
    let state = node.start::<Counter>(chinwag::Replica::empty(1), &mut fx);
    let timer = chinwag::Input::<Counter>::Timer(Timer::Retry { number: 0 });
    for number in 0..10 {
        let input = if number == 0 { StepInput::Started } else { StepInput::Handled(&timer) };
        let step = Step { input, journal: &[], sends: &[], start: &[], cancel: &[], state: &state };
        recorder.stepped(&step);
        Observer::<Counter>::about_to_commit(&mut recorder);
    }
    assert!(recorder.finish().unwrap_err().contains("it would be longer than 1200 bytes"));
    let read = Trace::<Counter>::read(directory.path()).unwrap();
    assert!(matches!(&read.boots[0].end, End::GaveUp(why) if why.contains("1200")));
    assert!(read.boots[0].steps.len() < 10, "some steps did not fit");
}

/// What a process leaves that is killed before, or just after, its file has a name.
#[test]
fn a_start_that_is_killed_before_its_first_line_is_whole_leaves_no_gap_in_the_trace() {
    let directory = tempfile::tempdir().unwrap();
    let node = chinwag::ReplicaManager::new(ReplicaId(0), chinwag::Group::of(1));
    let header = TraceHeader::of(&node, ClusterId(1), "counter");
    let create = || Recorder::create(directory.path(), &header).unwrap();
    let unnamed = directory.path().join("rm0.unnamed");
    create();
    let named = directory.path().join(trace_file_name(0, 0));
    for left in ["", "{\"format\":"] {
        fs::write(&unnamed, left).unwrap();
        create();
    }
    fs::hard_link(&named, &unnamed).unwrap();
    create();
    let read = Trace::<Counter>::read(directory.path()).unwrap();
    let numbers: Vec<_> = read.boots.iter().map(|boot| boot.header.boot).collect();
    assert_eq!(numbers, [0, 1, 2, 3]);
    assert!(!unnamed.exists());

    fs::write(&named, "").unwrap();
    let why = Trace::<Counter>::read(directory.path()).unwrap_err().to_string();
    assert!(why.contains("rm0.00000.jsonl:1: empty, or cut within its first line"), "{why}");
}

/// Not judged: the ratio of two rates of one run, alternated. `cargo test --test trace -- --ignored
/// --nocapture`
#[test]
#[ignore = "it measures"]
fn what_recording_costs() {
    let mut rates = [0.0; 2];
    let rounds = 3;
    for round in 0..2 * rounds {
        let records = round % 2 == 1;
        let cluster = Cluster::start::<Counter>(3, 20, records);
        let clients: Vec<_> = (0..8).map(|_| cluster.client::<Counter>()).collect();
        let begin = Instant::now();
        let count = |mut client: UdpClient<Counter>| {
            let mut done = 0;
            while begin.elapsed() < Duration::from_secs(3) {
                client.update(1).unwrap();
                done += 1;
            }
            done
        };
        let total: u32 = thread::scope(|scope| {
            let all: Vec<_> = clients.into_iter().map(|c| scope.spawn(|| count(c))).collect();
            all.into_iter().map(|one| one.join().unwrap()).sum()
        });
        rates[usize::from(records)] += f64::from(total) / 3.0 / f64::from(rounds);
        cluster.wait_until_all_agree::<Counter>();
        let (_directory, path) = cluster.stop();
        if records {
            let bytes: u64 =
                fs::read_dir(&path).unwrap().map(|f| f.unwrap().metadata().unwrap().len()).sum();
            let begin = Instant::now();
            let summary = accepted(trace::check_directory(&path).unwrap());
            let rate = summary.steps as f64 / begin.elapsed().as_secs_f64();
            let each = bytes / summary.steps as u64;
            eprintln!("{} steps of {each} bytes, {rate:.0} steps/s; {summary:?}", summary.steps);
        }
    }
    let ratio = rates[1] / rates[0];
    eprintln!("updates/s without {:.0}, with {:.0}: {ratio:.2}", rates[0], rates[1]);
}
