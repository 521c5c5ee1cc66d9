//! States and inputs at which negative controls of the proofs show.

use chinwag::{
    Effects, FrontEndId, Gossip, Group, Input, ManagerState, Message, Replica, ReplicaId,
    ReplicaManager, RequestId, Sender, Serial, Timer, Timestamp, Update, services::Transcript,
};

pub const CLIENT: FrontEndId = FrontEndId(0);
pub const OTHER: FrontEndId = FrontEndId(1);

/// A replica manager.
#[derive(Clone)]
pub struct Rm(pub ReplicaManager, pub ManagerState<Transcript>);

impl Rm {
    /// One of three.
    pub fn new(id: u16) -> Rm {
        Rm::of(Group::of(3), id)
    }

    pub fn of(group: Group, id: u16) -> Rm {
        let node = ReplicaManager::new(ReplicaId(id), group);
        let replica = Replica::empty(group.updatable.into());
        let state = node.start(replica, &mut Effects::default());
        Rm(node, state)
    }

    pub fn takes(&mut self, input: Input<Transcript>) -> Effects<Transcript> {
        let mut fx = Effects::default();
        self.0.handle(&mut self.1, input, &mut fx);
        fx
    }

    pub fn after(mut self, input: Input<Transcript>) -> Rm {
        self.takes(input);
        self
    }

    /// What it tells another one on its timer.
    pub fn tells(&mut self, to: u16) -> Gossip<Transcript> {
        let fx = self.takes(Input::Timer(Timer::Gossip { to: ReplicaId(to) }));
        fx.sends
            .into_iter()
            .find_map(|(_, message)| match message {
                Message::Gossip(gossip) => Some(gossip),
                _ => None,
            })
            .expect("it has news")
    }

    pub fn hears(&mut self, from: &mut Rm) {
        let gossip = from.tells(self.0.id.0);
        self.takes(heard(from.0.id.0, gossip));
    }

    /// It records the replacement, and starts again.
    pub fn records(self) -> Rm {
        let node = ReplicaManager::new(self.0.id, AFTER);
        let state = node.start(self.1.replica, &mut Effects::default());
        Rm(node, state)
    }

    /// The newcomer gets a copy of it.
    pub fn copied(&self) -> Rm {
        let node = ReplicaManager::new(ReplicaId(3), AFTER);
        let state = node.start(self.1.replica.clone(), &mut Effects::default());
        Rm(node, state)
    }
}

pub fn ts<const N: usize>(entries: [u64; N]) -> Timestamp {
    entries.into_iter().collect()
}

pub fn serial(number: u64) -> Serial {
    Serial { incarnation: 0, number }
}

/// The client's update of this number, which says that all before `acknowledged` are finished.
pub fn update<const N: usize>(
    of: FrontEndId,
    number: u64,
    acknowledged: u64,
    prev: [u64; N],
) -> Input<Transcript> {
    let id = RequestId { front_end: of, serial: serial(number) };
    let acknowledged = serial(acknowledged);
    let update = Update { id, acknowledged, prev: ts(prev), op: (10 * of.0 + number) as u8 };
    Input::Message(Sender::FrontEnd(of), Message::Update(update))
}

pub fn heard(from: u16, gossip: Gossip<Transcript>) -> Input<Transcript> {
    Input::Message(Sender::Replica(ReplicaId(from)), Message::Gossip(gossip))
}

pub type Case = (Rm, Input<Transcript>);

/// `o2'`: what it builds on comes last, with something that is stable only then and has the lesser key.
pub fn late_cause() -> Case {
    let mut rm1 = Rm::new(1).after(update(CLIENT, 1, 0, [0, 0, 0]));
    let mut rm0 = Rm::new(0).after(update(CLIENT, 2, 0, [0, 1, 0]));
    let mut rm2 = Rm::new(2).after(update(OTHER, 1, 0, [1, 1, 0]));
    rm2.hears(&mut rm0);
    let gossip = rm1.tells(2);
    rm2.takes(update(OTHER, 2, 0, [0, 1, 0]));
    (rm2, heard(1, gossip))
}

/// `twice`: two managers recorded one update.
pub fn second_record() -> Case {
    let rm0 = Rm::new(0).after(update(CLIENT, 1, 0, [0, 0, 0]));
    let mut rm1 = Rm::new(1).after(update(CLIENT, 1, 0, [0, 0, 0]));
    let gossip = rm1.tells(0);
    (rm0, heard(1, gossip))
}

/// Two updates, for rm1.
pub fn two_records() -> Gossip<Transcript> {
    let rm0 = Rm::new(0).after(update(CLIENT, 1, 0, [0; 3]));
    rm0.after(update(CLIENT, 2, 0, [1, 0, 0])).tells(1)
}

/// `second_half`: the first record of a message is missing.
pub fn second_half() -> Case {
    let mut gossip = two_records();
    gossip.log.remove(0);
    (Rm::new(1), heard(0, gossip))
}

/// `back0`: one of the two others has told that it has the record.
pub fn one_has_it() -> Case {
    let mut rm0 = Rm::new(0).after(update(CLIENT, 1, 0, [0; 3]));
    let mut rm2 = Rm::new(2);
    rm2.hears(&mut rm0);
    let gossip = rm2.tells(0);
    (rm0, heard(2, gossip))
}

/// `all_have_it`: one that waits for its past, and both others have it too.
pub fn all_have_what_waits() -> Case {
    both_have_it(Rm::new(0).after(update(CLIENT, 2, 0, [0, 1, 0])))
}

/// rm1 has told rm0 that it has all; now rm2 does.
fn both_have_it(mut rm0: Rm) -> Case {
    let (mut rm1, mut rm2) = (Rm::new(1), Rm::new(2));
    rm1.hears(&mut rm0);
    rm2.hears(&mut rm0);
    rm0.hears(&mut rm1);
    let gossip = rm2.tells(0);
    (rm0, heard(2, gossip))
}

/// `again0`: it starts again when nobody else has its record.
pub fn holds_one() -> Rm {
    Rm::new(0).after(update(CLIENT, 1, 0, [0; 3]))
}

/// `all_heard`: both others have, and an update may acknowledge the one before.
pub fn all_heard(acknowledged: u64) -> Case {
    let mut rm0 = Rm::new(0).after(update(CLIENT, 1, 0, [0; 3]));
    rm0.takes(update(CLIENT, 2, acknowledged, [1, 0, 0]));
    both_have_it(rm0)
}

/// `all_heard 0`: nothing is acknowledged.
pub fn unacknowledged() -> Case {
    all_heard(0)
}

/// `says_finished`: an update says that the one before is finished, and nobody else has heard so.
pub fn says_finished() -> Case {
    (holds_one(), update(CLIENT, 2, 2, [1, 0, 0]))
}

/// `late`: the first update comes again when it was forgotten.
pub fn late_copy() -> Case {
    let (rm0, last) = all_heard(2);
    (rm0.after(last), update(CLIENT, 1, 0, [0; 3]))
}

/// `late_half`: the second half of a message comes, which claims all.
pub fn late_half() -> Case {
    let (rm, input) = second_half();
    let Input::Message(_, Message::Gossip(mut gossip)) = input else { unreachable!() };
    gossip.complete = true;
    (rm, heard(0, gossip))
}

/// The first half of a message: it claims what it carries, and is not the last.
pub fn first_half() -> Case {
    let half = two_records().fragments(1, |_| 1).swap_remove(0);
    (Rm::new(1), heard(0, half))
}

/// `lie`: a past that cannot be.
pub fn lie() -> Case {
    (Rm::new(0), update(CLIENT, 1, 0, [5, 0, 0]))
}

/// `after1`: a past that is not there yet.
pub fn builds_on_another() -> Case {
    (Rm::new(0), update(CLIENT, 1, 0, [0, 1, 0]))
}

/// `waits`: a query whose client has seen what is not here.
pub fn early_query() -> Case {
    let query = Message::Query {
        id: RequestId { front_end: CLIENT, serial: serial(1) },
        prev: ts([1, 0, 0]),
        query: (),
    };
    (Rm::new(1), Input::Message(Sender::FrontEnd(CLIENT), query))
}

/// `two_with`: an update that is taken.
pub fn first_update() -> Case {
    (Rm::new(0), update(CLIENT, 1, 0, [0; 3]))
}

/// `never_told`: gossip that asks for a receipt.
pub fn asked_for_a_receipt() -> Case {
    let mut rm0 = Rm::new(0).after(update(CLIENT, 1, 0, [0; 3]));
    (Rm::new(1), heard(0, rm0.tells(1)))
}

/// `echoes`: the receipt is sent.
pub fn receipt() -> Case {
    let (rm1, gossip) = asked_for_a_receipt();
    (rm1.after(gossip), Input::Timer(Timer::Gossip { to: ReplicaId(0) }))
}

/// `kept_and_waiting`, with two: a query waits at rm1 for the update that comes.
pub fn asked_before() -> Case {
    let group = Group::of(2);
    let mut rm0 = Rm::of(group, 0).after(update(CLIENT, 1, 0, [0; 2]));
    let query = Message::Query {
        id: RequestId { front_end: OTHER, serial: serial(1) },
        prev: ts([1, 0]),
        query: (),
    };
    let rm1 = Rm::of(group, 1).after(Input::Message(Sender::FrontEnd(OTHER), query));
    (rm1, heard(0, rm0.tells(1)))
}

/// `taken_by_reader`: an update at a read-only one.
pub fn at_a_reader() -> Case {
    (Rm::of(Group::of(2).and_read_only(1), 2), update(CLIENT, 1, 0, [0; 2]))
}

// ---- for the solvers' controls ----

/// Update 2 comes, which says that update 1 is finished.
pub fn acknowledging() -> Case {
    let rm0 = Rm::new(0).after(update(CLIENT, 1, 0, [0; 3]));
    let gossip = rm0.after(update(CLIENT, 2, 2, [1, 0, 0])).tells(1);
    (Rm::new(1), heard(0, gossip))
}

/// Everyone has that, while a second record of update 1 waits.
pub fn acknowledged_and_waiting() -> Case {
    let rm0 = Rm::new(0).after(update(CLIENT, 1, 0, [0; 3]));
    let mut rm0 = rm0.after(update(CLIENT, 2, 2, [1, 0, 0]));
    let mut rm1 = Rm::new(1).after(update(CLIENT, 1, 0, [0, 0, 1]));
    let mut rm2 = Rm::new(2);
    rm0.hears(&mut rm1);
    rm1.hears(&mut rm0);
    rm2.hears(&mut rm0);
    rm0.hears(&mut rm1);
    let gossip = rm2.tells(0);
    (rm0, heard(2, gossip))
}

/// There is something to tell rm1.
pub fn news() -> Case {
    let rm0 = Rm::new(0).after(update(CLIENT, 1, 0, [0; 3]));
    (rm0, Input::Timer(Timer::Gossip { to: ReplicaId(1) }))
}

/// An update comes again that waits.
pub fn waits_already() -> Case {
    let again = || update(CLIENT, 1, 0, [0, 1, 0]);
    (Rm::new(0).after(again()), again())
}

/// One of two read-only ones has discarded a record.
pub fn reader() -> Rm {
    let group = Group::of(2).and_read_only(2);
    let mut rm0 = Rm::of(group, 0).after(update(CLIENT, 1, 0, [0; 2]));
    let (mut rm1, mut rm2) = (Rm::of(group, 1), Rm::of(group, 2));
    rm1.hears(&mut rm0);
    rm2.hears(&mut rm0);
    rm2.hears(&mut rm1);
    assert_eq!(rm2.1.replica.discarded(), &ts([1, 0]));
    rm2
}

// ---- replacement: rm0 of three is lost, rm3 comes, whose place was never used ----

pub const BEFORE: Group = Group { updatable: 4, replicas: 4, absent: 0b1000, epoch: 0 };
pub const AFTER: Group = Group { updatable: 4, replicas: 4, absent: 0b0001, epoch: 1 };

/// `rm_0`, `rm_1` and `rm_2`: update 1 is recorded by rm0 and by rm1, where it is finished; rm2 has rm1's.
fn before_it() -> [Rm; 3] {
    let rm0 = Rm::of(BEFORE, 0).after(update(CLIENT, 1, 0, [0; 4]));
    let rm1 = Rm::of(BEFORE, 1).after(update(CLIENT, 1, 0, [0; 4]));
    let mut rm1 = rm1.after(update(CLIENT, 2, 2, [0, 1, 0, 0]));
    let mut rm2 = Rm::of(BEFORE, 2);
    rm2.hears(&mut rm1);
    [rm0, rm1, rm2]
}

/// `stayed_1`: all have recorded it, and the newcomer has told rm1 of its copy.
fn stayed() -> Rm {
    let [_, rm1, _] = before_it();
    let mut rm1 = rm1.records();
    let mut rm3 = rm1.copied();
    rm1.hears(&mut rm3);
    rm1
}

/// `early_teaches`: what rm2 said before it recorded the replacement.
pub fn said_early() -> Case {
    let [_, _, mut rm2] = before_it();
    (stayed(), heard(2, rm2.tells(1)))
}

/// `lost_one_heard`: the lost one tells of its record, when all who stay have forgotten update 1.
pub fn lost_one_speaks() -> Case {
    let [mut rm0, _, rm2] = before_it();
    let mut rm1 = stayed();
    rm1.hears(&mut rm2.records());
    (rm1, heard(0, rm0.tells(1)))
}

/// `more_2`, who has an update that nobody else has heard of.
fn with_more() -> Rm {
    let [_, _, rm2] = before_it();
    rm2.after(update(OTHER, 1, 0, [0; 4]))
}

/// `newcomer_believed`, `table_kept`: it records the replacement.
pub fn records_it() -> Rm {
    let [_, mut rm1, mut rm2] = before_it();
    rm2.hears(&mut rm1);
    let back = rm2.tells(1);
    rm1.takes(heard(2, back));
    rm1
}

/// `newcomer_not_asked`: rm1 has told that it has rm2's update; the newcomer has not.
pub fn newcomer_lacks_it() -> Case {
    let [_, rm1, _] = before_it();
    let (mut rm1, mut rm2) = (rm1.records(), with_more().records());
    rm1.hears(&mut rm2);
    let gossip = rm1.tells(2);
    (rm2, heard(1, gossip))
}

/// `entry_reused`: the newcomer takes an update.
pub fn newcomer_takes() -> Case {
    let [_, rm1, _] = before_it();
    (rm1.records().copied(), update(OTHER, 1, 0, [0; 4]))
}
