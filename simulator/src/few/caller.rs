//! A client of a run of few updates: the models' own, with all that it remembers for the judge.

use crate::{
    judge::Caller,
    node::Common,
    scenario::{Scenario, Task},
    slips::Slip,
};
use chinwag::{
    Destination, FrontEnd, FrontEndId, Group, Input, Message, Request, Routing, Timer,
    services::{OrSetOp, Post, RegisterOp},
};
use chinwag_models::{
    application::{Act, Application, Op, REGISTER, TAGS_MAX, Tag, Tags, name},
    model::Serves,
    party::{Client, ClientLocal, Happening, Line, Sent},
};
use std::{cell::Cell, collections::VecDeque};

/// A client of a few requests: the models' own, with all its ghosts.
pub struct FewCaller {
    client: Client,
    pub(super) local: ClientLocal,
    /// The tag of the next update: shared out beforehand, since what one client does must not depend on
    /// what others do.
    tags: Vec<Tag>,
    pub(super) is_new: Cell<bool>,
    /// What it was told while it waited for an answer: it listens when it has that, or it would be said to
    /// have known of it when it asked.
    held: VecDeque<Input<Application>>,
    /// Updates that were under way when its process ended: they may run, and need not.
    pub(super) abandoned: Tags,
    /// Where somebody is replaced: entries of timestamps afterwards, and what it is, told in these.
    wide: Option<(usize, ClientLocal)>,
}

impl Caller<Application> for FewCaller {
    fn step(&mut self, input: Input<Application>) -> Vec<(Destination, Message<Application>)> {
        let is_told = matches!(input, Input::Message(_, Message::Tell { .. }));
        if is_told && self.local.must.is_some() {
            self.held.push_back(input);
            return Vec::new();
        }
        let mut sends = self.takes(input);
        while self.local.must.is_none()
            && let Some(told) = self.held.pop_front()
        {
            sends.extend(self.takes(told));
        }
        sends
    }

    fn ask(&mut self, task: Task) -> Vec<(Destination, Message<Application>)> {
        let line = match task {
            Task::Update => Line::Update(self.tags.remove(0)),
            Task::Independent => Line::Independent(self.tags.remove(0)),
            Task::Query => Line::Query,
            Task::Tell(to) => Line::Tell(to.into()),
        };
        self.client.script.push(line);
        // Of a request that is not under way: it only makes the client go on with its script.
        self.step(Input::Timer(Timer::Retry { number: u64::MAX }))
    }

    fn renew(&mut self, group: Group, keeps_incarnation: bool) -> Vec<Sent> {
        let state = &self.local.state;
        let under_way = state.in_flight.values().map(|sent| &sent.request).chain(&state.outbox);
        let under_way: Vec<_> = under_way.cloned().collect();
        under_way.iter().rev().for_each(|request| self.abandon(request));
        self.client.node.incarnation += u32::from(!keeps_incarnation);
        self.client.node.group = group;
        let entries = group.updatable.into();
        self.local.state = self.client.node.start(self.local.state.ts.widened(entries));
        if let Some(seen) = &mut self.local.last {
            seen.ts = seen.ts.widened(entries);
        }
        self.local.must = None;
        self.held.clear();
        let (next, sends) = self.client.resume(&self.local);
        self.becomes(next);
        sends
    }

    fn in_flight(&self) -> Vec<u64> {
        self.local.state.in_flight.keys().copied().collect()
    }

    fn left(&self) -> usize {
        let (state, script) = (&self.local.state, self.client.script.len());
        script - self.local.at + state.in_flight.len() + state.outbox.len()
    }

    fn is_through(&self) -> bool {
        let state = &self.local.state;
        let waits = self.local.must.is_some() || self.local.at < self.client.script.len();
        !waits && state.in_flight.is_empty() && state.outbox.is_empty()
    }

    fn next_number(&mut self) -> &mut u64 {
        &mut self.local.state.next
    }
}

impl FewCaller {
    /// One that has done nothing.
    pub fn new(scenario: &Scenario, common: &Common, client: u16) -> Self {
        let Scenario { set, errands, serves, .. } = scenario;
        let updates = errands.iter().filter(|e| matches!(e.what, Task::Update | Task::Independent));
        let tags = (0..).zip(updates).filter(|(_, e)| e.client == client).map(|(tag, _)| tag);
        let mut node = FrontEnd::new(FrontEndId(client.into()), 0, common.group, Routing::Any);
        node.copies = set.copies as u16;
        if let Some(Slip::Rules(mutant)) = common.slip {
            node = node.with_rules(mutant.rules);
        }
        let client = Client {
            node,
            script: Vec::new(),
            route: None,
            retries: 0,
            seen: common.group.zero(),
            op: operation(*serves),
            // An independent update promises no order in its session, which the judge of histories would ask
            // for.
            keeps_history: !errands.iter().any(|e| e.what == Task::Independent),
            gives_up: false,
        };
        let (local, _) = client.start();
        let (tags, held) = (tags.collect(), VecDeque::new());
        let entries = common.replaced.map(|_| usize::from(common.group(true).updatable));
        let wide = entries.map(|entries| (entries, local.clone()));
        let (is_new, abandoned) = (Cell::new(true), Tags::default());
        let mut caller = Self { client, local, tags, is_new, held, abandoned, wide };
        caller.becomes(caller.local.clone());
        caller
    }

    /// What it is, for the judge.
    pub(super) fn shown(&self) -> &ClientLocal {
        self.wide.as_ref().map_or(&self.local, |(_, wide)| wide)
    }

    fn becomes(&mut self, next: ClientLocal) {
        self.is_new.set(true);
        if let Some((entries, wide)) = &mut self.wide {
            *wide = next.clone();
            wide.state.ts = next.state.ts.widened(*entries);
            if let Some(seen) = &mut wide.last {
                seen.ts = seen.ts.widened(*entries);
            }
        }
        self.local = next;
    }

    /// Nobody waits for it any longer: an update may run or not, and is none of its session any more.
    fn abandon(&mut self, request: &Request<Application>) {
        let happened = match request {
            Request::Update(op) | Request::Independent(op) => {
                self.abandoned = self.abandoned.with(op.tag);
                self.local.own.0 &= !(1 << op.tag);
                Happening::Updated(op.tag)
            }
            Request::Query(()) => Happening::Asked,
            Request::Tell { to, .. } => Happening::Told(to.0),
        };
        let history = &mut self.local.history;
        if let Some(at) = history.iter().rposition(|known| *known == happened) {
            history.remove(at);
        }
    }

    /// Each update that was abandoned as the only one of a session, for the judge of histories.
    pub(super) fn sessions_of_abandoned(&self) -> Vec<ClientLocal> {
        let tags = (0..TAGS_MAX as Tag).filter(|tag| self.abandoned.has(*tag));
        let session =
            |tag| ClientLocal { history: vec![Happening::Updated(tag)], ..self.client.start().0 };
        tags.filter(|_| self.client.keeps_history).map(session).collect()
    }

    fn takes(&mut self, input: Input<Application>) -> Vec<(Destination, Message<Application>)> {
        let (next, sends) = self.client.step(&self.local, input);
        if next != self.local {
            self.becomes(next);
        }
        sends
    }
}

/// What each update does.
pub(super) fn operation(serves: Serves) -> fn(Tag) -> Op {
    match serves {
        Serves::Transcript | Serves::Bank => |tag| Op { tag, act: Act::Note },
        Serves::Counter => |tag| Op { tag, act: Act::Count(1 << tag) },
        Serves::Set => |tag| {
            let element = name(tag % 3);
            let adds = tag % 5 < 3;
            let op = if adds { OrSetOp::Add(element) } else { OrSetOp::Remove(element) };
            Op { tag, act: Act::Set(op) }
        },
        Serves::Registers => |tag| {
            let key = REGISTER.to_owned();
            let op = match tag % 7 {
                6 => RegisterOp::Delete(key),
                _ => RegisterOp::Put { key, value: name(tag) },
            };
            Op { tag, act: Act::Register(op) }
        },
        Serves::Board => |tag| {
            let first = chinwag::RequestId { front_end: FrontEndId(0), serial: Default::default() };
            let post = Post::new(name(tag));
            let reply = Post::reply(first, name(tag));
            Op { tag, act: Act::Post(if tag % 2 == 0 { post } else { reply }) }
        },
    }
}
