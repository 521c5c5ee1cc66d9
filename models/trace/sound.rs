//! A message of a trace is let through if the wire lets it through: handlers may assert the rest.

use chinwag::{
    Group, Message, Sender, Service, Timestamp, Update,
    runtime::{Codec, Packet},
};

/// The bytes of an arriving message; what is wrong with it, if it could not have come in a datagram.
pub fn bytes_of<S: Service>(
    codec: &Codec,
    from: Sender,
    message: &Message<S>,
) -> Result<Vec<u8>, String> {
    if !is_in_shape(codec.group, message) {
        return Err("it speaks of replica managers that the cluster does not have".into());
    }
    let packet = Packet::Message(message.clone());
    let bytes = codec.encode(from, &packet).map_err(|error| format!("no datagram: {error}"))?;
    match codec.decode::<S>(&bytes) {
        Ok((sender, same)) if sender == from && same == packet => Ok(bytes),
        Ok(_) => Err("no datagram says just this".into()),
        Err(error) => Err(format!("no datagram: {error}")),
    }
}

/// What the codec takes for granted of what it is given to write.
fn is_in_shape<S: Service>(group: Group, message: &Message<S>) -> bool {
    let fits = |ts: &Timestamp| ts.len() == usize::from(group.updatable);
    let update_fits = |update: &Update<S>| fits(&update.prev);
    match message {
        Message::Update(update) => update_fits(update),
        Message::Query { prev, .. } => fits(prev),
        Message::Gossip(gossip) => {
            fits(&gossip.ts)
                && gossip.table.iter().all(fits)
                && gossip
                    .log
                    .iter()
                    .all(|r| group.is_updatable(r.origin) && fits(&r.ts) && update_fits(&r.update))
        }
        Message::Pull { replica_ts } => fits(replica_ts),
        Message::UpdateReply { ts, .. }
        | Message::QueryReply { ts, .. }
        | Message::Tell { ts, .. } => fits(ts),
        Message::Refused { .. } => true,
    }
}
