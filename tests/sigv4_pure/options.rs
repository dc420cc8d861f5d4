//! The options: what is said at load, and what a route changes.

use std::collections::BTreeMap;
use std::time::Duration;

use countersign::config::scheme::{Declaration, Overrides, builtin, compile};

use super::{API, scheme};

fn declared(yaml: &str) -> Declaration {
    serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"))
}

/// Where the one mistake is.
fn mistake(declaration: &Declaration) -> String {
    match compile("aws", declaration).unwrap_err().as_slice() {
        [one] => one.path.clone(),
        several => panic!("{several:?}"),
    }
}

#[test]
fn what_cannot_work_is_said_with_its_place() {
    for (yaml, path) in [
        ("aws_sigv4: {service: s3}", "aws_sigv4.region"),
        ("aws_sigv4: {region: r}", "aws_sigv4.service"),
        ("aws_sigv4: {region: 'US East', service: s3}", "aws_sigv4.region"),
        ("aws_sigv4: {region: '{header:X-Region}', service: s3}", "aws_sigv4.region"),
        ("aws_sigv4: {region: '{setting:region}', service: s3}", "aws_sigv4.region"),
        ("aws_sigv4: {region: a/b, service: s3}", "aws_sigv4.region"),
        ("aws_sigv4: {region: '', service: s3}", "aws_sigv4.region"),
        ("aws_sigv4: {region: r, service: s3, past: soon}", "aws_sigv4.past"),
        ("aws_sigv4: {region: r, service: s3, presigned: 8d}", "aws_sigv4.presigned"),
        ("aws_sigv4: {region: r, service: s3, uri: double}", "aws_sigv4.uri"),
        ("aws_sigv4: {region: r, service: s3, unsigned_payload: yes}", "aws_sigv4.unsigned_payload"),
        ("aws_sigv4: {region: r, service: s3, streaming: trailer}", "aws_sigv4.streaming"),
        ("aws_sigv4: {region: r, service: s3, payload: none}", "aws_sigv4.payload"),
        ("aws_sigv4: {region: r, service: s3, require: ['content type']}", "aws_sigv4.require[0]"),
        ("aws_sigv4: {region: r, service: s3, require: [content-type, Content-Type]}", "aws_sigv4.require[1]"),
        ("{aws_sigv4: {region: r, service: s3}, algorithm: sha256}", "algorithm"),
        ("{aws_sigv4: {region: r, service: s3}, message: '{body}'}", "message"),
    ] {
        assert_eq!(mistake(&declared(yaml)), path, "{yaml}");
    }
    for yaml in ["aws_sigv4: {region: r, service: s3, windw: 5m}", "aws_sigv4: s3"] {
        assert!(serde_yaml::from_str::<Declaration>(yaml).is_err(), "{yaml}");
    }
}

#[test]
fn a_route_changes_the_window_and_the_service_of_the_built_in() {
    let built_in = declared(builtin("aws-sigv4").unwrap());
    let settings = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let changed = Overrides {
        past: Some(Duration::from_hours(300)),
        settings: settings(&[("service", "s3"), ("region", "eu-central-1")]),
        ..Overrides::default()
    };
    let scheme = compile("aws", &built_in.with(changed)).unwrap();
    assert_eq!(scheme.facts().window, Some((Duration::from_hours(300), Duration::from_mins(5))));
    let misspelled = Overrides { settings: settings(&[("servce", "s3")]), ..Overrides::default() };
    assert_eq!(mistake(&built_in.with(misspelled)), "settings");
    let renamed = Overrides { headers: settings(&[("X-Amz-Date", "X-Date")]), ..Overrides::default() };
    assert_eq!(mistake(&built_in.with(renamed)), "override");
}

#[test]
fn what_is_covered_is_what_is_told() {
    assert!(scheme(API).facts().covers.body);
    assert!(!scheme(&format!("{API}, unsigned_payload: allow")).facts().covers.body);
    let week = Duration::from_hours(7 * 24);
    for (options, past) in
        [("", week), (", presigned: 1h", Duration::from_hours(1)), (", presigned: refuse", Duration::from_mins(5))]
    {
        assert_eq!(scheme(&format!("{API}{options}")).facts().window.map(|(past, _)| past), Some(past), "{options}");
    }
}

#[test]
fn every_option_is_in_the_manual() {
    let manual = include_str!("../../docs/aws-sigv4.md");
    for option in
        ["region", "service", "past", "future", "presigned", "uri", "unsigned_payload", "streaming", "payload"]
    {
        assert!(manual.contains(&format!("| `{option}` |")), "{option}");
    }
    let blocks = manual.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    for block in blocks.filter(|block| !block.starts_with("version:")) {
        let file: BTreeMap<String, BTreeMap<String, Declaration>> = serde_yaml::from_str(block).unwrap();
        for (name, declaration) in &file["schemes"] {
            assert!(compile(name, declaration).is_ok(), "{block}");
        }
    }
}
