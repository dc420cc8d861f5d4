//! Mistakes that people make, each by the name that `explain` gives it.

use countersign::sig::encoding::Encoding;
use countersign::sig::mac::Algorithm;

use crate::sender::{Scheme, Sender, fresh, hex, with};

/// What it is called, and how it is made.
pub(crate) type Mistake = (&'static str, fn(&mut Sender));

fn text(sender: &Sender) -> String {
    String::from_utf8(sender.body.clone()).unwrap()
}

/// What is sent is `change` of what was signed.
fn rewritten(sender: &mut Sender, change: impl Fn(&str) -> String) {
    sender.signed_body = Some(sender.body.clone());
    sender.body = change(&text(sender)).into_bytes();
}

/// Mistakes of any scheme that signs the body.
pub(crate) const COMMON: &[Mistake] = &[
    ("body-newline", |sender| rewritten(sender, |body| format!("{body}\n"))),
    ("body-newline", |sender| sender.signed_body = Some(format!("{}\n", text(sender)).into_bytes())),
    ("json-key-order", |sender| {
        let (name, rest) = (fresh(), fresh());
        sender.signed_body = Some(format!("{{\"b\": \"{name}\", \"a\": \"{rest}\", \"c\": 1}}").into_bytes());
        sender.body = format!("{{\"a\": \"{rest}\", \"b\": \"{name}\", \"c\": 1}}").into_bytes();
    }),
    ("json-key-order", |sender| {
        let value = fresh();
        sender.signed_body = Some(format!("{{\"z\":\"{value}\",\"y\":{{\"d\":1,\"c\":2}},\"x\":1}}").into_bytes());
        sender.body = format!("{{\"x\": 1, \"y\": {{\"d\": 1, \"c\": 2}}, \"z\": \"{value}\"}}").into_bytes();
    }),
    ("json-white-space", |sender| rewritten(sender, |body| body.replace(": ", ":").replace(", ", ","))),
    ("json-white-space", |sender| {
        let value = fresh();
        sender.signed_body =
            Some(format!("{{\n  \"a\": \"{value}\",\n  \"b\": [\n    1,\n    2\n  ]\n}}").into_bytes());
        sender.body = format!("{{\"a\":\"{value}\",\"b\":[1,2]}}").into_bytes();
    }),
    ("json-escapes", |sender| rewritten(sender, |body| body.replace('ë', "\\u00eb"))),
    ("json-escapes", |sender| sender.signed_body = Some(text(sender).replace('ë', "\\u00eb").into_bytes())),
    ("body-line-ends", |sender| {
        sender.body = format!("one\n{}\nthree\n", fresh()).into_bytes();
        rewritten(sender, |body| body.replace('\n', "\r\n"));
    }),
    ("body-line-ends", |sender| {
        sender.body = format!("one\n{}\nthree\n", fresh()).into_bytes();
        sender.signed_body = Some(text(sender).replace('\n', "\r\n").into_bytes());
    }),
    ("body-bom", |sender| rewritten(sender, |body| format!("\u{feff}{body}"))),
    ("body-bom", |sender| sender.signed_body = Some(format!("\u{feff}{}", text(sender)).into_bytes())),
    ("body-empty", |sender| sender.signed_body = Some(Vec::new())),
    ("body-encoded-twice", |sender| {
        sender.signed_body = Some(serde_json::Value::from(text(sender)).to_string().into_bytes());
    }),
    ("form-encoding", |sender| {
        sender.body = format!("a=one+two&b={}", fresh()).into_bytes();
        rewritten(sender, |body| body.replace('+', "%20"));
    }),
    ("form-encoding", |sender| {
        sender.body = format!("a=one%2Ftwo&b={}", fresh()).into_bytes();
        rewritten(sender, |body| body.replace("%2F", "%2f"));
    }),
    ("form-encoding", |sender| {
        sender.body = format!("a=one%2ftwo&b={}", fresh()).into_bytes();
        rewritten(sender, |body| body.replace("%2f", "%2F"));
    }),
    ("signature-header", |sender| sender.header = Some("X-Signature")),
    ("signature-missing", |sender| sender.header = Some("")),
    ("signature-repeated", |sender| sender.twice = true),
    ("signature-length", |sender| sender.mac = |key, message| with(Algorithm::Sha256, key, message)[..31].to_vec()),
    ("signature-malformed", |sender| sender.spelled = |mac| format!("{}!", hex(mac))),
    ("key-hex", |sender| sender.key = Encoding::Hex.decode_secret(&sender.configured).unwrap()),
    ("key-base64", |sender| {
        sender.configured = Encoding::Base64.encode(fresh().as_bytes()).into_bytes();
        sender.key = Encoding::Base64.decode_secret(&sender.configured).unwrap();
    }),
    ("key-newline", |sender| sender.key.push(b'\n')),
    ("key-newline", |sender| sender.configured.push(b'\n')),
    ("key-prefix", |sender| sender.configured = [b"whsec_", sender.key.as_slice()].concat()),
    ("key-prefix", |sender| {
        sender.configured = format!("whsec_{}", Encoding::Base64.encode(&sender.key)).into_bytes();
    }),
    ("key-encoded", |sender| sender.key = Encoding::Base64.encode(&sender.configured).into_bytes()),
    ("key-quotes", |sender| sender.configured = [b"\"", sender.key.as_slice(), b"\""].concat()),
    ("key-state", |sender| sender.lifetime = ", not_after: 2020-01-01"),
    ("key-of-another-ring", |_| {}),
    ("signature-encoding", |sender| sender.spelled = |mac| Encoding::Base64.encode(mac)),
    ("signature-encoding", |sender| sender.spelled = |mac| Encoding::Base64Url.encode(mac)),
    ("signature-case", |sender| sender.spelled = |mac| hex(mac).to_ascii_uppercase()),
    ("signature-encoded-twice", |sender| sender.spelled = |mac| Encoding::Base64.encode(hex(mac).as_bytes())),
    ("signature-prefix", |sender| sender.prefix = Some("v0=")),
    ("algorithm", |sender| sender.mac = |key, message| with(Algorithm::Sha512, key, message)),
    ("algorithm", |sender| sender.mac = |key, message| with(Algorithm::Sha1, key, message)),
    ("plain-digest", |sender| {
        sender.mac = |key, message| Algorithm::Sha256.digest(&[key, message].concat());
    }),
    ("another-scheme", |sender| {
        sender.instead = Some(if sender.scheme == Scheme::GitHub { Scheme::TimestampBody } else { Scheme::GitHub });
    }),
];

/// Mistakes about the stamp, for schemes that sign it.
pub(crate) const DATED: &[Mistake] = &[
    ("milliseconds", |sender| sender.stamp.push_str("123")),
    ("milliseconds", |sender| {
        sender.signed_stamp = Some(sender.stamp.clone());
        sender.stamp.push_str("123");
    }),
    ("timestamp-text", |sender| sender.signed_stamp = Some(format!("{}000", sender.stamp))),
    ("timestamp-not-signed", |sender| sender.message = Some(|_, body| body.to_vec())),
    ("part-not-signed", |sender| sender.message = Some(|stamp, _| stamp.as_bytes().to_vec())),
    ("separator", |sender| sender.message = Some(|stamp, body| [stamp.as_bytes(), b":", body].concat())),
    ("separator", |sender| sender.message = Some(|stamp, body| [stamp.as_bytes(), b"\n", body].concat())),
    ("separator", |sender| sender.message = Some(|stamp, body| [stamp.as_bytes(), body].concat())),
    ("part-order", |sender| sender.message = Some(|stamp, body| [body, b".", stamp.as_bytes()].concat())),
    ("signed-like-another-scheme", |sender| {
        sender.message = Some(|stamp, body| [b"v0:", stamp.as_bytes(), b":", body].concat());
    }),
];

/// Mistakes about the head, for a scheme that signs it.
pub(crate) const HEADS: &[Mistake] = &[
    ("query-not-signed", |sender| sender.signed_target = Some("/h/a%20b/c".to_owned())),
    ("path-decoded", |sender| sender.signed_target = Some("/h/a b/c?q=1&r=%2F".to_owned())),
    ("path-decoded", |sender| sender.signed_target = Some("/h/a%20b/c?q=1&r=%2f".to_owned())),
    ("path-slash", |sender| sender.signed_target = Some("/h/a%20b/c/?q=1&r=%2F".to_owned())),
    ("path-prefix", |sender| sender.signed_target = Some("/a%20b/c?q=1&r=%2F".to_owned())),
    ("host-port", |sender| sender.signed_host = Some("api.example.com".to_owned())),
    ("host-port", |sender| {
        "api.example.com".clone_into(&mut sender.host);
        sender.signed_host = Some("api.example.com:443".to_owned());
    }),
    ("method-case", |sender| {
        sender.message = None;
        sender.signed_stamp = Some(sender.stamp.clone());
        sender.mac = |key, message| crate::sender::hmac(key, &[b"post", message.get(4..).unwrap()].concat());
    }),
    ("part-not-signed", |sender| sender.mac = |key, message| crate::sender::hmac(key, message.get(5..).unwrap())),
];
