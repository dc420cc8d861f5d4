//! The example, bent in every place: what the reader takes the schema takes, and of names they think the same.

use super::*;
use crate::config::tree::Value as Tree;

const EXAMPLE: &str = include_str!("../../../../config.example.yaml");

/// Changes the node that is this far from the root, counted depth first, or nothing where there are not so many.
fn change(node: &mut Node, at: &mut usize, how: &mut dyn FnMut(&mut Node)) {
    if *at == 0 {
        how(node);
    }
    *at = at.wrapping_sub(1);
    match &mut node.value {
        Tree::List(items) => items.iter_mut().for_each(|item| change(item, at, how)),
        Tree::Map(entries) => entries.iter_mut().for_each(|entry| change(&mut entry.node, at, how)),
        _ => {}
    }
}

/// The example after each of these changes, one at a time.
fn each(how: &mut dyn FnMut(&mut Node), mut judge: impl FnMut(&Node)) -> usize {
    let example = tree::parse(EXAMPLE, 0, &mut Report::default()).unwrap();
    for place in 0.. {
        let (mut bent, mut done) = (example.clone(), false);
        change(&mut bent, &mut { place }, &mut |node| {
            how(node);
            done = true;
        });
        if !done {
            return place;
        }
        judge(&bent);
    }
    0
}

#[test]
fn a_misspelt_name_is_refused_by_the_schema_where_the_reader_refuses_it() {
    let mut refused = 0;
    for from_the_end in 0..8 {
        let mut misspell = |node: &mut Node| {
            if let Tree::Map(entries) = &mut node.value
                && let Some(entry) = entries.iter_mut().rev().nth(from_the_end)
            {
                entry.key.push('x');
            }
        };
        each(&mut misspell, |bent| {
            let told = against(bent, "");
            assert_eq!(is_file(bent), told.is_empty(), "{told:?} {:?}", plain(bent));
            refused += usize::from(!told.is_empty());
        });
    }
    assert!(refused > 100, "{refused}");
}

#[test]
fn a_value_that_the_reader_takes_is_taken_by_the_schema() {
    let list = || Tree::List(Vec::new());
    let values: [&dyn Fn() -> Tree; 8] = [
        &|| Tree::Text("text".to_owned()),
        &|| Tree::Text("5m".to_owned()),
        &|| Tree::Text("GET".to_owned()),
        &|| Tree::Text("[::1]:0".to_owned()),
        &|| Tree::Unsigned(0),
        &|| Tree::Bool(true),
        &list,
        &|| Tree::Map(Vec::new()),
    ];
    let (mut wrong, mut found) = (0, 0);
    for value in values {
        each(&mut |node| node.value = value(), |bent| {
            let told = against(bent, "");
            assert!(!is_file(bent) || told.is_empty(), "{told:?}");
            wrong += usize::from(!is_file(bent));
            found += usize::from(!told.is_empty());
        });
    }
    assert!(found * 100 >= wrong * 95, "{found} of {wrong} wrong values are found by the schema");
}

#[test]
fn what_has_a_form_of_its_own_fits_its_pattern() {
    let fits =
        |expected: &str, text: &str| judge::faults(&PRINTED, &words::known(expected).0, &json!(text), "").is_empty();
    for (expected, good, bad) in [
        ("a size such as", &["1", "64KiB", "1.5 GB", "10b", "7k"][..], &["KiB", "1 2", ""][..]),
        ("a duration with its unit", &["500ms", "1h 30m", "90d", "1h30m", "0"], &["5", "m", ""]),
        (
            "`ip:port`",
            &["0.0.0.0:1", "[::1]:0", "[fe80::1%2]:80", "localhost:80", "unix:/run/x"],
            &["8443", "unix:x", "h:80"],
        ),
        ("an address or network", &["10.0.0.0/8", "::ffff:10.0.0.0/104", "2001:db8::1"], &["ten", "10/x", ""]),
        ("a header name", &["X-A", "x_1!~"], &["a b", "a:b", ""]),
        ("a method in capitals", &["GET", "M-SEARCH"], &["get", "G T"]),
        ("`https://host` or", &["https://h", "http://h:80"], &["https://h/", "h"]),
        ("a status from", &["200", "599"], &["600", "20"]),
        ("a rate such as", &["20/s", "1000/h"], &["0/s", "1/d", "20"]),
    ] {
        let took: Vec<_> = good.iter().chain(bad).filter(|text| fits(expected, text)).collect();
        assert_eq!(took, good.iter().collect::<Vec<_>>(), "{expected}");
    }
    assert!(fits("a rate such as", "${RATE:-20/s}"), "a variable stands for anything");
}
