//! A refused signature, explained: the string to sign, the canonical request below it, and the scheme as a sender may have understood it.

use std::sync::Arc;

use bytes::Bytes;

use super::claim::{Claim, Stamp};
use super::{ALGORITHM, AwsSigV4, LONGEST_LIFE, UNSIGNED, Uri, canonical};
use crate::reject::Rejection;
use crate::sig::declared::trace::{ANY_TIME, Message, Traced, Whole};
use crate::sig::declared::vary::Change;
use crate::sig::encoding::Encoding;
use crate::sig::mac::Algorithm;
use crate::sig::message::Head;
use crate::sig::native::explained::Explained;
use crate::sig::native::{Derivation, Native};
use crate::sig::stamp::Format;
use crate::sig::template::Source;
use crate::sig::time::Moment;

impl Explained for AwsSigV4 {
    fn stamp(&self, request: Whole<'_>) -> Option<Moment> {
        claimed(request.head).ok().map(|(_, stamp)| stamp.moment)
    }

    /// A number it is not.
    fn stamp_format(&self) -> Option<Format> {
        None
    }

    fn trace(&self, request: Whole<'_>) -> Result<Vec<Message>, Rejection> {
        let (claim, stamp) = claimed(request.head)?;
        let canonical = self.canonical(&claim, request)?;
        let text: Vec<u8> = canonical.iter().filter_map(|part| part.bytes.as_deref()).flatten().copied().collect();
        let hash = Encoding::Hex.encode(&Algorithm::Sha256.digest(&text));
        Ok(vec![vec![
            Traced::new("algorithm", format!("{ALGORITHM}\n")),
            Traced::new("X-Amz-Date", format!("{}\n", stamp.text)),
            Traced::new("scope", format!("{}\n", self.scope(stamp.date()))),
            Traced { of: canonical, ..Traced::new("canonical request", hash) },
        ]])
    }

    fn varied(&self, changes: &[Change]) -> Option<Arc<dyn Native>> {
        let mut varied = Self { window: ANY_TIME, ..self.clone() };
        let applied = changes.iter().all(|change| varied.apply(change));
        applied.then(|| -> Arc<dyn Native> { Arc::new(varied) })
    }

    fn encoding(&self) -> Encoding {
        Encoding::Hex
    }

    fn claimed_size(&self, head: &Head) -> Option<usize> {
        Encoding::Hex.decode(&Claim::read(head).ok()?.signature, true).map(|mac| mac.len())
    }

    fn places(&self) -> Vec<(&'static str, Source)> {
        let header = |name: &'static str| Source::Header(vec![Bytes::from_static(name.as_bytes())]);
        vec![("signature", header("authorization")), ("timestamp", header("x-amz-date"))]
    }

    fn derivation(&self, request: Whole<'_>) -> Option<Derivation> {
        claimed(request.head).ok().map(|(_, stamp)| self.derivation(stamp.date()))
    }

    fn other_scope(&self, head: &Head) -> Option<String> {
        let credential = Claim::read(head).and_then(|claim| claim.credential()).ok()?;
        let own = credential.region == self.region && credential.service == self.service;
        let told = |text: &Bytes| text.escape_ascii().to_string();
        let (region, service) = (told(&credential.region), told(&credential.service));
        (!own).then(|| format!("it is for `{region}/{service}`, here is `{}/{}`", self.region, self.service))
    }
}

impl AwsSigV4 {
    /// The canonical request, line by line.
    fn canonical(&self, claim: &Claim, request: Whole<'_>) -> Result<Message, Rejection> {
        let head = request.head;
        let text = canonical::request(head, self.uri, &claim.names()?)?;
        let said = head.fields.all("x-amz-content-sha256").next();
        let said = said.or(claim.presigned.as_ref().and_then(|presigned| presigned.payload.as_ref()));
        let unsaid = || match (&claim.presigned, self.uri) {
            (Some(_), Uri::Raw) => Bytes::from_static(UNSIGNED),
            (Some(_) | None, _) => Bytes::from(Encoding::Hex.encode(&Algorithm::Sha256.digest(request.body))),
        };
        let mut lines: Message = Vec::new();
        let mut fixed = ["method", "path", "query"].into_iter();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            let name = || line.split(|byte| *byte == b':').next().unwrap_or_default();
            let header = || if name().len() < line.len() { name().escape_ascii().to_string() } else { String::new() };
            lines.push(Traced::new(&fixed.next().map_or_else(header, str::to_owned), line));
        }
        if let Some(last) = lines.last_mut() {
            "signed headers".clone_into(&mut last.origin);
        }
        lines.push(Traced::new("body", said.cloned().unwrap_or_else(unsaid)));
        Ok(lines)
    }

    /// Whether the change means anything here.
    fn apply(&mut self, change: &Change) -> bool {
        match change {
            Change::PathEscapes => {
                self.uri = match self.uri {
                    Uri::Raw => Uri::Normalise,
                    Uri::Normalise => Uri::Raw,
                };
                true
            }
            Change::Undemanding(head) => {
                if let Ok(credential) = Claim::read(head).and_then(|claim| claim.credential()) {
                    let text = |text: &Bytes| String::from_utf8_lossy(text).into_owned();
                    (self.region, self.service) = (text(&credential.region), text(&credential.service));
                }
                (self.presigned, self.takes_unsigned, self.takes_chunks) = (Some(LONGEST_LIFE), true, true);
                true
            }
            _ => false,
        }
    }
}

fn claimed(head: &Head) -> Result<(Claim, Stamp), Rejection> {
    let claim = Claim::read(head)?;
    let stamp = claim.stamp(head)?;
    Ok((claim, stamp))
}
