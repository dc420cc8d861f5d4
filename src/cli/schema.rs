//! `countersign schema`: the JSON Schema of the configuration, for editors.

use std::process::ExitCode;

use clap::Args;

use super::say;

/// Printed from what the configuration is read into, by a test that compares it.
const SCHEMA: &str = include_str!("../../docs/config.schema.json");

/// The same without what moves its lines to the right, which is a sixth of it.
static FLUSH: [u8; length(SCHEMA.as_bytes())] = flush(SCHEMA.as_bytes());

/// Arguments of `schema`.
#[derive(Args)]
pub(super) struct Schema {}

impl Schema {
    /// 0.
    #[expect(clippy::unused_self, reason = "as every subcommand is run")]
    pub(super) fn run(self) -> ExitCode {
        say(&indented(&String::from_utf8_lossy(&FLUSH)));
        ExitCode::SUCCESS
    }
}

/// The next byte that is not in front of a line, and what follows.
const fn next(mut text: &[u8], fresh: bool) -> Option<(u8, &[u8])> {
    while let Some((byte, rest)) = text.split_first() {
        if !fresh || *byte != b' ' {
            return Some((*byte, rest));
        }
        text = rest;
    }
    None
}

const fn length(mut text: &[u8]) -> usize {
    let (mut length, mut fresh) = (0_usize, true);
    while let Some((byte, rest)) = next(text, fresh) {
        length = length.saturating_add(1);
        fresh = byte == b'\n';
        text = rest;
    }
    length
}

const fn flush<const N: usize>(mut text: &[u8]) -> [u8; N] {
    let (mut made, mut fresh) = ([0; N], true);
    let mut room: &mut [u8] = &mut made;
    while let Some((byte, rest)) = next(text, fresh)
        && let Some((place, others)) = room.split_first_mut()
    {
        *place = byte;
        fresh = byte == b'\n';
        text = rest;
        room = others;
    }
    made
}

fn indented(flush: &str) -> String {
    let (mut out, mut depth) = (String::new(), 0_usize);
    for line in flush.lines() {
        depth = depth.saturating_sub(usize::from(line.starts_with(['}', ']'])));
        out.extend(std::iter::repeat_n(" ", depth));
        out.extend([line, "\n"]);
        depth = depth.saturating_add(usize::from(line.ends_with(['{', '['])));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_printed_as_it_is_in_the_manual() {
        let printed = indented(&String::from_utf8_lossy(&FLUSH));
        let differing = printed.lines().zip(SCHEMA.lines()).find(|(one, other)| one != other);
        assert_eq!((differing, printed.len()), (None, SCHEMA.len()));
        assert!(FLUSH.len() < SCHEMA.len());
    }
}
