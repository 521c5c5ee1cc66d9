//! For each negative control of `proofs/coq/Controls.v`, and one of `ControlsRest.v`, a state and input on
//! which the rule that is broken there and the proved one differ, and on which the Rust handler does what was
//! proved.
//!
//! Not here: the controls of replacement (`ControlsReplacement.v`), which the extracted functions do not
//! know; two are played in `tests/protocol/replacing.rs`. The handlers do not cut fragments.

use chinwag::{
    Effects, FrontEndId, Gossip, Group, Input, ManagerState, Message, Replica, ReplicaId,
    ReplicaManager, RequestId, Sender, Serial, Timer, Timestamp, Update, services::Transcript,
};
use chinwag_models::mutants;
use chinwag_oracle::{Mismatch, Oracle};

const CLIENT: FrontEndId = FrontEndId(0);
const OTHER: FrontEndId = FrontEndId(1);

/// A replica manager of three.
#[derive(Clone)]
struct Rm(ReplicaManager, ManagerState<Transcript>);

impl Rm {
    fn new(id: u16) -> Rm {
        let node = ReplicaManager::new(ReplicaId(id), Group::of(3));
        let state = node.start(Replica::empty(3), &mut Effects::default());
        Rm(node, state)
    }

    fn takes(&mut self, input: Input<Transcript>) -> Effects<Transcript> {
        let mut fx = Effects::default();
        self.0.handle(&mut self.1, input, &mut fx);
        fx
    }

    fn after(mut self, input: Input<Transcript>) -> Rm {
        self.takes(input);
        self
    }

    /// What it tells another one on its timer.
    fn tells(&mut self, to: u16) -> Gossip<Transcript> {
        let fx = self.takes(Input::Timer(Timer::Gossip { to: ReplicaId(to) }));
        fx.sends
            .into_iter()
            .find_map(|(_, message)| match message {
                Message::Gossip(gossip) => Some(gossip),
                _ => None,
            })
            .expect("it has news")
    }

    fn hears(&mut self, from: &mut Rm) {
        let gossip = from.tells(self.0.id.0);
        self.takes(heard(from.0.id.0, gossip));
    }
}

fn ts(entries: [u64; 3]) -> Timestamp {
    entries.into_iter().collect()
}

fn serial(number: u64) -> Serial {
    Serial { incarnation: 0, number }
}

/// The client's update of this number, which says that all before `acknowledged` are finished.
fn update(of: FrontEndId, number: u64, acknowledged: u64, prev: [u64; 3]) -> Input<Transcript> {
    let id = RequestId { front_end: of, serial: serial(number) };
    let acknowledged = serial(acknowledged);
    let update = Update { id, acknowledged, prev: ts(prev), op: (10 * of.0 + number) as u8 };
    Input::Message(Sender::FrontEnd(of), Message::Update(update))
}

fn heard(from: u16, gossip: Gossip<Transcript>) -> Input<Transcript> {
    Input::Message(Sender::Replica(ReplicaId(from)), Message::Gossip(gossip))
}

type Case = (Rm, Input<Transcript>);

/// Does this seeded bug show here, and only it?
fn shows(mutant: &str, (Rm(node, state), input): &Case) -> &'static str {
    let oracle = Oracle::new().expect("the checked-in functions can be read");
    oracle.step(node, state, input).unwrap_or_else(|differs| panic!("{mutant}: {differs}"));
    let broken = mutants::find(mutant).expect("there is such a mutant").rules;
    match oracle.step(&node.clone().with_rules(broken), state, input) {
        Err(Mismatch::Differs { part, .. }) => part,
        other => panic!("{mutant}: {:?}", other.map(|(_, fx)| fx)),
    }
}

/// `o2'`: what it builds on comes last, with something that is stable only then and has the lesser key.
fn late_cause() -> Case {
    let mut rm1 = Rm::new(1).after(update(CLIENT, 1, 0, [0, 0, 0]));
    let mut rm0 = Rm::new(0).after(update(CLIENT, 2, 0, [0, 1, 0]));
    let mut rm2 = Rm::new(2).after(update(OTHER, 1, 0, [1, 1, 0]));
    rm2.hears(&mut rm0);
    let gossip = rm1.tells(2);
    rm2.takes(update(OTHER, 2, 0, [0, 1, 0]));
    (rm2, heard(1, gossip))
}

/// `twice`: two managers recorded one update.
fn second_record() -> Case {
    let rm0 = Rm::new(0).after(update(CLIENT, 1, 0, [0, 0, 0]));
    let mut rm1 = Rm::new(1).after(update(CLIENT, 1, 0, [0, 0, 0]));
    let gossip = rm1.tells(0);
    (rm0, heard(1, gossip))
}

/// `second_half`: the first record of a message is missing.
fn second_half() -> Case {
    let mut rm0 =
        Rm::new(0).after(update(CLIENT, 1, 0, [0; 3])).after(update(CLIENT, 2, 0, [1, 0, 0]));
    let mut gossip = rm0.tells(1);
    gossip.log.remove(0);
    (Rm::new(1), heard(0, gossip))
}

/// `back0`: one of the two others has told that it has the record.
fn one_has_it() -> Case {
    let mut rm0 = Rm::new(0).after(update(CLIENT, 1, 0, [0; 3]));
    let mut rm2 = Rm::new(2);
    rm2.hears(&mut rm0);
    let gossip = rm2.tells(0);
    (rm0, heard(2, gossip))
}

/// `all_heard`: both others have, and an update may acknowledge the one before.
fn all_heard(acknowledged: u64) -> Case {
    let mut rm0 = Rm::new(0).after(update(CLIENT, 1, 0, [0; 3]));
    rm0.takes(update(CLIENT, 2, acknowledged, [1, 0, 0]));
    let (mut rm1, mut rm2) = (Rm::new(1), Rm::new(2));
    rm1.hears(&mut rm0);
    rm2.hears(&mut rm0);
    rm0.hears(&mut rm1);
    let gossip = rm2.tells(0);
    (rm0, heard(2, gossip))
}

/// `late`: the first update comes again when it was forgotten.
fn late_copy() -> Case {
    let (rm0, last) = all_heard(2);
    (rm0.after(last), update(CLIENT, 1, 0, [0; 3]))
}

/// `late_half`: the second half of a message comes, which claims all.
fn late_half() -> Case {
    let (rm, input) = second_half();
    let Input::Message(_, Message::Gossip(mut gossip)) = input else { unreachable!() };
    gossip.complete = true;
    (rm, heard(0, gossip))
}

/// `never_told`: gossip that asks for a receipt.
fn asked_for_a_receipt() -> Case {
    let mut rm0 = Rm::new(0).after(update(CLIENT, 1, 0, [0; 3]));
    (Rm::new(1), heard(0, rm0.tells(1)))
}

#[test]
fn each_negative_control_of_the_proof_shows_in_rust_where_it_shows_there() {
    let liar = (Rm::new(0), update(CLIENT, 1, 0, [5, 0, 0]));
    let reader = Message::Query {
        id: RequestId { front_end: CLIENT, serial: serial(1) },
        prev: ts([1, 0, 0]),
        query: (),
    };
    let early = (Rm::new(1), Input::Message(Sender::FrontEnd(CLIENT), reader));
    let corpus = [
        ("executes in key order", late_cause(), "value"),
        ("executes duplicates", second_record(), "value"),
        ("believes what gossip claims", second_half(), "replica timestamp"),
        ("takes records beyond a gap", second_half(), "replica timestamp"),
        ("discards what a majority has", one_has_it(), "executed records in the log"),
        ("forgets with the record", all_heard(0), "executed table"),
        ("ignores what is finished", late_copy(), "replica timestamp"),
        ("learns across a gap", late_half(), "timestamp table"),
        ("believes any past", liar, "replica timestamp"),
        ("answers too early", early, "waiting queries"),
        ("gives no receipts", asked_for_a_receipt(), "owed receipts"),
    ];
    for (mutant, case, part) in corpus {
        assert_eq!(shows(mutant, &case), part, "{mutant}");
    }
}
