//! How a signature is carried and which bytes it covers.

use std::sync::Arc;

use bytes::Bytes;

use crate::sig::Need;
use crate::sig::encoding::Encoding;
use crate::sig::mac::Algorithm;
use crate::sig::params::ParamList;
use crate::sig::ring::Primitive;
use crate::sig::stamp::{Bounds, Format};
use crate::sig::template::{Input, Part, Source, Template, Value};

/// A declaration whose words are understood; [`crate::sig::scheme::Scheme::new`] checks that they make sense together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parts {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// What proves that the sender has the key.
    pub primitive: Primitive,
    /// How the configured secret becomes key bytes.
    pub key: KeyForm,
    /// A carrier with several values.
    pub params: Option<ParamList>,
    /// Where signatures sit; never empty.
    pub signatures: Vec<SignatureField>,
    /// Where the stamp sits.
    pub timestamp: Option<StampField>,
    /// Where the nonce or message id sits.
    pub nonce: Option<NonceField>,
    /// Where the key id sits.
    pub key_id: Option<KeyIdField>,
    /// A body digest in the head.
    pub digest: Option<DigestField>,
    /// The request lists what it signs.
    pub signed_headers: Option<SignedHeaders>,
    /// Named templates; each may use those before it.
    pub lets: Vec<Template>,
    /// What must hold beside the signature.
    pub require: Vec<Requirement>,
    /// The signed bytes; any of them may match. Empty for a token only.
    pub messages: Vec<Template>,
    /// Header names as the declaration writes them, for challenges.
    pub spellings: Vec<String>,
    /// Must be present for this to be the chosen alternative.
    pub when: Vec<Source>,
    /// The doors that the route opened for senders that cannot change.
    pub legacy: Vec<Arc<str>>,
}

/// How the configured secret becomes key bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KeyForm {
    /// `None`: its text.
    pub encoding: Option<Encoding>,
    /// Removed first where it is there.
    pub strip_prefix: Option<String>,
    /// Then digested into the key.
    pub derive: Option<(Algorithm, Template)>,
    /// Two secrets in one (OAuth 1.0a).
    pub pair: Option<Pair>,
}

/// How the two secrets of RFC 5849 §3.4.2 stand in one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pair {
    /// The configured one is the consumer's; the token's is empty.
    Alone,
    /// Both, percent-encoded, with `&` between them.
    Joined,
}

/// Where a signature sits and how it is spelled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignatureField {
    /// Its place.
    pub source: Source,
    /// Between the members of a list; `None`: one signature.
    pub list: Option<Bytes>,
    /// White space round members is skipped.
    pub trim: bool,
    /// Before the encoded MAC.
    pub prefix: Bytes,
    /// Of the MAC; `None` for a token, which is text.
    pub encoding: Option<Encoding>,
    /// Hex digits in either case.
    pub any_case: bool,
    /// Only this key of the ring may have made it.
    pub key: Option<Arc<str>>,
}

/// Where the stamp sits and how far from now it may be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StampField {
    /// Its place.
    pub source: Source,
    /// How it is written.
    pub format: Format,
    /// Its window.
    pub bounds: Bounds,
}

/// Where the nonce sits and how we make one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NonceField {
    /// Its place.
    pub source: Source,
    /// UUID form instead of 32 hex digits.
    pub uuid: bool,
    /// Before the nonces that we make.
    pub prefix: String,
}

/// Where the key id sits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyIdField {
    /// Its place.
    pub source: Source,
    /// When absent every usable key is tried.
    pub optional: bool,
}

/// A body digest in the head, checked on the body as it arrives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DigestField {
    /// Its place.
    pub source: Source,
    /// Before the encoded digest.
    pub prefix: Bytes,
    /// Of the digest.
    pub algorithm: Algorithm,
    /// Of the digest.
    pub encoding: Encoding,
    /// When it is demanded.
    pub when: Demand,
}

/// When a digest is demanded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Demand {
    /// Checked where it is sent.
    Present,
    /// Demanded, and covered, where there is a body.
    Body,
    /// Always demanded and covered.
    Always,
}

/// The request lists what it signs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedHeaders {
    /// Where the list is.
    pub source: Source,
    /// Between names.
    pub separator: Bytes,
    /// When there is no list.
    pub default: Vec<Bytes>,
    /// What we sign.
    pub sign: Vec<Bytes>,
    /// What must be listed; of the names of one entry the first that is there.
    pub require: Vec<Vec<Bytes>>,
    /// One line.
    pub line: Template,
    /// Between lines.
    pub join: Bytes,
    /// After the last line.
    pub end: Bytes,
    /// Names that are no headers.
    pub special: Vec<(Bytes, Template)>,
    /// A listed header that is not there.
    pub absent: Absent,
}

/// What becomes of a listed header that is not there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Absent {
    /// The request is refused.
    Refuse,
    /// It signs as nothing.
    Skip,
    /// It signs as this line.
    Line(Template),
}

/// Something that must hold beside the signature.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Requirement {
    /// What is looked at.
    pub value: Template,
    /// What it is compared with.
    pub test: Test,
    /// Passes when the value's sources are absent.
    pub if_present: bool,
}

impl Requirement {
    /// The header that is looked at, where it is nothing else.
    pub(in crate::sig) fn header(&self) -> Option<&Bytes> {
        match self.value.0.as_slice() {
            [Part::Value(Value { input: Input::Source(Source::Header(names)), filters, .. })] if filters.is_empty() => {
                names.first()
            }
            _ => None,
        }
    }

    /// What it has to say, where that is always the same.
    pub(in crate::sig) fn literal(&self) -> Option<Bytes> {
        match &self.test {
            Test::Equals(Template(parts)) => match parts.as_slice() {
                [] => Some(Bytes::new()),
                [Part::Literal(text)] => Some(text.clone()),
                _ => None,
            },
            Test::Not(_) => None,
        }
    }
}

/// How a required value is compared.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Test {
    /// Both are the same bytes.
    Equals(Template),
    /// They differ.
    Not(Template),
}

/// A part of the signed bytes, as the engine meets it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::sig) enum Step {
    /// As it stands.
    Literal(Bytes),
    /// Known with the head (or, under [`Need::Whole`], at the end).
    Value(Value),
    /// Known when the body's digests are.
    Late(Value),
    /// The body as it arrives.
    Body,
    /// The key itself.
    Key,
}

/// A declaration that makes sense, planned.
#[derive(Clone, Debug)]
pub(in crate::sig) struct Declared {
    pub(in crate::sig) parts: Parts,
    pub(in crate::sig) contents: Vec<Vec<Step>>,
    pub(in crate::sig) need: Need,
    /// Digests of the body that something asks for.
    pub(in crate::sig) digests: Vec<Algorithm>,
    /// Whether something is computed from the head after the body: the head is kept until then.
    pub(in crate::sig) keeps_head: bool,
    pub(in crate::sig) uses_json: bool,
    /// Whether the stamp and the nonce are under the MAC: only then are they in a permit.
    pub(in crate::sig) stamp_covered: bool,
    pub(in crate::sig) nonce_covered: bool,
}

/// A declaration that says something impossible.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Which field, e.g. `message`.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}
