//! Deployed hosts that take the steps of a scenario beside the model, whatever carries their datagrams.

use crate::{application::Application, party::Sent};
use chinwag::{
    Destination, FrontEndId, Input, ManagerState, Message, ReplicaId, Sender, Timer,
    runtime::{Codec, Host, HostError, Input as HostInput, Output, Packet, Storage},
};
use std::{fmt::Display, net::SocketAddr, time::Duration};

/// For so long a host that starts from an old copy waits for what its peers know: longer than a scenario.
pub const GRACE: Duration = Duration::from_secs(1_000_000);

/// What passes between two steps: more than any interval of the host that no timer of its keeps.
pub const STEP: Duration = Duration::from_secs(1);

/// Hosts, one for each replica manager, and what is between them. Parties have places: replica managers by
/// their numbers, then clients.
pub trait Beside {
    /// Where the hosts keep what they must not forget.
    type Storage: Storage;

    /// How datagrams look.
    fn codec(&self) -> Codec;

    /// Lets [`STEP`] pass. Since the start.
    fn pass_time(&mut self) -> Duration;

    /// This replica manager's.
    fn host(&mut self, id: ReplicaId) -> &mut Host<Application, Self::Storage>;

    /// Carries a datagram from a party's place to a host. As it comes there, and from where.
    fn carry_in(
        &mut self,
        to: ReplicaId,
        from: usize,
        bytes: Vec<u8>,
    ) -> Result<(Vec<u8>, SocketAddr), String>;

    /// Carries what a host sends. The place of whom it is for, and what comes there.
    fn carry_out(
        &mut self,
        from: ReplicaId,
        to: SocketAddr,
        bytes: &[u8],
    ) -> Result<(usize, Vec<u8>), String>;
}

/// The host takes the input that the model took. Errors: in what it differs.
pub fn step<B: Beside>(
    hosts: &mut B,
    id: ReplicaId,
    input: &Input<Application>,
    sends: &[Sent],
    state: &ManagerState<Application>,
) -> Result<(), String> {
    let now = hosts.pass_time();
    let output = match input {
        Input::Message(from, message) => arrive(hosts, now, id, *from, message)?,
        Input::Timer(Timer::Gossip { to }) => {
            let host = hosts.host(id);
            host.gossip(now, *to).map_err(told("gossip"))?;
            host.commit(now).map_err(told("the journal"))?
        }
        Input::Timer(Timer::Retry { .. }) | Input::Request(_) => Output::default(),
    };
    let sent = sent(hosts, id, output)?;
    if sent != sends {
        return Err(format!("the host of {id:?} sent {sent:?}, and the model {sends:?}"));
    }
    compare(hosts, id, state)
}

/// Is the host in the state of the model?
pub fn compare<B: Beside>(
    hosts: &mut B,
    id: ReplicaId,
    state: &ManagerState<Application>,
) -> Result<(), String> {
    match hosts.host(id).state() {
        same if same == state => Ok(()),
        other => Err(format!("{id:?} is {other:?}, and in the model {state:?}")),
    }
}

/// The host takes the input that told the model's that it has lost state, and must stop for that reason.
pub fn lost<B: Beside>(
    hosts: &mut B,
    id: ReplicaId,
    input: &Input<Application>,
) -> Result<(), String> {
    let now = hosts.pass_time();
    let Input::Message(from, message) = input else { return Err("only gossip tells that".into()) };
    let (bytes, from) = carried(hosts, id, *from, message)?;
    let input = HostInput::Datagram { from, bytes: &bytes };
    match hosts.host(id).take(now, input) {
        Err(HostError::StateLost { .. }) => Ok(()),
        other => Err(format!("the host of {id:?} should have stopped, and there came {other:?}")),
    }
}

fn arrive<B: Beside>(
    hosts: &mut B,
    now: Duration,
    id: ReplicaId,
    from: Sender,
    message: &Message<Application>,
) -> Result<Output, String> {
    let (bytes, from) = carried(hosts, id, from, message)?;
    let host = hosts.host(id);
    host.take(now, HostInput::Datagram { from, bytes: &bytes }).map_err(told("a datagram"))?;
    host.commit(now).map_err(told("the journal"))
}

/// As it comes to the host, and from where.
fn carried<B: Beside>(
    hosts: &mut B,
    id: ReplicaId,
    from: Sender,
    message: &Message<Application>,
) -> Result<(Vec<u8>, SocketAddr), String> {
    let codec = hosts.codec();
    let mut datagrams = codec.datagrams(from, message).map_err(told("a message"))?;
    let (Some(bytes), true) = (datagrams.pop(), datagrams.is_empty()) else {
        return Err(format!("{message:?} takes {} datagrams", datagrams.len() + 1));
    };
    let place = match from {
        Sender::Replica(id) => id.index(),
        Sender::FrontEnd(id) => usize::from(codec.group.replicas) + id.0 as usize,
    };
    hosts.carry_in(id, place, bytes)
}

/// The messages in what a host sends.
fn sent<B: Beside>(hosts: &mut B, id: ReplicaId, output: Output) -> Result<Vec<Sent>, String> {
    let codec = hosts.codec();
    let mut sent = Vec::new();
    for (to, bytes) in output.datagrams {
        let (place, bytes) = hosts.carry_out(id, to, &bytes)?;
        let decoded = codec.decode(&bytes).map_err(told("a datagram"))?;
        let (from, message) = match decoded {
            (from, Packet::Message(message)) => (from, message),
            // It asks what its peers know of it: lost, since in the scenario their gossip tells.
            (_, Packet::Joining { .. }) => continue,
            other => return Err(format!("{id:?} sent no message of the protocol: {other:?}")),
        };
        if from != Sender::Replica(id) {
            return Err(format!("{id:?} speaks as {from:?}"));
        }
        let to = match place.checked_sub(codec.group.replicas.into()) {
            None => Destination::Replica(ReplicaId(place as u16)),
            Some(client) => Destination::FrontEnd(FrontEndId(client as u64)),
        };
        sent.push((to, message));
    }
    Ok(sent)
}

/// Says with what an error came.
pub fn told<E: Display>(what: &str) -> impl FnOnce(E) -> String {
    move |error| format!("{what}: {error}")
}
