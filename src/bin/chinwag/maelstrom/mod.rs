//! `chinwag maelstrom`: a node for Maelstrom, Jepsen's workbench, which gives it a network of JSON lines.
//!
//! Each node is a replica manager with one client of its own, the very ones that run over UDP. Maelstrom's
//! clients at a node share that client's session. The journal is in memory: Maelstrom restarts no process.

mod node;
mod registers;
mod wire;
mod workloads;

use crate::Failure;
use chinwag::{
    Service,
    services::{Counter, OrSet},
};
use clap::{Args, ValueEnum};
use node::Node;
use registers::Registers;
use serde_json::json;
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    sync::mpsc::{Receiver, RecvTimeoutError, sync_channel},
    thread,
    time::Duration,
};
use wire::{Envelope, Rejection};
use workloads::{Broadcast, Echo, GCounter, GSet, PnCounter, Transactions, UniqueIds, Workload};

/// Bytes of a line that are read at most.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// Lines that may wait to be handled; then the sender waits.
const LINES_QUEUED_MAX: usize = 1_024;

/// How the node is to behave.
#[derive(Args)]
pub struct MaelstromArgs {
    /// Which of Maelstrom's workloads to serve.
    #[arg(long, value_enum)]
    workload: Which,
    /// How often each other node is considered for gossip, in milliseconds.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=60_000))]
    gossip_interval_ms: u64,
}

/// Maelstrom's names.
#[derive(Clone, Copy, ValueEnum)]
enum Which {
    Echo,
    UniqueIds,
    Broadcast,
    GSet,
    GCounter,
    PnCounter,
    TxnRwRegister,
}

/// Serves until the standard input ends.
pub fn run(args: &MaelstromArgs) -> Result<(), Failure> {
    let every = Duration::from_millis(args.gossip_interval_ms);
    match args.workload {
        Which::Echo => serve::<Counter>(&Echo, every),
        Which::UniqueIds => serve::<Counter>(&UniqueIds::default(), every),
        Which::Broadcast => serve::<OrSet>(&Broadcast, every),
        Which::GSet => serve::<OrSet>(&GSet, every),
        Which::GCounter => serve::<Counter>(&GCounter, every),
        Which::PnCounter => serve::<Counter>(&PnCounter, every),
        Which::TxnRwRegister => serve::<Registers>(&Transactions, every),
    }
}

fn serve<S: Service>(workload: &impl Workload<S>, gossip_every: Duration) -> Result<(), Failure> {
    let lines = lines();
    let mut out = io::stdout().lock();
    let mut node: Option<Node<S>> = None;
    loop {
        let wait = node.as_ref().map_or(Duration::from_secs(1), Node::wait);
        let line = match lines.recv_timeout(wait) {
            Ok(line) => Some(line.map_err(|error| Failure::new(1, error))?),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        };
        if let Some(line) = line {
            match Envelope::read(&line) {
                Ok(envelope) => {
                    let reply = answer(workload, &mut node, &envelope, gossip_every);
                    say(&mut out, reply.into_iter())?;
                }
                Err(why) => eprintln!("ignored a line: {why}"),
            }
        }
        if let Some(node) = &mut node {
            node.tick().map_err(|error| Failure::new(1, error))?;
            say(&mut out, node.outgoing())?;
        }
    }
}

/// What is to be answered, if anything is.
fn answer<S: Service>(
    workload: &impl Workload<S>,
    node: &mut Option<Node<S>>,
    envelope: &Envelope,
    gossip_every: Duration,
) -> Option<Envelope> {
    let body = &envelope.body;
    let done = match (envelope.kind(), node) {
        ("init", node) => Node::start(body, gossip_every).map(|started| {
            *node = Some(started);
            json!({ "type": "init_ok" })
        }),
        (_, None) => Err(Rejection::unavailable("not initialised yet")),
        ("datagram", Some(node)) => {
            node.datagram(envelope);
            return None;
        }
        ("topology", Some(_)) => Ok(json!({ "type": "topology_ok" })),
        (kind, Some(node)) => workload.call(node, kind, body).map(|mut reply| {
            reply["type"] = format!("{kind}_ok").into();
            reply
        }),
    };
    Some(envelope.reply(done.unwrap_or_else(Rejection::into_body)))
}

fn say(out: &mut impl Write, envelopes: impl Iterator<Item = Envelope>) -> Result<(), Failure> {
    for envelope in envelopes {
        writeln!(out, "{}", envelope.write()).map_err(|error| Failure::new(1, error))?;
    }
    out.flush().map_err(|error| Failure::new(1, error))
}

/// The lines of the standard input, as they come. A line that is too long ends them.
fn lines() -> Receiver<io::Result<String>> {
    let (sender, receiver) = sync_channel(LINES_QUEUED_MAX);
    thread::spawn(move || {
        let mut input = BufReader::new(io::stdin());
        loop {
            let mut line = String::new();
            let read = input.by_ref().take(LINE_BYTES_MAX).read_line(&mut line);
            let read = match read {
                Ok(0) => return,
                Ok(_) if line.len() as u64 == LINE_BYTES_MAX => {
                    let problem = format!("a line is longer than {LINE_BYTES_MAX} bytes");
                    Err(io::Error::new(io::ErrorKind::InvalidData, problem))
                }
                Ok(_) => Ok(line),
                Err(error) => Err(error),
            };
            let failed = read.is_err();
            if sender.send(read).is_err() || failed {
                return;
            }
        }
    });
    receiver
}
