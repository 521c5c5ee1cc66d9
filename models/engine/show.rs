//! How states, actions and traces read.

use super::system::{Destination, Envelope, System};
use super::trace::{Action, Snapshot, Stage, Trace};
use std::fmt::{self, Write};

impl Destination {
    fn describe<S: System>(self, system: &S) -> String {
        match self {
            Destination::Node(node) => system.node_name(node),
            Destination::Any { first, end } => {
                format!("any of {} to {}", system.node_name(first), system.node_name(end - 1))
            }
        }
    }
}

impl<M: fmt::Debug> Envelope<M> {
    /// The message with its way, on one line.
    pub fn describe<S: System<Message = M>>(&self, system: &S) -> String {
        let (src, to) = (system.node_name(self.src), self.to.describe(system));
        format!("{src} -> {to}: {:?}", self.message)
    }
}

impl<M: fmt::Debug, E: fmt::Debug> Action<M, E> {
    /// The action on one line.
    pub fn describe<S: System<Message = M, Event = E>>(&self, system: &S) -> String {
        match self {
            Action::Deliver { envelope, node } => {
                let (src, taker) = (system.node_name(envelope.src), system.node_name(*node));
                format!("{src} -> {taker}: {:?}", envelope.message)
            }
            Action::Fire { node, event } => format!("{}: {event:?}", system.node_name(*node)),
            Action::Drop(envelope) => format!("lost: {}", envelope.describe(system)),
            Action::LoseAll => "everything in flight is lost".to_owned(),
        }
    }
}

impl<S: System> Snapshot<S> {
    /// Writes a line for each node and each message in flight.
    pub fn write(&self, system: &S, out: &mut impl Write) -> fmt::Result {
        for (node, local) in self.locals.iter().enumerate() {
            writeln!(out, "{}: {local:?}", system.node_name(node))?;
        }
        for envelope in &self.in_flight {
            writeln!(out, "in flight: {}", envelope.describe(system))?;
        }
        Ok(())
    }

    /// What differs in `after`: a line for each node and each message.
    pub fn difference(&self, after: &Snapshot<S>, system: &S) -> String {
        let mut lines = Vec::new();
        for (node, (old, new)) in self.locals.iter().zip(&after.locals).enumerate() {
            if old != new {
                let name = system.node_name(node);
                lines.push(format!("{name} was {old:?}\n{name} is  {new:?}"));
            }
        }
        let mut news: Vec<_> = after.in_flight.iter().collect();
        for envelope in &self.in_flight {
            match news.iter().position(|new| *new == envelope) {
                Some(at) => drop(news.swap_remove(at)),
                None => lines.push(format!("gone: {}", envelope.describe(system))),
            }
        }
        lines.extend(news.iter().map(|new| format!("sent: {}", new.describe(system))));
        lines.join("\n")
    }
}

impl<S: System> Trace<S> {
    /// The whole trace: each action on a line, and what it changed, indented.
    pub fn describe(&self, system: &S) -> String {
        let mut text = String::new();
        let mut number = 0;
        for step in &self.steps {
            number += usize::from(step.stage == Stage::Chosen);
            let mark = match step.stage {
                Stage::Chosen => format!("{number}."),
                Stage::Eager => "at once:".to_owned(),
                Stage::Fair => "fair:".to_owned(),
            };
            let action = match &step.action {
                // Nobody lost it: a fair continuation delivers everything once.
                Action::Drop(envelope) if step.stage == Stage::Fair => {
                    format!("ignored: {}", envelope.describe(system))
                }
                action => action.describe(system),
            };
            text.push_str(&format!("{mark} {action}\n"));
            for line in step.before.difference(&step.after, system).lines() {
                text.push_str(&format!("     {line}\n"));
            }
        }
        if self.is_endless {
            text.push_str("and so on, for ever\n");
        }
        text
    }
}
