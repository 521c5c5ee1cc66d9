//! What the judge sees of a run, and when.

use super::*;

impl<J: Judge> Cluster<J> {
    /// Lets the judge see what a host did. Returns how many datagrams could not be read.
    pub(super) fn note(&mut self, id: ReplicaId, stopped: bool) -> u64 {
        let node = &mut self.nodes[id.index()];
        let notes = node.notes.take();
        let unreadable = notes.unreadable;
        if node.suspect.is_some() || node.waits {
            return unreadable;
        }
        let written = node.written.take();
        let Some(host) = node.host.as_mut() else { return unreadable };
        let disk = host.storage_mut().file.disk();
        let (synced, truly_synced) = (!disk.dirty, !disk.truly_dirty);
        let (me, state) = (id, host.state());
        let (notes, written) = (&notes, &written[..]);
        self.judge.note(Step { me, state, notes, written, synced, truly_synced, stopped });
        unreadable
    }

    /// Judges what is now.
    pub fn look(&mut self, moment: Moment) {
        let judged: Vec<_> = self.nodes.iter().map(|node| node.suspect.is_none()).collect();
        let broken = self.judge.broken(&self.callers, &self.vanished, &judged, moment);
        if let Some(what) = broken {
            self.fail(what);
        }
    }

    /// How many requests clients have left to ask, or to be answered.
    pub fn left(&self) -> usize {
        self.callers.iter().map(Caller::left).sum()
    }

    /// What would be broken if this were the end.
    pub fn unfinished(&mut self) -> Option<String> {
        let is_up = |node: &Node<_>| {
            node.absent || node.host.is_some() && node.suspect.is_none() && !node.waits
        };
        if !self.nodes.iter().all(is_up) {
            return Some("every replica manager is up again".into());
        }
        let mut callers = self.callers.iter().zip(&self.vanished);
        if callers.any(|(c, gone)| !gone && !c.is_through() && !self.judge.waits_in_vain(c)) {
            return Some("every request ends up answered".into());
        }
        let judged = vec![true; self.nodes.len()];
        let moment = if self.network.is_severed() { Moment::Spread } else { Moment::End };
        self.judge.broken(&self.callers, &self.vanished, &judged, moment)
    }
}
