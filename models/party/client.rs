//! A client of a model: the protocol's front end, its script and its ghosts.

use super::{Sent, broken};
use crate::application::{Answer, Application, Op, Tag, Tags};
use chinwag::{
    Destination, Effects, Event, FrontEnd, FrontEndState, Input, Message, Request, RequestId,
    Sender, Timestamp,
};

/// What a client does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line {
    /// Ask for an update.
    Update(Tag),
    /// Ask for one that does not build on what is still under way.
    Independent(Tag),
    /// Ask a question, and wait for the answer.
    Query,
    /// Tell another client all that this one knows of.
    Tell(u64),
    /// Wait until another client has told something.
    Wait,
}

/// A client with its front end.
#[derive(Clone, Debug)]
pub struct Client {
    /// The protocol's node.
    pub node: FrontEnd,
    /// What the client does, in order.
    pub script: Vec<Line>,
    /// Where its requests go, by their numbers; anywhere if it has no route.
    pub route: Option<&'static [u16]>,
    /// How often it may lose patience.
    pub retries: u8,
    /// What the client claims to have seen at the start: more than nothing for a liar.
    pub seen: Timestamp,
    /// What the service does with each tag.
    pub op: fn(Tag) -> Op,
    /// Does it keep its whole history, for the testers that judge nothing else?
    pub keeps_history: bool,
    /// Is it counted how often it asks in vain, so that it gives up in the end? What it saw may be lost.
    pub gives_up: bool,
}

/// What an update followed, in its client's eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cause {
    /// The update.
    pub tag: Tag,
    /// The client's own earlier updates that it builds on.
    pub own: Tags,
    /// What the client had read.
    pub read: Tags,
    /// What others had told the client of.
    pub told: Tags,
}

/// An answer as its client saw it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Seen {
    /// What it was said to reflect.
    pub ts: Timestamp,
    /// The answer.
    pub answer: Answer,
}

/// One thing that a client did or saw.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Happening {
    /// It asked for an update.
    Updated(Tag),
    /// It asked a question, and waits for the answer.
    Asked,
    /// It read these updates, in this order.
    Read(Vec<Tag>),
    /// It told another client.
    Told(u64),
    /// It heard from another client, which had told this many times before.
    Heard(u64),
}

/// All that a client of a model is at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientLocal {
    /// What the protocol knows.
    pub state: FrontEndState<Application>,
    /// The next line of the script.
    pub at: usize,
    /// Retries left.
    pub retries: u8,
    /// How often it asked again since the last answer, if it gives up.
    pub in_vain: u8,
    /// Ghost: updates asked for.
    pub own: Tags,
    /// Ghost: of these, the ones that have a timestamp.
    pub stamped: Tags,
    /// Ghost: updates seen in answers.
    pub read: Tags,
    /// Ghost: updates that others told of.
    pub told: Tags,
    /// Ghost: who has told something.
    pub heard: u32,
    /// Ghost: what each update followed.
    pub causes: Vec<Cause>,
    /// Ghost: what the question under way must see.
    pub must: Option<Cause>,
    /// Ghost: the last answer.
    pub last: Option<Seen>,
    /// Ghost: everything, if the model asks for it.
    pub history: Vec<Happening>,
    /// Ghost: promises broken in a step.
    pub broken: u16,
}

impl Client {
    /// The first state, and the first requests.
    pub fn start(&self) -> (ClientLocal, Vec<Sent>) {
        let mut local = ClientLocal {
            state: self.node.start(self.seen.clone()),
            at: 0,
            retries: self.retries,
            in_vain: 0,
            own: Tags::default(),
            stamped: Tags::default(),
            read: Tags::default(),
            told: Tags::default(),
            heard: 0,
            causes: Vec::new(),
            must: None,
            last: None,
            history: Vec::new(),
            broken: 0,
        };
        let mut fx = Effects::default();
        self.go_on(&mut local, &mut fx);
        (local, self.routed(fx.sends))
    }

    /// One handler, and what the client does upon it.
    pub fn step(&self, local: &ClientLocal, input: Input<Application>) -> (ClientLocal, Vec<Sent>) {
        let mut next = local.clone();
        let mut fx = Effects::default();
        if let Input::Timer(_) = input {
            next.retries = next.retries.saturating_sub(1);
            next.in_vain += u8::from(self.gives_up);
        }
        if let Input::Message(Sender::FrontEnd(from), Message::Tell { body, .. }) = &input {
            self.hear(&mut next, from.0, body);
        }
        self.node.handle(&mut next.state, input, &mut fx);
        for event in std::mem::take(&mut fx.events) {
            self.observe(local, &mut next, event);
        }
        if !next.state.ts.covers(&local.state.ts) {
            next.broken |= broken::MONOTONE;
        }
        self.go_on(&mut next, &mut fx);
        (next, self.routed(fx.sends))
    }

    /// The script has grown: the client goes on with it.
    pub fn resume(&self, local: &ClientLocal) -> (ClientLocal, Vec<Sent>) {
        let mut next = local.clone();
        let mut fx = Effects::default();
        self.go_on(&mut next, &mut fx);
        (next, self.routed(fx.sends))
    }

    /// Replaces "any" by the manager that the client's route names.
    fn routed(&self, sends: Vec<Sent>) -> Vec<Sent> {
        let Some(route) = self.route else { return sends };
        let to = |id: RequestId| {
            Destination::Replica(chinwag::ReplicaId(route[id.serial.number as usize]))
        };
        let along = |(destination, message)| match &message {
            Message::Update(update) => (to(update.id), message),
            Message::Query { id, .. } => (to(*id), message),
            _ => (destination, message),
        };
        sends.into_iter().map(along).collect()
    }

    fn hear(&self, next: &mut ClientLocal, from: u64, body: &[u8]) {
        let word: [u8; 4] = body.try_into().expect("clients of a model tell four bytes");
        next.told = next.told.or(Tags(u32::from_le_bytes(word)));
        if next.heard >> from & 1 == 0 {
            next.heard |= 1 << from;
            self.record(next, Happening::Heard(from));
        }
    }

    fn observe(&self, before: &ClientLocal, next: &mut ClientLocal, event: Event<Application>) {
        next.in_vain = 0;
        match event {
            Event::Stamped { id, .. } => {
                let request = before.state.in_flight.get(&id.serial.number).map(|r| &r.request);
                if let Some(Request::Update(op) | Request::Independent(op)) = request {
                    next.stamped = next.stamped.with(op.tag);
                }
            }
            Event::Answered { id, answer, ts } => {
                let must = next.must.take().unwrap_or(NOTHING);
                let order: Tags = answer.order.iter().copied().collect();
                let asked = &before.state.in_flight[&id.serial.number].prev;
                for (holds, promise) in [
                    (must.own.within(order), broken::OWN_WRITES),
                    (must.read.within(order), broken::READS),
                    (must.told.within(order), broken::HEARSAY),
                    (ts.covers(asked), broken::FRESH),
                ] {
                    next.broken |= if holds { 0 } else { promise };
                }
                next.read = next.read.or(order);
                // Where it was asked: what was heard since then need not be in the answer (C21c).
                if let Some(asked) = next.history.iter_mut().rfind(|h| **h == Happening::Asked) {
                    *asked = Happening::Read(answer.order.clone());
                }
                next.last = Some(Seen { ts, answer });
            }
            Event::Told { .. } | Event::StateLost { .. } => {}
        }
    }

    /// The client does all that it can do without waiting.
    fn go_on(&self, local: &mut ClientLocal, fx: &mut Effects<Application>) {
        while let Some(line) = self.script.get(local.at) {
            let unheard = local.heard.count_ones() < self.waits_before(local.at + 1);
            if local.must.is_some() || *line == Line::Wait && unheard {
                return;
            }
            local.at += 1;
            if let Some(request) = self.request(local, *line) {
                self.node.on_request(&mut local.state, request, fx);
            }
        }
    }

    fn waits_before(&self, at: usize) -> u32 {
        self.script[..at].iter().filter(|line| **line == Line::Wait).count() as u32
    }

    fn request(&self, local: &mut ClientLocal, line: Line) -> Option<Request<Application>> {
        let cause = |tag, own| Cause { tag, own, read: local.read, told: local.told };
        match line {
            Line::Update(tag) => {
                local.causes.push(cause(tag, local.own));
                local.own = local.own.with(tag);
                self.record(local, Happening::Updated(tag));
                Some(Request::Update((self.op)(tag)))
            }
            Line::Independent(tag) => {
                local.causes.push(cause(tag, local.stamped));
                local.own = local.own.with(tag);
                self.record(local, Happening::Updated(tag));
                Some(Request::Independent((self.op)(tag)))
            }
            Line::Query => {
                local.must = Some(cause(0, local.own));
                self.record(local, Happening::Asked);
                Some(Request::Query(()))
            }
            Line::Tell(to) => {
                let knows = local.own.or(local.read).or(local.told);
                self.record(local, Happening::Told(to));
                let body = knows.0.to_le_bytes().to_vec();
                Some(Request::Tell { to: chinwag::FrontEndId(to), body })
            }
            Line::Wait => None,
        }
    }

    fn record(&self, local: &mut ClientLocal, happening: Happening) {
        if self.keeps_history {
            local.history.push(happening);
        }
    }
}

const NOTHING: Cause = Cause { tag: 0, own: Tags(0), read: Tags(0), told: Tags(0) };
