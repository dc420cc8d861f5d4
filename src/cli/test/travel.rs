//! A vector on its way through the real HTTP/1.1 parser, where it can be written as HTTP/1.1 at all.

use bytes::Bytes;

use super::vector::Vector;
use crate::policy::limits;
use crate::proxy::http::captured;
use crate::reject::Rejection;
use crate::sig::message::{Fields, Head, Method};

/// The request as the parser reads it; built by hand where no client could send it so.
pub(super) async fn travel(vector: &Vector, body: &[u8]) -> Result<(Head, Bytes), Rejection> {
    if !can_travel(vector, body) {
        return Ok((by_hand(vector), Bytes::copy_from_slice(body)));
    }
    let (mut head, body) = captured(written(vector, body), limits::Connection::default()).await?;
    // The length that we had to write is not the vector's.
    if !has(vector, "content-length") {
        head.fields.remove("content-length");
    }
    Ok((head, body))
}

/// HTTP/1.1 has exactly one Host, no line breaks within lines, and framing that is true.
fn can_travel(vector: &Vector, body: &[u8]) -> bool {
    let lines = vector.headers.iter();
    let clean = |text: &str| !text.contains(['\r', '\n', '\0']);
    let plain = |text: &str| !text.is_empty() && !text.contains([' ', '\t']) && clean(text);
    let length = body.len().to_string();
    let framed = lines.clone().all(|(name, value)| match name.to_ascii_lowercase().as_str() {
        "content-length" => value.trim() == length,
        "transfer-encoding" => false,
        _ => true,
    });
    let readable = lines.clone().all(|(name, value)| plain(name) && clean(value));
    has(vector, "host") && framed && readable && plain(&vector.method) && plain(&vector.target)
}

fn has(vector: &Vector, name: &str) -> bool {
    vector.headers.iter().any(|(known, _)| known.eq_ignore_ascii_case(name))
}

fn written(vector: &Vector, body: &[u8]) -> Vec<u8> {
    let mut text = format!("{} {} HTTP/1.1\r\n", vector.method, vector.target);
    for (name, value) in &vector.headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    if !has(vector, "content-length") && !body.is_empty() {
        text.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
    }
    [text.as_bytes(), b"\r\n", body].concat()
}

fn by_hand(vector: &Vector) -> Head {
    let mut head = Head {
        method: Method::new(&vector.method),
        target: Bytes::from(vector.target.clone()),
        authority: Bytes::new(),
        secure: false,
        fields: Fields::default(),
    };
    for (name, value) in &vector.headers {
        let (name, value) = (name.to_ascii_lowercase(), Bytes::from(value.trim_matches([' ', '\t']).to_owned()));
        if name == "host" { head.authority = value } else { head.fields.append(name, value) }
    }
    head
}
