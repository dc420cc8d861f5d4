//! What a clean stop remembers for the next start, so that a restart is no gap for replays.
//!
//! The file is used once: it is gone, durably, before its claims count. A crash later finds none, and the guard holds.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::digest::Digest;
use super::memory::Memory;
use super::shard::{Entry, State};
use crate::keys::read;
use crate::sig::time::Moment;

const MAGIC: &[u8; 20] = b"countersign replay 2";
/// Magic, the moment of writing, the guard that was still up then; both in milliseconds.
const HEAD: usize = 36;
/// Digest, end by the wall clock in milliseconds, seconds left when it was written, whether it was answered.
const ENTRY: usize = 45;
const CHECK: usize = 32;
/// More than a hundred million claims.
const MAX: u64 = 5 << 30;
/// Nobody restarts for this long: the file is a leftover of another life, a backup or a copied disk.
const STALE: Duration = Duration::from_hours(24);

/// Why nothing was read back. The guard stays.
#[derive(Debug, thiserror::Error)]
pub enum ReadBackError {
    /// The first start, or the last stop was not clean.
    #[error("there is no file of a clean stop")]
    Missing,
    /// Somebody else's file, cut short, or changed.
    #[error("the file is damaged or not a replay file of this version")]
    Damaged,
    /// Older than a day, or written in the future.
    #[error("the file is not of a recent stop")]
    Stale,
    /// It could be read but not removed, so it could be read twice.
    #[error("the file cannot be read and removed: {0}")]
    Io(String),
}

impl Memory {
    /// Writes every live claim to `path` in one step, readable by the owner only; says how many. For a clean stop: nothing may claim afterwards.
    pub fn write(&self, path: &Path, now: Moment) -> io::Result<usize> {
        let directory = directory_of(path);
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        let count = self.write_to(&mut BufWriter::new(file.as_file_mut()), now)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        File::open(directory)?.sync_all()?;
        Ok(count)
    }

    /// Takes over the claims of the last clean stop and lifts the guard; says how many. Whatever happens, the file is gone afterwards
    /// or the guard stays. A predecessor that stopped behind a guard of its own hands that one on: it could not remember what came before it.
    pub fn read(&self, path: &Path, now: Moment) -> Result<usize, ReadBackError> {
        let content = match read::regular(path, MAX) {
            Ok(content) => content,
            Err(read::ReadError::Missing) => return Err(ReadBackError::Missing),
            Err(error) => return Err(ReadBackError::Io(error.to_string())),
        };
        remove(path).map_err(|error| ReadBackError::Io(error.to_string()))?;
        let (guard, entries) = checked(&content.bytes, now)?;
        self.inherit(entries.iter().filter_map(entry), guard);
        Ok(entries.len())
    }

    fn write_to(&self, out: &mut impl Write, now: Moment) -> io::Result<usize> {
        let (claims, age) = (self.snapshot(now), self.at(now).age);
        let mut hash = Sha256::new();
        let mut put = |bytes: &[u8]| {
            hash.update(bytes);
            out.write_all(bytes)
        };
        put(MAGIC)?;
        put(&now.millis().to_be_bytes())?;
        put(&self.guard().to_be_bytes())?;
        for (digest, entry) in &claims {
            put(digest)?;
            put(&entry.wall.millis().to_be_bytes())?;
            put(&entry.age.saturating_sub(age).to_be_bytes())?;
            put(&[u8::from(entry.state == State::Answered)])?;
        }
        out.write_all(&hash.finalize())?;
        out.flush()?;
        Ok(claims.len())
    }
}

/// Without the second step a power cut could bring the file back.
fn remove(path: &Path) -> io::Result<()> {
    std::fs::remove_file(path)?;
    File::open(directory_of(path))?.sync_all()
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The guard and the entries of a whole, recent file.
fn checked(bytes: &[u8], now: Moment) -> Result<(i64, &[[u8; ENTRY]]), ReadBackError> {
    let (body, check) = bytes.split_last_chunk::<CHECK>().ok_or(ReadBackError::Damaged)?;
    if Sha256::digest(body).as_slice() != check {
        return Err(ReadBackError::Damaged);
    }
    let (head, entries) = body.split_first_chunk::<HEAD>().ok_or(ReadBackError::Damaged)?;
    let (written, guard) =
        head.strip_prefix(MAGIC).and_then(|rest| rest.split_at_checked(8)).ok_or(ReadBackError::Damaged)?;
    let number = |bytes: &[u8]| bytes.first_chunk().copied().map(i64::from_be_bytes).ok_or(ReadBackError::Damaged);
    let (written, guard) = (Moment::from_millis(number(written)?), number(guard)?);
    let (entries, rest) = entries.as_chunks::<ENTRY>();
    if !rest.is_empty() {
        return Err(ReadBackError::Damaged);
    }
    let recent = written <= now && now.since(written) <= STALE;
    if recent { Ok((guard, entries)) } else { Err(ReadBackError::Stale) }
}

/// What was pending when the process ended is doubtful for whoever reads it back.
fn entry(bytes: &[u8; ENTRY]) -> Option<(Digest, Entry)> {
    let (digest, rest) = bytes.split_first_chunk::<32>()?;
    let (until, rest) = rest.split_first_chunk::<8>()?;
    let (left, rest) = rest.split_first_chunk::<4>()?;
    let state = if rest == [1] { State::Answered } else { State::Doubtful };
    let wall = Moment::from_millis(i64::from_be_bytes(*until));
    Some((*digest, Entry { wall, age: u32::from_be_bytes(*left), state }))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::reject::Code;

    const NOW: Moment = Moment::from_secs(1_000_000);

    fn until() -> Moment {
        NOW.plus(Duration::from_secs(100))
    }

    /// A stopped store with two completed claims and a pending one, and its file.
    fn stopped() -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("replay");
        let memory = Memory::new(10, None);
        for name in 1..=3 {
            memory.claim(&[[name; 32]], until(), NOW).unwrap();
        }
        memory.complete(&[[1; 32], [2; 32]], State::Answered);
        assert_eq!(memory.write(&path, NOW).unwrap(), 3);
        (directory, path)
    }

    fn guarded() -> Memory {
        Memory::new(10, Some(NOW))
    }

    #[test]
    fn a_clean_stop_is_remembered_once_and_lifts_the_guard() {
        let (directory, path) = stopped();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let memory = guarded();
        assert_eq!(memory.read(&path, NOW).unwrap(), 3);
        assert!(!memory.is_guarded());
        for (name, code) in [(1, Code::Replayed), (2, Code::Replayed), (3, Code::ReplayUnsettled)] {
            assert_eq!(memory.claim(&[[name; 32]], until(), NOW), Err(code), "{name}");
        }
        assert_eq!(memory.len(), 3);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0, "the file is used up");
        assert!(matches!(guarded().read(&path, NOW), Err(ReadBackError::Missing)));
    }

    #[test]
    fn a_guard_that_was_still_up_is_handed_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("replay");
        guarded().write(&path, NOW).unwrap();
        let start = NOW.plus(Duration::from_secs(10));
        let memory = Memory::new(10, Some(start));
        memory.read(&path, start).unwrap();
        let minute = Duration::from_mins(1);
        assert!(memory.guards(NOW.plus(minute), minute), "its first start could not know this one");
        assert!(!memory.guards(NOW.plus(minute).plus(Duration::from_secs(1)), minute));
    }

    #[test]
    fn claims_beyond_a_smaller_capacity_are_kept_and_new_ones_refused() {
        let (_directory, path) = stopped();
        let memory = Memory::new(2, None);
        assert_eq!(memory.read(&path, NOW).unwrap(), 3);
        assert_eq!(memory.claim(&[[1; 32]], until(), NOW), Err(Code::Replayed));
        assert_eq!(memory.claim(&[[9; 32]], until(), NOW), Err(Code::ReplayFull));
    }

    #[test]
    fn a_damaged_file_keeps_the_guard_and_is_removed() {
        let (_directory, path) = stopped();
        let good = std::fs::read(&path).unwrap();
        let flipped = |place: usize| {
            let mut bytes = good.clone();
            bytes[place] ^= 1;
            bytes
        };
        let damaged = [
            Vec::new(),
            vec![0; 10],
            good[..good.len() - 1].to_vec(),
            good[..good.len() - ENTRY].to_vec(),
            [&good[..], b"x"].concat(),
            flipped(0),
            flipped(19),
            flipped(HEAD),
            flipped(good.len() - 1),
        ];
        for (case, bytes) in damaged.into_iter().enumerate() {
            std::fs::write(&path, bytes).unwrap();
            let memory = guarded();
            assert!(matches!(memory.read(&path, NOW), Err(ReadBackError::Damaged)), "case {case}");
            assert!(memory.is_guarded() && memory.is_empty() && !path.exists(), "case {case}");
        }
    }

    #[test]
    fn a_file_of_another_day_or_of_the_future_keeps_the_guard() {
        let day = Duration::from_hours(24);
        let second = Duration::from_secs(1);
        for (now, fresh) in
            [(NOW, true), (NOW.minus(second), false), (NOW.plus(day), true), (NOW.plus(day + second), false)]
        {
            let (_directory, path) = stopped();
            let memory = guarded();
            assert_eq!(memory.read(&path, now).is_ok(), fresh, "{now:?}");
            assert_eq!(memory.is_guarded(), !fresh, "{now:?}");
        }
    }

    #[test]
    fn a_trap_in_place_of_the_file_keeps_the_guard() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(guarded().read(directory.path(), NOW), Err(ReadBackError::Io(_))));
        assert!(guarded().write(&directory.path().join("nowhere/replay"), NOW).is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn inherited_claims_live_out_their_own_time() {
        let (_directory, path) = stopped();
        for (wait, outcome) in [(100, Err(Code::Replayed)), (101, Ok(()))] {
            let copy = path.with_extension("copy");
            std::fs::copy(&path, &copy).unwrap();
            let memory = Memory::new(10, None);
            memory.read(&copy, NOW).unwrap();
            tokio::time::advance(Duration::from_secs(wait)).await;
            assert_eq!(memory.claim(&[[1; 32]], until(), until()), outcome, "after {wait} s");
        }
    }
}
