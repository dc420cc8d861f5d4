//! `envoy.service.auth.v3.Authorization/Check` in protobuf: what is read of the question, and what is written of the answer.
//!
//! Field numbers are those of `external_auth.proto`, `attribute_context.proto`, `base.proto` and `status.proto`.

use bytes::{Bytes, BytesMut};

use super::wire;
pub use super::wire::Malformed;
use crate::sig::message::{Field, Fields};

/// `OVERWRITE_IF_EXISTS_OR_ADD`
const OVERWRITE: u64 = 2;

/// Two of `google.rpc.Code`.
const DENIED: u64 = 7;
const UNAUTHENTICATED: u64 = 16;

/// The HTTP request of a `CheckRequest`; what it does not say is empty.
#[derive(Default, PartialEq, Eq, Debug)]
pub struct Asked {
    /// As on the request line.
    pub method: Bytes,
    /// Path and query.
    pub path: Bytes,
    /// Host and port.
    pub host: Bytes,
    /// `http` or `https`.
    pub scheme: Bytes,
    /// As much as Envoy sent along.
    pub body: Bytes,
    /// Every line by itself; the older map, which joins lines of one name, is not read.
    pub lines: Option<Vec<(Bytes, Bytes)>>,
}

/// Reads a `CheckRequest`, and of its header lines at most `most`. **Threat:** a field that comes twice could be read in two ways; it is refused.
pub fn read(message: Bytes, most: usize) -> Result<Asked, Malformed> {
    let attributes = wire::one(message, 1)?;
    let request = wire::one(attributes, 4)?;
    let http = wire::one(request, 2)?;
    let [method, path, host, scheme, body, raw, lines] = wire::some(http, [2, 4, 5, 6, 11, 12, 13])?;
    let body = [raw, body].into_iter().flatten().find(|body| !body.is_empty()).unwrap_or_default();
    let lines = lines.map(|lines| wire::first(most, lines, 1)?.into_iter().map(line).collect()).transpose()?;
    let [method, path, host, scheme] = [method, path, host, scheme].map(Option::unwrap_or_default);
    Ok(Asked { method, path, host, scheme, body, lines })
}

/// `HeaderValue`
fn line(message: Bytes) -> Result<(Bytes, Bytes), Malformed> {
    let [name, value, raw] = wire::some(message, [1, 2, 3])?;
    let value = [raw, value].into_iter().flatten().find(|value| !value.is_empty());
    Ok((name.unwrap_or_default(), value.unwrap_or_default()))
}

/// A `CheckResponse` that lets the request pass, with headers that are set and names that are removed.
pub(super) fn granted<'a>(set: impl Iterator<Item = &'a Field>, removed: impl Iterator<Item = &'a [u8]>) -> BytesMut {
    let mut granted = BytesMut::new();
    set.for_each(|field| wire::bytes(&mut granted, 2, &header(field)));
    removed.for_each(|name| wire::bytes(&mut granted, 5, name));
    let mut response = BytesMut::new();
    wire::bytes(&mut response, 1, &[]);
    wire::bytes(&mut response, 3, &granted);
    response
}

/// A `CheckResponse` that answers the client.
pub(super) fn denied(status: u16, fields: &Fields, body: &[u8]) -> BytesMut {
    let (mut code, mut reason, mut denied) = (BytesMut::new(), BytesMut::new(), BytesMut::new());
    wire::number(&mut code, 1, u64::from(status));
    wire::bytes(&mut denied, 1, &code);
    fields.iter().for_each(|field| wire::bytes(&mut denied, 2, &header(field)));
    wire::bytes(&mut denied, 3, body);
    wire::number(&mut reason, 1, if status == 401 { UNAUTHENTICATED } else { DENIED });
    let mut response = BytesMut::new();
    wire::bytes(&mut response, 1, &reason);
    wire::bytes(&mut response, 2, &denied);
    response
}

/// `HeaderValueOption`: in the place of what is there.
fn header(field: &Field) -> BytesMut {
    let (mut value, mut option) = (BytesMut::new(), BytesMut::new());
    wire::bytes(&mut value, 1, &field.name);
    wire::bytes(&mut value, 2, &field.value);
    wire::bytes(&mut option, 1, &value);
    wire::number(&mut option, 3, OVERWRITE);
    option
}
