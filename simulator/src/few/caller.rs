//! A client of a run of few updates: the models' own, with all that it remembers for the judge.

use crate::{
    judge::Caller,
    node::Common,
    scenario::{Scenario, Task},
    slips::Slip,
};
use chinwag::{
    Destination, FrontEnd, FrontEndId, Input, Message, Routing, Timer,
    services::{OrSetOp, Post, RegisterOp},
};
use chinwag_models::{
    application::{Act, Application, Op, REGISTER, Tag, name},
    model::Serves,
    party::{Client, ClientLocal, Line},
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

    fn in_flight(&self) -> Vec<u64> {
        self.local.state.in_flight.keys().copied().collect()
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
        Self { client, local, tags, is_new: Cell::new(true), held }
    }

    fn takes(&mut self, input: Input<Application>) -> Vec<(Destination, Message<Application>)> {
        let (next, sends) = self.client.step(&self.local, input);
        self.is_new.set(self.is_new.get() || next != self.local);
        self.local = next;
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
