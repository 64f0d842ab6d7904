//! Making a filter's file of dumps and lists, in memory that does not grow with them: the digests are parted by their first
//! byte into temporary files beside the result, and each shard is built by itself.
use crate::digest;
use crate::filter::{self, Shard};
use crate::fuse::Fuse;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use usher_crypto::digest::sha256;
use usher_types::Timestamp;

/// Parts, by the first byte of a digest.
const PARTS: usize = 256;
/// A shard's keys, about: 13 MB of memory while it is built, a megabyte in the file.
const SHARD_KEYS: u64 = 400_000;
/// Bytes of a line at most; longer ones are skipped.
const LINE: u64 = 4096;

/// What a line of the input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// `SHA1:count`, or `SHA1`: 40 hexadecimal digits.
    Digests,
    /// A password.
    Passwords,
}

/// What to build.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Files, of one kind.
    pub inputs: Vec<PathBuf>,
    /// Their kind.
    pub kind: Input,
    /// The file to write; it appears whole or not at all.
    pub output: PathBuf,
    /// Digests that were counted less often are left out. Without effect on lines without a count.
    pub min_count: u64,
    /// When it is built.
    pub now: Timestamp,
}

/// What was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Built {
    /// Digests in it, each counted once.
    pub keys: u64,
    /// Lines that were not taken: not of the kind, too long, or empty.
    pub skipped: u64,
    /// Size of the file.
    pub bytes: u64,
}

/// The temporary files; they go with this value.
struct Parts {
    folder: PathBuf,
    files: Vec<BufWriter<File>>,
    count: u64,
}

impl Parts {
    fn new(output: &Path) -> io::Result<Self> {
        let folder = suffixed(output, ".parts");
        std::fs::create_dir(&folder)?;
        let mut parts = Self {
            folder,
            files: Vec::with_capacity(PARTS),
            count: 0,
        };
        for index in 0..PARTS {
            let file = File::create(parts.path(index))?;
            parts.files.push(BufWriter::with_capacity(32 * 1024, file));
        }
        Ok(parts)
    }

    fn path(&self, index: usize) -> PathBuf {
        self.folder.join(format!("{index:02x}"))
    }

    fn add(&mut self, digest: &[u8; 20]) -> io::Result<()> {
        self.count += 1;
        self.files[usize::from(digest[0])].write_all(&filter::key(digest).to_be_bytes())
    }

    /// The keys of a part, in order, each once.
    fn take(&mut self, index: usize) -> io::Result<Vec<u64>> {
        self.files[index].flush()?;
        let bytes = std::fs::read(self.path(index))?;
        std::fs::remove_file(self.path(index))?;
        let (keys, _) = bytes.as_chunks::<8>();
        let mut keys: Vec<u64> = keys.iter().map(|key| u64::from_be_bytes(*key)).collect();
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        // Nothing of them is of use any more, and there is nobody to tell.
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Builds a filter's file. Blocking: for minutes, where the input is a whole dump.
///
/// # Errors
/// Files that cannot be read or written; no digest at all in the input.
pub fn build(plan: &Plan) -> io::Result<Built> {
    let mut parts = Parts::new(&plan.output)?;
    let mut skipped = 0;
    for input in &plan.inputs {
        let named = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", input.display()));
        let file = File::open(input).map_err(named)?;
        skipped +=
            read(BufReader::with_capacity(1 << 20, file), plan, &mut parts).map_err(named)?;
    }
    if parts.count == 0 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the input has no digest; is it a list of passwords (--plain)?",
        ));
    }
    let fresh = suffixed(&plan.output, ".new");
    let (keys, bytes) = write(&fresh, &mut parts, plan.now)?;
    std::fs::rename(&fresh, &plan.output)?;
    Ok(Built {
        keys,
        skipped,
        bytes,
    })
}

/// Parts the digests of a file; the lines that were not taken.
fn read(mut from: impl BufRead, plan: &Plan, parts: &mut Parts) -> io::Result<u64> {
    let mut skipped = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        if from.by_ref().take(LINE).read_until(b'\n', &mut line)? == 0 {
            return Ok(skipped);
        }
        let whole = line.last() == Some(&b'\n') || (line.len() as u64) < LINE;
        if !whole {
            // The rest of a line that is too long.
            loop {
                let buffer = from.fill_buf()?;
                let end = buffer.iter().position(|b| *b == b'\n');
                let used = end.map_or(buffer.len(), |at| at + 1);
                from.consume(used);
                if end.is_some() || used == 0 {
                    break;
                }
            }
        }
        let text = line.trim_ascii_end_of_line();
        let found = match plan.kind {
            _ if !whole => None,
            Input::Digests => {
                counted(text).filter(|(_, count)| count.is_none_or(|c| c >= plan.min_count.max(1)))
            }
            Input::Passwords => std::str::from_utf8(text)
                .ok()
                .filter(|password| !password.is_empty())
                .map(|password| (digest(password), None)),
        };
        match found {
            Some((digest, _)) => parts.add(&digest)?,
            None => skipped += 1,
        }
    }
}

/// Cutting off the end of a line.
trait Line {
    fn trim_ascii_end_of_line(&self) -> &[u8];
}

impl Line for Vec<u8> {
    /// A password may begin and end with spaces: only the line's own end is cut off.
    fn trim_ascii_end_of_line(&self) -> &[u8] {
        let text = self.strip_suffix(b"\n").unwrap_or(self);
        text.strip_suffix(b"\r").unwrap_or(text)
    }
}

/// `SHA1:count` or `SHA1`.
fn counted(line: &[u8]) -> Option<([u8; 20], Option<u64>)> {
    let (hex, rest) = line.split_at_checked(40)?;
    let mut digest = [0; 20];
    for (byte, pair) in digest.iter_mut().zip(hex.as_chunks::<2>().0) {
        let nibble = |c: u8| {
            char::from(c)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    let count = match rest {
        [] => None,
        [b':', count @ ..] if !count.is_empty() && count.iter().all(u8::is_ascii_digit) => {
            Some(std::str::from_utf8(count).ok()?.parse().ok()?)
        }
        _ => return None,
    };
    Some((digest, count))
}

/// Writes the shards, then the head before them. How many keys, how many bytes.
fn write(path: &Path, parts: &mut Parts, now: Timestamp) -> io::Result<(u64, u64)> {
    let shard_bits = (0..filter::MAX_SHARD_BITS)
        .find(|bits| parts.count >> bits <= SHARD_KEYS)
        .unwrap_or(filter::MAX_SHARD_BITS);
    let mut shards = vec![Shard::EMPTY; 1 << shard_bits];
    let mut offset = (filter::HEADER + shards.len() * filter::ENTRY) as u64;
    let mut out = BufWriter::with_capacity(1 << 20, File::create(path)?);
    out.seek(SeekFrom::Start(offset))?;
    let mut pending: Vec<u64> = Vec::new();
    let mut keys = 0;
    for index in 0..PARTS {
        pending.append(&mut parts.take(index)?);
        // A shard is whole when the next part's keys are beyond it. Shards can be smaller and larger than parts.
        let next = u64::try_from(index + 1).unwrap_or(0) << 56;
        let mut rest = pending.as_slice();
        while let Some(first) = rest.first() {
            let shard = filter::shard_of(*first, shard_bits);
            let len = rest.partition_point(|key| filter::shard_of(*key, shard_bits) == shard);
            if len == rest.len() && index + 1 < PARTS && filter::shard_of(next, shard_bits) == shard
            {
                break;
            }
            let (own, others) = rest.split_at(len);
            rest = others;
            let bytes = bytes_of(own, &mut shards[shard], offset)?;
            out.write_all(&bytes)?;
            offset += bytes.len() as u64;
            keys += own.len() as u64;
        }
        let left = pending.len() - rest.len();
        pending.drain(..left);
    }
    out.seek(SeekFrom::Start(0))?;
    out.write_all(&filter::head(shard_bits, keys, now, &shards))?;
    out.into_inner()?.sync_all()?;
    Ok((keys, offset))
}

/// The fingerprints of a shard; notes it in the table.
fn bytes_of(keys: &[u64], shard: &mut Shard, offset: u64) -> io::Result<Vec<u8>> {
    let fuse = Fuse::new(keys)
        .ok_or_else(|| io::Error::other("no filter can be built of these digests"))?;
    let bytes: Vec<u8> = fuse
        .fingerprints
        .iter()
        .flat_map(|f| f.to_le_bytes())
        .collect();
    let mut check = [0; 8];
    check.copy_from_slice(&sha256(&bytes)[..8]);
    *shard = Shard {
        offset,
        keys: u32::try_from(keys.len()).map_err(io::Error::other)?,
        shape: fuse.shape,
        check,
    };
    Ok(bytes)
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
