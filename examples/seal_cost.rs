//! What sealing costs: datagrams a second with and without it, in turns, in one run. Time is noisy; look at
//! the ratio.
//!
//! ```sh
//! cargo run --release --example seal_cost
//! ```

use chinwag::{
    FrontEndId, Group, Message, RequestId, Sender, Serial,
    runtime::{
        Channel, ClusterId, Codec, KeyRing, KeyUse, Packet, Party, Sealer, Transport,
        udp::UdpTransport,
    },
    services::{RegisterMap, RegisterQuery},
};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

const GROUP: Group = Group::of(3);
const ROUNDS: usize = 7;
const DATAGRAMS: u32 = 20_000;
const PATIENCE: Duration = Duration::from_secs(1);

fn main() {
    for key in [8, 1_000] {
        let (mut plain, mut sealed) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            plain.push(rate(key, false));
            sealed.push(rate(key, true));
        }
        let (plain, sealed) = (median(plain), median(sealed));
        println!(
            "queries of {} bytes to a socket and through it: plain {plain:.0}/s, sealed {sealed:.0}/s, \
             ratio {:.2}",
            query(key).len(),
            sealed / plain
        );
    }
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn query(key: usize) -> Vec<u8> {
    let front_end = FrontEndId(1 << 60);
    let id = RequestId { front_end, serial: Serial { incarnation: 0, number: 1 } };
    let query = RegisterQuery::Get("k".repeat(key));
    let message = Message::<RegisterMap>::Query { id, prev: GROUP.zero(), query };
    let codec = Codec::new(cluster(), GROUP);
    codec.encode(Sender::FrontEnd(front_end), &Packet::Message(message)).expect("it fits")
}

fn cluster() -> ClusterId {
    ClusterId::of("cost", "kv", GROUP)
}

/// Sends and receives on one thread, one datagram at a time: only the processor's work counts.
fn rate(key: usize, sealed: bool) -> f64 {
    let mut ring = KeyRing::default();
    ring.add(KeyUse::Peer).and_then(|_| ring.add(KeyUse::Client)).expect("there is room");
    let channel = |party, boot| {
        let bind = UdpTransport::bind("127.0.0.1:0").expect("a free port");
        let sealer = sealed.then(|| Sealer::new(party, cluster(), ring.clone(), [boot; 40]));
        Channel::new(bind, sealer)
    };
    let (mut client, mut replica) = (channel(Party::Client, 1), channel(Party::Replica, 2));
    let to = replica.inner().local_addr().expect("it is bound");
    let plain = query(key);
    if sealed {
        prove(&mut client, &mut replica, to, &plain);
    }
    let mut buffer = [0; 1_300];
    let start = Instant::now();
    for _ in 0..DATAGRAMS {
        client.send(to, &plain).expect("it is sent");
        let received = replica.receive(&mut buffer, PATIENCE).expect("it is received");
        assert_eq!(received.map(|(length, _)| length), Some(plain.len()));
    }
    f64::from(DATAGRAMS) / start.elapsed().as_secs_f64()
}

fn prove(
    client: &mut Channel<UdpTransport>,
    replica: &mut Channel<UdpTransport>,
    to: SocketAddr,
    plain: &[u8],
) {
    let (mut buffer, short) = ([0; 1_300], Duration::from_millis(20));
    client.send(to, plain).expect("a hello is sent");
    replica.receive(&mut buffer, short).expect("it is answered");
    client.receive(&mut buffer, short).expect("what waited is sent");
    let received = replica.receive(&mut buffer, PATIENCE).expect("it is received");
    assert!(received.is_some());
}
