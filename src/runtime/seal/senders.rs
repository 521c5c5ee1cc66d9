//! Who was heard: what came of each, and where it is. Bounded, and nobody is here who has not proved that he
//! holds a key and receives what is sent to him.

use super::{
    canonical,
    cipher::{Cipher, Class, ProofKey},
    window::Window,
};
use std::{collections::BTreeMap, net::SocketAddr};

/// Boots of other processes that are remembered. Beyond it, the half that was silent longest is forgotten,
/// and everybody has to prove the address anew: what the forgotten ones had sent must not count again.
pub const SENDERS_MAX: usize = 16_384;

/// A boot of a process, with the key and the class that it uses.
pub(super) type Name = (u16, Class, u64);

struct Sender {
    cipher: Cipher,
    window: Window,
    address: SocketAddr,
    proof: u64,
    heard: u64,
}

/// Where a reply goes.
#[derive(Clone, Copy)]
pub(super) struct Receiver {
    pub key: u16,
    pub boot: u64,
}

pub(super) struct Senders {
    secret: ProofKey,
    /// Grows when proofs become void.
    generation: u64,
    known: BTreeMap<Name, Sender>,
    clients: BTreeMap<SocketAddr, Receiver>,
    clock: u64,
}

impl Senders {
    pub fn new(secret: ProofKey) -> Self {
        Self { secret, generation: 0, known: BTreeMap::new(), clients: BTreeMap::new(), clock: 0 }
    }

    pub fn has_come(&self, name: Name, number: u64) -> bool {
        self.known.get(&name).is_some_and(|sender| !sender.window.is_new(number))
    }

    pub fn cipher(&self, name: Name) -> Option<&Cipher> {
        self.known.get(&name).map(|sender| &sender.cipher)
    }

    /// What proves that this boot receives what is sent to this address.
    pub fn proof(&self, name: Name, from: SocketAddr) -> u64 {
        match self.known.get(&name) {
            Some(sender) if sender.address == from && sender.proof != 0 => sender.proof,
            _ => self.secret.proof(self.generation, name.2, canonical(from)),
        }
    }

    /// An authentic and fresh datagram came. `new` is its cipher, if the sender was not known.
    pub fn came(
        &mut self,
        name: Name,
        number: u64,
        from: SocketAddr,
        proof: u64,
        new: Option<Cipher>,
    ) {
        if let Some(cipher) = new {
            if self.known.len() >= SENDERS_MAX {
                self.forget_half();
            }
            let window = Window::default();
            self.known.insert(name, Sender { cipher, window, address: from, proof, heard: 0 });
        }
        self.clock += 1;
        if let Some(sender) = self.known.get_mut(&name) {
            sender.window.mark(number);
            (sender.address, sender.proof, sender.heard) = (from, proof, self.clock);
        }
        let (key, class, boot) = name;
        if class == Class::Request {
            self.clients.insert(canonical(from), Receiver { key, boot });
            // Some have moved: their former addresses are stale.
            if self.clients.len() > 2 * SENDERS_MAX {
                self.keep_clients();
            }
        }
    }

    pub fn receiver(&self, to: SocketAddr) -> Option<Receiver> {
        self.clients.get(&canonical(to)).copied()
    }

    /// How many are remembered, and how many addresses of clients.
    #[cfg(test)]
    pub fn len(&self) -> (usize, usize) {
        (self.known.len(), self.clients.len())
    }

    /// Those who use keys that are no longer in the ring.
    pub fn forget_keys(&mut self, gone: &[u16]) {
        if !gone.is_empty() {
            self.known.retain(|(key, ..), _| !gone.contains(key));
            self.void_proofs();
        }
    }

    fn forget_half(&mut self) {
        let mut heard: Vec<_> = self.known.values().map(|sender| sender.heard).collect();
        heard.sort_unstable();
        let middle = heard[heard.len() / 2];
        self.known.retain(|_, sender| sender.heard >= middle);
        self.void_proofs();
    }

    fn void_proofs(&mut self) {
        self.generation += 1;
        self.known.values_mut().for_each(|sender| sender.proof = 0);
        self.keep_clients();
    }

    fn keep_clients(&mut self) {
        let known = &self.known;
        self.clients.retain(|address, Receiver { key, boot }| {
            let sender = known.get(&(*key, Class::Request, *boot));
            sender.is_some_and(|sender| canonical(sender.address) == *address)
        });
    }
}
