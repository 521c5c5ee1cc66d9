//! Timestamps and gossip: C4b, C4c, C4d, C5, C6, C7, C8, C15, C28, and pulls.

use crate::common::*;
use chinwag::{
    Effects, FrontEndId, GOSSIP_ANSWER_MAX, GOSSIP_LOG_MAX, Group, Input, ManagerState, Message,
    Replica, ReplicaManager, RequestId, Routing, Sender, Serial, Timer, Update,
};

/// C4b: an answer must not claim what is held but does not show.
#[test]
fn a_client_never_learns_of_an_update_that_waits() {
    let mut cluster = Cluster::of(2);
    let [ann, bob] = [cluster.client(rm(0)), cluster.client(rm(1))];
    cluster.post(ann, "a");
    cluster.turn_to(ann, rm(1));
    cluster.post(ann, "b"); // Waits for a.

    assert_eq!(cluster.ask(bob), Some(vec![]));

    assert_eq!(cluster.clients[bob].state.ts, ts([0, 0]), "not [0,1]");
}

/// C4c: a timestamp that takes in all that the manager holds would make the client wait for strangers.
#[test]
fn an_update_depends_on_what_its_client_saw_and_on_no_more() {
    let mut cluster = Cluster::of(3);
    let [ann, bob] = [cluster.client(rm(0)), cluster.client(rm(1))];
    cluster.post(ann, "a");
    cluster.gossip(rm(0), rm(1));

    assert_eq!(cluster.post(bob, "b"), ts([0, 1, 0]), "not [1,1,0]");
    assert_eq!(cluster.clients[bob].state.ts, ts([0, 1, 0]));
}

/// C4d: in a lexicographic order [0,1] comes before [1,0].
#[test]
fn a_query_waits_for_a_concurrent_update_too() {
    let mut cluster = Cluster::of(2);
    let [ann, bob] = [cluster.client(rm(0)), cluster.client(rm(1))];
    cluster.post(ann, "a");
    cluster.post(bob, "b");
    cluster.turn_to(bob, rm(0));

    assert_eq!(cluster.ask(bob), None);

    cluster.settle();
    assert_eq!(cluster.clients[bob].answers, [["a", "b"]]);
}

/// C5: records that are concurrent with all that is held are new, and come before the timestamp that
/// counts them.
#[test]
fn concurrent_records_are_taken() {
    let mut cluster = Cluster::of(3);
    let clients = [0, 1, 2].map(|n| cluster.client(rm(n)));
    for (n, client) in clients.into_iter().enumerate() {
        cluster.post(client, &format!("from {n}"));
    }

    cluster.gossip(rm(0), rm(2));
    cluster.gossip(rm(1), rm(2));

    assert_eq!(cluster.ran(rm(2)), ["from 2", "from 0", "from 1"]);
}

/// C6, C28: gossip that is under way is what the sender held when it spoke, records and timestamp alike.
#[test]
fn gossip_under_way_does_not_change() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.tick(rm(0), rm(1));

    cluster.post(ann, "b");
    cluster.deliver_where(|p| p.is("gossip"));

    assert_eq!(*cluster.replica(rm(1)).replica_ts(), ts([1, 0]));
    assert_eq!(cluster.ran(rm(1)), ["a"]);
    assert!(cluster.has_reason(rm(0), rm(1)), "b is still news");
}

/// C7: what was sent may be lost, so it is sent until the peer says that it holds it.
#[test]
fn lost_gossip_is_repeated_with_all_its_records() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.tick(rm(0), rm(1));
    cluster.take_where(|p| p.is("gossip"));
    cluster.post(ann, "b");

    cluster.gossip(rm(0), rm(1));

    assert_eq!(cluster.ran(rm(1)), ["a", "b"]);
}

/// A message costs what it carries: the log of a peer that was long away takes several. Without the
/// judgement of `Cluster`, which would take minutes for so many updates.
#[test]
fn a_log_that_is_too_long_for_a_message_arrives_by_and_by() {
    let (managers, mut states) = one_of_two_has(GOSSIP_LOG_MAX + 1);
    let mut gossip = |from: usize, to: usize| {
        let mut fx = Effects::default();
        managers[from].on_gossip_timer(&mut states[from], rm(to as u16), &mut fx);
        let Some((_, Message::Gossip(gossip))) = fx.sends.pop() else { return 0 };
        let carried = gossip.log.len();
        managers[to].on_gossip(&mut states[to], rm(from as u16), gossip, &mut Effects::default());
        carried
    };

    assert_eq!(gossip(0, 1), GOSSIP_LOG_MAX);
    gossip(1, 0); // What came, and no more.
    assert_eq!(gossip(0, 1), 1);
    gossip(1, 0);
    gossip(0, 1);

    let count = GOSSIP_LOG_MAX as u64 + 1;
    assert_eq!(*states[1].replica.replica_ts(), ts([count, 0]));
    assert_eq!(states[0].replica.log().len(), 0, "and is known to have arrived");
}

/// The receiver asks again, from where it came to.
#[test]
fn the_answer_to_a_question_carries_so_many_records_and_no_more() {
    let (managers, mut states) = one_of_two_has(GOSSIP_ANSWER_MAX + 1);
    let mut carried = Vec::new();
    while states[1].replica.replica_ts() != states[0].replica.replica_ts() {
        let mut fx = Effects::default();
        let held = states[1].replica.replica_ts().clone();
        managers[0].on_pull(&mut states[0], rm(1), held, &mut fx);
        let Some((_, Message::Gossip(gossip))) = fx.sends.pop() else { panic!("no answer") };
        carried.push(gossip.log.len());
        // Whoever cuts a message leaves it its end: what follows a gap is not taken.
        managers[1].on_gossip(&mut states[1], rm(0), gossip, &mut Effects::default());
    }

    assert_eq!(carried, [GOSSIP_ANSWER_MAX, 1]);
}

/// Two managers; the first has taken so many updates.
fn one_of_two_has(count: usize) -> ([ReplicaManager; 2], [ManagerState<Transcript>; 2]) {
    let managers = [0, 1].map(|n| ReplicaManager::new(rm(n), Group::of(2)));
    let mut states = managers
        .each_ref()
        .map(|manager| manager.start(Replica::empty(2), &mut Effects::default()));
    for n in 0..count as u64 {
        let id = RequestId { front_end: FrontEndId(n), serial: Serial::default() };
        let update = Update { id, acknowledged: id.serial, prev: ts([0, 0]), op: String::new() };
        managers[0].on_update(&mut states[0], update, &mut Effects::default());
    }
    (managers, states)
}

/// C7: a lost receipt is asked for again.
#[test]
fn a_lost_receipt_is_repeated() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.gossip(rm(0), rm(1));
    cluster.tick(rm(1), rm(0));
    assert_eq!(cluster.take_where(|p| p.is("gossip")).len(), 1);
    assert!(
        !cluster.has_reason(rm(1), rm(0)),
        "a receipt is given once for each time it is asked for"
    );

    cluster.settle();

    cluster.assert_converged();
}

fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let shorter = orders(n - 1);
    let insert = |order: &Vec<usize>, at: usize| {
        let mut order = order.clone();
        order.insert(at, n - 1);
        order
    };
    shorter
        .iter()
        .flat_map(|order| (0..n).map(|at| insert(order, at)).collect::<Vec<_>>())
        .collect()
}

/// A cluster in which rm0 has told rm2 of four records of two origins, one in each fragment.
fn fragments() -> (Cluster, Vec<Packet>) {
    let mut cluster = Cluster::of(3);
    let [ann, bob] = [cluster.client(rm(0)), cluster.client(rm(1))];
    cluster.post(bob, "b1");
    cluster.post(bob, "b2");
    cluster.gossip(rm(1), rm(0));
    cluster.ask(ann);
    cluster.post(ann, "a1");
    cluster.post(ann, "a2");
    cluster.tick(rm(0), rm(2));
    let whole = cluster.take_where(|p| p.is("gossip")).remove(0);
    let Message::Gossip(gossip) = whole.message.clone() else { panic!("gossip") };
    let cut = gossip.fragments(1, |_| 1).into_iter();
    let packets = cut.map(|part| Packet { message: Message::Gossip(part), ..whole.clone() });
    (cluster, packets.collect())
}

/// C8: a fragment claims no more than it carries, so none can open a gap, whichever comes first or never.
#[test]
fn fragments_in_any_order_and_with_any_lost_leave_no_gap() {
    let (cluster, packets) = fragments();
    assert_eq!(packets.len(), 4);
    for order in orders(4) {
        for arrive in 0..=4 {
            let mut cluster = cluster.clone();
            for n in &order[..arrive] {
                cluster.arrive(packets[*n].clone()); // The onlooker looks for gaps.
            }
            let all = *cluster.replica(rm(2)).replica_ts() == ts([2, 2, 0]);
            let learned = cluster.state(rm(2)).table[0] == ts([2, 2, 0]);
            assert!(all || !learned, "{order:?}: a gap teaches nothing");

            cluster.settle();
            cluster.assert_converged();
        }
    }
}

/// C8: fragments in their order are as good as one message.
#[test]
fn fragments_in_their_order_teach_all() {
    let (mut cluster, packets) = fragments();

    packets.into_iter().for_each(|packet| cluster.arrive(packet));

    assert_eq!(cluster.ran(rm(2)), ["b1", "b2", "a1", "a2"]);
    assert_eq!(cluster.state(rm(2)).table[0], ts([2, 2, 0]));
}

/// C15: old gossip after newer changes nothing, and above all not the table.
#[test]
fn late_gossip_takes_nothing_back() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.tick(rm(0), rm(1));
    let old = cluster.take_where(|p| p.is("gossip"));
    cluster.post(ann, "b");
    cluster.gossip(rm(0), rm(1));
    let before = cluster.state(rm(1)).clone();

    old.into_iter().for_each(|packet| cluster.arrive(packet));

    assert_eq!(*cluster.state(rm(1)), before);
}

/// S23: whoever made the missing update is asked, once for each request that needs it.
#[test]
fn a_pull_goes_to_whoever_made_the_missing_update() {
    let mut cluster = Cluster::of(3);
    let ann = cluster.client(rm(1));
    cluster.post(ann, "a");
    cluster.turn_to(ann, rm(2));

    cluster.post(ann, "b");

    let pulls: Vec<_> = cluster.network.iter().filter(|p| p.is("pull")).collect();
    assert!(matches!(&pulls[..], [pull] if pull.goes(rm(2), rm(1))));
    cluster.deliver_all();
    assert_eq!(cluster.ran(rm(2)), ["a", "b"]);
}

/// A pull says what its sender holds, but did not bring the records: it must not enter the table.
#[test]
fn a_pull_teaches_nothing() {
    let mut cluster = Cluster::of(2);
    let [ann, bob] = [cluster.client(rm(0)), cluster.client(rm(1))];
    cluster.post(bob, "b");
    cluster.post(ann, "a");
    cluster.turn_to(ann, rm(1));
    cluster.ask(ann);

    cluster.deliver_where(|p| p.is("pull"));

    assert_eq!(cluster.state(rm(0)).table[1], ts([0, 0]));
    cluster.deliver_all();
    assert_eq!(cluster.clients[ann].answers, [["b", "a"]]);
}

/// If whoever made the update is away, gossip from another brings it.
#[test]
fn a_lost_pull_only_costs_time() {
    let mut cluster = Cluster::of(3);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.gossip(rm(0), rm(1));
    cluster.crash(rm(0));
    cluster.turn_to(ann, rm(2));
    assert_eq!(cluster.ask(ann), None);
    cluster.deliver_all();
    assert!(cluster.clients[ann].answers.is_empty());

    cluster.gossip(rm(1), rm(2));
    cluster.deliver_all();

    assert_eq!(cluster.clients[ann].answers, [["a"]]);
}

/// A late pull, whose records everyone has by now, is answered without harm.
#[test]
fn a_late_pull_does_no_harm() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client_with(Routing::Home(rm(0)), |_| ());
    cluster.post(ann, "a");
    cluster.turn_to(ann, rm(1));
    cluster.ask(ann);
    let late = cluster.take_where(|p| p.is("pull"));
    cluster.settle();
    cluster.turn_to(ann, rm(0));
    cluster.post(ann, "b");

    late.into_iter().for_each(|pull| cluster.arrive(pull));
    cluster.settle();

    cluster.assert_converged();
}

/// C19: an update that died with its manager holds up those who saw it, and nobody else; and no one
/// pretends to have it.
#[test]
fn a_lost_update_blocks_those_who_saw_it_only() {
    let mut cluster = Cluster::build(Group::of(3), |manager| manager.batch = 1);
    let [ann, bob] = [cluster.client(rm(0)), cluster.client(rm(1))];
    cluster.isolated.insert(rm(0));
    cluster.post(ann, "a");
    cluster.crash(rm(0));
    cluster.turn_to(ann, rm(1));

    cluster.post(ann, "after a");
    assert_eq!(cluster.ask(ann), None);
    cluster.post(bob, "b");
    assert_eq!(cluster.ask(bob), Some(vec!["b".into()]));
    cluster.deliver_all();

    assert_eq!(cluster.ran(rm(2)), ["b"]);
    cluster.isolated.clear();
    cluster.recover(rm(0)); // It was not lost after all.
    cluster.settle();
    cluster.assert_converged();
}

/// A message that claims less than it carries teaches no more than it claims: its records would be ahead of
/// all that its sender is then believed to have (C8).
#[test]
fn a_record_beyond_what_its_message_claims_is_not_taken() {
    let mut cluster = Cluster::of(2);
    let ann = cluster.client(rm(0));
    cluster.post(ann, "a");
    cluster.post(ann, "b");
    let mut fx = Effects::default();
    let Manager { party, state, .. } = &mut cluster.managers[0];
    let timer = Timer::Gossip { to: rm(1) };
    party.handle(state.as_mut().unwrap(), Input::Timer(timer), &mut fx);
    let Some((_, Message::Gossip(mut gossip))) = fx.sends.pop() else { panic!("no gossip") };
    assert_eq!((gossip.log.len(), &gossip.ts), (2, &ts([2, 0])));
    gossip.ts = ts([1, 0]);

    let Manager { party, state, .. } = &mut cluster.managers[1];
    let state = state.as_mut().unwrap();
    let input = Input::Message(Sender::Replica(rm(0)), Message::Gossip(gossip));
    party.handle(state, input, &mut Effects::default());

    assert_eq!(state.replica.replica_ts(), &ts([1, 0]));
    assert_eq!(state.replica.value().0, ["a"]);
}
