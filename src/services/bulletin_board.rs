//! Posts and replies, the example of the source: causality is what its readers would miss first.

use crate::{Applied, RequestId, Service};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A board on which nothing is taken down.
///
/// No reply is shown before what it answers, and posts of one thread level are shown in an order that
/// every reader sees and that puts causes before effects.
///
/// Obeys the law: posts are only added to a set. Their place in it is given by `prev` and the id, which
/// all records of an update share; which of its timestamps a manager met first does not matter. A reply
/// to a post that its author cannot have seen is kept and shown when that post arrives.
///
/// ```
/// # use chinwag::{*, services::{BulletinBoard, Post}};
/// # let id = |number| RequestId { front_end: FrontEndId(0), serial: Serial { incarnation: 0, number } };
/// # let [nothing, ts1, ts2] = [[0], [1], [2]].map(Timestamp::from_iter);
/// let mut board = BulletinBoard::default();
/// let [lost, found] = [Post::new("Lost: my dog"), Post::reply(id(1), "It is here")];
/// board.apply(Applied { op: &lost, id: id(1), prev: &nothing, ts: &ts1 });
/// board.apply(Applied { op: &found, id: id(2), prev: &ts1, ts: &ts2 });
///
/// let shown = board.answer(&());
/// assert_eq!((shown[0].depth, &*shown[0].text), (0, "Lost: my dog"));
/// assert_eq!((shown[1].depth, &*shown[1].text), (1, "It is here"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct BulletinBoard {
    posts: BTreeSet<Posted>,
}

/// The update of a [`BulletinBoard`]: something to say.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Post {
    /// What it answers, as named in [`Shown::id`]; nothing if it opens a thread.
    pub reply_to: Option<RequestId>,
    /// What it says.
    pub text: String,
}

impl Post {
    /// Opens a thread.
    pub fn new(text: impl Into<String>) -> Self {
        Self { reply_to: None, text: text.into() }
    }

    /// Answers a post.
    pub fn reply(to: RequestId, text: impl Into<String>) -> Self {
        Self { reply_to: Some(to), text: text.into() }
    }
}

/// A post with its place in the order of display, which is the derived one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Posted {
    /// The weight of `prev`. Whatever the author had seen weighs less: its timestamp is covered by this
    /// `prev`, and is greater than its own `prev`. So ascending weight puts causes first (C3c).
    weight: u128,
    id: RequestId,
    post: Post,
}

/// A post as shown. Flat, so that no depth of replies can exhaust the stack of who decodes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Shown {
    /// Names the post, for replies.
    pub id: RequestId,
    /// How many posts it answers, directly and indirectly: how far to indent it.
    pub depth: usize,
    /// What it says.
    pub text: String,
}

impl Service for BulletinBoard {
    type Op = Post;
    type Query = ();
    /// The posts, each followed by its replies; causes first among the replies to one post.
    type Answer = Vec<Shown>;

    fn apply(&mut self, update: Applied<'_, Post>) {
        let (weight, post) = (update.prev.weight(), update.op.clone());
        self.posts.insert(Posted { weight, id: update.id, post });
    }

    fn answer(&self, (): &()) -> Vec<Shown> {
        let mut replies: BTreeMap<Option<RequestId>, Vec<&Posted>> = BTreeMap::new();
        for posted in self.posts.iter().rev() {
            replies.entry(posted.post.reply_to).or_default().push(posted);
        }
        let mut shown = Vec::new();
        // Posts that are still to be shown, the next one last. A post that answers itself is never due.
        let mut due: Vec<(usize, &Posted)> = Vec::new();
        due.extend(replies.remove(&None).into_iter().flatten().map(|posted| (0, posted)));
        while let Some((depth, Posted { id, post, .. })) = due.pop() {
            shown.push(Shown { id: *id, depth, text: post.text.clone() });
            let answers = replies.remove(&Some(*id)).into_iter().flatten();
            due.extend(answers.map(|posted| (depth + 1, posted)));
        }
        shown
    }
}
