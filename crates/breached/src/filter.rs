//! The file of a filter, and lookups in it.
//!
//! Layout, little-endian: a header of 64 bytes; a table of 40 bytes for each shard; the fingerprints. The shard of a digest
//! is its first `shard_bits` bits, so that a set of any size is built with little memory. A lookup reads three fingerprints
//! at their places (`pread`); the kernel's page cache is shared by all processes, as a memory map's would be, and a file
//! that is cut short or replaced under us is an error and no signal. See docs/decisions/0009.
use crate::fuse::Shape;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use usher_crypto::digest::{equal, sha256};
use usher_types::Timestamp;

pub(crate) const MAGIC: &[u8; 8] = b"USHRFUSE";
pub(crate) const VERSION: u16 = 1;
pub(crate) const HEADER: usize = 64;
pub(crate) const ENTRY: usize = 40;
/// 65,536 shards at most: enough for tens of billions of digests.
pub(crate) const MAX_SHARD_BITS: u32 = 16;

/// One shard as the table has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shard {
    pub(crate) offset: u64,
    pub(crate) keys: u32,
    pub(crate) shape: Shape,
    /// The first 8 bytes of the fingerprints' SHA-256.
    pub(crate) check: [u8; 8],
}

impl Shard {
    pub(crate) const EMPTY: Self = Self {
        offset: 0,
        keys: 0,
        shape: Shape {
            seed: 0,
            segment: 0,
            starts: 0,
        },
        check: [0; 8],
    };

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.offset.to_le_bytes());
        out.extend(self.shape.seed.to_le_bytes());
        out.extend(self.keys.to_le_bytes());
        out.extend(self.shape.segment.to_le_bytes());
        out.extend(self.shape.starts.to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.check);
    }

    fn read(bytes: &[u8]) -> Self {
        Self {
            offset: u64::from_le_bytes(part(bytes, 0)),
            shape: Shape {
                seed: u64::from_le_bytes(part(bytes, 8)),
                segment: u32::from_le_bytes(part(bytes, 20)),
                starts: u32::from_le_bytes(part(bytes, 24)),
            },
            keys: u32::from_le_bytes(part(bytes, 16)),
            check: part(bytes, 32),
        }
    }

    fn bytes(&self) -> u64 {
        if self.keys == 0 {
            0
        } else {
            self.shape.places() * 2
        }
    }

    /// Nothing that a lookup could be led astray with.
    fn is_sound(&self, from: u64, len: u64) -> bool {
        if self.keys == 0 {
            return true;
        }
        let end = self.offset.checked_add(self.bytes());
        self.shape.segment.is_power_of_two()
            && self.shape.segment <= 1 << 18
            && self.shape.starts > 0
            && self.shape.starts.is_multiple_of(self.shape.segment)
            && self.shape.places() <= u64::from(u32::MAX)
            && self.offset >= from
            && end.is_some_and(|end| end <= len)
    }
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

/// Header and table as they are at the head of a file.
pub(crate) fn head(shard_bits: u32, keys: u64, built_at: Timestamp, shards: &[Shard]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER + shards.len() * ENTRY);
    out.extend(MAGIC);
    out.extend(VERSION.to_le_bytes());
    out.extend(u16::try_from(shard_bits).unwrap_or(u16::MAX).to_le_bytes());
    out.extend([0; 4]);
    out.extend(keys.to_le_bytes());
    out.extend(built_at.0.to_le_bytes());
    out.resize(HEADER, 0);
    for shard in shards {
        shard.write(&mut out);
    }
    let check = sha256(&out);
    out[32..HEADER].copy_from_slice(&check);
    out
}

/// Why a file is not used.
#[derive(Debug)]
pub enum FilterError {
    /// It cannot be read.
    Io(io::Error),
    /// It is not one that `usher breached build` made, or it is damaged.
    Damaged,
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(e) => e.fmt(f),
            Self::Damaged => {
                f.write_str("not a file of `usher breached build`, or damaged: build it again")
            }
        }
    }
}

impl std::error::Error for FilterError {}

impl From<io::Error> for FilterError {
    fn from(e: io::Error) -> Self {
        if e.kind() == io::ErrorKind::UnexpectedEof {
            Self::Damaged
        } else {
            Self::Io(e)
        }
    }
}

/// An open filter.
#[derive(Debug)]
pub struct Filter {
    file: File,
    shard_bits: u32,
    shards: Vec<Shard>,
    keys: u64,
    built_at: Timestamp,
}

/// The number that a digest is a key by: its first 8 bytes, of which the first bits are the shard's.
pub(crate) fn key(digest: &[u8; 20]) -> u64 {
    u64::from_be_bytes(part(digest, 0))
}

pub(crate) fn shard_of(key: u64, shard_bits: u32) -> usize {
    usize::try_from(key.checked_shr(64 - shard_bits).unwrap_or(0)).unwrap_or(usize::MAX)
}

impl Filter {
    /// Opens a file: reads its head (some hundred kilobytes) and holds it against its checksum. The fingerprints are not
    /// read: see [`Filter::verify`].
    ///
    /// # Errors
    /// See [`FilterError`].
    pub fn open(path: &Path) -> Result<Self, FilterError> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let mut header = [0; HEADER];
        file.read_exact_at(&mut header, 0)?;
        let shard_bits = u32::from(u16::from_le_bytes(part(&header, 10)));
        if &header[..8] != MAGIC
            || u16::from_le_bytes(part(&header, 8)) != VERSION
            || shard_bits > MAX_SHARD_BITS
        {
            return Err(FilterError::Damaged);
        }
        let mut all = vec![0; HEADER + (ENTRY << shard_bits)];
        file.read_exact_at(&mut all, 0)?;
        let check: [u8; 32] = part(&all, 32);
        all[32..HEADER].fill(0);
        if !equal(&sha256(&all), &check) {
            return Err(FilterError::Damaged);
        }
        let from = all.len() as u64;
        let shards: Vec<Shard> = all[HEADER..].chunks_exact(ENTRY).map(Shard::read).collect();
        if !shards.iter().all(|shard| shard.is_sound(from, len)) {
            return Err(FilterError::Damaged);
        }
        Ok(Self {
            file,
            shard_bits,
            shards,
            keys: u64::from_le_bytes(part(&header, 16)),
            built_at: Timestamp(i64::from_le_bytes(part(&header, 24))),
        })
    }

    /// Whether the digest is one of the set: always true for those that are, once in 65,536 for others.
    ///
    /// # Errors
    /// A file that cannot be read any more.
    pub fn contains(&self, digest: &[u8; 20]) -> io::Result<bool> {
        let key = key(digest);
        let Some(shard) = self
            .shards
            .get(shard_of(key, self.shard_bits))
            .filter(|s| s.keys > 0)
        else {
            return Ok(false);
        };
        let (places, mut value) = shard.shape.locate(key);
        for place in places {
            let mut two = [0; 2];
            self.file
                .read_exact_at(&mut two, shard.offset + 2 * u64::from(place))?;
            value ^= u16::from_le_bytes(two);
        }
        Ok(value == 0)
    }

    /// Reads the whole file and holds it against its checksums.
    ///
    /// # Errors
    /// See [`FilterError`].
    pub fn verify(&self) -> Result<(), FilterError> {
        for shard in self.shards.iter().filter(|shard| shard.keys > 0) {
            let mut bytes =
                vec![0; usize::try_from(shard.bytes()).map_err(|_| FilterError::Damaged)?];
            self.file.read_exact_at(&mut bytes, shard.offset)?;
            if sha256(&bytes)[..8] != shard.check {
                return Err(FilterError::Damaged);
            }
        }
        Ok(())
    }

    /// How many digests it was built of.
    #[must_use]
    pub fn keys(&self) -> u64 {
        self.keys
    }

    /// When it was built.
    #[must_use]
    pub fn built_at(&self) -> Timestamp {
        self.built_at
    }
}
