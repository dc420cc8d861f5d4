//! The parameters of a request, decoded, each protocol parameter in its one place.

use bytes::Bytes;

use crate::reject::{Code, Rejection};
use crate::sig::form;
use crate::sig::message::Head;
use crate::sig::native::carrier::Carrier;
use crate::sig::params::{ParamList, Shape};
use crate::sig::template::Source;

/// The parameters of the protocol: none of them may come from anywhere but the carrier.
pub(super) const PROTOCOL: [&str; 8] = [
    "oauth_body_hash",
    "oauth_consumer_key",
    "oauth_nonce",
    "oauth_signature",
    "oauth_signature_method",
    "oauth_timestamp",
    "oauth_token",
    "oauth_version",
];

/// Longest `Authorization`, in bytes.
const LONGEST: usize = 8 * 1024;

/// Decoded name and value.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

/// What a request says.
pub(super) struct Params {
    /// Of the carrier, without the realm.
    own: Vec<Pair>,
    /// Of the rest of the request.
    others: Vec<Pair>,
}

impl Params {
    /// Reads the carrier, the query, and the fields of a form.
    ///
    /// **Threat:** a protocol parameter in a second place is read by us from one of them and by the upstream, perhaps, from the other.
    pub(super) fn read(carrier: &Carrier, head: &Head, fields: Option<&[u8]>) -> Result<Self, Rejection> {
        let query = pairs(head.query().unwrap_or_default())?;
        let mut others = pairs(fields.unwrap_or_default())?;
        let own = match &carrier.source {
            Source::Query(_) => query,
            Source::Header(_) | Source::Cookie(_) | Source::Param(_) | Source::Form(_) | Source::Json(_) => {
                others.extend(query);
                listed(&carrier.find(head)?.ok_or(Code::SignatureMissing)?)?
            }
        };
        if others.iter().any(|(name, _)| is_protocol(name)) {
            return Err(Rejection::from(Code::SignatureRepeated).because("a protocol parameter outside of its place"));
        }
        Ok(Self { own, others })
    }

    /// The one value of a protocol parameter.
    pub(super) fn get(&self, name: &str) -> Result<Option<&[u8]>, Rejection> {
        let mut values = self.own.iter().filter(|(known, _)| known == name.as_bytes());
        let first = values.next().map(|(_, value)| value.as_slice());
        if values.next().is_some() { Err(Code::SignatureRepeated.into()) } else { Ok(first) }
    }

    /// The same where it must be there: an empty value is none.
    pub(super) fn must(&self, name: &str) -> Result<&[u8], Rejection> {
        self.get(name)?.filter(|value| !value.is_empty()).ok_or_else(|| Code::SignatureMissing.into())
    }

    /// What the signature covers: everything but itself.
    pub(super) fn signed(&self) -> impl Iterator<Item = &Pair> {
        self.own.iter().chain(&self.others).filter(|(name, _)| name != b"oauth_signature")
    }
}

pub(super) fn is_protocol(name: &[u8]) -> bool {
    PROTOCOL.iter().any(|known| known.as_bytes() == name)
}

/// The decoded pairs of a query or a form (RFC 5849 §3.4.1.3.1).
pub(super) fn pairs(text: &[u8]) -> Result<Vec<Pair>, Rejection> {
    form::raw_pairs(text)
        .map(form::cut)
        .map(|(name, value)| Ok((decoded(name, true)?, decoded(value, true)?)))
        .collect()
}

/// The decoded pairs of an `Authorization` header after its scheme (RFC 5849 §3.5.1), without the realm, which is not signed.
fn listed(list: &Bytes) -> Result<Vec<Pair>, Rejection> {
    if list.len() > LONGEST {
        return Err(Rejection::from(Code::SignatureMalformed).because("longer than 8 KiB"));
    }
    let reader = ParamList {
        source: Source::Header(Vec::new()),
        auth_scheme: None,
        separator: Bytes::from_static(b","),
        shape: Shape::Pairs { quoted: true, trim: true, repeat: Vec::new() },
        fixed: Vec::new(),
        order: Vec::new(),
    };
    let found = reader.parse(list)?.0.into_iter().filter(|(name, _)| !name.eq_ignore_ascii_case(b"realm"));
    found.map(|(name, value)| Ok((decoded(&name, false)?, decoded(&value, false)?))).collect()
}

/// A `%` that is not an escape would be one thing to us and another to the upstream.
fn decoded(text: &[u8], plus: bool) -> Result<Vec<u8>, Rejection> {
    let mut escapes = text.split(|byte| *byte == b'%').skip(1);
    let is_escape = |after: &[u8]| after.get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if !escapes.all(is_escape) {
        return Err(Rejection::from(Code::SignatureMalformed).because("a parameter is not percent-encoded"));
    }
    Ok(form::percent_decode(text, plus).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percent_sign_is_an_escape_or_a_refusal() {
        for (text, plain) in [
            ("a%20b", Some("a b")),
            ("a+b", Some("a b")),
            ("%3d%3D", Some("==")),
            ("%", None),
            ("%2", None),
            ("%2g", None),
            ("%%20", None),
        ] {
            assert_eq!(decoded(text.as_bytes(), true).ok().as_deref(), plain.map(str::as_bytes), "{text}");
        }
        assert_eq!(decoded(b"a+b", false), Ok(b"a+b".to_vec()));
    }

    #[test]
    fn the_realm_is_not_signed_and_may_hold_what_looks_like_parameters() {
        let list = Bytes::from(r#"realm="a,oauth_nonce=1", oauth_nonce="x%2By",a="""#);
        assert_eq!(listed(&list).unwrap(), [(b"oauth_nonce".to_vec(), b"x+y".to_vec()), (b"a".to_vec(), Vec::new())]);
    }
}
