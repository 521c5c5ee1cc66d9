//! What the protocol costs, and how late news is: a few small clusters in memory, the same at every run.
//!
//! There is no clock. Time is counted in updates and in gossip intervals; messages take none.

use chinwag::{
    Destination, Effects, FrontEnd, FrontEndId, FrontEndState, Group, Input, ManagerState, Message,
    Replica, ReplicaId, ReplicaManager, Request, Routing, Sender, Service as _, Timer,
    services::Counter,
};
use std::collections::VecDeque;

/// Updates within one gossip interval, where latency is measured.
pub const UPDATES_PER_INTERVAL: usize = 10;

/// Gossip intervals of a measured run.
const INTERVALS: usize = 40;

/// A cluster whose network delivers everything at once, in order, and one client at each of some managers.
struct Cluster {
    managers: Vec<(ReplicaManager, ManagerState<Counter>)>,
    clients: Vec<(FrontEnd, FrontEndState<Counter>)>,
    network: VecDeque<(Sender, Sender, Message<Counter>)>,
    messages: usize,
}

impl Cluster {
    fn new(replicas: u16, loaded: u16, configure: impl Fn(&mut ReplicaManager)) -> Self {
        let group = Group::of(replicas);
        let manager = |id| {
            let mut party = ReplicaManager::new(id, group);
            configure(&mut party);
            let state = party.start(Replica::empty(replicas.into()), &mut Effects::default());
            (party, state)
        };
        let client = |home: u16| {
            let id = FrontEndId(home.into());
            let party = FrontEnd::new(id, 0, group, Routing::Home(ReplicaId(home)));
            let state = party.start(group.zero());
            (party, state)
        };
        let managers = group.members().map(manager).collect();
        let clients = (0..loaded).map(client).collect();
        Cluster { managers, clients, network: VecDeque::new(), messages: 0 }
    }

    /// One update of each client, and all that comes of it.
    fn update(&mut self) {
        for client in 0..self.clients.len() {
            self.step_client(client, Input::Request(Request::Update(1)));
            self.deliver();
        }
    }

    /// Every gossip timer fires, and then everything arrives.
    fn gossip(&mut self) {
        for from in 0..self.managers.len() {
            for to in self.managers[from].0.partners.clone() {
                self.step_manager(from, Input::Timer(Timer::Gossip { to }));
            }
        }
        self.deliver();
    }

    /// How many updates a manager's value reflects.
    fn ran(&self, manager: usize) -> usize {
        self.managers[manager].1.replica.value().answer(&()) as usize
    }

    fn deliver(&mut self) {
        while let Some((from, to, message)) = self.network.pop_front() {
            let input = Input::Message(from, message);
            match to {
                Sender::Replica(to) => self.step_manager(to.index(), input),
                Sender::FrontEnd(to) => self.step_client(to.0 as usize, input),
            }
        }
    }

    fn step_manager(&mut self, manager: usize, input: Input<Counter>) {
        let (party, state) = &mut self.managers[manager];
        let mut fx = Effects::default();
        party.handle(state, input, &mut fx);
        let from = Sender::Replica(party.id);
        self.send(from, fx);
    }

    fn step_client(&mut self, client: usize, input: Input<Counter>) {
        let (party, state) = &mut self.clients[client];
        let mut fx = Effects::default();
        party.handle(state, input, &mut fx);
        let from = Sender::FrontEnd(party.id);
        self.send(from, fx);
    }

    fn send(&mut self, from: Sender, fx: Effects<Counter>) {
        for (to, message) in fx.sends {
            let to = match to {
                Destination::Replica(to) => Sender::Replica(to),
                Destination::AnyReplica | Destination::AnyUpdatable => {
                    Sender::Replica(ReplicaId(0))
                }
                Destination::FrontEnd(to) => Sender::FrontEnd(to),
            };
            self.messages += 1;
            self.network.push_back((from, to, message));
        }
    }
}

/// Messages for each update, while every manager of `replicas` takes full batches of `batch`.
pub fn messages_per_update(replicas: u16, batch: u32) -> f64 {
    let mut cluster = Cluster::new(replicas, replicas, |manager| manager.batch = batch);
    let rounds = 2 * batch as usize;
    (0..rounds).for_each(|_| cluster.update());
    cluster.messages as f64 / (rounds * usize::from(replicas)) as f64
}

/// What the seed says it is: request, reply, and a share of the gossip.
pub fn messages_by_formula(replicas: u16, batch: u32) -> f64 {
    2.0 + f64::from(replicas - 1) / f64::from(batch)
}

/// How long updates of one of three managers take to another, on average, in gossip intervals.
pub fn latency(batch: u32) -> f64 {
    let mut cluster = Cluster::new(3, 1, |manager| manager.batch = batch);
    let (mut waited, mut arrived) = (0, 0);
    let updates = INTERVALS * UPDATES_PER_INTERVAL;
    for sent in 1..=updates {
        cluster.update();
        if sent % UPDATES_PER_INTERVAL == 0 {
            cluster.gossip();
        }
        let now = cluster.ran(1);
        waited += (arrived + 1..=now).map(|update| sent - update).sum::<usize>();
        arrived = now;
    }
    waited as f64 / arrived as f64 / UPDATES_PER_INTERVAL as f64
}

/// Who gossips to whom, where staleness is measured.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Each to each.
    Mesh,
    /// Each to the next.
    Ring,
}

/// By how many updates the last of four managers is behind the first, on average, if the first takes one
/// update at a time and gossip goes out after every `interval` of them.
pub fn staleness(shape: Shape, interval: usize) -> f64 {
    let mut cluster = Cluster::new(4, 1, |manager| {
        if let Shape::Ring = shape {
            manager.partners = vec![ReplicaId((manager.id.0 + 1) % 4)];
            manager.relays = true;
        }
    });
    let (warm, updates) = (10 * interval, INTERVALS * interval);
    let mut behind = 0;
    for sent in 1..=updates {
        cluster.update();
        if sent % interval == 0 {
            cluster.gossip();
        }
        behind += if sent > warm { sent - cluster.ran(3) } else { 0 };
    }
    behind as f64 / (updates - warm) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_costs_what_the_formula_says() {
        for replicas in [2, 3, 5, 10] {
            for batch in [1, 4, 10] {
                let (is, says) =
                    (messages_per_update(replicas, batch), messages_by_formula(replicas, batch));
                assert!((is - says).abs() < 1e-9, "R={replicas}, G={batch}: {is}, not {says}");
            }
        }
    }

    #[test]
    fn news_is_half_a_batch_or_half_an_interval_late() {
        assert_eq!([1, 5, 10].map(latency), [0.0, 0.2, 0.45]);
        assert_eq!(latency(1000), 0.45, "the timer does not wait for a batch");
        assert_eq!(staleness(Shape::Mesh, 10), 4.5);
        assert_eq!(staleness(Shape::Ring, 10), 24.5, "two intervals more, for two hops more");
    }
}
