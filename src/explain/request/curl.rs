//! A curl command, as developer tools copy it and people write it.

use std::path::Path;

use super::shell::words;
use super::{Pieces, ReadFile};
use crate::sig::encoding::Encoding;

/// Options that change nothing of the request.
const QUIET: [&str; 24] = [
    "-s",
    "--silent",
    "-S",
    "--show-error",
    "-sS",
    "-i",
    "--include",
    "-v",
    "--verbose",
    "-k",
    "--insecure",
    "-L",
    "--location",
    "--compressed",
    "-f",
    "--fail",
    "-g",
    "--globoff",
    "--http1.1",
    "--http2",
    "-N",
    "--no-buffer",
    "--path-as-is",
    "-#",
];

/// Options that take a word and change nothing of the request.
const QUIET_VALUES: [&str; 16] = [
    "-o",
    "--output",
    "-w",
    "--write-out",
    "-m",
    "--max-time",
    "--connect-timeout",
    "--retry",
    "--cacert",
    "-E",
    "--cert",
    "--key",
    "--resolve",
    "-x",
    "--proxy",
    "--connect-to",
];

#[derive(Default)]
struct Command {
    method: Option<String>,
    url: Option<String>,
    headers: Vec<(String, Vec<u8>)>,
    data: Option<Vec<u8>>,
    json: bool,
    get: bool,
    head: bool,
}

/// The request that the command would send.
pub(super) fn read(text: &str, files: Option<ReadFile<'_>>) -> Result<Pieces, String> {
    let mut command = Command::default();
    let mut words = words(text)?.into_iter().skip(1);
    while let Some(word) = words.next() {
        if !word.starts_with('-') || word == "-" {
            command.url = Some(word);
            continue;
        }
        if QUIET.contains(&word.as_str()) {
            continue;
        }
        let (option, attached) = attached(&word);
        match option {
            "-I" | "--head" => command.head = true,
            "-G" | "--get" => command.get = true,
            _ => {
                let value = attached.or_else(|| words.next()).ok_or_else(|| format!("`{option}` needs a value"))?;
                command.option(option, value, files)?;
            }
        }
    }
    command.pieces()
}

/// `-XPOST` is `-X POST`; `--request=POST` is not curl.
fn attached(word: &str) -> (&str, Option<String>) {
    match word.split_at_checked(2) {
        Some((option, value)) if !word.starts_with("--") && !value.is_empty() => (option, Some(value.to_owned())),
        _ => (word, None),
    }
}

impl Command {
    fn option(&mut self, option: &str, value: String, files: Option<ReadFile<'_>>) -> Result<(), String> {
        match option {
            "-X" | "--request" => self.method = Some(value),
            "--url" => self.url = Some(value),
            "-H" | "--header" => self.header(&value),
            "-A" | "--user-agent" => self.set("User-Agent", value),
            "-e" | "--referer" => self.set("Referer", value),
            "-b" | "--cookie" => self.set("Cookie", value),
            "-u" | "--user" => {
                self.set("Authorization", format!("Basic {}", Encoding::Base64.encode(value.as_bytes())));
            }
            "-d" | "--data" | "--data-ascii" => {
                let mut data = content(&value, files)?;
                if value.starts_with('@') {
                    data.retain(|byte| !matches!(byte, b'\r' | b'\n'));
                }
                self.add(data);
            }
            "--data-binary" => self.add(content(&value, files)?),
            "--data-raw" => self.add(value.into_bytes()),
            "--json" => {
                self.json = true;
                self.add(content(&value, files)?);
            }
            _ if QUIET_VALUES.contains(&option) => {}
            _ => return Err(format!("the curl option `{option}` is not understood")),
        }
        Ok(())
    }

    /// `Name:` removes a header, `Name;` sends it empty.
    fn header(&mut self, line: &str) {
        match (line.split_once(':'), line.strip_suffix(';')) {
            (Some((name, value)), _) if !value.trim().is_empty() => self.set(name.trim(), value.trim().to_owned()),
            (None, Some(name)) => self.set(name, String::new()),
            _ => {}
        }
    }

    fn set(&mut self, name: &str, value: String) {
        self.headers.push((name.to_owned(), value.into_bytes()));
    }

    fn add(&mut self, data: Vec<u8>) {
        let glue: &[u8] = if self.json { b"" } else { b"&" };
        self.data = Some(match self.data.take() {
            Some(before) => [&before, glue, &data].concat(),
            None => data,
        });
    }

    fn pieces(mut self) -> Result<Pieces, String> {
        let mut url = self.url.take().ok_or("the command names no URL")?;
        let mut body = self.data.take();
        if self.get {
            let query = body.take().unwrap_or_default();
            url.push(if url.contains('?') { '&' } else { '?' });
            url.push_str(&String::from_utf8_lossy(&query));
        }
        let content_type = if self.json { "application/json" } else { "application/x-www-form-urlencoded" };
        if body.is_some() && !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            self.set("Content-Type", content_type.to_owned());
        }
        let usual = if body.is_some() {
            "POST"
        } else if self.head {
            "HEAD"
        } else {
            "GET"
        };
        let method = self.method.unwrap_or_else(|| usual.to_owned());
        Ok(Pieces { method, url, headers: self.headers, body: body.unwrap_or_default(), notes: Vec::new() })
    }
}

/// What stands there, or what the file behind `@` holds.
fn content(value: &str, files: Option<ReadFile<'_>>) -> Result<Vec<u8>, String> {
    match (value.strip_prefix('@'), files) {
        (None, _) => Ok(value.as_bytes().to_vec()),
        (Some(name), Some(read)) => read(Path::new(name)).map_err(|error| format!("`{name}`: {error}")),
        (Some(_), None) => Err("a file cannot be read from here".to_owned()),
    }
}
