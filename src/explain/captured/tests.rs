//! What is kept, for how long, and what of it is never shown.

use std::time::Duration;

use super::*;
use crate::reject::Code;
use crate::sig::message::Method;

fn at(seconds: i64) -> Moment {
    Moment::from_secs(1_760_000_000_i64.saturating_add(seconds))
}

fn settings(refused: usize) -> Capture {
    Capture { refused, body: 1024, keep: Duration::from_mins(10), routes: Vec::new() }
}

fn kept(id: &str, peer: &str, seconds: i64) -> Kept {
    let head = Head {
        method: Method::GET,
        target: Bytes::from_static(b"/"),
        authority: Bytes::new(),
        secure: false,
        fields: Fields::default(),
    };
    Kept {
        id: id.into(),
        time: at(seconds),
        rejection: Code::SignatureInvalid.into(),
        route: "/".into(),
        listener: "public".into(),
        peer: peer.parse().ok(),
        head,
        body: Bytes::new(),
        whole_body: true,
    }
}

fn ids(captures: &Captures) -> Vec<String> {
    captures.list().iter().map(|kept| kept.id.to_string()).collect()
}

#[test]
fn what_is_too_old_is_forgotten_on_the_exact_second() {
    let captures = Captures::default();
    captures.keep(kept("a", "203.0.113.1", 0), &settings(3));
    captures.keep(kept("b", "203.0.113.1", 60), &settings(3));
    captures.sweep(Some(&settings(3)), at(599));
    assert_eq!(ids(&captures), ["a", "b"]);
    captures.sweep(Some(&settings(3)), at(600));
    assert_eq!(ids(&captures), ["b"]);
    captures.sweep(None, at(600));
    assert!(ids(&captures).is_empty());
}

#[test]
fn a_flood_does_not_push_out_what_others_sent() {
    let captures = Captures::default();
    captures.keep(kept("partner", "198.51.100.7", 0), &settings(5));
    for number in 0..100 {
        captures.keep(kept(&format!("scan-{number}"), "203.0.113.1", 1), &settings(5));
    }
    assert_eq!(ids(&captures), ["partner", "scan-96", "scan-97", "scan-98", "scan-99"]);
}

#[test]
fn a_smaller_bound_takes_effect_with_the_next_request() {
    let captures = Captures::default();
    (0..5).for_each(|number| captures.keep(kept(&number.to_string(), "203.0.113.1", 0), &settings(5)));
    captures.keep(kept("last", "203.0.113.1", 0), &settings(2));
    assert_eq!(ids(&captures), ["4", "last"]);
}

#[test]
fn a_credential_among_the_signed_bytes_is_hidden_with_its_words() {
    let cookie = b"session=0123456789abcdef0123; theme=dark".as_slice();
    let all: Vec<&[u8]> = secrets(cookie).collect();
    let hidden = |text: &[u8]| {
        let mut part = Traced { origin: String::new(), bytes: Some(text.to_vec()), of: Vec::new() };
        let mut outer = Traced { origin: String::new(), bytes: None, of: vec![part.clone()] };
        hide(&mut part, &all);
        hide(&mut outer, &all);
        assert_eq!(outer.of[0].bytes, part.bytes);
        String::from_utf8(part.bytes.unwrap()).unwrap()
    };
    assert_eq!(hidden(&[b"\"cookie\": ", cookie, b"\n\"x\": y"].concat()), "\"cookie\": [redacted]\n\"x\": y");
    assert_eq!(hidden(b"0123456789abcdef0123.theme"), "[redacted].theme");
    assert_eq!(hidden(b"dark"), "dark");
}
