//! A request as a program describes it.

use serde::Deserialize;

use super::Pieces;
use crate::sig::encoding::Encoding;
use crate::sig::time::Moment;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    #[serde(default)]
    body_b64: String,
    now: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    request_id: String,
}

/// The id, where the question is about a request that the gateway kept.
pub(crate) fn kept_id(text: &[u8]) -> Option<String> {
    serde_json::from_slice::<Reference>(text).ok().map(|reference| reference.request_id)
}

/// The request, and when it arrived.
pub(crate) fn read(text: &[u8]) -> Result<(Pieces, Option<Moment>), String> {
    let request: Request = serde_json::from_slice(text).map_err(|error| format!("cannot be read: {error}"))?;
    let body = Encoding::Base64.decode(request.body_b64.as_bytes(), false).ok_or("`body_b64` is not base64")?;
    let headers = request.headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
    let pieces = Pieces { method: request.method, url: request.target, headers, body, notes: Vec::new() };
    Ok((pieces, request.now.map(Moment::from_secs)))
}
