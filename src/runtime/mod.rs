//! The very same nodes as the checker's, serving clients over UDP from durable storage.
//!
//! Bytes become inputs of handlers here and effects become bytes; nothing is decided about the protocol.
//!
//! | file | what it turns into what |
//! |---|---|
//! | [`config`](Config) | a TOML file into a cluster and a replica of it |
//! | [`wire`](Codec) | datagrams into messages and back: the trust boundary |
//! | `versions` | what peers announce into the version that is spoken with each |
//! | [`storage`](Storage) | changes into frames that survive power loss |
//! | [`seal`](Sealer) | datagrams into sealed ones and back, by pre-shared keys |
//! | [`host`](Host) | inputs into outputs, journalling in between: sans I/O |
//! | [`client`](Client) | calls into requests with fail-over: over a [`Transport`] |
//! | `async_client` | the same calls into futures, on tokio (feature `tokio`) |
//! | [`udp`] | sockets and the system clock into the traits that the others take |
//! | [`watch`](Watch), [`metrics`](Metrics), [`http`] | what a host does into logs, figures and pages |
//! | [`command`] | words of a command line into operations of the shipped services |
//!
//! A client of a running cluster (`chinwag cluster --service counter` runs one):
//!
//! ```no_run
//! use chinwag::{runtime::udp, services::Counter};
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let mut client = udp::session::<Counter>("chinwag-cluster/cluster.toml")?;
//!     client.update(5)?;
//!     assert!(client.query(())? >= 5, "a client reads its own writes, whoever answers");
//!     Ok(())
//! }
//! ```

#[cfg(feature = "tokio")]
mod async_client;
mod client;
mod client_config;
mod client_error;
mod client_setup;
mod cluster;
mod codec;
pub mod command;
mod compact;
mod condition;
mod config;
mod copy;
mod disk;
mod durability;
mod faulty_disk;
mod file_storage;
mod frames;
mod front_ends;
mod held_replies;
mod host;
mod host_error;
pub mod http;
mod identity;
mod inspect;
mod joining;
mod journal;
mod lag;
pub mod live;
mod metrics;
mod nearest;
mod observer;
mod payload;
mod recorder;
mod replaced;
pub mod replacement;
mod resolve;
mod seal;
mod session;
mod socket;
mod storage;
mod system_drops;
mod timed_storage;
mod trace;
mod transport;
pub mod udp;
mod versions;
mod warnings;
mod watch;
mod wire;

#[cfg(feature = "tokio")]
pub use async_client::*;
pub use client::*;
pub use client_config::*;
pub use client_error::*;
pub use client_setup::*;
pub use cluster::*;
pub use codec::{COUNT_MAX, DecodeError, EncodeError};
pub use condition::*;
pub use config::*;
pub use copy::{
    COPY_ASK_EVERY, COPY_BYTES_MAX, COPY_DIGEST_BYTES, COPY_KEEP, COPY_PART_BYTES, COPY_PARTS,
    COPY_TRIES_MAX,
};
pub use disk::{DirectoryDisk, Disk, replace_file};
pub use durability::*;
pub use faulty_disk::*;
pub use file_storage::*;
pub use frames::FRAME_BYTES_MAX;
pub use front_ends::FRONT_ENDS_MAX;
pub use held_replies::HELD_REPLIES_MAX;
pub use host::*;
pub use host_error::*;
pub use identity::*;
pub use inspect::*;
pub use joining::ASK_EVERY;
pub use journal::{CHANGE_BYTES_EXTRA, decode_changes, encode_changes};
pub use metrics::*;
pub use observer::*;
pub use recorder::*;
pub use seal::*;
pub use session::*;
pub use storage::*;
pub use system_drops::dropped_by_system;
pub use timed_storage::*;
pub use trace::*;
pub use transport::*;
pub use versions::{BELIEVED_FOR, SPEAK_EVERY, Versions, WIRE_VERSION, WIRE_VERSION_BEFORE};
pub use warnings::*;
pub use watch::*;
pub use wire::*;
