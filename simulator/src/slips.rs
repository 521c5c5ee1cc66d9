//! Seeded bugs outside the protocol: of hosts, of the wire, of storage and of disks. Those of the protocol
//! are in the catalogue (`chinwag_models::mutants`).

use chinwag::{
    Message, RequestId, Serial, Service, Timestamp,
    runtime::{Codec, Packet},
};
use chinwag_models::{
    mutants::{Fate, MUTANTS, Mutant},
    party::Disk,
};

/// A seeded bug of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiskSlip {
    /// Of two syncs, one does nothing.
    SyncsEverySecondTime,
    /// A directory that is synced is not.
    NamesAreNotSynced,
}

/// A seeded bug between a host and its storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StorageSlip {
    /// A sync does nothing.
    NeverSyncs,
    /// A batch is written when the next one comes.
    WritesLater,
    /// What gossip brought is not journalled.
    ForgetsGossip,
    /// Recovery takes the last batch for torn.
    DropsTheLastBatch,
    /// Recovery does not read the image.
    ForgetsTheImage,
    /// Recovery reads the image and no more.
    ForgetsTheJournal,
    /// Room for a batch is not looked for beforehand.
    ReservesNothing,
    /// A checkpoint does nothing: the host takes for synced what it should have covered.
    SkipsCheckpoints,
    /// Recovery empties the journal before it writes it once more.
    RecoversByWritingAnew,
}

/// A seeded bug of a client's driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientSlip {
    /// A client that comes back numbers its requests from the beginning.
    ForgetsItsNumbers,
    /// A process that goes on with a session does so under the incarnation of the one before.
    KeepsItsIncarnation,
}

/// A seeded bug of a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostSlip {
    /// It does not ask its peers whether it has lost state.
    NoGrace,
    /// It does not listen to what its peers know of it.
    IgnoresKnown,
    /// It never looks at its timers.
    NoTimers,
    /// Of the datagrams that it should send, only the first leaves.
    FirstDatagramOnly,
    /// It stops when something cannot be read.
    StopsAtGarbage,
}

/// A seeded bug of the wire: what it does to each packet that a node sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireSlip {
    /// Every fragment of gossip is taken for a complete message.
    AllComplete,
    /// The last fragment is not marked.
    NoneComplete,
    /// Nobody asks for a receipt.
    NobodyAsks,
    /// The first record of a gossip message is left out.
    SkipsARecord,
    /// What an update or a query builds on is left out.
    NoPast,
    /// An update acknowledges itself.
    AcknowledgesItself,
    /// The timestamp of a reply is left out.
    NoReplyTimestamp,
    /// The timestamp of an answer is left out.
    NoAnswerTimestamp,
    /// The number of a request is cut to two bits.
    ShortNumbers,
    /// A timestamp's first two entries change places in a reply.
    SwapsEntries,
    /// The newest version is written to everyone.
    NewestToAll,
}

/// A seeded bug.
#[derive(Clone, Copy, Debug)]
pub enum Slip {
    /// One of the catalogue's, of the protocol or of the driver.
    Rules(&'static Mutant),
    /// Of the host.
    Host(HostSlip),
    /// Of the wire.
    Wire(WireSlip),
    /// Of storage.
    Storage(StorageSlip),
    /// Of the disk.
    Disk(DiskSlip),
    /// Of a client.
    Client(ClientSlip),
}

/// Those that are not in the catalogue, by name; and why nobody can tell it from what is right, if so.
#[rustfmt::skip]
const OWN: &[(&str, Slip, Option<&str>)] = &[
    ("host: starts without a grace", Slip::Host(HostSlip::NoGrace), None),
    ("host: ignores what peers know of it", Slip::Host(HostSlip::IgnoresKnown), None),
    ("host: never looks at its timers", Slip::Host(HostSlip::NoTimers), None),
    ("host: sends one datagram of many", Slip::Host(HostSlip::FirstDatagramOnly), None),
    ("host: stops at garbage", Slip::Host(HostSlip::StopsAtGarbage), None),
    ("wire: every fragment is complete", Slip::Wire(WireSlip::AllComplete), None),
    ("wire: no fragment is complete", Slip::Wire(WireSlip::NoneComplete), Some("gossip without records says the same later")),
    ("wire: nobody asks for receipts", Slip::Wire(WireSlip::NobodyAsks), None),
    ("wire: leaves out a record", Slip::Wire(WireSlip::SkipsARecord), None),
    ("wire: leaves out the past", Slip::Wire(WireSlip::NoPast), None),
    ("wire: an update acknowledges itself", Slip::Wire(WireSlip::AcknowledgesItself), None),
    ("wire: leaves out replies' timestamps", Slip::Wire(WireSlip::NoReplyTimestamp), None),
    ("wire: leaves out answers' timestamps", Slip::Wire(WireSlip::NoAnswerTimestamp), None),
    ("wire: cuts numbers", Slip::Wire(WireSlip::ShortNumbers), None),
    ("wire: swaps entries", Slip::Wire(WireSlip::SwapsEntries), None),
    ("wire: writes the newest version to all", Slip::Wire(WireSlip::NewestToAll), None),
    ("storage: never syncs", Slip::Storage(StorageSlip::NeverSyncs), None),
    ("storage: writes later", Slip::Storage(StorageSlip::WritesLater), None),
    ("storage: forgets what gossip brought", Slip::Storage(StorageSlip::ForgetsGossip), None),
    ("storage: drops the last batch", Slip::Storage(StorageSlip::DropsTheLastBatch), None),
    ("storage: forgets the image", Slip::Storage(StorageSlip::ForgetsTheImage), None),
    ("storage: forgets the journal", Slip::Storage(StorageSlip::ForgetsTheJournal), None),
    ("storage: reserves nothing", Slip::Storage(StorageSlip::ReservesNothing), None),
    ("storage: skips checkpoints", Slip::Storage(StorageSlip::SkipsCheckpoints), None),
    ("storage: recovers by writing anew", Slip::Storage(StorageSlip::RecoversByWritingAnew), None),
    ("client: comes back under old numbers", Slip::Client(ClientSlip::ForgetsItsNumbers), None),
    ("client: keeps its incarnation", Slip::Client(ClientSlip::KeepsItsIncarnation), None),
    ("disk: syncs every second time", Slip::Disk(DiskSlip::SyncsEverySecondTime), None),
    ("disk: does not sync names", Slip::Disk(DiskSlip::NamesAreNotSynced), None),
];

/// All seeded bugs, by name, and why it is none, if so.
pub fn all() -> Vec<(&'static str, Slip, Option<&'static str>)> {
    let of_the_catalogue = MUTANTS.iter().map(|mutant| {
        let slip = match mutant.disk {
            Disk::Honest => Slip::Rules(mutant),
            Disk::Hasty => Slip::Storage(StorageSlip::WritesLater),
            Disk::Lying => Slip::Storage(StorageSlip::NeverSyncs),
            Disk::Forgetful => Slip::Storage(StorageSlip::ForgetsGossip),
        };
        let why = match mutant.fate {
            Fate::Equivalent(why) => Some(why),
            _ if mutant.name == "drops queries that must wait" => Some("every client asks again"),
            Fate::Dies { .. } => None,
        };
        (mutant.name, slip, why)
    });
    of_the_catalogue.chain(OWN.iter().copied()).collect()
}

impl WireSlip {
    /// The datagram as the bug would have it. What cannot be encoded any more is lost.
    pub fn change<S: Service>(self, codec: &Codec, bytes: Vec<u8>) -> Option<Vec<u8>> {
        let Ok((sender, packet)) = codec.decode::<S>(&bytes) else { return Some(bytes) };
        if self == Self::NewestToAll {
            return codec.towards(codec.speaks()).encode(sender, &packet).ok();
        }
        let Packet::Message(message) = packet else { return Some(bytes) };
        let zero = codec.group.zero();
        let changed = self.message(message, &zero);
        // In the form in which it was written: nothing else is changed.
        codec.towards(codec.spoken(&bytes)).encode(sender, &Packet::Message(changed)).ok()
    }

    fn message<S: Service>(self, message: Message<S>, zero: &Timestamp) -> Message<S> {
        match (self, message) {
            (Self::AllComplete, Message::Gossip(mut gossip)) => {
                gossip.complete = true;
                Message::Gossip(gossip)
            }
            (Self::NoneComplete, Message::Gossip(mut gossip)) => {
                gossip.complete &= gossip.log.is_empty();
                Message::Gossip(gossip)
            }
            (Self::NobodyAsks, Message::Gossip(mut gossip)) => {
                gossip.asks = false;
                Message::Gossip(gossip)
            }
            (Self::SkipsARecord, Message::Gossip(mut gossip)) => {
                if gossip.log.len() > 1 {
                    gossip.log.remove(0);
                }
                Message::Gossip(gossip)
            }
            (Self::NoPast, Message::Update(mut update)) => {
                update.prev = zero.clone();
                Message::Update(update)
            }
            (Self::NoPast, Message::Query { id, query, .. }) => {
                Message::Query { id, prev: zero.clone(), query }
            }
            (Self::AcknowledgesItself, Message::Update(mut update)) => {
                update.acknowledged =
                    Serial { number: update.id.serial.number + 1, ..update.id.serial };
                Message::Update(update)
            }
            (Self::NoReplyTimestamp, Message::UpdateReply { id, .. }) => {
                Message::UpdateReply { id, ts: zero.clone() }
            }
            (Self::NoAnswerTimestamp, Message::QueryReply { id, answer, .. }) => {
                Message::QueryReply { id, ts: zero.clone(), answer }
            }
            (Self::ShortNumbers, Message::Update(mut update)) => {
                update.id = short(update.id);
                Message::Update(update)
            }
            (Self::SwapsEntries, Message::UpdateReply { id, ts }) if ts.len() > 1 => {
                let entries: Vec<_> = ts.entries().map(|(_, count)| count).collect();
                let swapped = [entries[1], entries[0]].into_iter().chain(entries[2..].to_vec());
                Message::UpdateReply { id, ts: swapped.collect() }
            }
            (_, message) => message,
        }
    }
}

fn short(id: RequestId) -> RequestId {
    RequestId { serial: Serial { number: id.serial.number % 4, ..id.serial }, ..id }
}
