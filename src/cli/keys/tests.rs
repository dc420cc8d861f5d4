//! The commands over real files, and a gateway's words about them.

use std::path::Path;

use clap::Parser;

use super::*;
use crate::cli::Arguments;

const SECRET: &str = "canary-0123456789abcdefghijklmnopq";

fn run(line: &[&str]) -> ExitCode {
    Arguments::try_parse_from([&["countersign", "keys"], line].concat()).unwrap().command.run()
}

fn file(place: &Path, keys: &str) -> String {
    let path = place.join("keys.yaml");
    std::fs::write(&path, format!("version: 1\nkeys:\n{}", keys.replace('S', SECRET))).unwrap();
    path.to_str().unwrap().to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_dry_run_changes_nothing_and_a_real_one_what_it_says() {
    let place = tempfile::tempdir().unwrap();
    let path = file(place.path(), "  - id: a\n    secret: S\n  - id: b\n    secret: S\n");
    let before = read(&path);
    for line in [&["add", "--id", "n"][..], &["retire", "a", "--force"], &["remove", "a", "--force"]] {
        let dry = [line, &["--path", &path, "--dry-run"]].concat();
        assert_eq!(run(&dry), ExitCode::SUCCESS, "{line:?}");
        assert_eq!(read(&path), before, "{line:?}");
        assert_eq!(run(&[line, &["--path", &path]].concat()), ExitCode::SUCCESS, "{line:?}");
        assert_ne!(read(&path), before, "{line:?}");
        std::fs::write(&path, &before).unwrap();
    }
}

#[test]
fn what_nobody_knows_to_be_safe_needs_force() {
    let place = tempfile::tempdir().unwrap();
    let path = file(
        place.path(),
        "  - id: a\n    secret: S\n  - id: b\n    secret: S\n  - id: over\n    secret: S\n    not_after: 2026-01-01\n\
         \x20 - id: later\n    secret: S\n    not_before: 2999-01-01\n",
    );
    for (line, code) in [
        (&["retire", "a"][..], RUNTIME),
        (&["remove", "a"], RUNTIME),
        (&["remove", "nobody"], RUNTIME),
        (&["retire", "nobody", "--force"], RUNTIME),
        (&["retire", "a", "--signing"], 0),
        (&["remove", "over"], 0),
        (&["remove", "later"], 0),
        (&["list"], 0),
        (&["list", "--output", "json"], 0),
        (&["rotate"], 0),
    ] {
        assert_eq!(run(&[line, &["--path", &path]].concat()), ExitCode::from(code), "{line:?}");
    }
    let left = read(&path);
    assert!(!left.contains("over") && !left.contains("later") && left.contains("sign: {until: "), "{left}");
}

#[test]
fn a_secret_of_somebody_else_is_taken_as_it_stands() {
    let place = tempfile::tempdir().unwrap();
    let path = file(place.path(), "  - id: a\n    secret: S\n");
    for (id, content, secret) in [
        ("text", &b"whsec_0123456789abcdefghijklmnopqrstuv\n"[..], &b"whsec_0123456789abcdefghijklmnopqrstuv"[..]),
        ("bytes", b"\x00\x01\xff0123456789abcdefghijklmnopqrstuv", b"\x00\x01\xff0123456789abcdefghijklmnopqrstuv"),
        ("utf8", "schlüssel-0123456789abcdefghijklmnop".as_bytes(), "schlüssel-0123456789abcdefghijklmnop".as_bytes()),
    ] {
        let given = place.path().join("given");
        std::fs::write(&given, content).unwrap();
        let line = ["add", "--path", &path, "--id", id, "--secret-file", given.to_str().unwrap()];
        assert_eq!(run(&line), ExitCode::SUCCESS, "{id}");
        let ring = crate::keys::load("r", &crate::keys::Source::File(path.as_str().into())).unwrap().ring;
        assert_eq!(ring.by_id(id).unwrap().secret.expose(), secret);
    }
}

#[test]
fn a_rotation_begins_with_a_key_for_the_same_principal() {
    let place = tempfile::tempdir().unwrap();
    let path = file(place.path(), "  - id: a\n    secret: S\n    principal: acme\n    created: 2020-01-01\n");
    assert_eq!(run(&["rotate", "--path", &path]), ExitCode::SUCCESS);
    assert!(!read(&path).contains("id: \"n\""));
    assert_eq!(run(&["rotate", "--path", &path, "--yes", "--id", "n"]), ExitCode::SUCCESS);
    assert!(read(&path).contains("  - id: \"n\"\n    principal: \"acme\"\n"), "{}", read(&path));
    let after = read(&path);
    assert_eq!(run(&["rotate", "--path", &path, "--yes"]), ExitCode::SUCCESS);
    assert_eq!(read(&path), after, "nobody knows whether the old key is used");
}
