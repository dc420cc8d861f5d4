//! A secret of a key file leaves no copy in memory once its ring is gone: one test, since it looks through the whole process.

#![expect(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test fails by panicking, and counts")]

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use countersign::keys::{Source, load};

/// What the secret is made of, each byte with its bits turned: as such it may stand in memory.
const TURNED: [u8; 32] = *b"\x8e\xd9\x8b\x95\xc7\xa8\x9d\xb2\xcc\x97\xb4\x93\xd8\x8d\xa9\xca\
    \xb3\x9b\x85\xc8\xad\x90\xcb\xb6\x92\xd4\x9a\xb0\xc5\x86\xa1\x8c";

/// The secret with every character escaped for JSON, or as it is.
fn spelled(escaped: bool) -> Vec<u8> {
    let mut text = Vec::with_capacity(6 * TURNED.len());
    for byte in TURNED {
        if escaped { text.extend(format!("\\u00{:02x}", !byte).bytes()) } else { text.push(!byte) }
    }
    text
}

/// A file with `before`, the secret and `behind`, written without a copy that stays.
fn write(path: &Path, (before, behind): (&str, &str), escaped: bool) {
    let mut secret = spelled(escaped);
    let mut file = File::create(path).unwrap();
    for part in [before.as_bytes(), &secret, behind.as_bytes()] {
        file.write_all(part).unwrap();
    }
    secret.fill(0);
}

/// How often the middle of the secret stands in memory that can be written; what is freed is used again from its ends.
fn copies(piece: &mut Vec<u8>) -> usize {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut memory = File::open("/proc/self/mem").unwrap();
    let mut found = 0;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let [from, to] = [from, to].map(|address| u64::from_str_radix(address, 16).unwrap());
        for start in (from..to).step_by(PIECE) {
            piece.resize(PIECE.min(usize::try_from(to - start).unwrap()), 0);
            memory.seek(SeekFrom::Start(start)).unwrap();
            if memory.read_exact(piece).is_ok() {
                for byte in piece.iter_mut() {
                    *byte = !*byte;
                }
                found += memchr::memmem::find_iter(piece, &TURNED[8..24]).count();
            }
        }
    }
    found
}

const PIECE: usize = 1 << 20;

#[test]
fn no_copy_of_a_secret_outlives_its_ring() {
    let directory = tempfile::tempdir().unwrap();
    let line = ("{\"id\": \"k1\", \"secret\": \"", "\"}\n");
    let (escaped, plain, mount) =
        (directory.path().join("escaped.jsonl"), directory.path().join("plain.jsonl"), directory.path().join("mount"));
    std::fs::create_dir(&mount).unwrap();
    write(&escaped, line, true);
    write(&plain, line, false);
    write(&mount.join("k1"), ("", "\n"), false);
    let mut piece = Vec::with_capacity(PIECE);
    assert_eq!(copies(&mut piece), 0, "this test keeps one itself");
    for source in [Source::File(escaped), Source::File(plain), Source::Directory(mount)] {
        let loaded = load("ring", &source).ok().unwrap();
        assert_eq!(loaded.ring.len(), 1);
        assert!(copies(&mut piece) > 0, "a secret that is there is not seen");
        drop(loaded);
        assert_eq!(copies(&mut piece), 0, "{:?}", source.path());
    }
}
