//! A client of a run of thousands of updates: a front end, and sets of updates for what it did and saw.

use crate::{
    judge::Caller,
    ledger::{Entry, Ledger, Tags, entry},
    scenario::Task,
};
use chinwag::{
    Destination, Effects, Event, FrontEnd, FrontEndId, FrontEndState, Group, Input, Message,
    Request,
};
use chinwag_models::model::Serves;
use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

type Sent = (Destination, Message<Ledger>);

/// What each update must run after: what its client had done, read and been told of.
pub(super) type Causes = Rc<RefCell<BTreeMap<u32, Tags>>>;

/// A client of many requests.
pub struct ManyCaller {
    pub(super) node: FrontEnd,
    pub(super) state: FrontEndState<Ledger>,
    pub(super) serves: Serves,
    pub(super) tags: VecDeque<u32>,
    pub(super) causes: Causes,
    pub(super) own: Tags,
    pub(super) stamped: Tags,
    pub(super) seen: Tags,
    /// What each question that is not answered must show, in order, with its place in the history.
    pub(super) must: VecDeque<(Tags, usize)>,
    pub(super) history: Vec<Happening>,
    pub(super) broken: Option<&'static str>,
    /// Updates that were under way when its process ended: they may run, and need not.
    pub(super) abandoned: Vec<u32>,
}

pub(super) enum Happening {
    Wrote(u32),
    /// None while there is no answer. Its place is where it was asked: what is asked later waits for it.
    Read(Option<Tags>),
}

impl ManyCaller {
    fn observe(&mut self, event: Event<Ledger>, before: &FrontEndState<Ledger>) {
        match event {
            Event::Stamped { id, .. } => {
                let request = before.in_flight.get(&id.serial.number).map(|r| &r.request);
                if let Some(Request::Update(op) | Request::Independent(op)) = request {
                    self.stamped.add(op.tag);
                }
            }
            Event::Answered { answer, .. } => {
                let Some((must, place)) = self.must.pop_front() else { return };
                if !must.within(&answer) {
                    self.broken = Some("a client sees what it did, saw and was told of");
                }
                self.seen.merge(&answer);
                self.history[place] = Happening::Read(Some(answer));
            }
            Event::Told { body } => self.seen.merge(&Tags::of(&body)),
            Event::StateLost { .. } => {}
        }
    }

    fn update(&mut self, builds_on: Tags) -> Entry {
        let tag = self.tags.pop_front().expect("a tag was put away for each update");
        self.causes.borrow_mut().insert(tag, builds_on);
        self.own.add(tag);
        self.history.push(Happening::Wrote(tag));
        entry(self.serves, tag)
    }

    fn knows(&self, own: &Tags) -> Tags {
        let mut knows = own.clone();
        knows.merge(&self.seen);
        knows
    }
}

impl Caller<Ledger> for ManyCaller {
    fn step(&mut self, input: Input<Ledger>) -> Vec<Sent> {
        let before = self.state.clone();
        // What was said before the timestamp is heard; the front end merges both at once.
        let mut fx = Effects::default();
        self.node.handle(&mut self.state, input, &mut fx);
        for event in fx.events {
            self.observe(event, &before);
        }
        if !self.state.ts.covers(&before.ts) {
            self.broken = Some("no timestamp goes down");
        }
        fx.sends
    }

    fn ask(&mut self, task: Task) -> Vec<Sent> {
        let request = match task {
            Task::Update => {
                let builds_on = self.knows(&self.own);
                Request::Update(self.update(builds_on))
            }
            Task::Independent => {
                let builds_on = self.knows(&self.stamped);
                Request::Independent(self.update(builds_on))
            }
            Task::Query => {
                self.must.push_back((self.knows(&self.own), self.history.len()));
                self.history.push(Happening::Read(None));
                Request::Query(())
            }
            Task::Tell(to) => {
                // What is still under way is told of in its turn.
                let body = self.knows(&self.own).bytes().to_vec();
                Request::Tell { to: FrontEndId(to.into()), body }
            }
        };
        self.step(Input::Request(request))
    }

    fn renew(&mut self, group: Group, keeps_incarnation: bool) -> Vec<Sent> {
        let sent = self.state.in_flight.values().map(|sent| &sent.request);
        let under_way = sent.chain(&self.state.outbox).filter_map(|request| match request {
            Request::Update(op) | Request::Independent(op) => Some(op.tag),
            Request::Query(()) | Request::Tell { .. } => None,
        });
        let under_way: Vec<_> = under_way.collect();
        for happening in &mut self.history {
            if matches!(happening, Happening::Wrote(tag) if under_way.contains(tag)) {
                *happening = Happening::Read(None);
            }
        }
        under_way.iter().for_each(|tag| self.own.remove(*tag));
        self.abandoned.extend(under_way);
        self.must.clear();
        self.node.incarnation += u32::from(!keeps_incarnation);
        self.node.group = group;
        self.state = self.node.start(self.state.ts.widened(group.updatable.into()));
        Vec::new()
    }

    fn in_flight(&self) -> Vec<u64> {
        self.state.in_flight.keys().copied().collect()
    }

    fn next_number(&mut self) -> &mut u64 {
        &mut self.state.next
    }

    fn left(&self) -> usize {
        self.state.in_flight.len() + self.state.outbox.len()
    }

    fn is_through(&self) -> bool {
        self.state.in_flight.is_empty() && self.state.outbox.is_empty()
    }
}
