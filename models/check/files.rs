//! Replay files: the chosen steps of a run, so that today's code can take them again.

use crate::{Complaint, input::Wanted};
use chinwag::{Message, Timer};
use chinwag_models::{
    application::Application,
    engine::{Destination, Envelope, PropertyInfo, System as _, Trace},
    mutants::Mutant,
    party::Turn,
    render::Run,
    story::{self, Action},
    system::{Happens, System},
};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// How this program is called.
pub const COMMAND: &str = "cargo run --release --bin check --";

/// The name and version of the format.
const FORMAT: &str = "chinwag-replay/1";

const REPLAY: Wanted = Wanted {
    what: "a replay file",
    remedy: "`check mutants NAME --trace-dir DIR` writes one, and `check show` too",
    bytes_max: 64 << 20,
};

/// A replay file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Replay {
    /// The format.
    pub format: String,
    /// The version of the program that wrote it.
    pub version: String,
    /// The model's name.
    pub model: String,
    /// Its bounds when the file was written.
    pub bounds: String,
    /// The mutant's name.
    pub mutant: Option<String>,
    /// The property that is violated, or the witness that is seen.
    pub property: Option<String>,
    /// The chosen steps, in order. Eager deliveries and fair continuations follow by themselves.
    pub actions: Vec<Told>,
    /// What people saw; not read again.
    #[serde(default)]
    pub run: Run,
}

/// An action, for people and for the program. If they differ, someone changed the file.
#[derive(Debug, Serialize, Deserialize)]
pub struct Told {
    /// For people.
    pub text: String,
    /// For the program.
    pub action: Act,
}

/// An action of the engine, as it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// A node takes a message.
    Deliver {
        /// The message.
        letter: Letter,
        /// Who takes it.
        node: usize,
    },
    /// A timer fires.
    Fire {
        /// Whose.
        node: usize,
        /// Which.
        timer: Timer,
    },
    /// A manager crashes.
    Crash {
        /// Which.
        node: usize,
    },
    /// A manager is lost, replaced, or learns of it.
    Turn {
        /// Which.
        node: usize,
        /// How.
        turn: Turn,
    },
    /// The network loses a message.
    Lose {
        /// The message.
        letter: Letter,
    },
    /// The network loses everything.
    LoseAll,
}

/// A message with its way, as it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Letter {
    from: usize,
    /// First and last of those that may take it.
    to: (usize, usize),
    message: Message<Application>,
}

impl Replay {
    /// What it takes to replay a trace.
    pub fn of(
        system: &System,
        trace: &Trace<System>,
        mutant: Option<&Mutant>,
        property: Option<&PropertyInfo>,
        run: &Run,
    ) -> Self {
        let told = |action: &Action| Told { text: describe(system, action), action: act(action) };
        Replay {
            format: FORMAT.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            model: system.model.name.to_owned(),
            bounds: story::describe_model(&system.model, None),
            mutant: mutant.map(|m| m.name.to_owned()),
            property: property.map(|p| p.name.to_owned()),
            actions: trace.actions().iter().map(told).collect(),
            run: run.clone(),
        }
    }

    /// Reads a file.
    pub fn read(path: &Path) -> Result<Self, Complaint> {
        let complain = |what: String| Complaint(format!("{}: {what}", path.display()));
        let text = REPLAY.read(path).map_err(complain)?;
        let replay: Replay = serde_json::from_str(&text)
            .map_err(|e| complain(format!("no replay file of this program: {e}")))?;
        if replay.format != FORMAT {
            return Err(complain(format!("its format is {}, not {FORMAT}", replay.format)));
        }
        Ok(replay)
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        let text = serde_json::to_string_pretty(self);
        text.expect("names, numbers and lists are JSON") + "\n"
    }

    /// The actions, if what they say is what they are.
    pub fn actions(&self, system: &System) -> Result<Vec<Action>, Complaint> {
        let nodes = system.nodes();
        let read = |(index, told): (usize, &Told)| {
            let wrong = |what: &str| Complaint(format!("action {}: {what}", index + 1));
            let action =
                told.action.read(nodes).ok_or_else(|| wrong("names a node that is not there"))?;
            let text = describe(system, &action);
            if text != told.text {
                return Err(wrong(&format!(
                    "says \"{}\" but is \"{text}\": the file was changed by hand, or by another version",
                    told.text
                )));
            }
            Ok(action)
        };
        self.actions.iter().enumerate().map(read).collect()
    }
}

impl Act {
    fn read(&self, nodes: usize) -> Option<Action> {
        let there = |node: usize| (node < nodes).then_some(node);
        Some(match self {
            Act::Deliver { letter, node } => {
                Action::Deliver { envelope: letter.read(nodes)?, node: there(*node)? }
            }
            Act::Fire { node, timer } => {
                Action::Fire { node: there(*node)?, event: Happens::Timer(*timer) }
            }
            Act::Crash { node } => Action::Fire { node: there(*node)?, event: Happens::Crash },
            Act::Turn { node, turn } => {
                Action::Fire { node: there(*node)?, event: Happens::Turn(*turn) }
            }
            Act::Lose { letter } => Action::Drop(letter.read(nodes)?),
            Act::LoseAll => Action::LoseAll,
        })
    }
}

impl Letter {
    fn read(&self, nodes: usize) -> Option<Envelope<Message<Application>>> {
        let (first, last) = self.to;
        let fits = self.from < nodes && first <= last && last < nodes;
        let to = match first == last {
            true => Destination::Node(first),
            false => Destination::Any { first, end: last.checked_add(1)? },
        };
        fits.then(|| Envelope { src: self.from, to, message: self.message.clone() })
    }

    fn of(envelope: &Envelope<Message<Application>>) -> Self {
        let receivers = envelope.to.receivers();
        let to = (receivers.start, receivers.end - 1);
        Letter { from: envelope.src, to, message: envelope.message.clone() }
    }
}

fn act(action: &Action) -> Act {
    match action {
        Action::Deliver { envelope, node } => {
            Act::Deliver { letter: Letter::of(envelope), node: *node }
        }
        Action::Fire { node, event: Happens::Timer(timer) } => {
            Act::Fire { node: *node, timer: *timer }
        }
        Action::Fire { node, event: Happens::Crash } => Act::Crash { node: *node },
        Action::Fire { node, event: Happens::Turn(turn) } => Act::Turn { node: *node, turn: *turn },
        Action::Drop(envelope) => Act::Lose { letter: Letter::of(envelope) },
        Action::LoseAll => Act::LoseAll,
    }
}

/// An action on one line.
pub fn describe(system: &System, action: &Action) -> String {
    let names: Vec<_> = (0..system.nodes()).map(|node| system.node_name(node)).collect();
    let way = |envelope: &Envelope<_>| story::describe_envelope(envelope, &names);
    match action {
        Action::Deliver { envelope, node } => {
            way(&Envelope { to: Destination::Node(*node), ..envelope.clone() })
        }
        Action::Fire { node, event: Happens::Timer(Timer::Gossip { to }) } => {
            format!("{} gossips to {to:?}", names[*node])
        }
        Action::Fire { node, event: Happens::Timer(Timer::Retry { number }) } => {
            format!("{} repeats #{number}", names[*node])
        }
        Action::Fire { node, event: Happens::Crash } => format!("{} crashes", names[*node]),
        Action::Fire { node, event: event @ Happens::Turn(_) } => {
            format!("{} {}", names[*node], story::does(event))
        }
        Action::Drop(envelope) => format!("lost: {}", way(envelope)),
        Action::LoseAll => "everything under way is lost".to_owned(),
    }
}
