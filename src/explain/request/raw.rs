//! Raw HTTP/1.1 as a file: what editors do to it is undone, and said.

/// The request as it can be parsed, and what had to be assumed.
pub(super) fn read(text: &[u8]) -> Result<(Vec<u8>, Vec<String>), String> {
    let text = text.trim_ascii_start();
    let (head, body) = cut(text).unwrap_or((text, b""));
    let mut notes = Vec::new();
    let bare =
        head.split_inclusive(|byte| *byte == b'\n').any(|line| line.ends_with(b"\n") && !line.ends_with(b"\r\n"));
    if bare {
        notes.push("the lines of the head end in LF; CRLF is assumed".to_owned());
    }
    let mut lines: Vec<Vec<u8>> =
        head.split(|byte| *byte == b'\n').map(|line| line.trim_ascii_end().to_vec()).collect();
    lines.retain(|line| !line.is_empty());
    let first = lines.first_mut().ok_or("there is no request")?;
    for version in [&b" HTTP/2.0"[..], b" HTTP/2", b" HTTP/3"] {
        if let Some(rest) = first.strip_suffix(version) {
            *first = [rest, b" HTTP/1.1"].concat();
            notes.push("read as HTTP/1.1".to_owned());
        }
    }
    let body = if is_chunked(&lines) { body } else { sized(&mut lines, body, &mut notes) };
    let head = lines.join(&b"\r\n"[..]);
    Ok(([&head, &b"\r\n\r\n"[..], body].concat(), notes))
}

/// Head and body.
fn cut(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let ends = [&b"\r\n\r\n"[..], b"\n\n"];
    let found =
        ends.iter().filter_map(|end| Some((text.windows(end.len()).position(|window| window == *end)?, end.len())));
    let (place, length) = found.min()?;
    Some((text.get(..place)?, text.get(place.saturating_add(length)..)?))
}

/// The body as long as the head says, or the head as the body is.
fn sized<'a>(lines: &mut Vec<Vec<u8>>, body: &'a [u8], notes: &mut Vec<String>) -> &'a [u8] {
    let declared = lines.iter().find_map(|line| value(line, b"content-length"));
    let declared = declared.and_then(|text| std::str::from_utf8(text).ok()?.parse::<usize>().ok());
    if declared == Some(body.len()) || (declared.is_none() && body.is_empty()) {
        return body;
    }
    if let Some(whole) = declared.and_then(|length| body.get(..length)) {
        notes.push(format!("{} bytes behind the body are left out", body.len().saturating_sub(whole.len())));
        return whole;
    }
    if let Some(length) = declared {
        notes.push(format!("the body has {} bytes, its Content-Length says {length}", body.len()));
    }
    lines.retain(|line| value(line, b"content-length").is_none());
    lines.push(format!("Content-Length: {}", body.len()).into_bytes());
    body
}

fn is_chunked(lines: &[Vec<u8>]) -> bool {
    lines.iter().any(|line| value(line, b"transfer-encoding").is_some())
}

/// The value of a header line of this name.
fn value<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let (found, rest) = line.split_at_checked(name.len())?;
    let value = rest.strip_prefix(b":")?;
    found.eq_ignore_ascii_case(name).then_some(value.trim_ascii())
}
