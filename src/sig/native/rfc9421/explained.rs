//! A refused signature, explained: its base line by line, and the scheme as a sender may have understood it.

use std::sync::Arc;

use bytes::Bytes;

use super::claims::Claims;
use super::reading::{carrier, components};
use super::structured::{InnerList, Member};
use super::{Rfc9421, base};
use crate::reject::{Code, Rejection};
use crate::sig::declared::trace::{ANY_TIME, Message, Traced, Whole};
use crate::sig::declared::vary::Change;
use crate::sig::encoding::Encoding;
use crate::sig::message::Head;
use crate::sig::native::Native;
use crate::sig::native::explained::Explained;
use crate::sig::stamp::Format;
use crate::sig::template::Source;
use crate::sig::time::Moment;

impl Explained for Rfc9421 {
    fn stamp(&self, request: Whole<'_>) -> Option<Moment> {
        let inputs = self.inputs(request.head).ok()?;
        inputs.iter().find_map(|input| Claims::read(&input.params, self.made).ok()?.created)
    }

    fn stamp_format(&self) -> Option<Format> {
        Some(self.made.stamp)
    }

    fn trace(&self, request: Whole<'_>) -> Result<Vec<Message>, Rejection> {
        let message = self.options.message(request.head, request.site, None);
        let traced = |input: &InnerList| {
            let mut parts = Vec::new();
            for component in &components(input)? {
                let line = base::base(std::slice::from_ref(component), message)?;
                parts.push(Traced::new(component.text().trim_matches('"'), line));
            }
            parts.push(Traced::new("@signature-params", base::last_line(&input.to_string())));
            Ok::<_, Rejection>(parts)
        };
        self.inputs(request.head)?.iter().map(traced).collect()
    }

    fn varied(&self, changes: &[Change]) -> Option<Arc<dyn Native>> {
        let mut varied = self.clone();
        varied.options.bounds = ANY_TIME;
        let applied = changes.iter().all(|change| varied.apply(change));
        applied.then(|| -> Arc<dyn Native> { Arc::new(varied) })
    }

    fn encoding(&self) -> Encoding {
        Encoding::Base64
    }

    fn claimed_size(&self, head: &Head) -> Option<usize> {
        self.signatures(head).ok()?.first().map(|signed| signed.mac.len())
    }

    fn places(&self) -> Vec<(&'static str, Source)> {
        let header = |name: &'static str| Source::Header(vec![Bytes::from_static(name.as_bytes())]);
        vec![("list of signed components", header("signature-input")), ("signature", header("signature"))]
    }
}

impl Rfc9421 {
    /// The covered components of every label that counts, whether it has a signature or not.
    fn inputs(&self, head: &Head) -> Result<Vec<InnerList>, Rejection> {
        let all = carrier(head, "signature-input")?.into_iter().filter(|(label, _)| self.options.counts(label));
        let lists = all.map(|(_, input)| match input {
            Member::List(list) => Ok(list),
            Member::Item(_) => Err(Rejection::from(Code::SignatureMalformed).because("not a list of components")),
        });
        lists.collect()
    }

    /// Whether the change means anything here.
    fn apply(&mut self, change: &Change) -> bool {
        match change {
            Change::Algorithm(algorithm) => {
                let changed = self.made.algorithm != *algorithm;
                self.made.algorithm = *algorithm;
                changed
            }
            Change::Stamp(format @ (Format::UnixMs | Format::UnixUs)) => {
                self.made.stamp = *format;
                true
            }
            Change::Undemanding(_) => {
                let options = &mut self.options;
                (options.label, options.tag) = (None, None);
                (options.created, options.key_id, options.nonce, options.body) = (false, false, false, false);
                options.request.require.clear();
                true
            }
            _ => false,
        }
    }
}
