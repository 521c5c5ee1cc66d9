//! What replica managers recorded while they served clients over UDP is a run of the proved system, and what
//! was altered is none.

#[path = "support/alterations.rs"]
mod alterations;

use alterations::ALTERATIONS;
use chinwag::{
    Change, Input, Message, ReplicaId, ReplicaManager, Sender,
    runtime::{
        ClientConfig, Config, FileStorage, Recorder, ReplicaConfig, Route, TraceHeader,
        udp::{self, SystemClock, UdpClient, UdpTransport},
    },
    services::{RegisterAnswer, RegisterMap, RegisterOp, RegisterQuery},
};
use chinwag_models::trace::{Trace, check};
use chinwag_oracle::{Event, Happened, Oracle, Refused, events};
use std::{
    env, fs,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant},
};

type Events = Vec<(ReplicaManager, Vec<Event<RegisterMap>>)>;

const REPLICAS: u16 = 3;
const UPDATES: usize = 40;
const PATIENCE: Duration = Duration::from_secs(60);

fn config() -> Config {
    let addresses = udp::free_addresses(REPLICAS).expect("loopback has ports");
    Config {
        speaks: None,
        cluster: "linked".into(),
        service: "kv".into(),
        replicas: addresses.iter().map(|address| address.to_string()).collect(),
        replaced: Vec::new(),
        updatable: None,
        keys: None,
        replica: None,
        client: ClientConfig { retry_after_ms: 200, ..ClientConfig::default() },
    }
}

/// Serves one replica manager from its start to `stop`.
fn serve(config: &Config, id: u16, directory: &Path, is_first: bool, stop: &AtomicBool) {
    let replica = ReplicaConfig {
        id,
        data_dir: directory.join(format!("rm{id}")),
        listen: None,
        gossip_interval_ms: 60,
        gossip_batch: 4,
        record: None,
        http: None,
        unknown_past: Default::default(),
        durability: Default::default(),
    };
    let identity = config.identity(ReplicaId(id));
    let storage = FileStorage::open(&replica.data_dir, &identity, is_first).expect("it opens");
    let node = udp::manager(config, &replica);
    let header = TraceHeader::of(&node, config.codec().cluster, &config.service);
    let recorder = Recorder::create(&directory.join("trace"), &header).expect("it records");
    let clock = SystemClock::default();
    let config = Config { replica: Some(replica), ..config.clone() };
    let mut host =
        udp::open::<RegisterMap, _, _>(&config, storage, recorder, &clock).expect("it starts");
    let mut socket = UdpTransport::bind(&*config.replicas[usize::from(id)]).expect("it binds");
    let (sender, addresses) = channel();
    for (peer, address) in config.group().members().zip(&config.replicas) {
        sender.send((peer, address.parse().expect("an address"))).expect("it is here");
    }
    udp::serve(&mut host, &mut socket, &clock, &addresses, stop).expect("it serves");
    host.observer_mut().finish().expect("all was recorded");
}

fn client(config: &Config) -> UdpClient<RegisterMap> {
    let name = (udp::random_front_end().expect("there is randomness"), 0);
    udp::connect(config, name, config.group().zero(), PATIENCE).expect("it has a socket")
}

fn put(clients: &mut [UdpClient<RegisterMap>], number: usize) {
    let client = &mut clients[number % 2];
    let key = format!("k{}", number % 5);
    let op = RegisterOp::Put { key: key.clone(), value: number.to_string() };
    client.update(op).expect("a replica manager takes it");
    if number.is_multiple_of(4) {
        client.route(Route::Only(ReplicaId((number / 4) as u16 % REPLICAS)));
        let answer = client.query(RegisterQuery::Get(key)).expect("it is answered");
        assert!(matches!(answer, RegisterAnswer::Values(values) if !values.is_empty()));
    }
}

/// Half of the updates before rm1 starts again from its storage, half after.
fn run(directory: &Path) -> Trace<chinwag_models::trace::Witnessed<RegisterMap>> {
    let config = config();
    let (stop, stop_rm1) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        let serves = |id, is_first, stop| {
            let config = &config;
            scope.spawn(move || serve(config, id, directory, is_first, stop))
        };
        serves(0, true, &stop);
        serves(2, true, &stop);
        let rm1 = serves(1, true, &stop_rm1);
        let mut clients = [client(&config), client(&config)];
        (0..UPDATES / 2).for_each(|number| put(&mut clients, number));
        stop_rm1.store(true, Ordering::Relaxed);
        rm1.join().expect("it ends well");
        serves(1, false, &stop);
        (UPDATES / 2..UPDATES).for_each(|number| put(&mut clients, number));
        thread::sleep(Duration::from_millis(300));
        stop.store(true, Ordering::Relaxed);
    });
    Trace::read(&directory.join("trace")).expect("it can be read")
}

/// Says to a process of this test which replica manager it is: its number, and whether it is new.
const PROCESS: &str = "CHINWAG_TEST_PROCESS";
const DIRECTORY: &str = "CHINWAG_TEST_DIRECTORY";

/// A replica manager in a process of its own. It is killed when this is dropped.
struct Process(Child);

impl Process {
    fn start(directory: &Path, id: u16, is_first: bool) -> Self {
        let mut command = Command::new(env::current_exe().expect("this test has a file"));
        command.args(["--exact", "serves_until_it_is_killed", "--ignored"]).stdout(Stdio::null());
        command.env(PROCESS, format!("{id} {is_first}")).env(DIRECTORY, directory);
        Self(command.spawn().expect("it starts"))
    }
}

impl Drop for Process {
    /// SIGKILL.
    fn drop(&mut self) {
        self.0.kill().expect("it still ran");
        self.0.wait().expect("it is gone");
    }
}

#[test]
#[ignore = "no test: the process that another one starts and kills"]
fn serves_until_it_is_killed() {
    let (Ok(process), Ok(directory)) = (env::var(PROCESS), env::var(DIRECTORY)) else { return };
    let (id, is_first) = process.split_once(' ').expect("two words");
    let directory = Path::new(&directory);
    let text = fs::read_to_string(directory.join("config")).expect("it was written");
    let config: Config = serde_json::from_str(&text).expect("it is a configuration");
    let (id, is_first) = (id.parse().expect("a number"), is_first == "true");
    serve(&config, id, directory, is_first, &AtomicBool::new(false));
}

/// Two are killed while updates come in, one of them twice; and all at the end.
fn run_with_kills(directory: &Path) {
    let config = config();
    let text = serde_json::to_string(&config).expect("it can be written");
    fs::write(directory.join("config"), text).expect("there is room");
    let mut processes = [0, 1, 2].map(|id| Some(Process::start(directory, id, true)));
    let acknowledged = AtomicUsize::new(0);
    thread::scope(|scope| {
        let updates = scope.spawn(|| {
            let mut clients = [client(&config), client(&config)];
            for number in 0..UPDATES {
                put(&mut clients, number);
                acknowledged.fetch_add(1, Ordering::Relaxed);
            }
        });
        for (after, id) in [(8, 1), (16, 0), (24, 1)] {
            while acknowledged.load(Ordering::Relaxed) < after && !updates.is_finished() {
                thread::sleep(Duration::from_millis(1));
            }
            let place = &mut processes[usize::from(id)];
            drop(place.take());
            *place = Some(Process::start(directory, id, false));
        }
    });
    thread::sleep(Duration::from_millis(300));
}

/// The same with the service itself, as the oracle has it.
fn read(directory: &Path) -> Events {
    let trace = Trace::<RegisterMap>::read(&directory.join("trace")).expect("it can be read");
    let manager = |id: ReplicaId| {
        let boots = || trace.boots.iter().filter(move |boot| boot.header.node == id.0);
        let node = boots().next().expect("it was recorded").header.manager();
        (node, events(boots().map(|boot| &boot.steps[..])))
    };
    trace.group().members().map(manager).collect()
}

/// Gossip that arrives with fewer records than any that was sent with its claim: the driver left some out.
fn trimmed(trace: &Events) -> usize {
    let all = || trace.iter().flat_map(|(_, events)| events);
    let arrived = all().filter_map(|event| match &event.happened {
        Happened::Input(Input::Message(Sender::Replica(_), Message::Gossip(gossip))) => {
            Some(gossip)
        }
        _ => None,
    });
    let sent: Vec<_> = all().flat_map(|event| &event.effects.sends).collect();
    let is_sent = |gossip: &chinwag::Gossip<_>| {
        sent.iter().any(|(_, message)| matches!(message, Message::Gossip(g) if g == gossip))
    };
    arrived.filter(|gossip| !is_sent(gossip)).count()
}

fn is_refused(oracle: &Oracle, trace: &Events) -> bool {
    let group = trace[0].0.group;
    matches!(oracle.accepts(group, trace), Err(Refused::Stuck(_) | Refused::Answer { .. }))
}

/// Some events that recorded an update and were not their manager's last: first, middle, last. (One that only
/// discards may be left out: a receipt was lost, and the next one makes up for it.)
fn journalling(trace: &Events) -> Vec<(usize, usize)> {
    let of = |(m, (_, events)): (usize, &(_, Vec<Event<RegisterMap>>))| {
        let early = events.iter().enumerate().take(events.len().saturating_sub(1));
        let records = |change: &Change<_>| matches!(change, Change::Log { .. });
        let found = early.filter(|(_, event)| event.effects.journal.iter().any(records));
        let found: Vec<_> = found.map(|(n, _)| (m, n)).collect();
        let step = (found.len() / 3).max(1);
        found.into_iter().step_by(step).take(3).collect::<Vec<_>>()
    };
    trace.iter().enumerate().flat_map(of).collect()
}

fn refuses_what_is_altered(oracle: &Oracle, directory: &Path) {
    let mut trace = read(directory);
    let places = journalling(&trace);
    assert_eq!(places.len(), 9, "three of each manager");
    for (manager, event) in &places {
        let (manager, event) = (*manager, *event);
        let left_out = trace[manager].1.remove(event);
        assert!(is_refused(oracle, &trace), "without event {event} of rm{manager}");
        trace[manager].1.insert(event, left_out);
        trace[manager].1.swap(event, event + 1);
        assert!(is_refused(oracle, &trace), "event {event} of rm{manager} comes later");
        trace[manager].1.swap(event, event + 1);
    }
    for (what, alter) in ALTERATIONS {
        let mut trace = read(directory);
        let mut events = trace.iter_mut().flat_map(|(_, events)| events);
        assert!(events.any(alter), "{what}: there is no such event");
        assert!(is_refused(oracle, &trace), "{what}");
    }
}

#[test]
fn what_was_recorded_over_udp_is_a_run_of_the_proved_system_and_no_longer_if_it_is_altered() {
    let directory = tempfile::tempdir().expect("there is room");
    let begin = Instant::now();
    let model = run(directory.path());
    let oracle = Oracle::new().expect("the checked-in functions can be read");
    let trace = read(directory.path());
    let (group, ran) = (trace[0].0.group, begin.elapsed());

    let count: usize = trace.iter().map(|(_, events)| events.len()).sum();
    let starts = trace.iter().flat_map(|(_, events)| events);
    assert_eq!(starts.filter(|e| matches!(e.happened, Happened::Start)).count(), 4);
    assert_eq!(oracle.accepts(group, &trace), Ok(count + UPDATES));
    let trimmed = trimmed(&trace);
    assert!(trimmed > 0, "the driver left records out of gossip");
    let accepted = begin.elapsed();
    let verdict = check(&model).expect("it is a trace");
    assert!(verdict.is_whole(), "{verdict:?}");

    refuses_what_is_altered(&oracle, directory.path());
    let all = begin.elapsed();
    eprintln!("{count} events, {trimmed} trimmed; run {ran:?}, accepted {accepted:?}, all {all:?}");
}

#[test]
fn what_processes_that_were_killed_recorded_is_a_run_of_the_proved_system_and_no_longer_if_altered()
{
    let directory = tempfile::tempdir().expect("there is room");
    run_with_kills(directory.path());
    let oracle = Oracle::new().expect("the checked-in functions can be read");
    let trace = read(directory.path());

    let starts = trace.iter().flat_map(|(_, events)| events);
    assert_eq!(starts.filter(|e| matches!(e.happened, Happened::Start)).count(), 6);
    let count: usize = trace.iter().map(|(_, events)| events.len()).sum();
    assert_eq!(oracle.accepts(trace[0].0.group, &trace), Ok(count + UPDATES));
    refuses_what_is_altered(&oracle, directory.path());
}
