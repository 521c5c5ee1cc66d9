//! What a scenario did, step by step, for people who want to look at it.

use super::{Follower, flight::Packet, stage::Stage};
use crate::{
    model::{Links, Model},
    party::Local,
    recording::{Flying, Moment, Recording},
    render::{Lane, LaneKind, MessageRef, SentMessage, Step, StepKind},
    story::{self, label},
    system::Happens,
};

/// A recording while it is made.
#[derive(Debug, Default)]
pub(super) struct Chronicle {
    pub recording: Recording,
    /// The line that is carried out.
    pub line: String,
}

impl<F: Follower> Stage<F> {
    /// The cluster in one line.
    pub(super) fn in_short(&self) -> String {
        let Model { updatable, read_only, links, batch, pulls, replaces, .. } = &self.model;
        let mut parts = vec![format!("{updatable} replica managers")];
        let mut also = |says: bool, text: String| parts.extend(says.then_some(text));
        also(*read_only > 0, format!("{read_only} read-only"));
        also(*links == Links::Ring, "gossip round a ring".into());
        let links: Vec<_> = self.links.iter().map(|(a, b)| format!("rm{a} to rm{b}")).collect();
        also(!links.is_empty(), format!("gossip only from {}", links.join(", ")));
        also(*batch > 0, format!("gossip after {batch} updates"));
        also(*pulls, "managers ask for what they miss".into());
        also(*replaces, format!("rm{} may take the place of rm0", updatable - 1));
        also(self.fragments, "one record a message".into());
        parts.extend(self.bug.map(|bug| format!("seeded bug \"{}\"", bug.name)));
        parts.join("; ")
    }

    /// A party is there.
    pub(super) fn joined(&mut self, node: usize) {
        let name = self.node_name(node);
        let local = &self.locals[node];
        let (kind, name) = match local {
            Local::Manager(_) => (LaneKind::Manager, name),
            Local::Client(_) => {
                let front_end = format!("fe{}", node - self.managers());
                let name = if name == front_end { name } else { format!("{name} ({front_end})") };
                (LaneKind::FrontEnd, name)
            }
        };
        let lane = Lane { name, kind, start: story::describe(local) };
        if let Some(chronicle) = &mut self.chronicle {
            chronicle.recording.join(lane, story::portrait(local));
        }
    }

    /// A party did something, and these are its states before and after.
    pub(super) fn happened(&mut self, step: Step, before: &Local, sent: &[Packet]) {
        if self.chronicle.is_none() {
            return;
        }
        let after = &self.locals[step.lane];
        let mut step = story::with_change(step, before, after);
        step.sent.extend(sent.iter().map(|packet| SentMessage {
            id: packet.id,
            to: (packet.may.len() == 1).then_some(packet.to),
            label: label(&packet.message),
        }));
        let portrait =
            if before == after { serde_json::Value::Null } else { story::portrait(after) };
        self.note(step, portrait);
    }

    /// The network lost this.
    pub(super) fn lost(&mut self, packet: &Packet) {
        let action = format!("The network loses {}", label(&packet.message));
        let (lane, kind, received) = (packet.to, StepKind::Loss, Some(arrives(packet)));
        let step = Step { lane, action, kind, received, ..Step::default() };
        self.note(step, serde_json::Value::Null);
    }

    /// A replica manager stops, which changes nothing of it.
    pub(super) fn stops(&mut self, node: usize) {
        let (action, kind) = ("stops".to_owned(), StepKind::Fault);
        self.note(Step { lane: node, action, kind, ..Step::default() }, serde_json::Value::Null);
    }

    fn note(&mut self, step: Step, portrait: serde_json::Value) {
        let flying = |packet: &Packet| Flying {
            id: packet.id,
            kind: packet.message.kind().to_owned(),
            text: format!(
                "{} -> {}: {}",
                self.node_name(packet.from),
                self.receiver_name(packet),
                label(&packet.message)
            ),
        };
        let flight = self.chronicle.is_some().then(|| self.flight.iter().map(flying).collect());
        if let Some(Chronicle { recording, line }) = &mut self.chronicle {
            recording.push(step, Moment { said: line.clone(), portrait, flight });
        }
    }
}

/// What befalls a replica manager.
pub(super) fn befalls(node: usize, what: &Happens) -> Step {
    Step { lane: node, action: story::does(what), kind: StepKind::Fault, ..Step::default() }
}

/// A message as its receiver sees it.
pub(super) fn arrives(packet: &Packet) -> MessageRef {
    MessageRef { id: packet.id, label: label(&packet.message), from: Some(packet.from) }
}
