//! Our head as an `http::Request`: byte for byte, or not at all.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Uri};

use crate::reject::Code;
use crate::sig::message::{Field, Head};

/// How a request is put on its connection.
#[derive(Clone, Copy)]
pub(super) struct Shape {
    /// Bytes of the body; `None` where it is not known before the end.
    pub(super) length: Option<u64>,
    pub(super) http2: bool,
    pub(super) upgrade: bool,
}

/// The request without its body. What cannot be sent exactly as it is, is refused.
pub(super) fn request(head: &Head, shape: Shape) -> Result<Request<()>, Code> {
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(head.method.as_str().as_bytes()).map_err(|_| Code::BadRequest)?;
    *request.uri_mut() = if shape.http2 { absolute(head)? } else { Uri::from(target(head)?) };
    let mut fields = HeaderMap::with_capacity(head.fields.len().saturating_add(3));
    if shape.http2 {
        *request.version_mut() = http::Version::HTTP_2;
    } else {
        let host = HeaderValue::from_maybe_shared(head.authority.clone()).map_err(|_| Code::HostInvalid)?;
        fields.insert(HOST, host);
    }
    for field in &head.fields {
        let (name, value) = pair(field)?;
        if !ours(&name) {
            fields.append(name, value);
        }
    }
    frame(&mut fields, head, shape);
    *request.headers_mut() = fields;
    Ok(request)
}

/// Fields that describe this hop; written here, whatever the head says.
fn ours(name: &HeaderName) -> bool {
    [HOST, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, UPGRADE].contains(name)
}

fn pair(field: &Field) -> Result<(HeaderName, HeaderValue), Code> {
    let name = HeaderName::from_bytes(&field.name).map_err(|_| Code::BadRequest)?;
    let value = HeaderValue::from_maybe_shared(field.value.clone()).map_err(|_| Code::BadRequest)?;
    Ok((name, value))
}

/// hyper drops the body of a GET or HEAD whose length it does not know, so every length is said here.
fn frame(fields: &mut HeaderMap, head: &Head, shape: Shape) {
    match shape.length {
        Some(length) if length > 0 || head.fields.contains("content-length") || expects_body(head.method.as_str()) => {
            fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        Some(_) => {}
        None if shape.http2 => {}
        None => {
            fields.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
    }
    if shape.http2 {
        return;
    }
    if shape.upgrade {
        fields.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        fields.insert(UPGRADE, HeaderValue::from_static("websocket"));
    } else if fields.contains_key(TE) {
        fields.insert(CONNECTION, HeaderValue::from_static("te"));
    }
}

fn expects_body(method: &str) -> bool {
    matches!(method, "POST" | "PUT" | "PATCH")
}

fn target(head: &Head) -> Result<PathAndQuery, Code> {
    let parsed = PathAndQuery::from_maybe_shared(head.target.clone()).map_err(|_| Code::TargetInvalid)?;
    // The parser cuts a fragment off, and a bare query gets a slash when it is written.
    let rooted = head.target.starts_with(b"/") || head.target == "*";
    (rooted && same(parsed.as_str(), &head.target)).then_some(parsed).ok_or(Code::TargetInvalid)
}

fn absolute(head: &Head) -> Result<Uri, Code> {
    let authority = Authority::from_maybe_shared(head.authority.clone()).map_err(|_| Code::HostInvalid)?;
    if !same(authority.as_str(), &head.authority) {
        return Err(Code::HostInvalid);
    }
    let scheme = if head.secure { Scheme::HTTPS } else { Scheme::HTTP };
    let uri = Uri::builder().scheme(scheme).authority(authority).path_and_query(target(head)?);
    uri.build().map_err(|_| Code::TargetInvalid)
}

fn same(parsed: &str, sent: &Bytes) -> bool {
    parsed.as_bytes() == sent.as_ref()
}
