//! What explaining a refusal asks of a scheme in code: its stamp, its signed bytes, itself with one thing changed. No request is judged by it.

use std::sync::Arc;

use bytes::Bytes;

use super::{Derivation, Native, Outgoing, Piece, Reading, Request};
use crate::reject::Rejection;
use crate::sig::declared::trace::{Message, Whole};
use crate::sig::declared::vary::Change;
use crate::sig::encoding::Encoding;
use crate::sig::mac::Algorithm;
use crate::sig::message::Head;
use crate::sig::ring::Prepared;
use crate::sig::scheme::Facts;
use crate::sig::stamp::Format;
use crate::sig::template::Source;
use crate::sig::time::Moment;

/// A scheme in code, as an operator is told of it.
pub(crate) trait Explained {
    /// The claimed stamp, however old it is.
    fn stamp(&self, request: Whole<'_>) -> Option<Moment>;

    /// How the stamp is written, where a number could be of another unit.
    fn stamp_format(&self) -> Option<Format>;

    /// The signed bytes, one message for each signature, whatever the signature says and however old it is.
    fn trace(&self, request: Whole<'_>) -> Result<Vec<Message>, Rejection>;

    /// The same without a window and with these changes; `None` where one of them comes to nothing.
    fn varied(&self, changes: &[Change]) -> Option<Arc<dyn Native>>;

    /// How the signature is spelled.
    fn encoding(&self) -> Encoding;

    /// How many bytes the claimed signature has, where it can be read.
    fn claimed_size(&self, head: &Head) -> Option<usize>;

    /// What has to be there, and where.
    fn places(&self) -> Vec<(&'static str, Source)>;

    /// How the signing key comes from the secret, where it does so request by request.
    fn derivation(&self, _request: Whole<'_>) -> Option<Derivation> {
        None
    }

    /// The part of its settings that the request names in the clear, and differently: what it is for.
    fn other_scope(&self, _head: &Head) -> Option<String> {
        None
    }
}

/// A scheme whose readings are changed before they are believed.
#[derive(Debug)]
pub(in crate::sig) struct Twisted {
    inner: Arc<dyn Native>,
    twist: Twist,
}

/// What is changed in a reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Twist {
    /// Whatever key it names.
    AnyKey,
    /// A line feed ends the signed bytes.
    Newline,
    /// The last piece is not signed.
    WithoutLast,
    /// The signing key is derived without the text before the secret, or (set) not at all.
    Underived(bool),
}

impl Twisted {
    /// The scheme with the changes that any scheme in code can have; `None` where there is no such change.
    pub(in crate::sig) fn of(inner: Arc<dyn Native>, change: &Change) -> Option<Arc<dyn Native>> {
        let twist = match change {
            Change::AnyKey => Twist::AnyKey,
            Change::FinalNewline => Twist::Newline,
            Change::WithoutLast => Twist::WithoutLast,
            Change::Underived(not_at_all) => Twist::Underived(*not_at_all),
            _ => return None,
        };
        Some(Arc::new(Self { inner, twist }))
    }
}

impl Twist {
    fn apply(self, reading: &mut Reading) {
        match self {
            Self::AnyKey => reading.key_id = None,
            Self::Newline => reading.message.push(Piece::Bytes(Bytes::from_static(b"\n"))),
            Self::WithoutLast => _ = reading.message.pop(),
            Self::Underived(not_at_all) => {
                let steps = reading.derivation.take().map(|derivation| derivation.steps);
                let steps = steps.map(|steps| if not_at_all { Vec::new() } else { steps });
                reading.derivation = steps.map(|steps| Derivation { prefix: b"", steps });
            }
        }
    }
}

impl Native for Twisted {
    fn facts(&self) -> Facts {
        self.inner.facts()
    }

    fn is_chosen(&self, head: &Head) -> bool {
        self.inner.is_chosen(head)
    }

    fn claimed_key_id(&self, head: &Head) -> Option<Bytes> {
        self.inner.claimed_key_id(head).filter(|_| self.twist != Twist::AnyKey)
    }

    fn read(&self, request: Request<'_>) -> Result<Vec<Reading>, Rejection> {
        let mut readings = self.inner.read(request)?;
        for reading in &mut readings {
            self.twist.apply(reading);
        }
        Ok(readings)
    }

    fn clear(&self, head: &mut Head) {
        self.inner.clear(head);
    }

    fn signing_digests(&self) -> Vec<Algorithm> {
        self.inner.signing_digests()
    }

    fn sign(&self, head: &mut Head, keys: &[Arc<Prepared>], outgoing: &Outgoing<'_>) -> Result<(), Rejection> {
        self.inner.sign(head, keys, outgoing)
    }
}

impl Explained for Twisted {
    fn stamp(&self, request: Whole<'_>) -> Option<Moment> {
        self.inner.stamp(request)
    }

    fn stamp_format(&self) -> Option<Format> {
        self.inner.stamp_format()
    }

    fn trace(&self, request: Whole<'_>) -> Result<Vec<Message>, Rejection> {
        self.inner.trace(request)
    }

    /// One twist is enough to explain one mistake.
    fn varied(&self, _changes: &[Change]) -> Option<Arc<dyn Native>> {
        None
    }

    fn encoding(&self) -> Encoding {
        self.inner.encoding()
    }

    fn claimed_size(&self, head: &Head) -> Option<usize> {
        self.inner.claimed_size(head)
    }

    fn places(&self) -> Vec<(&'static str, Source)> {
        self.inner.places()
    }
}
