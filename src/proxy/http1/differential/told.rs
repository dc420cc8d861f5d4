//! Inputs and our readings of them as lines of JSON, for a judge in another language. Bytes are characters up to U+00FF.

use std::fs::File;
use std::io::{BufWriter, Write as _};

use serde_json::{Value, json};

use super::{Ours, Request};

/// Where the lines go.
pub(super) struct Told(BufWriter<File>);

impl Told {
    /// Writes to `path`, a file or a pipe.
    pub(super) fn to(path: &str) -> Self {
        Self(BufWriter::new(File::options().write(true).create(true).truncate(true).open(path).unwrap()))
    }

    /// One input and what we take it for.
    pub(super) fn tell(&mut self, input: &[u8], ours: &Ours) {
        let requests: Vec<Value> = ours.requests.iter().map(request).collect();
        let line = json!({"input": text(input), "requests": requests, "refused": ours.refused, "closes": ours.closes});
        writeln!(self.0, "{line}").unwrap();
    }

    /// Everything is written.
    pub(super) fn end(mut self) {
        self.0.flush().unwrap();
    }
}

fn request(request: &Request) -> Value {
    let lines: Vec<Value> = request.lines.iter().map(|(name, value)| json!([name, text(value)])).collect();
    json!({
        "method": request.method,
        "target": request.target,
        "lines": lines,
        "body": request.body.as_deref().map(text),
        "answered": request.answered,
    })
}

fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}
