//! Key files before and after a change, byte for byte.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use super::*;
use crate::keys::{date, load};

const SECRET: &str = "canary-0123456789abcdefghijklmnopq";

fn moment(text: &str) -> Moment {
    date::parse(text).unwrap()
}

fn entry(id: &str) -> Change {
    let principal = Some("acme".to_owned());
    let secret = Zeroizing::new("n\"e\\w-0123456789abcdefghijklmnopq".to_owned());
    Change::Add(Entry {
        id: id.into(),
        principal,
        secret,
        encoded: false,
        created: moment("2026-11-22"),
        sign_from: None,
    })
}

fn until(id: &str, sign: Option<&str>, verify: Option<&str>) -> Change {
    Change::Until { id: id.into(), sign: sign.map(moment), verify: verify.map(moment) }
}

fn removal(id: &str) -> Change {
    Change::Remove { id: id.into() }
}

/// The file after the change; what was said holds no secret.
fn changed(before: &str, change: &Change) -> Result<String, Refused> {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("keys.yaml");
    std::fs::write(&path, before).unwrap();
    apply(&Source::File(path.clone()), change).map(|_said| std::fs::read_to_string(&path).unwrap())
}

fn apply(source: &Source, change: &Change) -> Result<Vec<String>, Refused> {
    let kept = load("ring", source).unwrap_or_else(|problems| panic!("{}", problems[0]));
    let ready = prepare(source, &kept.ring, change)?;
    let said = ready.said.clone();
    assert!(!said.is_empty() && !said.concat().contains("canary"), "{said:?}");
    ready.commit().map(|()| said)
}

#[test]
fn an_end_is_written_into_every_spelling_of_a_key() {
    let at = "2026-11-25T10:00:00Z";
    for (before, after) in [
        (
            "  - id: a # one\n    secret: S\n  - id: b\n    secret: S\n",
            "  - id: a # one\n    secret: S\n    sign: {until: T}\n  - id: b\n    secret: S\n",
        ),
        (
            "  - secret: S\n    id: a\n\n  # the other\n  - {id: b, secret: S}",
            "  - secret: S\n    id: a\n    sign: {until: T}\n\n  # the other\n  - {id: b, secret: S}",
        ),
        (
            "- id: b\n  secret: S\n- id: a\n  secret: S",
            "- id: b\n  secret: S\n- id: a\n  secret: S\n  sign: {until: T}\n",
        ),
        ("  - { id: a, secret: S }\n", "  - {sign: {until: T},  id: a, secret: S }\n"),
        (
            "  - id: a\n    sign: {from: 2026-11-01} # begun\n    secret: S\n",
            "  - id: a\n    sign: {until: T, from: 2026-11-01} # begun\n    secret: S\n",
        ),
        ("  - id: a\n    sign: {}\n    secret: S\n", "  - id: a\n    sign: {until: T}\n    secret: S\n"),
        (
            "  - id: a\n    sign: {until: 2027-01-01, from: 2026-11-01}\n    secret: S\n",
            "  - id: a\n    sign: {until: T, from: 2026-11-01}\n    secret: S\n",
        ),
        (
            "  - id: a\n    sign:\n      until: \"2027-01-01\" # later\n    secret: S\n",
            "  - id: a\n    sign:\n      until: T # later\n    secret: S\n",
        ),
        (
            "  - id: a\n    sign:\n      # soon\n      from: 2026-11-01\n    secret: S\n",
            "  - id: a\n    sign:\n      # soon\n      until: T\n      from: 2026-11-01\n    secret: S\n",
        ),
        ("  -\n    id: a\n    secret: S\n", "  -\n    id: a\n    secret: S\n    sign: {until: T}\n"),
        (
            "  - id: a\n    secret: |\n      S\n      #tail\n",
            "  - id: a\n    sign: {until: T}\n    secret: |\n      S\n      #tail\n",
        ),
        ("  - id: a\r\n    secret: S\r\n", "  - id: a\r\n    secret: S\r\n    sign: {until: T}\r\n"),
    ] {
        let whole = |keys: &str| format!("# ours\nversion: 1\nkeys:\n{}", keys.replace('S', SECRET).replace('T', at));
        let text = changed(&whole(before), &until("a", Some(at), None));
        assert_eq!(text.as_deref(), Ok(&*whole(after)), "{before}");
    }
}

#[test]
fn both_ends_are_written_in_one_step() {
    let before = format!("version: 1\nkeys:\n  - id: a\n    secret: {SECRET}\n    verify: {{until: 2027-01-01}}\n");
    let text = changed(&before, &until("a", Some("2026-11-25"), Some("2026-11-26"))).unwrap();
    let after = before.replace("2027-01-01", "2026-11-26T00:00:00Z") + "    sign: {until: 2026-11-25T00:00:00Z}\n";
    assert_eq!(text, after);
}

#[test]
fn a_key_is_added_behind_the_others_and_loads_as_it_was_meant() {
    let added = "- id: \"n\"\n  principal: \"acme\"\n  secret: \"n\\\"e\\\\w-0123456789abcdefghijklmnopq\"\n  created: 2026-11-22T00:00:00Z\n";
    for (indent, before, behind) in [
        ("  ", "version: 1\nkeys:\n  - id: a\n    secret: S\n", ""),
        ("", "version: 1\nkeys:\n- id: a\n  secret: S\n", ""),
        ("", "keys:\n- id: a\n  secret: S\n", "\n# the end\nversion: 1\n"),
        ("    ", "version: 1\nkeys:\n    - {id: a, secret: S} # x\n", "    # for later\n"),
    ] {
        let (before, behind) = (before.replace('S', SECRET), behind);
        let indented = added.lines().fold(String::new(), |text, line| text + indent + line + "\n");
        let text = changed(&format!("{before}{behind}"), &entry("n")).unwrap();
        assert_eq!(text, format!("{before}{indented}{behind}"));
    }
}

#[test]
fn a_key_goes_with_its_lines_and_no_comment_of_another() {
    for (before, after) in [
        (
            "  - id: a\n    secret: S\n    # it is old\n  # the new one\n  - id: b\n    secret: S\n",
            "  # the new one\n  - id: b\n    secret: S\n",
        ),
        ("  - id: b\n    secret: S\n\n  - {id: a, secret: S}", "  - id: b\n    secret: S\n\n"),
        ("  - id: a\n    secret: |\n      S\n      #tail\n  - id: b\n    secret: S\n", "  - id: b\n    secret: S\n"),
        (
            "  # note\n  -\n    # id\n    id: a\n    secret: S\n  - id: b\n    secret: S\n",
            "  # note\n  - id: b\n    secret: S\n",
        ),
    ] {
        let whole = |keys: &str| format!("version: 1\nkeys:\n{}", keys.replace('S', SECRET));
        assert_eq!(changed(&whole(before), &removal("a")).as_deref(), Ok(&*whole(after)), "{before}");
    }
}

#[test]
fn what_cannot_be_edited_at_the_place_is_refused_and_stays() {
    let flow = format!("version: 1\nkeys: [{{id: a, secret: {SECRET}}}, {{id: b, secret: {SECRET}}}]\n");
    let anchored = format!("version: 1\nkeys:\n  - id: a\n    secret: &s {SECRET}\n  - id: b\n    secret: *s\n");
    for (text, change, why) in [
        (&flow, entry("n"), "cannot be edited at the place"),
        (&flow, removal("a"), "cannot be edited at the place"),
        (&anchored, removal("a"), "cannot be edited at the place"),
        (&anchored, entry("a"), "key `a` is there already"),
        (&anchored, removal("x"), "there is no key `x`"),
        (&format!("version: 1\nkeys:\n  - id: a\n    secret: {SECRET}\n"), removal("a"), "the only one"),
        (
            &format!("version: 1\nkeys:\n  - id: a\n    not_before: 2027-01-01\n    secret: {SECRET}\n"),
            until("a", Some("2026-11-25"), None),
            "ends before it begins",
        ),
    ] {
        let refused = changed(text, &change).unwrap_err();
        assert!(refused.why.contains(why) && !refused.to_string().contains("canary"), "{refused}");
    }
    let text = changed(&flow, &until("a", Some("2026-11-25"), None)).unwrap();
    assert!(text.contains("[{sign: {until: 2026-11-25T00:00:00Z}, id: a,"), "{text}");
}

#[test]
fn a_file_keeps_its_mode_and_a_link_stays_a_link() {
    let place = tempfile::tempdir().unwrap();
    let (path, link) = (place.path().join("real.yaml"), place.path().join("link.yaml"));
    std::fs::write(&path, format!("version: 1\nkeys:\n  - id: a\n    secret: {SECRET}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink("real.yaml", &link).unwrap();
    let before = std::fs::metadata(&path).unwrap();
    apply(&Source::File(link.clone()), &entry("n")).unwrap();
    let after = std::fs::metadata(&path).unwrap();
    assert_eq!((after.mode(), after.uid(), after.gid()), (before.mode(), before.uid(), before.gid()));
    assert!(after.ino() != before.ino() && link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 2, "nothing is left behind");
    std::fs::hard_link(&path, place.path().join("second")).unwrap();
    assert!(apply(&Source::File(link), &entry("m")).unwrap_err().why.contains("2 names"));
}

#[test]
fn what_was_written_meanwhile_is_not_lost() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("k.yaml");
    std::fs::write(&path, format!("version: 1\nkeys:\n  - id: a\n    secret: {SECRET}\n")).unwrap();
    let source = Source::File(path.clone());
    let ready = prepare(&source, &load("r", &source).unwrap().ring, &entry("n")).unwrap();
    std::fs::write(&path, "theirs").unwrap();
    assert!(ready.commit().unwrap_err().why.contains("changed meanwhile"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "theirs");
}

#[test]
fn a_directory_gets_a_file_for_each_key() {
    let place = tempfile::tempdir().unwrap();
    let source = Source::Directory(place.path().to_owned());
    let alone = place.path().join("a");
    std::fs::write(&alone, SECRET).unwrap();
    std::fs::set_permissions(&alone, std::fs::Permissions::from_mode(0o440)).unwrap();
    apply(&source, &entry("n")).unwrap();
    let made = std::fs::metadata(place.path().join("n.yaml")).unwrap();
    assert_eq!(made.mode() & 0o777, 0o440);
    assert!(apply(&source, &until("a", Some("2026-11-25"), None)).unwrap_err().fix.contains("keys remove a"));
    apply(&source, &until("n", Some("2026-11-25"), None)).unwrap();
    let key = load("r", &source).unwrap().ring.by_id("n").unwrap();
    assert_eq!((key.sign.until, key.verify.until), (Some(moment("2026-11-25")), None));
    assert_eq!((key.secret.expose(), &*key.principal), (&b"n\"e\\w-0123456789abcdefghijklmnopq"[..], "acme"));
    apply(&source, &removal("a")).unwrap();
    assert!(!alone.exists());
    apply(&source, &entry("m")).unwrap();
    apply(&source, &removal("n")).unwrap();
    assert!(!place.path().join("n.yaml").exists(), "a file without a key is no key file");
}

#[test]
fn a_mounted_secret_is_refused_with_what_to_do_instead() {
    let place = tempfile::tempdir().unwrap();
    let generation = place.path().join("..2026");
    std::fs::create_dir(&generation).unwrap();
    std::fs::write(generation.join("a"), SECRET).unwrap();
    std::fs::write(generation.join("b.yaml"), format!("version: 1\nkeys:\n  - id: b\n    secret: {SECRET}\n")).unwrap();
    symlink("..2026", place.path().join("..data")).unwrap();
    for name in ["a", "b.yaml"] {
        symlink(format!("..data/{name}"), place.path().join(name)).unwrap();
    }
    let directory = Source::Directory(place.path().to_owned());
    for (change, hint) in [
        (entry("n"), "keygen --id n --format secret --name NAME | kubectl patch secret NAME"),
        (removal("a"), "\"path\": \"/data/a\""),
        (removal("b"), "\"path\": \"/data/b.yaml\""),
        (until("b", Some("2026-11-25"), None), "kubectl create secret generic"),
    ] {
        let refused = apply(&directory, &change).unwrap_err();
        assert!(refused.why.contains("mounted Kubernetes Secret") && refused.fix.contains(hint), "{refused}");
    }
    let file = Source::File(place.path().join("b.yaml"));
    assert!(apply(&file, &entry("n")).unwrap_err().why.contains("mounted"));
}
