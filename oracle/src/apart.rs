//! What is compared apart from the handlers: how gossip is cut, and when a newcomer asks for a copy.

use crate::{
    alpha::Names,
    error::Mismatch,
    oracle::{Oracle, same},
    plain::Gossip,
    value::Mirror,
};
use chinwag::{Group, Input, Message, Replica, ReplicaId, Rules, Sender, Service};

impl Oracle {
    /// Are these the fragments of that message, as they are proved to be cut, wherever that is?
    ///
    /// # Errors
    ///
    /// If they are not, or the oracle cannot say.
    pub fn is_cut<S: Service>(
        &self,
        group: Group,
        whole: &chinwag::Gossip<S>,
        pieces: &[chinwag::Gossip<S>],
    ) -> Result<(), Mismatch> {
        // Who sends it to whom says nothing about where it is cut.
        let (from, to) = (0, 1);
        let message = Message::Gossip(whole.clone());
        let input = Input::Message(Sender::Replica(ReplicaId(from as u16)), message);
        let nothing = Replica::empty(group.updatable.into());
        let names = Names::of(&nothing, std::iter::empty(), [&input]);
        let sizes = pieces.iter().map(|piece| piece.log.len() as u64);
        let sizes: Vec<_> = sizes.take(pieces.len().saturating_sub(1)).collect();
        let whole_one = names.gossip(from, to, whole).encode();
        let arguments = vec![self.params(group), sizes.encode(), whole_one];
        let proved = self.program.call(self.fragments, arguments, self.depth_max)?;
        let rust: Vec<_> = pieces.iter().map(|piece| names.gossip(from, to, piece)).collect();
        same("fragments", &rust, &Vec::<Gossip>::decode(&proved)?)?;
        let epochs: Vec<_> = pieces.iter().map(|piece| piece.epoch).collect();
        same("number of replacements", &epochs, &vec![whole.epoch; pieces.len()])
    }

    /// May a newcomer ask for a copy, when so many of the others have recorded the replacement?
    ///
    /// # Errors
    ///
    /// If these rules say something else than what was proved, or the oracle cannot say.
    pub fn may_copy(
        &self,
        rules: &Rules,
        confirmed: usize,
        others: usize,
    ) -> Result<bool, Mismatch> {
        let arguments = vec![(confirmed as u64).encode(), (others as u64).encode()];
        let proved = bool::decode(&self.program.call(self.may_ask, arguments, self.depth_max)?)?;
        let rust = (rules.may_copy)(confirmed, others);
        same("may ask for a copy", &rust, &proved)?;
        Ok(rust)
    }
}
