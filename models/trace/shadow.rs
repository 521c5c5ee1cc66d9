//! The same run with the models' application in the service's place, so that every property can be asked.
//!
//! The protocol never looks into an operation: with other operations it takes the same steps. Each update is
//! a tag here, and there are only so many tags.

use super::{Trace, witnessed::Witnessed};
use crate::{
    application::{Act, Application, Op, TAGS_MAX, Tag, Tags, name},
    party::{Disk, FOREVER, Local, Manager, ManagerLocal, Part},
    properties::{Kind, PROPERTIES, Scope},
    story,
    view::{Setting, View},
};
use chinwag::{
    Gossip, Group, Input, LogRecord, Message, ReplicaManager, RequestId, Service, Update,
    runtime::TraceInput,
};
use std::{collections::BTreeMap, sync::Arc};

/// The shadows of all replica managers.
pub struct Shadow {
    setting: Setting,
    tags: BTreeMap<RequestId, Tag>,
    managers: Vec<Manager>,
    locals: Vec<Local>,
    /// Who took the last step, and how it was before.
    previous: Option<(usize, Local)>,
}

/// The promise that is broken, and why, a sentence each.
type Broken = (String, Vec<String>);

impl Shadow {
    /// Of a trace with few enough updates.
    pub fn new<S: Service>(
        trace: &Trace<Witnessed<S>>,
        nodes: impl Iterator<Item = ReplicaManager>,
    ) -> Option<Self> {
        let mut tags = BTreeMap::new();
        for step in trace.boots.iter().flat_map(|boot| &boot.steps) {
            for id in updates_of(&step.input) {
                let next = tags.len();
                tags.entry(id).or_insert(next as Tag);
                if tags.len() > TAGS_MAX {
                    return None;
                }
            }
        }
        Some(Self::of(trace.group(), tags, nodes))
    }

    /// Of a run in which no other updates than these are asked for.
    pub(super) fn of(
        group: Group,
        tags: BTreeMap<RequestId, Tag>,
        nodes: impl Iterator<Item = ReplicaManager>,
    ) -> Self {
        let asked: Tags = tags.values().copied().collect();
        let (honest, whole, lawful, replaced) = (true, true, true, None);
        let setting = Setting { group, honest, whole, lawful, asked, replaced };
        let manager = |node| Manager {
            node,
            crashes: FOREVER,
            records_per_gossip_max: usize::MAX,
            watches_late: false,
            disk: Disk::Honest,
            part: Part::None,
        };
        let managers: Vec<_> = nodes.map(manager).collect();
        let locals = managers.iter().map(|manager| Local::Manager(manager.start())).collect();
        Self { setting, tags, managers, locals, previous: None }
    }

    /// Some client lies: what is promised to honest ones only is not asked any more.
    pub fn distrust(&mut self) {
        self.setting.honest = false;
    }

    /// The same step.
    pub fn step<S: Service>(&mut self, node: usize, input: &TraceInput<Witnessed<S>>) {
        let manager = &self.managers[node];
        let local = local(&self.locals[node]);
        let next = match input {
            TraceInput::Start { .. } => manager.crash(local),
            TraceInput::Timer(timer) => manager.step(local, Input::Timer(*timer)).0,
            TraceInput::Message { from, message } => {
                let message = self.translate(message);
                manager.step(local, Input::Message(*from, message)).0
            }
            TraceInput::TurnedAway { .. } => return,
            TraceInput::GiveUp { queries } => {
                let mut next = local.clone();
                next.state.waiting.retain(|id, _| !queries.contains(id));
                next
            }
        };
        let before = std::mem::replace(&mut self.locals[node], Local::Manager(next));
        self.previous = Some((node, before));
    }

    /// Every property of nodes and pairs.
    pub fn judge(&self) -> Result<(), Broken> {
        let view = View::of(&self.setting, self.locals.iter().enumerate());
        let mut asked = PROPERTIES
            .iter()
            .filter(|p| p.kind == Kind::Always && matches!(p.scope, Scope::Node | Scope::Pair));
        match asked.find(|property| !(property.holds)(&view)) {
            Some(broken) => {
                let promise = format!("{} ({})", broken.sentence, broken.source);
                Err((promise, self.why(broken.sentence, &view)))
            }
            None => Ok(()),
        }
    }

    /// Why the last step breaks a promise. Updates have the names that they have here.
    fn why(&self, sentence: &str, view: &View<'_>) -> Vec<String> {
        let mut before = self.locals.clone();
        if let Some((node, local)) = &self.previous {
            before[*node] = local.clone();
        }
        let was = View::of(&self.setting, before.iter().enumerate());
        let mut why = story::culprits(sentence, &was, view, Vec::new);
        let mut names: Vec<_> = self.tags.iter().map(|(id, tag)| (tag, id)).collect();
        names.sort();
        let names: Vec<_> =
            names.into_iter().map(|(tag, id)| format!("{} is {id:?}", name(*tag))).collect();
        why.push(format!("Of the updates, {}.", names.join(", ")));
        why
    }

    fn translate<S: Service>(&self, message: &Message<Witnessed<S>>) -> Message<Application> {
        match message {
            Message::Update(update) => Message::Update(self.update(update)),
            Message::Query { id, prev, .. } => {
                Message::Query { id: *id, prev: prev.clone(), query: () }
            }
            Message::Gossip(Gossip { log, ts, complete, asks, table, .. }) => {
                let record = |r: &Arc<LogRecord<_>>| {
                    let update = self.update(&r.update);
                    Arc::new(LogRecord { origin: r.origin, ts: r.ts.clone(), update })
                };
                let log = log.iter().map(record).collect();
                let (ts, table) = (ts.clone(), table.clone());
                Message::Gossip(Gossip {
                    log,
                    ts,
                    complete: *complete,
                    asks: *asks,
                    table,
                    epoch: 0,
                })
            }
            Message::Pull { replica_ts } => Message::Pull { replica_ts: replica_ts.clone() },
            Message::Tell { ts, body } => Message::Tell { ts: ts.clone(), body: body.clone() },
            Message::UpdateReply { id, ts } => Message::UpdateReply { id: *id, ts: ts.clone() },
            Message::Refused { id, reason } => Message::Refused { id: *id, reason: *reason },
            // A replica manager ignores it, whatever it answers.
            Message::QueryReply { id, .. } => {
                let reason = chinwag::Refusal::Overloaded;
                Message::Refused { id: *id, reason }
            }
        }
    }

    fn update<S: Service>(&self, update: &Update<Witnessed<S>>) -> Update<Application> {
        let Update { id, acknowledged, prev, .. } = update;
        let op = Op { tag: self.tags[id], act: Act::Note };
        Update { id: *id, acknowledged: *acknowledged, prev: prev.clone(), op }
    }
}

fn local(local: &Local) -> &ManagerLocal {
    match local {
        Local::Manager(manager) => manager,
        Local::Client(_) => unreachable!("a trace is of replica managers"),
    }
}

/// The updates that a step brings.
fn updates_of<S: Service>(input: &TraceInput<S>) -> Vec<RequestId> {
    match input {
        TraceInput::Message { message: Message::Update(update), .. } => vec![update.id],
        TraceInput::Message { message: Message::Gossip(gossip), .. } => {
            gossip.log.iter().map(|record| record.update.id).collect()
        }
        _ => Vec::new(),
    }
}
