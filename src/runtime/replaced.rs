//! Who was replaced, as a configuration says it, and what the cluster was before.

use super::{Codec, Config};

impl Config {
    /// What is wrong with `replaced`: the key and why.
    pub(super) fn replacement_problem(&self) -> Option<(String, String)> {
        let found = |problem: &str| Some(("replaced".to_string(), problem.to_string()));
        let (count, group) = (self.replicas.len(), self.group());
        let first = count.saturating_sub(self.replaced.len());
        if self.replaced.is_empty() {
            return None;
        }
        if first == 0 {
            return found(
                "there are as many as `replicas`; each newcomer has its place at their end",
            );
        }
        if group.updatable != group.replicas {
            return found("not in a cluster with read-only replicas");
        }
        for (i, old) in self.replaced.iter().enumerate() {
            if usize::from(*old) >= first + i {
                return found("names one that was not there yet");
            }
            if self.replaced[..i].contains(old) {
                return found("names one twice");
            }
        }
        if group.members().count() < 2 {
            return found("leaves nobody of whom the newcomer could take a copy");
        }
        let own = self.replica.as_ref().map(|replica| replica.id)?;
        let i = self.replaced.iter().position(|old| *old == own)?;
        let why = format!("rm{own} was replaced by rm{}, and must not serve any more", first + i);
        Some(("replica.id".into(), why))
    }

    /// The configurations before each replacement, the oldest first.
    pub fn earlier(&self) -> Vec<Self> {
        let count = self.replaced.len();
        let before = |epoch: usize| {
            let since = count - epoch;
            let mut config = self.clone();
            config.replicas.truncate(self.replicas.len() - since);
            config.replaced.truncate(epoch);
            config.updatable = self.updatable.map(|n| n - since as u16);
            config
        };
        (0..count).map(before).collect()
    }

    /// How datagrams looked before each replacement, the oldest first.
    pub fn earlier_codecs(&self) -> Vec<Codec> {
        self.earlier().iter().map(Self::codec).collect()
    }
}
