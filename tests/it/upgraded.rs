//! What the previous release wrote and shipped is read by this one: `tests/upgrade` holds its example configuration and its files.

use std::path::{Path, PathBuf};

use countersign::config;
use countersign::sig::time::Moment;

use crate::world::{Config, NOW, Signing, World, post, tls};

/// The releases that are tested, with a time at which their files were in use.
const RELEASES: [(&str, i64); 1] = [("0.1.0", 1_790_000_000)];

fn released(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/upgrade").join(version)
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() { copied(&entry.path(), &target) } else { drop(std::fs::copy(entry.path(), target)) }
    }
}

/// What this file says when it is loaded: nothing, or its mistakes.
fn mistakes(path: &Path, now: i64) -> Vec<String> {
    let loaded = config::load_with(path, &|_| None, Moment::from_secs(now));
    loaded.err().into_iter().flatten().map(|problem| problem.to_string()).collect()
}

#[test]
fn the_example_and_the_key_files_of_the_previous_release_load() {
    for (version, now) in RELEASES {
        let directory = tempfile::tempdir().unwrap();
        copied(&released(version), directory.path());
        std::fs::create_dir(directory.path().join("demo/tls")).unwrap();
        tls::write_certificate(&directory.path().join("demo/tls"), "tls");
        for file in ["config.example.yaml", "keys.yaml"] {
            assert_eq!(mistakes(&directory.path().join(file), now), [""; 0], "{version} {file}");
        }
    }
}

#[test]
fn a_field_that_nobody_knows_is_refused_with_its_place() {
    let directory = tempfile::tempdir().unwrap();
    copied(&released("0.1.0"), directory.path());
    let path = directory.path().join("keys.yaml");
    let text = std::fs::read_to_string(&path).unwrap().replace("replay: {by", "repaly: {by");
    std::fs::write(&path, text).unwrap();
    let said = mistakes(&path, 1_790_000_000);
    assert!(said.iter().any(|one| one.contains("keys.yaml:") && one.contains("did you mean `replay`")), "{said:?}");
}

/// A gateway that starts on a file of claims.
fn starting_on(claims: &[u8]) -> World {
    World::with(|config: Config| {
        let store = config.path().with_file_name("replay");
        std::fs::write(&store, claims).unwrap();
        let route =
            "path: /**, verify: {scheme: timestamp-body, keys: partners}, replay: {by: signature}, upstream: app";
        config.replay(&format!("restart_guard: true, persist: {}", store.display())).route(route)
    })
}

#[test]
fn what_the_previous_release_saw_is_a_replay_to_this_one() {
    let world = starting_on(&std::fs::read(released("0.1.0").join("replay")).unwrap());
    assert_eq!(world.send(post("/orders", "{}").signed()).refusal(), (409, "replayed".to_owned()));
    assert_eq!(world.send(post("/orders", "{\"a\": 1}").signed()).status, 200, "{NOW}: and the guard is lifted");
}

#[test]
fn a_file_of_claims_in_another_version_keeps_the_guard() {
    let mut claims = std::fs::read(released("0.1.0").join("replay")).unwrap();
    claims[19] = b'9';
    let world = starting_on(&claims);
    assert_eq!(world.send(post("/orders", "{}").signed()).refusal(), (503, "replay_guard".to_owned()));
}
