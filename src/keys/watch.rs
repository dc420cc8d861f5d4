//! Noticing that a source has changed, by looking at it from time to time.
//!
//! Polling, because an inotify watch on a mounted Secret dies with the first `..data` swap. Blocking; never run on a worker.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::read;
use crate::sig::time::Moment;

/// Nothing larger is ever loaded.
const MAX: u64 = super::lines::MAX;
/// How often a mount may move while it is looked at.
const ATTEMPTS: usize = 3;
/// A file's time is taken from a clock that ticks this slowly.
const COARSE: Duration = Duration::from_millis(10);

/// Files and directories, as they were when a change was last reported.
pub struct Watch {
    paths: Vec<PathBuf>,
    reported: View,
    latest: View,
    /// Whether `latest` differs from what was reported and waits for a second look.
    settling: bool,
    failed: bool,
    /// What [`Watch::touched_since`] told already: a load that began afterwards has read it.
    told: BTreeMap<PathBuf, Stat>,
}

/// What is there at one moment.
#[derive(Clone, Default)]
struct View {
    /// What each path means with every link resolved.
    generations: Vec<Option<PathBuf>>,
    seen: BTreeMap<PathBuf, (Option<Stat>, Mark)>,
}

/// What tells one state of a file from another without reading it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stat {
    place: (u64, u64),
    mode: u32,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// What counts as the content of a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Missing,
    Directory,
    File([u8; 32]),
    /// Nothing that could be loaded: not regular, too large, not readable, being written.
    Unreadable,
    /// What nothing that is seen says: it was changing while it was loaded.
    Unsure,
}

impl Watch {
    /// Watches `paths` from now on. Of a directory the files in it are watched too, and the names of directories, but not what is in those.
    pub fn new(paths: Vec<PathBuf>) -> Self {
        let reported = View::of(&paths, &View::default());
        Self { paths, latest: reported.clone(), reported, settling: false, failed: false, told: BTreeMap::new() }
    }

    /// Whether there is something new since the last time this said so. A mount that was swapped in one step is reported at once; anything
    /// else when it has stayed the same for one more look, since a file may be half-written. A touch is not a change.
    pub fn changed(&mut self) -> bool {
        let view = View::of(&self.paths, &self.latest);
        let differs = !view.says_the_same(&self.reported) || (self.failed && view.seen != self.reported.seen);
        let ripe = view.is_swapped(&self.reported) || (self.settling && view.says_the_same(&self.latest));
        self.latest = view;
        self.settling = differs && !ripe;
        if !differs {
            self.reported.generations.clone_from(&self.latest.generations);
        } else if ripe {
            self.reported = self.latest.clone();
            self.failed = false;
        }
        differs && ripe
    }

    /// Whether anything was changed at or after `moment`, as far as the file system's clock can tell, that this has not told before: a file
    /// server whose clock is ahead must not cause one load after another.
    pub fn touched_since(&mut self, moment: Moment) -> bool {
        let since = moment.minus(COARSE).millis();
        let changed = |stat: &Stat| stat.changed.0.saturating_mul(1000).saturating_add(stat.changed.1 / 1_000_000);
        let stats = self.latest.seen.iter().filter_map(|(path, (stat, _))| Some((path.clone(), (*stat)?)));
        let touched: BTreeMap<_, _> = stats.filter(|(_, stat)| changed(stat) >= since).collect();
        let new = touched.iter().any(|(path, stat)| self.told.get(path) != Some(stat));
        self.told = touched;
        new
    }

    /// What was reported could not be loaded: from now on a mere touch counts as a change, since the cause may have been a passing one.
    pub fn failed(&mut self) {
        self.failed = true;
    }

    /// Watches other paths from now on, since a load began after the last look. Changes of those that stay are still noticed.
    ///
    /// **Invariant:** what is not now what it was when it was reported counts as changed, even if it changes back: nobody knows which of the two was
    /// loaded.
    pub fn replace(&mut self, paths: Vec<PathBuf>) {
        let mut reported = View::of(&paths, &self.latest);
        self.latest = reported.clone();
        let kept = |path: &Path| paths.iter().any(|new| new == path) && self.paths.iter().any(|old| old == path);
        let within = |path: &Path| kept(path) || path.parent().is_some_and(kept);
        let (now, then) = (&self.latest.seen, &self.reported.seen);
        for path in now.keys().chain(then.keys()).filter(|path| within(path)) {
            let same = |state: &&(_, Mark)| now.get(path).is_some_and(|(_, mark)| *mark == state.1);
            let state = then.get(path).filter(same).copied().unwrap_or((None, Mark::Unsure));
            reported.seen.insert(path.clone(), state);
        }
        for (path, generation) in paths.iter().zip(&mut reported.generations) {
            let before = self.paths.iter().zip(&self.reported.generations).find(|(old, _)| *old == path);
            if let Some((_, known)) = before {
                generation.clone_from(known);
            }
        }
        (self.paths, self.reported, self.settling) = (paths, reported, false);
    }
}

impl View {
    /// What is there now. Content is read only where a file's state is not the one in `before`.
    fn of(paths: &[PathBuf], before: &Self) -> Self {
        let mut view = Self::default();
        for _ in 0..ATTEMPTS {
            let generations = || paths.iter().map(|path| read::generation(path)).collect::<Vec<_>>();
            view = Self { generations: generations(), seen: BTreeMap::new() };
            for path in paths {
                view.look(path, before);
            }
            if generations() == view.generations {
                break;
            }
        }
        view
    }

    fn look(&mut self, path: &Path, before: &Self) {
        let state = state(path, before);
        self.seen.insert(path.to_owned(), state);
        if state.1 != Mark::Directory {
            return;
        }
        let Ok(entries) = std::fs::read_dir(path) else { return };
        for entry in entries.flatten() {
            // Hidden names are not keys; a link into a generation that has gone is not there.
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let child = entry.path();
            let state = self::state(&child, before);
            if state.1 != Mark::Missing {
                self.seen.insert(child, state);
            }
        }
    }

    /// Whether a link leads elsewhere than in `other`: a change in one step, nothing is half-written.
    fn is_swapped(&self, other: &Self) -> bool {
        let moved = |(now, then): (&Option<PathBuf>, &Option<PathBuf>)| now.is_some() && then.is_some() && now != then;
        self.generations.iter().zip(&other.generations).any(moved)
    }

    /// Whether both hold the same content under the same names, whatever was touched.
    fn says_the_same(&self, other: &Self) -> bool {
        let pairs = || self.seen.iter().zip(&other.seen);
        self.seen.len() == other.seen.len() && pairs().all(|((a, (_, this)), (b, (_, that)))| a == b && this == that)
    }
}

fn state(path: &Path, before: &View) -> (Option<Stat>, Mark) {
    let Ok(metadata) = std::fs::metadata(path) else { return (None, Mark::Missing) };
    let stat = Some(Stat::of(&metadata));
    if metadata.is_dir() {
        return (stat, Mark::Directory);
    }
    if let Some((known, mark @ Mark::File(_))) = before.seen.get(path)
        && *known == stat
    {
        return (stat, *mark);
    }
    let mut digest = Sha256::new();
    let read = read::pieces(path, MAX, &mut |piece| digest.update(piece));
    (stat, read.map_or(Mark::Unreadable, |_| Mark::File(digest.finalize().into())))
}

impl Stat {
    fn of(metadata: &Metadata) -> Self {
        Self {
            place: (metadata.dev(), metadata.ino()),
            mode: metadata.mode(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

#[cfg(test)]
mod tests;
