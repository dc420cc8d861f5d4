//! Ids that have no key any more: a text file, one id a line, `#` before a comment.

use std::collections::HashSet;
use std::path::Path;

use super::findings::{Findings, Place};
use super::{Derived, declared, read, told};
use crate::sig::keyring::Keyring;

/// Half a million ids of the greatest length.
const MAX: u64 = 64 << 20;

/// The ring of `masters` that gives every id a key but those that are revoked.
pub(super) fn derived(masters: Keyring, derived: &Derived, findings: &mut Findings) -> Option<Keyring> {
    let revoked = derived.revoked.as_deref().map_or_else(HashSet::new, |path| ids(path, findings));
    masters.derived(revoked, derived.spelling).map_err(|error| told(&error, findings)).ok()
}

/// **Threat:** a list that is half read gives a stolen device its key back: whatever is wrong with it refuses the ring.
fn ids(path: &Path, findings: &mut Findings) -> HashSet<Box<str>> {
    findings.turn_to(path);
    let mut ids = HashSet::new();
    let content = match read::regular(path, MAX) {
        Ok(content) => content,
        Err(error) => {
            let fix = "a list of revoked ids is a readable, regular file; it may be empty";
            findings.problem(&Place::default(), error.to_string(), fix);
            return ids;
        }
    };
    for (number, line) in (1_u32..).zip(content.bytes.split(|byte| *byte == b'\n')) {
        let line = line.split(|byte| *byte == b'#').next().unwrap_or_default().trim_ascii();
        match std::str::from_utf8(line) {
            _ if line.is_empty() => {}
            Ok(id) if declared::id_is_plain(id) => {
                ids.insert(id.into());
            }
            Ok(_) | Err(_) => {
                let place = Place { at: Some((number, 1)), path: String::new() };
                findings.problem(
                    &place,
                    "this line is not a key id",
                    "write one id per line, 1 to 128 visible ASCII characters",
                );
            }
        }
    }
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::{LoadedRing, Source, load};
    use crate::sig::keyring::Spelling;

    fn ring(list: Option<&[u8]>) -> Result<LoadedRing, usize> {
        let place = tempfile::tempdir().unwrap();
        let (master, revoked) = (place.path().join("master"), place.path().join("revoked.txt"));
        std::fs::create_dir(&master).unwrap();
        std::fs::write(master.join("m1"), "0123456789abcdefghijklmnopqrstuv").unwrap();
        if let Some(list) = list {
            std::fs::write(&revoked, list).unwrap();
        }
        let derived = Derived {
            masters: Source::Directory(master.clone()),
            revoked: Some(revoked.clone()),
            spelling: Spelling::default(),
        };
        let loaded = load("devices", &Source::Derived(Box::new(derived)));
        loaded.inspect(|loaded| assert_eq!(loaded.watched, [master, revoked])).map_err(|problems| problems.len())
    }

    #[test]
    fn a_list_has_one_id_a_line_and_comments() {
        let loaded = ring(Some(b"# stolen\nd-1\r\n\n  d-2 # lost in May\nd-3")).unwrap();
        assert_eq!(loaded.ring.revoked(), 3);
        for (id, admitted) in [("d-1", false), ("d-2", false), ("d-3", false), ("d-4", true)] {
            assert_eq!((loaded.ring.admits(id), loaded.ring.by_id(id).is_some()), (admitted, admitted), "{id}");
        }
        assert_eq!(ring(Some(b"")).unwrap().ring.revoked(), 0);
    }

    #[test]
    fn a_list_that_is_wrong_or_away_refuses_the_ring() {
        for (list, problems) in [(None, 1), (Some(&b"d-1 d-2\n\xff\nd-3"[..]), 2)] {
            assert_eq!(ring(list).err(), Some(problems));
        }
    }
}
