//! Readings that are wrong on purpose: whoever judges readings has to find them.

/// A mistake that readers of others have made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Planted {
    /// Of two lengths the first counts.
    FirstLength,
    /// A length counts, whatever coding stands beside it.
    LengthOverChunked,
    /// LF ends a line.
    BareLf,
}

impl Planted {
    /// By the name that the environment has for it.
    pub(super) fn named(name: &str) -> Self {
        match name {
            "first-length" => Self::FirstLength,
            "length-over-chunked" => Self::LengthOverChunked,
            "bare-lf" => Self::BareLf,
            unknown => panic!("no planted defect has the name {unknown}"),
        }
    }

    /// What a reader with this mistake takes `text` for: its first head, respelled.
    pub(super) fn respell(self, text: &[u8]) -> Vec<u8> {
        let ends = text.windows(4).position(|end| end == b"\r\n\r\n").map_or(text.len(), |end| end + 2);
        let (head, rest) = text.split_at(ends);
        let mut lengths = 0;
        let mut respelled = Vec::new();
        for line in head.split_inclusive(|byte| *byte == b'\n') {
            let is = |name: &[u8]| line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name);
            lengths += usize::from(is(b"content-length:"));
            let dropped = match self {
                Self::FirstLength => lengths > 1 && is(b"content-length:"),
                Self::LengthOverChunked => lengths > 0 && is(b"transfer-encoding:"),
                Self::BareLf => false,
            };
            if self == Self::BareLf && !line.ends_with(b"\r\n") && line.ends_with(b"\n") {
                respelled.extend_from_slice(&line[..line.len() - 1]);
                respelled.extend_from_slice(b"\r\n");
            } else if !dropped {
                respelled.extend_from_slice(line);
            }
        }
        respelled.extend_from_slice(rest);
        respelled
    }
}
