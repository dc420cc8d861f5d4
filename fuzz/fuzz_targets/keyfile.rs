//! Files of keys: YAML, lines of JSON, and one file of a mounted directory. A ring is loaded whole, twice alike and within bounds, and nothing said
//! about it holds a secret.
#![no_main]

use std::path::Path;

use countersign::config::Problem;
use countersign::keys::{LoadedRing, Source, load_with};
use countersign::sig::key::Key;
use libfuzzer_sys::fuzz_target;

/// What every byte 1 of an input becomes: it is neither an id nor a field, so nothing may repeat it wherever it stands.
const PLANTED: &str = "Qz7\u{e9}planted";

fuzz_target!(|input: &[u8]| {
    let Some((kind, text)) = input.split_first() else { return };
    let text = planted(text);
    let directory = tempfile::tempdir().expect("a directory");
    let Some(source) = source(*kind, &text, directory.path()) else { return };
    let [once, twice] = [(); 2].map(|()| load_with("ring", &source, &|_| None));
    match (&once, &twice) {
        (Ok(once), Ok(twice)) => {
            bounded(once, text.len());
            assert!(alike(once, twice), "another ring, or other warnings, the second time");
        }
        (Err(once), Err(twice)) => assert!(!once.is_empty() && once == twice, "{once:?} and then {twice:?}"),
        _ => panic!("loaded, and the other time not"),
    }
    let said = match &once {
        Ok(loaded) => &loaded.warnings,
        Err(problems) => problems,
    };
    said.iter().for_each(|problem| silent(problem, once.as_ref().ok()));
});

fn planted(text: &[u8]) -> Vec<u8> {
    text.split(|byte| *byte == 1).collect::<Vec<_>>().join(PLANTED.as_bytes())
}

/// The input as a file below `directory`.
fn source(kind: u8, text: &[u8], directory: &Path) -> Option<Source> {
    let write = |name: &str, text: &[u8]| {
        let path = directory.join(name);
        std::fs::write(&path, text).ok().map(|()| path)
    };
    match kind % 8 {
        0..=3 => write("keys.yaml", text).map(Source::File),
        4 => write("keys.jsonl", text).map(Source::File),
        5 => write("k1", text).map(|_| Source::Directory(directory.into())),
        _ => {
            // The first line is the name of the file.
            let mut parts = text.splitn(2, |byte| *byte == b'\n');
            let name = parts.next().and_then(|name| std::str::from_utf8(name).ok())?;
            let named = !name.is_empty() && !name.contains(['/', '\0']) && !name.contains(PLANTED);
            let content = parts.next().unwrap_or_default();
            named.then(|| write(name, content)).flatten().map(|_| Source::Directory(directory.into()))
        }
    }
}

fn bounded(loaded: &LoadedRing, length: usize) {
    let ring = &loaded.ring;
    assert!((1..=length).contains(&ring.len()) && ring.keys().count() == ring.len());
    for key in ring.keys() {
        assert!((1..=128).contains(&key.id.len()) && key.id.bytes().all(|byte| byte.is_ascii_graphic()));
        assert!((1..=256).contains(&key.principal.len()) && key.principal.is_ascii());
        assert!((1..=length).contains(&key.secret.expose().len()));
        for window in [key.sign, key.verify] {
            assert!(window.from.zip(window.until).is_none_or(|(from, until)| from < until));
        }
        assert!(ring.by_id(&key.id).is_some_and(|found| same(&found, &key)));
    }
}

fn alike(one: &LoadedRing, other: &LoadedRing) -> bool {
    one.warnings == other.warnings
        && one.ring.len() == other.ring.len()
        && one.ring.keys().zip(other.ring.keys()).all(|(one, other)| same(&one, &other))
}

fn same(one: &Key, other: &Key) -> bool {
    (&one.id, &one.principal, one.secret.expose()) == (&other.id, &other.principal, other.secret.expose())
        && (one.sign, one.verify, one.created, one.observe) == (other.sign, other.verify, other.created, other.observe)
}

/// What is said holds neither what was planted nor the secret of a key that was loaded.
fn silent(problem: &Problem, loaded: Option<&LoadedRing>) {
    let mut said = format!("{}\n{}\n{}", problem.path, problem.message, problem.fix.as_deref().unwrap_or_default());
    assert!(!said.contains("Qz7\u{e9}") && !said.contains("\u{e9}planted"), "{said}");
    assert!(said.chars().all(|shown| shown == '\u{2026}' || shown == '\n' || (' '..='~').contains(&shown)), "{said:?}");
    let Some(loaded) = loaded else { return };
    let keys: Vec<_> = loaded.ring.keys().collect();
    keys.iter().for_each(|key| said = said.replace(&*key.id, ""));
    for secret in keys.iter().filter_map(|key| std::str::from_utf8(key.secret.expose()).ok()) {
        assert!(secret.len() < 12 || !said.contains(secret), "{said}");
    }
}
