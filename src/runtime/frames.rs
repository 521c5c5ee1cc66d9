//! Frames: how batches lie in a file one after the other, and which of them are whole.
//!
//! A frame is `length u32 | sequence number u64 | unsynced u32 | CRC of these 16 bytes | payload | CRC of the
//! payload`, numbers little-endian, CRC-32 (IEEE). Zeros follow the last frame. Two things about it:
//!
//! The length has a checksum of its own: were it only covered by the payload's, one flipped bit in it could
//! make every later frame look like a torn end. Both checksums go on from a seed, the payloads' from one
//! frame to the next, so that a frame from elsewhere never fits.
//!
//! `unsynced` counts the frames just before this one that were not known to be synced when it was written. So
//! every frame says which earlier ones were: if one of *these* is broken, something has destroyed it since
//! (PROTOCOL 1.9). If a frame is broken and no later one knows it to be synced, power was lost on its way.

/// The greatest payload of a frame. A length beyond is corruption.
pub const FRAME_BYTES_MAX: usize = u32::MAX as usize;

/// Bytes before a frame's payload.
const FRAME_HEADER: usize = 20;

/// Bytes of a frame that are not payload.
pub(super) const FRAME_OVERHEAD: usize = FRAME_HEADER + 4;

/// Where the next frame goes, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// Of the file.
    pub seed: u32,
    /// The last payload's checksum.
    pub crc: u32,
    /// The last frame's number.
    pub sequence: u64,
}

impl Chain {
    pub fn new(seed: u32, base: u64) -> Self {
        Self { seed, crc: seed, sequence: base }
    }

    /// The next frame; `unsynced` of those before it are not known to be synced.
    pub fn frame(&mut self, unsynced: u32, payload: &[u8]) -> Vec<u8> {
        self.sequence += 1;
        self.crc = crc(self.crc, payload);
        let mut bytes = Vec::with_capacity(payload.len() + FRAME_OVERHEAD);
        bytes.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&self.sequence.to_le_bytes());
        bytes.extend_from_slice(&unsynced.to_le_bytes());
        bytes.extend_from_slice(&crc(self.seed, &bytes).to_le_bytes());
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(&self.crc.to_le_bytes());
        bytes
    }

    /// The frame at the start of `bytes`, if the next one is there.
    fn next<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let header = FrameHeader::read(self.seed, bytes)?;
        let (payload, rest) = bytes.get(FRAME_HEADER..)?.split_at_checked(header.length)?;
        let found = rest.first_chunk::<4>()?;
        let crc = crc(self.crc, payload);
        if crc.to_le_bytes() != *found || header.sequence != self.sequence + 1 {
            return None;
        }
        (self.crc, self.sequence) = (crc, header.sequence);
        Some(payload)
    }
}

/// What reading frames found.
#[derive(Debug)]
pub(super) struct Frames<'a> {
    /// The whole frames' payloads with their sequence numbers, in order, and where they start.
    pub frames: Vec<(u64, usize, &'a [u8])>,
    /// Where the last whole frame ends.
    pub end: usize,
    /// How the next one must begin.
    pub chain: Chain,
    /// Bytes from there on that are not zero, or lie before one that is not: a torn frame.
    pub torn: usize,
}

/// Reads frames up to the end or a torn last one. On corruption, says at which offset.
pub(super) fn read_frames(bytes: &[u8], mut chain: Chain) -> Result<Frames<'_>, usize> {
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    let (mut frames, mut end) = (Vec::new(), 0);
    while let Some(payload) = chain.next(&bytes[end..]) {
        frames.push((chain.sequence, end, payload));
        end += payload.len() + FRAME_OVERHEAD;
    }
    // The last frame's last bytes may be zeros themselves.
    let torn = used.saturating_sub(end);
    if torn > 0 && is_known_synced(&bytes[end..end + torn], chain) {
        return Err(end);
    }
    Ok(Frames { frames, end, chain, torn })
}

/// Does anything in the rest say that the frame at its start was synced? The broken frame's own bytes are
/// left out: all if its length can be trusted, else those of the shortest frame. Without the latter, a
/// payload of 16 bytes in a journal's first frame would be taken for a header: its checksum goes on from the
/// same seed.
fn is_known_synced(rest: &[u8], chain: Chain) -> bool {
    let expected = chain.sequence + 1;
    let first = FrameHeader::read(chain.seed, rest);
    let length = first.as_ref().map_or(0, |header| header.length);
    let skip = length.saturating_add(FRAME_OVERHEAD);
    let foreign = first.is_some_and(|header| header.sequence != expected);
    let says = |at: usize| {
        let header = FrameHeader::read(chain.seed, &rest[at..])?;
        let synced = (header.sequence - 1).saturating_sub(header.unsynced.into());
        Some(header.sequence > expected && synced >= expected)
    };
    foreign || (skip..rest.len()).any(|at| says(at).unwrap_or(false))
}

struct FrameHeader {
    length: usize,
    sequence: u64,
    unsynced: u32,
}

impl FrameHeader {
    fn read(seed: u32, bytes: &[u8]) -> Option<Self> {
        let (header, _) = bytes.split_first_chunk::<FRAME_HEADER>()?;
        let (fields, sum) = header.split_at(FRAME_HEADER - 4);
        if crc(seed, fields).to_le_bytes() != *sum {
            return None;
        }
        let (length, rest) = fields.split_first_chunk()?;
        let (sequence, unsynced) = rest.split_first_chunk()?;
        let sequence = u64::from_le_bytes(*sequence);
        let unsynced = u32::from_le_bytes(*unsynced.first_chunk()?);
        (sequence > 0).then_some(Self {
            length: u32::from_le_bytes(*length) as usize,
            sequence,
            unsynced,
        })
    }
}

fn crc(seed: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(seed);
    hasher.update(bytes);
    hasher.finalize()
}
