use crate::common::*;
use chinwag::*;

#[test]
fn basic() {
    let mut c = Cluster::of(3);
    let fe = c.client(rm(0));
    c.post(fe, "a");
    c.post(fe, "b");
    c.settle();
    c.assert_converged();
}

#[test]
fn ring() {
    for both in [false, true] {
        let mut c = Cluster::build(Group::of(4), |m| {
            let next = rm((m.id.0 + 1) % 4);
            let last = rm((m.id.0 + 3) % 4);
            let partners = if both { vec![next, last] } else { vec![next] };
            (m.partners, m.relays) = (partners, true);
        });
        let fe = c.client(rm(0));
        c.post(fe, "a");
        c.settle();
        println!(
            "{both} {:?}",
            c.group.members().map(|m| c.replica(m).log().len()).collect::<Vec<_>>()
        );
    }
}

#[test]
fn ro_relay_crash() {
    let mut c = Cluster::build(Group::of(2).and_read_only(2), |m| m.relays = true);
    let fe = c.client(rm(0));
    c.post(fe, "a");
    c.isolated.insert(rm(3));
    for _ in 0..3 {
        for (a, b) in pairs(c.group) {
            c.gossip(a, b);
        }
    }
    println!("{:?}", c.group.members().map(|m| c.replica(m).log().len()).collect::<Vec<_>>());
    c.crash(rm(2));
    c.recover(rm(2));
    for _ in 0..3 {
        for (a, b) in pairs(c.group) {
            c.gossip(a, b);
        }
    }
    c.post(fe, "b");
    for _ in 0..3 {
        for (a, b) in pairs(c.group) {
            c.gossip(a, b);
        }
    }
}

#[test]
fn refusal_storm() {
    let mut c = Cluster::build(Group::of(1).and_read_only(2), |_| ());
    let fe = c.client_with(Routing::Home(rm(1)), |f| f.copies = 2);
    c.crash(rm(0));
    c.update(fe, "a");
    for i in 0..30 {
        let n = c.deliver_where(|_| true);
        println!("{i} {n}");
        if n > 10_000 {
            break;
        }
    }
}
