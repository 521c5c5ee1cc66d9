//! Messages: what is cut and what is not, how they are sorted, and one door for both parties.

use crate::common::*;
use chinwag::{
    Destination, Effects, FrontEnd, FrontEndId, Gossip, Group, Input, LogRecord, Message, Node,
    NodeState, Refusal, ReplicaManager, Request, RequestId, Routing, Sender, Serial, Timestamp,
    Update,
};
use std::{cmp::Ordering, sync::Arc};

fn id(number: u64) -> RequestId {
    RequestId { front_end: FrontEndId(0), serial: Serial { incarnation: 0, number } }
}

fn update(number: u64, acknowledged: u64, prev: [u64; 2], op: &str) -> Update<Transcript> {
    let acknowledged = id(acknowledged).serial;
    Update { id: id(number), acknowledged, prev: prev.into_iter().collect(), op: op.into() }
}

fn record(origin: u16, at: [u64; 2], update: Update<Transcript>) -> Arc<LogRecord<Transcript>> {
    Arc::new(LogRecord { origin: rm(origin), ts: at.into_iter().collect(), update })
}

fn gossip(log: Vec<Arc<LogRecord<Transcript>>>) -> Gossip<Transcript> {
    let table = vec![ts([1, 0]), ts([0, 1])];
    Gossip { log, ts: ts([2, 1]), complete: true, asks: true, table, epoch: 0 }
}

fn three() -> Gossip<Transcript> {
    gossip(vec![
        record(0, [1, 0], update(0, 0, [0, 0], "a")),
        record(0, [2, 0], update(1, 0, [1, 0], "b")),
        record(1, [0, 1], update(2, 0, [0, 0], "c")),
    ])
}

#[test]
fn gossip_that_fits_is_not_cut() {
    assert_eq!(three().fragments(3, |_| 1), [three()]);
    assert_eq!(gossip(vec![]).fragments(0, |_| 1), [gossip(vec![])]);
}

#[test]
fn a_record_that_fits_nowhere_travels_alone_and_nothing_after_it() {
    let alone = gossip(three().log[..1].to_vec());
    assert_eq!(alone.clone().fragments(0, |_| 1), [alone]);
    let cut = three().fragments(2, |record| if record.key().seq == 2 { usize::MAX } else { 1 });
    assert_eq!(cut.iter().map(|part| part.log.len()).collect::<Vec<_>>(), [1, 1, 1]);
}

#[test]
fn fragments_carry_each_record_once_and_the_last_claims_what_the_whole_did() {
    let cut = three().fragments(2, |_| 1);

    let carried: Vec<_> = cut.iter().flat_map(|part| part.log.clone()).collect();
    assert_eq!((cut.len(), carried), (2, three().log));
    assert_eq!((cut[0].ts.clone(), cut[0].complete, cut[0].table.len()), (ts([2, 0]), false, 0));
    assert_eq!(cut[1], Gossip { log: three().log[2..].to_vec(), ..three() });
}

/// Several of each kind, in their order: each but the first differs from the one before it in one thing.
fn in_order() -> Vec<Vec<Message<Transcript>>> {
    let answers = |number, at: [u64; 2], text: &str| {
        let (ts, answer) = (at.into_iter().collect(), vec![text.to_owned()]);
        Message::QueryReply { id: id(number), ts, answer }
    };
    let asks = |number, at: Timestamp| Message::Query { id: id(number), prev: at, query: () };
    let replies = |number, ts| Message::UpdateReply { id: id(number), ts };
    let refuses = |number, reason| Message::Refused { id: id(number), reason };
    let tells = |ts, body: &[u8]| Message::Tell { ts, body: body.to_vec() };
    let (open, whole) = (Gossip { complete: false, ..gossip(vec![]) }, gossip(vec![]));
    let one = |r| Gossip { ts: ts([3, 0]), ..gossip(vec![r]) };
    let gossips = [
        Gossip { asks: false, ..open.clone() },
        open,
        Gossip { ts: ts([0, 0]), ..whole.clone() },
        Gossip { table: vec![], ..whole.clone() },
        Gossip { table: vec![ts([0, 0]), ts([0, 1])], ..whole.clone() },
        whole,
        Gossip { ts: ts([3, 0]), ..gossip(vec![]) },
        one(record(0, [1, 0], update(0, 0, [0, 0], "a"))),
        one(record(0, [1, 0], update(0, 0, [0, 0], "b"))),
        one(record(0, [2, 0], update(0, 0, [0, 0], "a"))),
        one(record(1, [0, 1], update(0, 0, [0, 0], "a"))),
    ];
    let updates = [
        update(0, 0, [0, 0], "a"),
        update(0, 0, [0, 1], "a"),
        update(0, 0, [0, 0], "b"),
        update(0, 1, [0, 0], "a"),
        update(1, 0, [0, 0], "a"),
    ];
    vec![
        gossips.into_iter().map(Message::Gossip).collect(),
        [[0, 0], [0, 1], [1, 0]].map(|at| Message::Pull { replica_ts: ts(at) }).into(),
        vec![asks(0, ts([0, 0])), asks(0, ts([0, 1])), asks(1, ts([0, 0]))],
        vec![
            answers(0, [0, 0], "a"),
            answers(0, [0, 0], "b"),
            answers(0, [0, 1], "a"),
            answers(1, [0, 0], "a"),
        ],
        vec![
            refuses(0, Refusal::ReadOnly),
            refuses(0, Refusal::NoSpace),
            refuses(1, Refusal::ReadOnly),
        ],
        vec![tells(ts([0, 0]), b"a"), tells(ts([0, 0]), b"b"), tells(ts([0, 1]), b"a")],
        updates.into_iter().map(Message::Update).collect(),
        vec![replies(0, ts([0, 0])), replies(0, ts([0, 1])), replies(1, ts([0, 0]))],
    ]
}

/// Models sort by it; two messages that it took for equal would be one state too few.
#[test]
fn the_order_for_sorting_tells_all_messages_apart() {
    let kinds: Vec<_> = in_order().iter().map(|of_a_kind| of_a_kind[0].kind()).collect();
    let expected =
        ["gossip", "pull", "query", "query reply", "refused", "tell", "update", "update reply"];
    assert_eq!(kinds, expected);
    let messages = in_order().concat();
    for (i, a) in messages.iter().enumerate() {
        for (j, b) in messages.iter().enumerate() {
            assert_eq!(a.total_cmp(b), i.cmp(&j), "{a:?} and {b:?}");
        }
    }
    assert_eq!(messages[0].total_cmp(&messages[0]), Ordering::Equal);
}

#[test]
fn both_parties_act_behind_one_door() {
    let (group, mut fx) = (Group::of(1), Effects::<Transcript>::default());
    let manager = Node::Manager(ReplicaManager::new(rm(0), group).with_rules(rules()));
    let home = Routing::Home(rm(0));
    let client = Node::FrontEnd(FrontEnd::new(FrontEndId(0), 0, group, home).with_rules(rules()));
    let [mut at_manager, mut at_client] = [&manager, &client].map(|node| node.start(None, &mut fx));

    client.handle(&mut at_client, Input::Request(Request::Update("a".into())), &mut fx);
    let (to, request) = fx.sends.pop().expect("the update");
    assert_eq!(to, Destination::Replica(rm(0)));
    manager.handle(
        &mut at_manager,
        Input::Message(Sender::FrontEnd(FrontEndId(0)), request),
        &mut fx,
    );
    let (_, reply) = fx.sends.pop().expect("its reply");
    client.handle(&mut at_client, Input::Message(Sender::Replica(rm(0)), reply), &mut fx);

    let NodeState::FrontEnd(client) = at_client else { panic!("a front end stays one") };
    assert_eq!(client.ts, ts([1]));
}
