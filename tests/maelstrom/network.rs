//! Plays Maelstrom's part: starts the nodes as processes, and is the network between them.

use serde_json::{Value, json};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
    time::{Duration, Instant},
};

/// How long an answer may take, on the busiest machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// What happens to messages between nodes. Those of clients always arrive.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Of a hundred messages, so many are lost.
    pub lost: u64,
    /// Of a hundred messages, so many arrive twice.
    pub doubled: u64,
    /// Milliseconds that a message takes at most.
    pub delay_ms: u64,
    /// Nodes that hear of no other, nor others of them: the halves of a partition.
    pub apart: Vec<usize>,
}

/// A cluster of processes.
pub struct Cluster {
    nodes: Vec<(Child, ChildStdin)>,
    from_nodes: Receiver<Value>,
    /// What is under way, by when it arrives; the number keeps equal times in order.
    under_way: BinaryHeap<Reverse<(Instant, u64, usize, String)>>,
    replies: BTreeMap<(String, u64), Value>,
    next: u64,
    chance: u64,
    pub faults: Faults,
    /// Messages between nodes: sent, and lost.
    pub sent: usize,
    pub lost: usize,
}

/// A request: the node, the client, the body.
pub type Call<'a> = (usize, &'a str, Value);

impl Cluster {
    /// So many nodes of this workload, initialised. The seed decides what is lost and delayed.
    pub fn start(workload: &str, count: usize, seed: u64, faults: Faults) -> Self {
        let (to_us, from_nodes) = channel();
        let nodes = (0..count).map(|_| spawn(workload, to_us.clone())).collect();
        let mut cluster = Self {
            nodes,
            from_nodes,
            under_way: BinaryHeap::new(),
            replies: BTreeMap::new(),
            next: 0,
            chance: seed,
            faults,
            sent: 0,
            lost: 0,
        };
        let names: Vec<_> = (0..count).map(name).collect();
        let init = |node: &String| json!({ "type": "init", "node_id": node, "node_ids": names });
        let calls: Vec<_> = names.iter().enumerate().map(|(i, n)| (i, "c0", init(n))).collect();
        for reply in cluster.call_all(calls) {
            assert_eq!(reply["type"], "init_ok");
        }
        cluster
    }

    /// A request, and its answer.
    pub fn call(&mut self, node: usize, client: &str, body: Value) -> Value {
        self.call_all(vec![(node, client, body)]).remove(0)
    }

    /// Requests that are under way together, and their answers.
    pub fn call_all(&mut self, calls: Vec<Call<'_>>) -> Vec<Value> {
        let mut wanted = Vec::new();
        for (node, client, mut body) in calls {
            self.next += 1;
            body["msg_id"] = self.next.into();
            let line = json!({ "src": client, "dest": name(node), "body": body }).to_string();
            self.write(node, &line);
            wanted.push((client.to_owned(), self.next));
        }
        let end = Instant::now() + PATIENCE;
        while !wanted.iter().all(|key| self.replies.contains_key(key)) {
            assert!(Instant::now() < end, "no answer: {wanted:?}");
            self.turn(Duration::from_millis(5));
        }
        wanted.iter().map(|key| self.replies.remove(key).expect("it was just there")).collect()
    }

    /// Lets time pass.
    pub fn run_for(&mut self, time: Duration) {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.turn(Duration::from_millis(5));
        }
    }

    /// Takes in what nodes sent, and delivers what is due.
    fn turn(&mut self, wait: Duration) {
        if let Ok(message) = self.from_nodes.recv_timeout(wait) {
            self.take(message);
        }
        while let Ok(message) = self.from_nodes.try_recv() {
            self.take(message);
        }
        let now = Instant::now();
        while self.under_way.peek().is_some_and(|Reverse((at, ..))| *at <= now) {
            let Reverse((_, _, to, line)) = self.under_way.pop().expect("it was just looked at");
            self.write(to, &line);
        }
    }

    fn take(&mut self, message: Value) {
        let node = |key: &str| message[key].as_str().and_then(number);
        let Some(to) = node("dest") else {
            let client = message["dest"].as_str().expect("messages say whom they are for");
            let id = message["body"]["in_reply_to"].as_u64().expect("replies say to what");
            self.replies.insert((client.to_owned(), id), message["body"].clone());
            return;
        };
        let from = node("src").expect("nodes say who they are");
        self.sent += 1;
        let apart = |node| self.faults.apart.contains(&node);
        if apart(from) != apart(to) || self.chance(100) < self.faults.lost {
            self.lost += 1;
            return;
        }
        let copies = 1 + u64::from(self.chance(100) < self.faults.doubled);
        for _ in 0..copies {
            let delay = Duration::from_millis(self.chance(self.faults.delay_ms + 1));
            self.next += 1;
            let arrival = (Instant::now() + delay, self.next, to, message.to_string());
            self.under_way.push(Reverse(arrival));
        }
    }

    fn write(&mut self, node: usize, line: &str) {
        writeln!(self.nodes[node].1, "{line}").expect("the node takes what it is told");
    }

    /// A number below `bound`: SplitMix64.
    fn chance(&mut self, bound: u64) -> u64 {
        self.chance = self.chance.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.chance;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % bound.max(1)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for (child, _) in &mut self.nodes {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn spawn(workload: &str, to_us: Sender<Value>) -> (Child, ChildStdin) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_chinwag"))
        .args(["maelstrom", "--workload", workload, "--gossip-interval-ms", "10"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program was built");
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let output = BufReader::new(output.expect("it was asked for"));
    thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            let message = serde_json::from_str(&line).expect("nodes write JSON lines");
            if to_us.send(message).is_err() {
                return;
            }
        }
    });
    (child, input.expect("it was asked for"))
}

/// What Maelstrom calls its nodes.
pub fn name(node: usize) -> String {
    format!("n{node}")
}

fn number(name: &str) -> Option<usize> {
    name.strip_prefix('n')?.parse().ok()
}
