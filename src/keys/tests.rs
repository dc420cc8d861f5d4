//! Loading keyrings: everything a Secret mount can do to a reader.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::sig::time::Moment;

mod mounts;

const LONG: &str = "0123456789abcdef0123456789abcdef";

fn write(path: &Path, content: impl AsRef<[u8]>) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn file(yaml: &str) -> Result<LoadedRing, Vec<Problem>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("keys.yaml");
    write(&path, yaml);
    load("ring", &Source::File(path))
}

fn ids(ring: &LoadedRing) -> Vec<String> {
    ring.ring.keys().map(|key| key.id.to_string()).collect()
}

fn secrets(ring: &LoadedRing) -> Vec<Vec<u8>> {
    ring.ring.keys().map(|key| key.secret.expose().to_vec()).collect()
}

/// Message and line of every problem.
fn said(result: Result<LoadedRing, Vec<Problem>>) -> Vec<(String, Option<u32>)> {
    let problems = result.err().expect("the ring must be refused");
    assert!(problems.iter().all(|problem| problem.fix.is_some()));
    problems.into_iter().map(|problem| (problem.message, problem.at.map(|at| at.0))).collect()
}

fn refused(result: Result<LoadedRing, Vec<Problem>>) -> String {
    said(result).into_iter().map(|(message, _)| message).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_key_file_says_everything_a_key_can_be() {
    let ring = file(
        "version: 1\nkeys:\n  - id: old\n    principal: ACME Inc.\n    secret_hex: 6162636465666768696a6b6c6d6e6f707172737475767778797a303132333435\n    \
         created: 2026-01-01\n    not_before: 2026-01-01\n    not_after: 2027-01-01T00:00:00Z\n    sign: {until: 2026-06-01}\n    \
         mode: observe\n  - {id: new, secret: 0123456789abcdef0123456789abcdeg}\n",
    )
    .unwrap();
    assert_eq!(ids(&ring), ["old", "new"]);
    assert!(ring.warnings.is_empty(), "{:?}", ring.warnings);
    let old = ring.ring.by_id("old").unwrap();
    let day = |text| date::parse(text);
    assert_eq!(&*old.principal, "ACME Inc.");
    assert_eq!(old.sign, Window { from: day("2026-01-01"), until: day("2026-06-01") });
    assert_eq!(old.verify, Window { from: day("2026-01-01"), until: day("2027-01-01") });
    assert_eq!((old.created, old.observe), (day("2026-01-01"), true));
    let new = ring.ring.by_id("new").unwrap();
    assert_eq!((&*new.principal, new.observe, new.created), ("new", false, None));
    assert!(new.sign.contains(Moment::default()));
}

#[test]
fn every_spelling_of_a_secret_gives_its_bytes() {
    for spelling in [
        "secret: +/8-_w==",
        "secret_base64: +/8=",
        "secret_base64: -_8=",
        "secret_base64: -_8",
        "secret_hex: fbff",
        "secret_hex: FBFF",
    ] {
        let ring = file(&format!("version: 1\nkeys: [{{id: k, {spelling}}}]\n")).unwrap();
        let expected = if spelling.starts_with("secret:") { b"+/8-_w==".to_vec() } else { vec![0xfb, 0xff] };
        assert_eq!(secrets(&ring), [expected], "{spelling}");
    }
}

#[test]
fn every_mistake_in_a_key_file_is_told_at_once_with_its_line() {
    let problems = said(file(
        "version: 2\nextra: 1\nkeys:\n  - secret: abc\n  - id: a b\n    secret: [x]\n  - id: c\n    not_before: soon\n    secrt: x\n  \
         - id: d\n    secret: x\n    secret_hex: zz\n  - id: e\n    secret_hex: zz\n    mode: maybe\n  - id: f\n    secret: 12345\n    \
         id: g\n  - id: h\n    secret: abcabc\n    sign: {from: 2026-02-01, until: 2026-02-01}\n  - just text\n",
    ));
    let expected = [
        ("unknown field `extra`", 2),
        ("unknown version of the key file", 1),
        ("a key has no `id`", 4),
        ("not a key id", 5),
        ("expected text, found a list", 6),
        ("unknown field `secrt`", 9),
        ("key `c` has no secret", 7),
        ("not a date", 8),
        ("key `d` has more than one secret", 10),
        ("`secret_hex` is not in its encoding", 14),
        ("not a mode", 15),
        ("`id` occurs twice", 18),
        ("expected text, found a number", 17),
        ("ends before it begins", 21),
        ("expected a mapping, found text", 22),
    ];
    let expected: Vec<_> = expected.map(|(message, line)| (message.to_owned(), Some(line))).into();
    assert_eq!(problems, expected);
}

#[test]
fn a_problem_never_repeats_what_could_be_a_secret() {
    for yaml in [
        "c4nary-secret",
        "\"c4nary-secret",
        "version: 1\nkeys: c4nary-secret",
        "version: 1\nkeys:\n  c4nary-secret: x",
        "version: 1\nkeys: [{id: k, secret: *c4nary-secret}]",
        "version: 1\nkeys: [{id: k, secret: c4nary-secret, secret_hex: c4nary-secret}]",
        "version: 1\nkeys: [{id: k, not_after: c4nary-secret, mode: c4nary-secret, principal: [c4nary-secret]}]",
        "version: 1\nkeys: [{id: k, secret_base64: c4nary-secret!}]",
        "version: 1\nkeys: [{id: k, secret: !!int c4nary-secret}]",
        "version: 1\nkeys: [{id: k, secret: @c4nary-secret}]",
        "c4nary-secret: 1\nc4nary-secret: 1",
    ] {
        let problems = file(yaml).err().unwrap();
        assert!(!format!("{problems:?}").contains("c4nary"), "{yaml}: {problems:?}");
    }
}

#[test]
fn an_empty_key_file_or_list_is_not_a_ring() {
    for yaml in ["", "version: 1\nkeys: []\n", "version: 1\n", "\0\0\0", "\u{feff}"] {
        assert!(file(yaml).is_err(), "{yaml:?}");
    }
    assert!(
        file("\u{feff}version: 1\nkeys: [{id: k, secret: x}]").is_ok(),
        "a mark before YAML is not part of a secret"
    );
}

#[test]
fn two_keys_with_one_id_are_refused() {
    assert_eq!(refused(file("version: 1\nkeys: [{id: k, secret: a}, {id: k, secret: b}]")), "key id `k` occurs twice");
}

#[test]
fn exactly_one_newline_at_the_end_is_not_part_of_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    let table: [(&[u8], &[u8]); 6] = [
        (b"ab", b"ab"),
        (b"ab\n", b"ab"),
        (b"ab\r\n", b"ab"),
        (b"ab\n\n", b"ab\n"),
        (b"ab\r", b"ab\r"),
        (b"\nab", b"\nab"),
    ];
    for (index, (content, _)) in table.iter().enumerate() {
        write(&directory.path().join(format!("k{index}")), content);
    }
    let ring = load("ring", &Source::Directory(directory.path().to_owned())).unwrap();
    assert_eq!(secrets(&ring), table.map(|(_, secret)| secret.to_vec()));
    assert_eq!(ring.watched, [directory.path()]);
}

#[test]
fn a_directory_may_mix_plain_secrets_and_key_files_and_ignores_hidden_ones() {
    let directory = tempfile::tempdir().unwrap();
    write(&directory.path().join("b"), LONG);
    write(&directory.path().join("a.yaml"), format!("version: 1\nkeys: [{{id: z, secret: {LONG}x}}]"));
    write(&directory.path().join(".hidden"), "");
    let ring = load("ring", &Source::Directory(directory.path().to_owned())).unwrap();
    assert_eq!(ids(&ring), ["z", "b"]);
    assert!(ring.warnings.is_empty());
}

#[test]
fn keys_come_from_the_environment_by_the_names_of_their_variables() {
    let environment = |name: &str| (name == "PARTNER").then(|| OsString::from(LONG));
    let source = |name: &str| Source::Env(vec![("k".to_owned(), name.to_owned())]);
    let ring = load_with("ring", &source("PARTNER"), &environment).unwrap();
    assert_eq!(secrets(&ring), [LONG.as_bytes()]);
    assert!(ring.watched.is_empty());
    let problems = refused(load_with("ring", &source("OTHER"), &environment));
    assert_eq!(problems, "the environment variable `OTHER` is not set");
}

#[test]
fn inline_keys_have_the_form_of_a_key_file_and_keep_their_lines() {
    let parse = |yaml: &str| Source::Inline(serde_yaml::from_str::<Vec<Declared>>(yaml).unwrap());
    assert_eq!(ids(&load("ring", &parse("- {id: a, secret: x}\n- {id: b, secret: z}")).unwrap()), ["a", "b"]);
    let problems = load("ring", &parse("- {id: a, secret: x}\n- {id: b}")).err().unwrap();
    let [problem] = problems.as_slice() else { panic!("{problems:?}") };
    assert_eq!((problem.path.as_str(), problem.at), ("keys[1]", Some((2, 3))));
}

#[test]
fn the_key_file_of_the_manual_loads() {
    let manual = include_str!("../../docs/keys.md");
    let block = manual.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let ring = file(block).unwrap().ring;
    let key = ring.by_id("k-20260801-9f3c").unwrap();
    assert_eq!((&*key.principal, key.observe, key.sign.until), ("acme", true, date::parse("2026-11-20")));
}

#[test]
fn a_missing_source_is_a_problem() {
    let nowhere = PathBuf::from("/nonexistent/keys");
    assert!(refused(load("ring", &Source::File(nowhere.clone()))).contains("does not exist"));
    assert!(refused(load("ring", &Source::Directory(nowhere))).contains("cannot be listed"));
}
