//! Judging a history by what clients saw, without a look at any timestamp. Deliberately knows nothing of
//! how the answers came about, so it judges other protocols as well.
//!
//! Two checkers, which agree wherever both apply (`tests/agreement.rs` tries all small histories):
//!
//! | | [`CausalConsistencyTester`] | [`sessions`] |
//! |---|---|---|
//! | judges | any sequential specification | services whose answers list the updates they reflect |
//! | cost | exponential, exact, says when it gives up | polynomial |
//! | knows client-to-client messages | no | yes |
//! | tells | consistent or not | which guarantee broke, where and why |

//!
//! For long histories of registers, each write with a value of its own, see [`crate::history`].

mod search;
pub mod sessions;
mod spec;
mod tester;

pub use search::{OPERATIONS_MAX, STEPS_MAX};
pub use spec::*;
pub use tester::*;
