//! Any schedule: every step keeps the invariants of `common::ghost`, and healing brings all together.
//!
//! A failing schedule is printed as the list of its events, shrunk. More of them:
//! `PROPTEST_CASES=20000 cargo test --release --test schedules`.

mod common;

use chinwag::{Group, Message, ReplicaId, ReplicaManager, Request, Routing, Sender};
use common::*;
use proptest::prelude::*;

/// Who takes part.
#[derive(Clone, Debug)]
struct Setting {
    updatable: u16,
    read_only: u16,
    clients: usize,
    copies: u16,
    batch: u32,
    pulls: bool,
    ring: bool,
    relays: bool,
}

/// What happens next. Numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Happening {
    Update(usize),
    Independent(usize),
    Query(usize),
    Tell(usize, usize),
    Turn(usize, u16),
    Retry(usize),
    Restart(usize),
    Deliver(usize),
    DeliverRecent(usize),
    Drop(usize),
    Duplicate(usize),
    Fragment(usize, usize),
    Tick(u16, u16),
    Gossip(u16, u16),
    Crash(u16),
    Recover(u16),
}

fn setting() -> impl Strategy<Value = Setting> {
    let group = (2..=4u16, 0..=2u16, 1..=3usize, 1..=2u16);
    let ways = (0..=3u32, any::<bool>(), any::<bool>(), any::<bool>());
    (group, ways).prop_map(|((updatable, read_only, clients, copies), ways)| {
        let (batch, pulls, ring, relays) = ways;
        let relays = relays || ring;
        Setting { updatable, read_only, clients, copies, batch, pulls, ring, relays }
    })
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    let (n, m) = (0..64usize, 0..8u16);
    prop_oneof![
        5 => n.clone().prop_map(Update),
        1 => n.clone().prop_map(Independent),
        2 => n.clone().prop_map(Query),
        1 => (n.clone(), n.clone()).prop_map(|(a, b)| Tell(a, b)),
        2 => (n.clone(), m.clone()).prop_map(|(a, b)| Turn(a, b)),
        2 => n.clone().prop_map(Retry),
        1 => n.clone().prop_map(Restart),
        12 => n.clone().prop_map(Deliver),
        8 => n.clone().prop_map(DeliverRecent),
        2 => n.clone().prop_map(Drop),
        2 => n.clone().prop_map(Duplicate),
        2 => (n.clone(), 1..3usize).prop_map(|(a, b)| Fragment(a, b)),
        6 => (m.clone(), m.clone()).prop_map(|(a, b)| Tick(a, b)),
        6 => (m.clone(), m.clone()).prop_map(|(a, b)| Gossip(a, b)),
        1 => m.clone().prop_map(Crash),
        1 => m.prop_map(Recover),
    ]
}

fn build(setting: &Setting) -> Cluster {
    let Setting { updatable, read_only, .. } = *setting;
    let group = Group::of(updatable).and_read_only(read_only);
    let mut cluster = Cluster::build(group, |manager: &mut ReplicaManager| {
        manager.batch = setting.batch;
        manager.pulls = setting.pulls;
        manager.relays = setting.relays;
        let me = manager.id.0;
        if setting.ring {
            let read_only = group.members().filter(|peer| !group.is_updatable(*peer));
            manager.partners = match group.is_updatable(manager.id) {
                true => std::iter::once(ReplicaId((me + 1) % updatable)).chain(read_only).collect(),
                // It must ask by itself for the tables that come round the ring.
                false => vec![ReplicaId(0)],
            };
        }
        if setting.relays && !setting.ring && !group.is_updatable(manager.id) {
            manager.partners = vec![ReplicaId(0)];
        }
    });
    for client in 0..setting.clients {
        let home = ReplicaId(client as u16 % group.replicas);
        cluster.client_with(Routing::Home(home), |party| party.copies = setting.copies);
    }
    cluster
}

struct Run {
    cluster: Cluster,
    texts: usize,
}

impl Run {
    fn text(&mut self) -> String {
        self.texts += 1;
        format!("u{}", self.texts)
    }

    fn packet(&self, n: usize) -> Option<usize> {
        let flying = self.cluster.network.len();
        (flying > 0).then(|| n % flying)
    }

    fn play(&mut self, happening: &Happening) {
        let clients = self.cluster.clients.len();
        let managers = self.cluster.group.replicas;
        let manager = |n: u16| ReplicaId(n % managers);
        match *happening {
            Happening::Update(n) => {
                let op = self.text();
                {
                    self.cluster.request(n % clients, Request::Update(op));
                }
            }
            Happening::Independent(n) => {
                let op = self.text();
                {
                    self.cluster.request(n % clients, Request::Independent(op));
                }
            }
            Happening::Query(n) => {
                self.cluster.request(n % clients, Request::Query(()));
            }
            Happening::Tell(a, b) => self.cluster.tell(a % clients, b % clients, "look"),
            Happening::Turn(n, to) => self.cluster.turn_to(n % clients, manager(to)),
            Happening::Retry(n) => self.cluster.retry(n % clients),
            Happening::Restart(n) => self.cluster.restart_client(n % clients),
            Happening::Deliver(n) => {
                self.packet(n).into_iter().for_each(|i| self.cluster.deliver(i))
            }
            Happening::DeliverRecent(n) => {
                let flying = self.cluster.network.len();
                let recent = self.packet(n % 4).map(|i| flying - 1 - i);
                recent.into_iter().for_each(|i| self.cluster.deliver(i));
            }
            Happening::Drop(n) => {
                self.packet(n).into_iter().for_each(|i| drop(self.cluster.network.remove(i)));
            }
            Happening::Duplicate(n) => {
                if let Some(i) = self.packet(n) {
                    let copy = self.cluster.network[i].clone();
                    self.cluster.network.push(copy);
                }
            }
            Happening::Fragment(n, size) => {
                self.packet(n).into_iter().for_each(|i| self.fragment(i, size));
            }
            Happening::Tick(a, b) if manager(a) != manager(b) => {
                self.cluster.tick(manager(a), manager(b));
            }
            Happening::Gossip(a, b) if manager(a) != manager(b) => {
                self.cluster.gossip(manager(a), manager(b));
            }
            Happening::Tick(..) | Happening::Gossip(..) => {}
            Happening::Crash(n) => self.cluster.crash(manager(n)),
            Happening::Recover(n) => {
                if self.cluster.managers[manager(n).index()].state.is_none() {
                    self.cluster.recover(manager(n));
                }
            }
        }
    }

    fn fragment(&mut self, index: usize, size: usize) {
        let packet = self.cluster.network[index].clone();
        let Message::Gossip(gossip) = packet.message else { return };
        self.cluster.network.remove(index);
        for fragment in gossip.fragments(size, |_| 1) {
            let message = Message::Gossip(fragment);
            self.cluster.network.push(Packet { message, seen: Texts::new(), ..packet });
        }
    }

    /// Everyone is up, nothing is lost any more, and timers fire.
    fn heal(&mut self) {
        for manager in self.cluster.group.members() {
            if self.cluster.managers[manager.index()].state.is_none() {
                self.cluster.recover(manager);
            }
        }
        for _ in 0..20 {
            self.cluster.settle();
            let busy = |c: &Client| !c.state.in_flight.is_empty() || !c.state.outbox.is_empty();
            let busy: Vec<_> = (0..self.cluster.clients.len())
                .filter(|i| busy(&self.cluster.clients[*i]))
                .collect();
            if busy.is_empty() {
                return;
            }
            busy.into_iter().for_each(|client| self.cluster.retry(client));
        }
        panic!("a client is never answered");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_schedule_keeps_the_invariants_and_ends_in_agreement(
        setting in setting(),
        happenings in proptest::collection::vec(happening(), 0..160),
    ) {
        let mut run = Run { cluster: build(&setting), texts: 0 };

        happenings.iter().for_each(|happening| run.play(happening));
        run.heal();

        let may_overlap =
            |h: &Happening| matches!(h, Happening::Restart(_) | Happening::Independent(_));
        let overlaps = happenings.iter().any(may_overlap);
        if overlaps {
            // The last update of a front end acknowledges only what was over when it was sent.
            for client in 0..setting.clients {
                run.cluster.update(client, &format!("last {client}"));
            }
            run.heal();
        }
        run.cluster.assert_converged();
        let lost = |s: &Sender| matches!(s, Sender::Replica(_));
        prop_assert!(!run.cluster.events.iter().any(|(s, _)| lost(s)), "nobody lost state");
    }
}
