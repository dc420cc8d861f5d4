//! An entry of a HAR file (HTTP Archive 1.2), as browsers and proxies save them.

use serde::Deserialize;

use super::Pieces;
use crate::sig::encoding::Encoding;

#[derive(Deserialize)]
struct File {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    request: Request,
}

#[derive(Deserialize)]
struct Request {
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<Header>,
    #[serde(rename = "postData")]
    post_data: Option<PostData>,
    #[serde(default, rename = "bodySize")]
    body_size: i64,
}

#[derive(Deserialize)]
struct Header {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct PostData {
    #[serde(default)]
    text: String,
    /// Not in the standard, but written where the body is no text.
    encoding: Option<String>,
}

/// The request of entry `place`, from 0, of a file; or of a single entry.
pub(super) fn read(text: &[u8], place: usize) -> Result<Pieces, String> {
    let unread = |error: serde_json::Error| format!("neither a HAR file nor an entry of one: {error}");
    let request = match serde_json::from_slice::<File>(text) {
        Ok(file) => {
            let count = file.log.entries.len();
            let entry = file.log.entries.into_iter().nth(place);
            entry.ok_or_else(|| format!("the file has {count} entries, counted from 0"))?.request
        }
        Err(error) => match serde_json::from_slice::<Entry>(text) {
            Ok(entry) => entry.request,
            Err(_) => return Err(unread(error)),
        },
    };
    pieces(request)
}

fn pieces(request: Request) -> Result<Pieces, String> {
    let body = match request.post_data {
        None => Vec::new(),
        Some(PostData { text, encoding: Some(encoding) }) if encoding == "base64" => {
            Encoding::Base64.decode(text.as_bytes(), false).ok_or("`postData.text` is not base64")?
        }
        Some(PostData { text, .. }) => text.into_bytes(),
    };
    let lost = u64::try_from(request.body_size).is_ok_and(|size| size > 0) && body.is_empty();
    let notes = if lost { vec!["the file does not hold the body".to_owned()] } else { Vec::new() };
    let headers = request.headers.into_iter().map(|header| (header.name, header.value.into_bytes())).collect();
    Ok(Pieces { method: request.method, url: request.url, headers, body, notes })
}
