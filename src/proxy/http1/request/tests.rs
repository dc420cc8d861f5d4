//! Heads that are read, and heads that are refused.

use super::*;

const BOUNDS: Bounds = Bounds { head: 1000, fields: 3, target: 100 };

/// What is left behind a head, `None` where it is not complete.
fn code(text: &str) -> Result<Option<usize>, Code> {
    let mut ahead = BytesMut::from(text);
    let taken = Reader::default().take(&mut ahead, &BOUNDS).map_err(|rejection| rejection.code())?;
    Ok(taken.map(|_| ahead.len()))
}

#[test]
fn a_strict_head_passes_and_ends_at_its_empty_line() {
    for text in [
        "GET / HTTP/1.1\r\n\r\n",
        "\r\nGET / HTTP/1.0\r\n\r\n",
        "POST /a?[]{} HTTP/1.1\r\nHost: a\r\nA:\r\nB:\t\u{e9} \r\n\r\n",
        "POST http://a/ HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\ncontent-length: 9223372036854775807\r\n\r\n",
    ] {
        assert_eq!(code(text), Ok(Some(0)), "{text}");
        assert_eq!(code(&format!("{text}GET")), Ok(Some(3)), "{text}");
        for cut in 1..text.len() {
            let mut reader = Reader::default();
            let mut ahead = BytesMut::from(&text.as_bytes()[..cut]);
            assert!(reader.take(&mut ahead, &BOUNDS).unwrap().is_none(), "{text} cut at {cut}");
            ahead.extend_from_slice(&text.as_bytes()[cut..]);
            assert!(reader.take(&mut ahead, &BOUNDS).unwrap().is_some(), "{text} cut at {cut}");
            assert!(ahead.is_empty(), "{text} cut at {cut}");
        }
    }
}

#[test]
fn what_is_not_strict_has_its_code() {
    let request = |rest: &str| format!("GET / HTTP/1.1\r\n{rest}\r\n\r\n");
    let cases = [
        ("\r\n\r\nGET / HTTP/1.1\r\n\r\n".to_owned(), Code::BadRequest),
        ("GET / HTTP/1.2\r\n".to_owned(), Code::BadRequest),
        ("GET  / HTTP/1.1\r\n".to_owned(), Code::BadRequest),
        ("GET / HTTP/1.1 \r\n".to_owned(), Code::BadRequest),
        ("G(T / HTTP/1.1\r\n".to_owned(), Code::BadRequest),
        ("GET /\r\n".to_owned(), Code::BadRequest),
        ("GET / HTTP/1.1\n".to_owned(), Code::BadRequest),
        ("GET /#f HTTP/1.1\r\n".to_owned(), Code::TargetInvalid),
        ("GET /\u{e9} HTTP/1.1\r\n".to_owned(), Code::TargetInvalid),
        ("GET http:// HTTP/1.1\r\n".to_owned(), Code::TargetInvalid),
        (format!("GET /{} HTTP/1.1\r\n", "a".repeat(MOST_TARGET)), Code::TargetTooLong),
        ("CONNECT a:80 HTTP/1.1\r\n".to_owned(), Code::MethodNotAllowed),
        (request("A: 1\r\nB: 2\r\nC: 3\r\nD: 4"), Code::HeadTooLarge),
        (request("A : 1"), Code::BadRequest),
        (request(" A: 1"), Code::BadRequest),
        (request(": 1"), Code::BadRequest),
        (request("A"), Code::BadRequest),
        (request("A: \0"), Code::BadRequest),
        (request("Content-Length: 1\r\nContent-Length: 1"), Code::BadRequest),
        (request("Content-Length: 01"), Code::BadRequest),
        (request("Content-Length: 9223372036854775808"), Code::BadRequest),
        (request("Transfer-Encoding: gzip, chunked"), Code::BadRequest),
        (request("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), Code::BadRequest),
        (request("Transfer-Encoding: chunked\r\nContent-Length: 1"), Code::BadRequest),
        ("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned(), Code::BadRequest),
    ];
    for (text, expected) in cases {
        assert_eq!(code(&text), Err(expected), "{text:.80}");
    }
}

#[test]
fn a_line_that_cannot_become_good_is_not_waited_for() {
    assert_eq!(code("\x16\x03\x01"), Err(Code::BadRequest));
    assert_eq!(code("GET / HTTP/1.1\rHost"), Err(Code::BadRequest));
    assert_eq!(code("GET / HTTP/1.1\r"), Ok(None));
    let mut reader = Reader::default();
    assert!(reader.take(&mut BytesMut::from("GET / HTTP/1.1\r"), &BOUNDS).unwrap().is_none());
    assert!(reader.take(&mut BytesMut::from("GET / HTTP/1.1\rH"), &BOUNDS).is_err());
}

#[test]
fn a_refused_head_is_told_by_what_was_legible() {
    let told = |text: &str| {
        let refused = Refused::new(bad("x"), text.as_bytes());
        (refused.method, String::from_utf8(refused.target.to_vec()).unwrap())
    };
    assert_eq!(told("\r\nGET /a?b HTTP/9\r\n"), ("GET".to_owned(), "/a?b".to_owned()));
    assert_eq!(told("\x16\x03 /a"), ("-".to_owned(), String::new()));
    assert_eq!(told(&format!("GET /{}", "a".repeat(5000))).1.len(), TOLD_TARGET);
}

#[test]
fn a_head_is_cut_where_it_was_written() {
    let text = "POST /a?b HTTP/1.1\r\nHost: h\r\nX-Y:  z \t\r\nx-Y:\r\n\r\n";
    let request = Reader::default().take(&mut BytesMut::from(text), &BOUNDS).unwrap().unwrap();
    assert_eq!((&request.method[..], &request.target[..], request.old), (&b"POST"[..], &b"/a?b"[..], false));
    let lines: Vec<_> = request.fields.iter().map(|field| (field.name.clone(), field.value.clone())).collect();
    let expected = [("host", "h"), ("x-y", "z"), ("x-y", "")];
    assert_eq!(lines, expected.map(|(name, value)| (Bytes::from(name), Bytes::from(value))));
}

#[test]
fn a_head_has_its_bound_whether_it_ends_or_not() {
    let field = |length: usize| format!("GET / HTTP/1.1\r\nX: {}", "v".repeat(length));
    assert_eq!(code(&format!("{}\r\n\r\n", field(8000))), Ok(Some(0)));
    assert_eq!(code(&format!("{}\r\n\r\n", field(8200))), Err(Code::HeadTooLarge));
    assert_eq!(code(&field(8200)), Err(Code::HeadTooLarge));
    assert_eq!(code(&format!("GET /{}", "a".repeat(8200))), Err(Code::TargetTooLong));
}

#[test]
fn bytes_before_an_upgrade_is_granted_are_refused() {
    let ask = "GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(code(ask), Ok(Some(0)));
    assert_eq!(code(&format!("{ask}\u{1}")), Err(Code::UpgradeRefused));
    let offer = "POST / HTTP/1.1\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n";
    assert_eq!(code(&format!("{offer}ab")), Ok(Some(2)), "its own body");
}
