//! A state of the whole system as integers, and its encoding in a frontier.

/// The numbers of the node states, the numbers of the messages in flight, and the fingerprint.
#[derive(Clone, Debug, Default)]
pub(super) struct Flat {
    /// `nodes[i]` is the number of node i's state.
    pub nodes: Vec<u32>,
    /// Sorted; with repetitions only on `Network::Bag`.
    pub net: Vec<u32>,
    /// Invariant: the wrapping sum of the stamps of all entries of `nodes` and `net`.
    pub fingerprint: u64,
}

impl Flat {
    /// Replaces a node's state; whether it is a different one.
    pub fn set_node(&mut self, node: usize, id: u32, old_stamp: u64, new_stamp: u64) -> bool {
        let changed = self.nodes[node] != id;
        self.nodes[node] = id;
        self.fingerprint = self.fingerprint.wrapping_sub(old_stamp).wrapping_add(new_stamp);
        changed
    }

    /// Puts a message in flight; `counts_copies` as on `Network::Bag`.
    pub fn insert(&mut self, envelope: u32, stamp: u64, counts_copies: bool) {
        match self.net.binary_search(&envelope) {
            Ok(_) if !counts_copies => return,
            Ok(at) | Err(at) => self.net.insert(at, envelope),
        }
        self.fingerprint = self.fingerprint.wrapping_add(stamp);
    }

    /// Takes one copy of a message out of flight.
    pub fn remove(&mut self, envelope: u32, stamp: u64) {
        if let Ok(at) = self.net.binary_search(&envelope) {
            self.net.remove(at);
            self.fingerprint = self.fingerprint.wrapping_sub(stamp);
        }
    }

    pub fn copy_from(&mut self, other: &Flat) {
        self.nodes.clone_from(&other.nodes);
        self.net.clone_from(&other.net);
        self.fingerprint = other.fingerprint;
    }

    /// The nodes whose state differs from `other`'s, as a bit set.
    pub fn changed_since(&self, other: &Flat) -> u32 {
        let mut changed = 0;
        for (node, (a, b)) in self.nodes.iter().zip(&other.nodes).enumerate() {
            changed |= u32::from(a != b) << node;
        }
        changed
    }

    /// Appends the state: fingerprint, node numbers, message count, differences of message numbers.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.fingerprint.to_le_bytes());
        for id in &self.nodes {
            put(out, *id);
        }
        put(out, self.net.len() as u32);
        let mut last = 0;
        for envelope in &self.net {
            put(out, envelope - last);
            last = *envelope;
        }
    }

    /// Reads a state of `nodes` nodes that `encode` wrote, and moves `bytes` past it.
    pub fn decode(&mut self, bytes: &mut &[u8], nodes: usize) {
        let (fingerprint, rest) =
            bytes.split_first_chunk().expect("a block holds whole states as encode wrote them");
        self.fingerprint = u64::from_le_bytes(*fingerprint);
        *bytes = rest;
        self.nodes.clear();
        self.nodes.extend((0..nodes).map(|_| take(bytes)));
        let len = take(bytes);
        self.net.clear();
        let mut last = 0;
        for _ in 0..len {
            last += take(bytes);
            self.net.push(last);
        }
    }
}

/// Seven bits a byte, low ones first; the top bit says that more follow.
fn put(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> u32 {
    let (mut value, mut shift) = (0, 0);
    loop {
        let byte = bytes[0];
        *bytes = &bytes[1..];
        value |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return value;
        }
        shift += 7;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_survives_its_encoding() {
        let state = Flat {
            nodes: vec![0, 127, 128, u32::MAX],
            net: vec![3, 3, 300, 70_000, u32::MAX],
            fingerprint: u64::MAX - 5,
        };
        let mut bytes = Vec::new();
        state.encode(&mut bytes);
        state.encode(&mut bytes);

        let (mut rest, mut read) = (&bytes[..], Flat::default());
        for _ in 0..2 {
            read.decode(&mut rest, 4);
            assert_eq!(format!("{read:?}"), format!("{state:?}"));
        }
        assert!(rest.is_empty());
    }
}
