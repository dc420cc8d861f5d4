//! Mistakes that people make with schemes that are code, each by the name that `explain` gives it.

use countersign::sig::encoding::Encoding;
use countersign::sig::mac::Algorithm;

use crate::sender::{fresh, hex, hmac};
use crate::signer::{Kind, Line, Signed, Signer};

/// What it is called, and how it is made.
pub(crate) type Slip = (&'static str, fn(&mut Signer));

/// The line with the signature, which is the last.
fn last(mut lines: Vec<Line>, change: impl Fn(&str) -> String) -> Vec<Line> {
    if let Some((_, value)) = lines.last_mut() {
        *value = change(value);
    }
    lines
}

fn rewritten(signer: &mut Signer, change: impl Fn(&str) -> String) {
    signer.signed_body = Some(signer.body.clone());
    signer.body = change(&String::from_utf8(signer.body.clone()).unwrap()).into_bytes();
}

fn without_query(head: &mut Signed) {
    head.target = head.target.split('?').next().unwrap().to_owned();
}

/// Mistakes about keys and about the signature itself.
pub(crate) const COMMON: &[Slip] = &[
    ("key-newline", |signer| signer.key.push(b'\n')),
    ("key-newline", |signer| signer.configured.push(b'\n')),
    ("key-hex", |signer| signer.key = Encoding::Hex.decode_secret(&signer.configured).unwrap()),
    ("key-base64", |signer| {
        signer.configured = Encoding::Base64.encode(fresh().as_bytes()).into_bytes();
        signer.key = Encoding::Base64.decode_secret(&signer.configured).unwrap();
    }),
    ("key-encoded", |signer| signer.key = Encoding::Base64.encode(&signer.configured).into_bytes()),
    ("key-prefix", |signer| signer.configured = [b"whsec_", signer.key.as_slice()].concat()),
    ("key-quotes", |signer| signer.configured = [b"\"", signer.key.as_slice(), b"\""].concat()),
    ("key-state", |signer| signer.lifetime = ", not_after: 2020-01-01"),
    ("key-id", |signer| "spare".clone_into(&mut signer.key_id)),
    ("key-unknown", |signer| (signer.key_id, signer.key) = (fresh(), fresh().into_bytes())),
    ("key-of-another-ring", |_| {}),
    ("signature-encoded-twice", |signer| signer.spelled = Some(|mac| Encoding::Base64.encode(hex(mac).as_bytes()))),
    ("signature-missing", |signer| {
        signer.lines = |mut lines| {
            lines.pop();
            lines
        };
    }),
    ("signature-repeated", |signer| {
        signer.lines = |mut lines| {
            lines.extend(lines.last().cloned());
            lines
        };
    }),
    ("signature-length", |signer| signer.mac = Some(|key, message| hmac(key, message)[..16].to_vec())),
    ("signature-malformed", |signer| {
        signer.spelled = Some(|mac| format!("{}!", Encoding::Base64.encode(mac)));
    }),
];

/// Mistakes about the body, where a digest of it is signed.
pub(crate) const BODIES: &[Slip] = &[
    ("body-newline", |signer| rewritten(signer, |body| format!("{body}\n"))),
    ("body-line-ends", |signer| {
        signer.body = format!("one\n{}\n", fresh()).into_bytes();
        rewritten(signer, |body| body.replace('\n', "\r\n"));
    }),
    ("body-empty", |signer| signer.signed_body = Some(Vec::new())),
    ("json-white-space", |signer| rewritten(signer, |body| body.replace(": ", ":").replace(", ", ","))),
    ("json-key-order", |signer| {
        let value = fresh();
        signer.signed_body = Some(format!("{{\"b\":\"{value}\",\"a\":1}}").into_bytes());
        signer.body = format!("{{\"a\":1,\"b\":\"{value}\"}}").into_bytes();
    }),
    ("body-altered", |signer| signer.signed_body = Some(fresh().into_bytes())),
    ("body-not-signed", |signer| signer.digest = |_| None),
    ("digest-malformed", |signer| signer.digest = |digest| Some(format!("{}!", hex(digest)))),
    ("query-not-signed", |signer| signer.signed = Some(without_query)),
    ("path-decoded", |signer| signer.signed = Some(|head| head.target = head.target.replace("a%20b", "a b"))),
    ("path-slash", |signer| signer.signed = Some(|head| head.target = head.target.replace('?', "/?"))),
    ("path-prefix", |signer| signer.signed = Some(|head| head.target = head.target[2..].to_owned())),
    ("final-newline", |signer| signer.message = |message| [message.as_slice(), b"\n"].concat()),
];

/// Mistakes about host and method, where both are signed as they are sent.
pub(crate) const HOSTS: &[Slip] = &[
    ("host-port", |signer| signer.signed = Some(|head| "api.example.com".clone_into(&mut head.host))),
    ("method-case", |signer| signer.signed = Some(|head| head.method.make_ascii_lowercase())),
];

/// Mistakes about a stamp that is a number.
pub(crate) const DATED: &[Slip] = &[
    ("milliseconds", |signer| signer.stamp.push_str("123")),
    ("algorithm", |signer| {
        signer.algorithm = if signer.kind == Kind::Oauth1 { Algorithm::Sha256 } else { Algorithm::Sha512 };
    }),
    ("signature-encoding", |signer| signer.spelled = Some(hex)),
];

pub(crate) const RFC9421: &[Slip] = &[
    ("requirement", |signer| signer.components = &["@method", "@authority", "@path"]),
    ("part-not-signed", |signer| {
        signer.message = |message| {
            let end = message.iter().rposition(|byte| *byte == b'\n').unwrap();
            message[..=end].to_vec()
        };
    }),
    ("signature-header", |signer| {
        signer.lines =
            |lines| lines.into_iter().map(|(name, value)| (name.replace("Signature", "X-Signature"), value)).collect();
    }),
    ("timestamp-malformed", |signer| signer.stamp = format!("\"{}\"", signer.stamp)),
    ("covered-field-missing", |signer| {
        signer.lines = |lines| lines.into_iter().filter(|(name, _)| name != "Content-Digest").collect();
    }),
];

pub(crate) const SIGV4: &[Slip] = &[
    ("credential-scope", |signer| signer.scope.0 = "eu-west-1"),
    ("credential-scope", |signer| signer.scope.1 = "s3"),
    ("key-derivation", |signer| {
        signer.derived =
            Some(|secret, steps| steps.iter().fold(secret.to_vec(), |key, step| hmac(&key, step.as_bytes())));
    }),
    ("key-derivation", |signer| signer.derived = Some(|secret, _| secret.to_vec())),
    ("path-decoded", |signer| signer.as_s3 = true),
    ("signature-case", |signer| signer.spelled = Some(|mac| hex(mac).to_ascii_uppercase())),
    ("signature-encoding", |signer| signer.spelled = Some(|mac| Encoding::Base64.encode(mac))),
    ("signature-header", |signer| {
        signer.lines = |lines| {
            lines.into_iter().map(|(name, value)| (name.replace("Authorization", "X-Forwarded-Auth"), value)).collect()
        };
    }),
    ("requirement", |signer| {
        signer.lines = |lines| [("X-Amz-Meta".to_owned(), "1".to_owned())].into_iter().chain(lines).collect();
    }),
    ("timestamp-malformed", |signer| {
        signer.lines = |mut lines| {
            lines[0].1.insert(4, '-');
            lines
        };
    }),
];

pub(crate) const JWT: &[Slip] = &[
    ("requirement", |signer| signer.claims = ",\"aud\":\"somebody else\""),
    ("signature-prefix", |signer| signer.lines = |lines| last(lines, |value| value.replace("Bearer", "JWT"))),
    ("signature-prefix", |signer| signer.lines = |lines| last(lines, |value| value.replace("Bearer ", ""))),
    ("signature-header", |signer| {
        signer.lines = |lines| {
            let bare = last(lines, |value| value.replace("Bearer ", ""));
            bare.into_iter().map(|(_, value)| ("X-Auth-Token".to_owned(), value)).collect()
        };
    }),
    ("timestamp-malformed", |signer| signer.stamp = format!("\"{}\"", signer.stamp)),
];

pub(crate) const OAUTH1: &[Slip] = &[
    ("public-url", |signer| signer.public_url = "http://hooks.example.com"),
    ("key-without-ampersand", |signer| signer.derived = Some(|secret, _| secret.to_vec())),
    ("requirement", |signer| signer.version = "2.0"),
    ("signature-header", |signer| {
        signer.lines = |lines| lines.into_iter().map(|(_, value)| ("X-Auth".to_owned(), value)).collect();
    }),
    ("timestamp-malformed", |signer| signer.stamp = format!("0{}", signer.stamp)),
];
