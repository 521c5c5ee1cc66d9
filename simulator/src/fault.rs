//! What can go wrong, and when: one line of text a fault, so that a run is a list from which faults can be
//! left out.

/// What goes wrong. Which numbers of [`Fault`] it takes is said with each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Power is lost at the `much`-th step of `who`'s disk from now, at once if zero; back after `for_ms`.
    Crash,
    /// The process of `who` is killed between two steps; the system and its disk go on. Back after `for_ms`.
    Kill,
    /// The next sync of `who`'s disk fails, and the system forgets what it could not write.
    SyncFails,
    /// `who`'s disk says that it has synced, and has not, for `for_ms`.
    Lie,
    /// `who`'s disk has room for `much` more bytes, for `for_ms`.
    Full,
    /// `who` does nothing for `for_ms`, and then goes on.
    Pause,
    /// Each step of `who` takes `much` milliseconds, for `for_ms`.
    Slow,
    /// `who`'s clock jumps forward by `much` milliseconds.
    Jump,
    /// `who`'s clock runs at `much` thousandths of the true speed from now on.
    Drift,
    /// The nodes in the set `much` (a bit each) and the others do not hear each other, for `for_ms`.
    Partition,
    /// Node `much` does not hear `who`, for `for_ms`; the other direction is as it was.
    OneWay,
    /// What `who` sends to node `much` is held up, and comes all at once after `for_ms`.
    Clog,
    /// `who` takes a checkpoint.
    Checkpoint,
    /// A copy of `who`'s disk is put away.
    Backup,
    /// Power is lost at `who`, and the copy is put back in place of its disk; the right one after the
    /// refusal.
    Restore,
    /// Power is lost at `who`, and an empty disk put in place of its own; the right one after the refusal.
    Wipe,
    /// `who` and node `much` do not hear each other any more, until all the rest has healed.
    Sever,
    /// Client `who` has another address from now on.
    Roam,
    /// Client `who` is not heard of again, unless it returns.
    Vanish,
    /// Client `who` comes back with its session, if it had vanished.
    Return,
    /// Power is lost at `who` now, and once more at the `much`-th step of its disk after it has come back:
    /// while it recovers, if that takes as many. Back after `for_ms`, each time.
    CrashStart,
    /// `who` is stopped, and comes back after `for_ms` as a program of the version before.
    Downgrade,
    /// `who` is stopped, and comes back after `for_ms` as a program of the newest version.
    Upgrade,
    /// Somebody lies: an update for `who` claims to build on `much` more of its own than there can be when it
    /// arrives.
    Boast,
    /// The process of client `who` ends, and another one goes on with its session, under the next
    /// incarnation. What was under way is abandoned.
    Renew,
    /// `who` is gone for good and is replaced by a new one, after all others: within `for_ms` everyone starts
    /// anew with a configuration that says so. If `much` is odd, it runs on meanwhile, until it is told. Half
    /// of `much`, if not zero, is the step of the disk at which power is lost while each one records it.
    Replace,
}

/// Kinds that came later. They are drawn after all others, so that what else befalls the run of a seed stays
/// as it was.
pub const LATER: [Kind; 7] = [
    Kind::Return,
    Kind::CrashStart,
    Kind::Downgrade,
    Kind::Upgrade,
    Kind::Boast,
    Kind::Renew,
    Kind::Replace,
];

/// All kinds, by name.
pub const KINDS: &[(Kind, &str)] = &[
    (Kind::Crash, "crash"),
    (Kind::Kill, "kill"),
    (Kind::SyncFails, "sync-fails"),
    (Kind::Lie, "lie"),
    (Kind::Full, "full"),
    (Kind::Pause, "pause"),
    (Kind::Slow, "slow"),
    (Kind::Jump, "jump"),
    (Kind::Drift, "drift"),
    (Kind::Partition, "partition"),
    (Kind::OneWay, "one-way"),
    (Kind::Clog, "clog"),
    (Kind::Checkpoint, "checkpoint"),
    (Kind::Backup, "backup"),
    (Kind::Restore, "restore"),
    (Kind::Wipe, "wipe"),
    (Kind::Sever, "sever"),
    (Kind::Roam, "roam"),
    (Kind::Vanish, "vanish"),
    (Kind::Return, "return"),
    (Kind::CrashStart, "crash-start"),
    (Kind::Downgrade, "downgrade"),
    (Kind::Upgrade, "upgrade"),
    (Kind::Boast, "boast"),
    (Kind::Renew, "renew"),
    (Kind::Replace, "replace"),
];

impl Kind {
    /// What it is called in scenarios and reports.
    pub fn name(self) -> &'static str {
        KINDS.iter().find(|(kind, _)| *kind == self).expect("all kinds are there").1
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        KINDS.iter().find(|(_, known)| *known == name).map(|(kind, _)| *kind)
    }

    /// Does it befall a client, and not a replica manager?
    pub fn is_clients(self) -> bool {
        matches!(self, Kind::Roam | Kind::Vanish | Kind::Return | Kind::Renew)
    }
}

/// Something that goes wrong at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// When, in milliseconds.
    pub at_ms: u64,
    /// What.
    pub kind: Kind,
    /// With whom.
    pub who: u16,
    /// How much, or with whom else.
    pub much: u64,
    /// For how long, in milliseconds.
    pub for_ms: u64,
}
