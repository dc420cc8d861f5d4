//! Our head as the `http::Request` of an HTTP/2 stream: byte for byte, or not at all.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Uri};

use crate::reject::Code;
use crate::sig::message::{Field, Head};

/// How a request is put on its connection.
#[derive(Clone, Copy)]
pub(in crate::proxy) struct Shape {
    /// Bytes of the body; `None` where it is not known before the end.
    pub(in crate::proxy) length: Option<u64>,
    pub(in crate::proxy) upgrade: bool,
}

/// The request without its body. What cannot be sent exactly as it is, is refused.
pub(super) fn request(head: &Head, shape: Shape) -> Result<Request<()>, Code> {
    let mut request = Request::new(());
    *request.method_mut() = Method::from_bytes(head.method.as_str().as_bytes()).map_err(|_| Code::BadRequest)?;
    *request.uri_mut() = absolute(head)?;
    *request.version_mut() = http::Version::HTTP_2;
    let mut fields = HeaderMap::with_capacity(head.fields.len().saturating_add(1));
    for field in &head.fields {
        let (name, value) = pair(field)?;
        if !is_ours(&field.name) {
            fields.append(name, value);
        }
    }
    if let Some(length) = shape.length.filter(|length| is_said(head, *length)) {
        fields.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    *request.headers_mut() = fields;
    Ok(request)
}

/// Fields that describe this hop; written here, whatever the head says.
pub(super) fn is_ours(name: &[u8]) -> bool {
    let ours = ["host", "content-length", "transfer-encoding", "connection", "upgrade"];
    ours.iter().any(|own| name.eq_ignore_ascii_case(own.as_bytes()))
}

/// Whether a known length stands in the head: always where there is a body, and where one is expected.
pub(super) fn is_said(head: &Head, length: u64) -> bool {
    length > 0 || head.fields.contains("content-length") || matches!(head.method.as_str(), "POST" | "PUT" | "PATCH")
}

fn pair(field: &Field) -> Result<(HeaderName, HeaderValue), Code> {
    let name = HeaderName::from_bytes(&field.name).map_err(|_| Code::BadRequest)?;
    let value = HeaderValue::from_maybe_shared(field.value.clone()).map_err(|_| Code::BadRequest)?;
    Ok((name, value))
}

/// The target as an HTTP library reads it, which must be as it is.
pub(super) fn target(head: &Head) -> Result<PathAndQuery, Code> {
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
