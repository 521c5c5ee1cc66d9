//! A member's directory goes over to the cluster in which somebody was replaced: once, durably, before the
//! member says anything there. Nothing else records a replacement, and nothing takes it back.

use super::{
    Config, Disk, FileStorage, HostError, Identity, Storage, StorageError, host::recover, udp,
};
use crate::{ReplicaId, ReplicaManager, Service};
use std::path::Path;

/// Records in this replica's directory the replacements that its configuration names and it does not know
/// yet.
/// How many there were: none if it knows them all, or if nothing is there.
pub fn record<S: Service>(config: &Config) -> Result<usize, HostError> {
    let replica = config.replica.as_ref().expect("the caller read a replica's configuration");
    let (directory, id) = (&replica.data_dir, ReplicaId(replica.id));
    let Some(found) = Identity::of(directory)? else { return Ok(0) };
    let is_found = |earlier: &Config| earlier.identity(id) == found;
    let earlier = config.earlier();
    let Some(epoch) = earlier.iter().position(is_found) else { return Ok(0) };
    let storage = FileStorage::open(directory, &found, false)?;
    let node = udp::manager(&earlier[epoch], replica);
    record_in::<S, _>(storage, &node, &config.identity(id))?;
    Ok(earlier.len() - epoch)
}

/// The same in a storage on any disk, of the `node` that it was before, which becomes `next`'s. The disk.
pub fn record_in<S: Service, D: Disk>(
    mut storage: FileStorage<D>,
    node: &ReplicaManager,
    next: &Identity,
) -> Result<D, HostError> {
    let saved = storage.load()?;
    let held = recover::<S>(node, saved.image.as_deref(), &saved.batches)?;
    let wide = held.widened(next.group.updatable.into());
    let image = postcard::to_allocvec(&wide).map_err(|_| HostError::Unwritable)?;
    Ok(storage.become_of(next, &image)?)
}

impl Identity {
    /// Whose this directory is, if it is anybody's.
    fn of(directory: &Path) -> Result<Option<Self>, StorageError> {
        let path = directory.join(super::file_storage::IDENTITY);
        let found = super::disk::read_if_there(&path);
        let found = found.map_err(super::disk::io_error("read it", &path))?;
        found.map(|bytes| Identity::read(&path, &bytes).map(|(identity, _)| identity)).transpose()
    }
}
