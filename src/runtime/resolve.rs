//! Names of hosts, which are looked up beside serving.

use crate::ReplicaId;
use std::{
    net::{SocketAddr, ToSocketAddrs},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, channel},
    },
    thread,
    time::Duration,
};

/// How long to wait before a name is looked up again.
pub const RESOLVE_EVERY: Duration = Duration::from_secs(5);

/// Looks names up, now and every so often, and tells what it finds. Literal addresses are told once.
pub fn resolve(names: Vec<String>, stop: Arc<AtomicBool>) -> Receiver<(ReplicaId, SocketAddr)> {
    let (sender, receiver) = channel();
    let all = names.into_iter().enumerate().map(|(i, name)| (ReplicaId(i as u16), name));
    let (literal, named): (Vec<_>, Vec<_>) =
        all.partition(|(_, name)| name.parse::<SocketAddr>().is_ok());
    for (replica, name) in literal {
        let address = name.parse().expect("it was just parsed");
        sender.send((replica, address)).expect("the receiver is here");
    }
    if named.is_empty() {
        return receiver;
    }
    thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            for (replica, name) in &named {
                if let Some(address) = lookup(name)
                    && sender.send((*replica, address)).is_err()
                {
                    return;
                }
            }
            thread::sleep(RESOLVE_EVERY);
        }
    });
    receiver
}

/// The first address of a name, if it has one at present.
pub fn lookup(name: &str) -> Option<SocketAddr> {
    name.to_socket_addrs().ok()?.next()
}
