//! Clients of a run: where they are, whom they ask, how long they wait.

use super::*;
use crate::slips::ClientSlip;

/// How long a client waits for an answer before it asks again, at first, in milliseconds.
const RETRY_MS: u64 = 200;

/// The wait doubles up to so many times.
const BACK_OFF_MAX: u64 = 16;

/// A client's driver.
#[derive(Debug)]
pub struct Seat {
    /// Where it is.
    pub address: SocketAddr,
    client: u16,
    moves: u16,
    /// Requests under way: when to ask again, and how long to wait then.
    waits: BTreeMap<u64, (u64, u64)>,
    /// Pieces of an answer.
    parts: BTreeMap<u16, AnswerPart>,
    asked: u64,
    /// It has asked for something in vain for long: it turns to anyone, also away from who answers nothing,
    /// as one does that has an empty disk and cannot hear all its peers.
    restless: bool,
    /// Its configuration says who was replaced.
    knows: bool,
    dice: Random,
}

impl Seat {
    /// One that has asked nothing.
    pub fn new(client: u16) -> Self {
        Self {
            address: client_address(client, 0),
            client,
            moves: 0,
            waits: BTreeMap::new(),
            parts: BTreeMap::new(),
            asked: 0,
            restless: false,
            knows: false,
            dice: Random::of(&[client.into(), 0xc11e]),
        }
    }

    /// It is somewhere else from now on.
    pub fn roam(&mut self) {
        self.moves += 1;
        self.address = client_address(self.client, self.moves);
    }

    /// Whom it asks: mostly the same one, another one when that is silent, and anyone once in a while.
    fn chooses(&mut self, to: Destination, group: Group) -> Option<ReplicaId> {
        self.asked += 1;
        let stays = self.dice.chance(700) && !self.restless;
        let all: Vec<_> = group.members().collect();
        let updatable = all.iter().filter(|id| group.is_updatable(**id)).count();
        let home = |count: usize| Some(all[usize::from(self.client) % count]);
        let any = |dice: &mut Random, count: usize| Some(all[dice.below(count as u64) as usize]);
        match to {
            Destination::Replica(replica) => Some(replica),
            Destination::AnyReplica if stays => home(all.len()),
            Destination::AnyReplica => any(&mut self.dice, all.len()),
            Destination::AnyUpdatable if self.dice.chance(30) => any(&mut self.dice, all.len()),
            Destination::AnyUpdatable if stays => home(updatable),
            Destination::AnyUpdatable => any(&mut self.dice, updatable),
            Destination::FrontEnd(_) => None,
        }
    }
}

fn client_address(client: u16, moves: u16) -> SocketAddr {
    ([10, 1, (moves >> 8) as u8, moves as u8], 5_000 + client).into()
}

impl<J: Judge> Cluster<J> {
    pub(super) fn errand(&mut self, number: usize) {
        let errand = self.scenario.errands[number];
        let client = usize::from(errand.client);
        if self.vanished[client] {
            return;
        }
        self.tell(|| format!("client {client} does {:?}", errand.what));
        let sends = self.callers[client].ask(errand.what);
        self.counts.errands += 1;
        self.send_from_client(client, sends);
    }

    pub(super) fn patience(&mut self, client: u16) {
        let (now, index) = (self.now, usize::from(client));
        if self.vanished[index] {
            return;
        }
        let in_flight = self.callers[index].in_flight();
        let seat = &mut self.clients[index];
        seat.waits.retain(|number, _| in_flight.contains(number));
        seat.restless = seat.waits.values().any(|(_, wait)| *wait == RETRY_MS * BACK_OFF_MAX);
        for number in in_flight {
            let seat = &mut self.clients[index];
            let (due, wait) =
                *seat.waits.entry(number).or_insert((now + RETRY_MS * 1_000, RETRY_MS));
            if now >= due {
                let wait = (wait * 2).min(RETRY_MS * BACK_OFF_MAX);
                seat.waits.insert(number, (now + wait * 1_000, wait));
                self.counts.repeats += 1;
                let timer = NodeInput::Timer(Timer::Retry { number });
                let sends = self.callers[index].step(timer);
                self.send_from_client(index, sends);
            }
        }
        self.at(now + RETRY_MS * 500, Event::Patience(client));
    }

    /// The process of a client ends, and another one goes on with its session, from another port.
    pub(super) fn renew(&mut self, client: u16, knows: bool) {
        let index = usize::from(client);
        let seat = &mut self.clients[index];
        seat.roam();
        seat.knows |= knows;
        seat.waits.clear();
        seat.parts.clear();
        let group = self.common.group(seat.knows);
        let keeps = self.common.client_slip() == Some(ClientSlip::KeepsItsIncarnation);
        self.tell(|| format!("client {client} goes on in another process"));
        let sends = self.callers[index].renew(group, keeps);
        if !self.vanished[index] {
            self.send_from_client(index, sends);
        }
    }

    fn send_from_client(&mut self, client: usize, sends: Vec<(Destination, Message<J::Service>)>) {
        let me = Sender::FrontEnd(FrontEndId(client as u64));
        let Seat { address: from, knows, .. } = self.clients[client];
        let (codec, group) = (self.common.codec(knows), self.common.group(knows));
        for (to, message) in sends {
            let address = match (self.clients[client].chooses(to, group), to) {
                (Some(replica), _) => node_address(replica),
                (None, Destination::FrontEnd(FrontEndId(other))) => {
                    self.clients[other as usize].address
                }
                (None, _) => continue,
            };
            let Ok(datagrams) = codec.datagrams(me, &message) else {
                return self.fail("every request of a run can be sent");
            };
            datagrams.into_iter().for_each(|bytes| self.send(from, address, bytes));
        }
    }

    pub(super) fn arrive_at_client(&mut self, client: u16, bytes: &[u8]) {
        let index = usize::from(client);
        if self.vanished[index] {
            return;
        }
        let codec = self.common.codec(self.clients[index].knows);
        let Ok((sender, packet)) = codec.decode::<J::Service>(bytes) else {
            self.counts.unreadable += 1;
            return;
        };
        let message = match packet {
            Packet::Message(message) => message,
            Packet::AnswerPart(part) => match self.whole_answer(index, part) {
                Some(message) => message,
                None => return,
            },
            _ => return,
        };
        // Everyone may refuse at once; its timer runs on.
        let sends = self.callers[index].step(NodeInput::Message(sender, message));
        self.send_from_client(index, sends);
        self.look(Moment::Any);
    }

    /// As the deployed client does it.
    fn whole_answer(&mut self, client: usize, part: AnswerPart) -> Option<Message<J::Service>> {
        if !self.callers[client].in_flight().contains(&part.id.serial.number) {
            return None;
        }
        let (id, ts, parts) = (part.id, part.ts.clone(), part.parts);
        let kept = &mut self.clients[client].parts;
        kept.retain(|_, other| other.id == id && other.ts == ts && other.parts == parts);
        kept.insert(part.part, part);
        if kept.len() < usize::from(parts) {
            return None;
        }
        let bytes: Vec<u8> = std::mem::take(kept).into_values().flat_map(|p| p.bytes).collect();
        let codec = self.common.codec(self.clients[client].knows);
        let answer = codec.decode_answer::<J::Service>(&bytes).ok()?;
        Some(Message::QueryReply { id, ts, answer })
    }
}
