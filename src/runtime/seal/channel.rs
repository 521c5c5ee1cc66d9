//! A transport whose datagrams are sealed, if there are keys.

use super::{KeyRing, Opened, SealError, Sealer};
use crate::runtime::{Metrics, SEALED_BYTES_MAX, Transport};
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// Worthless datagrams that are looked at in one call: a flood of them must not stop the caller's timers.
const DROPPED_AT_ONCE: usize = 16;

/// Seals what is sent, and opens what is received. Without keys it changes nothing.
#[derive(Debug)]
pub struct Channel<T> {
    inner: T,
    sealer: Option<Sealer>,
    dropped: BTreeMap<SealError, u64>,
    metrics: Option<Metrics>,
    buffer: Vec<u8>,
    reload: Option<(PathBuf, Arc<AtomicBool>)>,
}

impl<T: Transport> Channel<T> {
    /// Over this transport, sealed by this sealer if there is one.
    pub fn new(inner: T, sealer: Option<Sealer>) -> Self {
        let buffer = vec![0; SEALED_BYTES_MAX + 1];
        Self { inner, sealer, dropped: BTreeMap::new(), metrics: None, buffer, reload: None }
    }

    /// Reads its keys again from this file whenever `asked` is set. If they cannot be read, it says so on
    /// standard error and goes on with those that it has.
    pub fn reload_from(&mut self, path: PathBuf, asked: Arc<AtomicBool>) {
        self.reload = Some((path, asked));
    }

    /// Counts what it drops among these figures, too.
    pub fn count_in(&mut self, metrics: Metrics) {
        self.metrics = Some(metrics);
    }

    /// What it is over.
    pub fn inner(&self) -> &T {
        &self.inner
    }

    /// Datagrams that it dropped, by reason.
    pub fn dropped(&self) -> &BTreeMap<SealError, u64> {
        &self.dropped
    }

    fn count(&mut self, why: SealError) {
        *self.dropped.entry(why).or_default() += 1;
        if let Some(metrics) = &mut self.metrics {
            metrics.dropped.add(why.reason(), 1);
        }
    }

    fn change_keys_if_asked(&mut self) {
        let Some((path, asked)) = &self.reload else { return };
        let Some(sealer) = self.sealer.as_mut().filter(|_| asked.swap(false, Ordering::Relaxed))
        else {
            return;
        };
        match KeyRing::read(path) {
            Ok(ring) => {
                eprintln!("keys read again: {:?}", ring.keys());
                sealer.change_keys(ring);
            }
            Err(error) => eprintln!("the keys stay as they were: {error}"),
        }
    }
}

impl<T: Transport> Transport for Channel<T> {
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) -> io::Result<()> {
        let Some(sealer) = &mut self.sealer else { return self.inner.send(to, bytes) };
        match sealer.seal(to, bytes) {
            Ok(sealed) => self.inner.send(to, &sealed),
            Err(why) => {
                self.count(why);
                Ok(())
            }
        }
    }

    /// May return before the time with nothing: after something that was not for the caller.
    fn receive(
        &mut self,
        buffer: &mut [u8],
        wait: Duration,
    ) -> io::Result<Option<(usize, SocketAddr)>> {
        self.change_keys_if_asked();
        let mut wait = wait;
        for _ in 0..DROPPED_AT_ONCE {
            let Some(sealer) = &mut self.sealer else { return self.inner.receive(buffer, wait) };
            let Some((length, from)) = self.inner.receive(&mut self.buffer, wait)? else { break };
            match sealer.open(from, &self.buffer[..length]) {
                Ok(Opened::Plain(plain)) => {
                    let length = plain.len().min(buffer.len());
                    buffer[..length].copy_from_slice(&plain[..length]);
                    return Ok(Some((length, from)));
                }
                Ok(Opened::Answer(answer, why)) => {
                    // A lost one is asked for again.
                    let _ = self.inner.send(from, &answer);
                    why.into_iter().for_each(|why| self.count(why));
                }
                Err(why) => self.count(why),
            }
            wait = Duration::ZERO;
        }
        Ok(None)
    }

    fn refused(&self) -> u64 {
        self.dropped.values().sum()
    }
}
