//! Whose a data directory is, and how its files say so.

use super::{ClusterId, StorageError};
use crate::{Group, ReplicaId};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The version of the files' form. A directory of another version is refused.
pub const FORMAT_VERSION: u16 = 2;

/// Bytes before the first frame of a file.
pub(super) const HEADER_BYTES: usize = 36;

const MAGIC: &[u8; 4] = b"CWJ\n";

/// Whose directory it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The cluster's name.
    pub cluster: String,
    /// The service's name.
    pub service: String,
    /// The cluster's identity, which covers its size as well.
    pub cluster_id: ClusterId,
    /// The cluster's size.
    pub group: Group,
    /// The replica manager's place.
    pub replica: ReplicaId,
}

/// What the file `identity` holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    format: u16,
    cluster: String,
    service: String,
    cluster_id: String,
    updatable: u16,
    replicas: u16,
    replica: u16,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    replaced: Vec<u16>,
    directory: String,
}

impl Identity {
    /// The text of the file, for a directory of this number.
    pub(super) fn text(&self, directory: u64) -> String {
        let Self { cluster, service, cluster_id, group, replica } = self.clone();
        let written = Written {
            format: FORMAT_VERSION,
            cluster,
            service,
            cluster_id: cluster_id.to_string(),
            updatable: group.updatable,
            replicas: group.replicas,
            replica: replica.0,
            replaced: group
                .places()
                .filter(|place| !group.is_member(*place))
                .map(|p| p.0)
                .collect(),
            directory: format!("{directory:016x}"),
        };
        toml::to_string(&written).expect("text and numbers can be written")
    }

    /// Reads the file back: whose the directory is, and its number.
    pub(super) fn read(path: &Path, bytes: &[u8]) -> Result<(Self, u64), StorageError> {
        let corrupt = |problem| StorageError::Corrupt { path: path.into(), offset: 0, problem };
        let text = String::from_utf8_lossy(bytes);
        if let Some(found) = other_version(&text) {
            return Err(StorageError::Version { path: path.into(), found });
        }
        let written: Written = toml::from_str(&text)
            .map_err(|_| corrupt("it does not say whose directory this is"))?;
        let number = |text: &str| {
            let number = u64::from_str_radix(text, 16);
            number.map_err(|_| corrupt("it has a number that is none"))
        };
        let (directory, cluster_id) = (number(&written.directory)?, number(&written.cluster_id)?);
        let identity = Self {
            cluster: written.cluster,
            service: written.service,
            cluster_id: ClusterId(cluster_id),
            group: Group {
                updatable: written.updatable,
                replicas: written.replicas,
                ..Group::replaced(&written.replaced)
            },
            replica: ReplicaId(written.replica),
        };
        Ok((identity, directory))
    }

    /// In a few words, for messages.
    pub fn describe(&self) -> String {
        let Self { cluster, service, cluster_id, group, replica } = self;
        let Group { updatable, replicas, .. } = *group;
        format!(
            "{replica:?} of cluster {cluster:?} ({cluster_id}), {replicas} replica managers, \
             {updatable} updatable, service {service}"
        )
    }
}

/// The version that the text names, if it is not ours. Version 1 was one line of prose.
fn other_version(text: &str) -> Option<u16> {
    if text.starts_with("chinwag replica, format 1:") {
        return Some(1);
    }
    let line = text.lines().find_map(|line| line.strip_prefix("format = "))?;
    line.trim().parse().ok().filter(|version| *version != FORMAT_VERSION)
}

/// What each file starts with, so that files of two directories, or of two times, cannot be mixed unnoticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub replica: ReplicaId,
    pub cluster: ClusterId,
    /// Chosen at random when the directory was made.
    pub directory: u64,
    /// The last batch before the file: a journal goes on after it, an image ends with it.
    pub base: u64,
}

impl Header {
    pub fn bytes(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..4].copy_from_slice(MAGIC);
        bytes[4..6].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[6..8].copy_from_slice(&self.replica.0.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.cluster.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.directory.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.base.to_le_bytes());
        let crc = crc32fast::hash(&bytes[..32]);
        bytes[32..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Where the chain of checksums starts. Nobody outside can know it, so no operation's bytes can be made
    /// to look like a frame.
    pub fn seed(&self) -> u32 {
        crc32fast::hash(&self.bytes())
    }

    /// Reads the start of a file of `owner`'s directory; its `base` is the file's own.
    pub fn read(owner: &Self, file: &[u8]) -> Result<Self, &'static str> {
        let Some((found, _)) = file.split_first_chunk::<HEADER_BYTES>() else {
            return Err("the file is shorter than its header");
        };
        let base = u64::from_le_bytes(*found[24..32].first_chunk().expect("eight bytes"));
        let expected = Self { base, ..*owner };
        match *found == expected.bytes() {
            true => Ok(expected),
            false if crc32fast::hash(&found[..32]).to_le_bytes() != found[32..] => {
                Err("the header's checksum is wrong")
            }
            false => Err("the file was written for another directory, or by another version"),
        }
    }
}
