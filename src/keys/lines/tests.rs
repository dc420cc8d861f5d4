//! Keys as lines of JSON: the same keys, the same mistakes, however the file is cut into pieces.

use std::fmt::Write as _;

use super::*;
use crate::config::Problem;
use crate::sig::keyring::Keyring;

/// The ring and the problems, where the file arrives in pieces of so many bytes.
fn fed(text: &[u8], size: usize) -> (Option<Keyring>, Vec<Problem>) {
    let (mut keys, mut findings) = (Draft::default(), Findings::new(Path::new("keys.jsonl")));
    let mut lines = Lines::new(&mut keys, &mut findings);
    text.chunks(size).for_each(|piece| lines.feed(piece));
    lines.end();
    let (problems, _) = findings.told();
    (keys.finish("ring").ok(), problems)
}

/// Line and message of every problem.
fn said(text: &str) -> Vec<(u32, String)> {
    let told = fed(text.as_bytes(), 7).1;
    assert_eq!(told, fed(text.as_bytes(), text.len().max(1)).1, "however it is cut");
    told.into_iter().map(|problem| (problem.at.unwrap_or_default().0, problem.message)).collect()
}

#[test]
fn a_line_is_a_key_wherever_the_pieces_end() {
    let text = "\u{feff}{\"id\": \"a\", \"secret\": \"one\", \"principal\": \"ACME\"}\n\n  \r\n{\"id\":\"b\",\"secret_hex\":\"6162\",\"mode\":\"observe\",\
                \"sign\":{\"until\":\"2026-01-01\"}}\r\n{\"id\":\"c\",\"secret\":\"\\u00e9\\n\"}";
    for size in 1..=text.len() {
        let (ring, problems) = fed(text.as_bytes(), size);
        assert_eq!(problems, [], "{size}");
        let keys: Vec<_> = ring.unwrap().keys().collect();
        let said: Vec<_> =
            keys.iter().map(|key| (&*key.id, &*key.principal, key.secret.expose(), key.observe)).collect();
        let expected =
            [("a", "ACME", &b"one"[..], false), ("b", "b", b"ab", true), ("c", "c", "\u{e9}\n".as_bytes(), false)];
        assert_eq!(said, expected, "{size}");
        assert!(keys[1].sign.until.is_some() && keys[1].verify.until.is_none());
    }
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let text = "{\"id\":\"a\",\"secret\":\"x\"}\nnot json\n{\"id\":\"b\"}\n[1]\n{\"id\":\"c\",\"secret\":12345}\n{\"id\":\"d\",\"secret\":\"x\",\"id\":\"e\"}\n\
                {\"id\":\"f\",\"secret\":\"x\"} {}\n{\"id\":\"g\",\"secrt\":\"x\"}\n{\"id\":\"h\",\"secret\":";
    let expected = [
        (2, "this line is not valid JSON"),
        (3, "key `b` has no secret"),
        (4, "expected a mapping, found a list"),
        (5, "expected text, found a number"),
        (6, "`id` occurs twice"),
        (7, "this line is not valid JSON"),
        (8, "unknown field `secrt`"),
        (8, "key `g` has no secret"),
        (9, "this line is not valid JSON"),
    ];
    assert_eq!(said(text), expected.map(|(line, message)| (line, message.to_owned())));
}

#[test]
fn a_problem_never_repeats_what_could_be_a_secret() {
    for text in [
        "c4nary",
        "{\"c4nary",
        "{\"id\":\"k\",\"c4nary-secret\":\"c4nary\"}",
        "{\"id\":\"k\",\"secret_hex\":\"c4nary\"}",
        "\"c4nary\"",
    ] {
        let (_, problems) = fed(text.as_bytes(), 3);
        assert!(!problems.is_empty() && !format!("{problems:?}").contains("c4nary"), "{problems:?}");
    }
}

#[test]
fn a_line_is_as_long_as_it_may_be_and_no_longer() {
    let long = |length: usize| {
        let frame = "{\"id\":\"k\",\"secret\":\"\"}".len();
        format!("{{\"id\":\"k\",\"secret\":\"{}\"}}", "x".repeat(length - frame))
    };
    for (length, problems) in [(LONGEST - 1, 0), (LONGEST, 0), (LONGEST + 1, 1), (3 * LONGEST, 1)] {
        for size in [1 << 10, PIECE_AND_MORE] {
            let text = format!("{}\n{{\"id\":\"l\",\"secret\":\"x\"}}\n", long(length));
            let (ring, told) = fed(text.as_bytes(), size);
            let taken = ring.map(|ring| ring.len());
            assert_eq!((told.len(), taken), (problems, Some(2 - problems)), "{length} in {size}");
        }
    }
}

/// More than the longest line.
const PIECE_AND_MORE: usize = 4 * LONGEST;

#[test]
fn of_very_many_mistakes_the_first_are_told_and_the_rest_counted() {
    let mut text = String::new();
    (0..1000).for_each(|number| writeln!(text, "{{\"id\":\"k{number}\"}}").unwrap());
    let told = said(&text);
    assert_eq!(told.len(), 101);
    assert_eq!(told.last().unwrap().1, "900 more mistakes in this ring are not listed");
}
