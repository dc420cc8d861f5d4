//! Queries, urlencoded forms and cookies as pairs of bytes.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// The pairs of a query or form as they are, undecoded; empty ones are no pairs.
pub fn raw_pairs(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty())
}

/// Name and value of a pair, cut at the first `=`.
pub fn cut(pair: &[u8]) -> (&[u8], &[u8]) {
    match pair.iter().position(|byte| *byte == b'=') {
        Some(mark) => (pair.get(..mark).unwrap_or_default(), pair.get(mark.saturating_add(1)..).unwrap_or_default()),
        None => (pair, b""),
    }
}

/// Decoded values of every pair whose decoded name is `name`: `sig` and `%73ig` are one name to most upstreams.
pub fn values<'a>(text: &'a [u8], name: &'a [u8], plus: bool) -> impl Iterator<Item = Cow<'a, [u8]>> {
    raw_pairs(text)
        .map(cut)
        .filter(move |(found, _)| percent_decode(found, plus).as_ref() == name)
        .map(move |(_, value)| percent_decode(value, plus))
}

/// Values of a cookie in one `Cookie` line.
pub fn cookies<'a>(line: &'a [u8], name: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    line.split(|byte| *byte == b';')
        .map(|pair| cut(pair.trim_ascii()))
        .filter(move |(found, _)| *found == name)
        .map(|(_, value)| value)
}

/// Decodes `%XX`; what is not an escape stays. `plus` turns `+` into a space, as forms do.
pub fn percent_decode(text: &[u8], plus: bool) -> Cow<'_, [u8]> {
    let changes = |byte: &u8| *byte == b'%' || (plus && *byte == b'+');
    if !text.iter().any(changes) {
        return Cow::Borrowed(text);
    }
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((first, after)) = rest.split_first() {
        if let Some((byte, after)) = escape(rest) {
            out.push(byte);
            rest = after;
        } else {
            out.push(if plus && *first == b'+' { b' ' } else { *first });
            rest = after;
        }
    }
    Cow::Owned(out)
}

/// Decodes only the escapes that stand for one of `bytes`.
pub fn decode_only(text: &[u8], bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text);
    while let Some((first, after)) = rest.split_first() {
        if let Some((byte, after)) = escape(rest).filter(|(byte, _)| bytes.contains(byte)) {
            out.push(byte);
            rest = after;
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

/// The byte of an escape at the start of `text`, and what follows.
fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    let (head, rest) = text.split_at_checked(3)?;
    let digits = head.strip_prefix(b"%")?;
    let byte = data_encoding::HEXLOWER_PERMISSIVE.decode(digits).ok()?;
    Some((byte.first().copied()?, rest))
}

/// Percent-encodes everything but RFC 3986 unreserved characters.
pub fn percent_encode(text: &[u8]) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            out.push(char::from(*byte));
        } else {
            out.push('%');
            out.push_str(&data_encoding::HEXUPPER.encode(&[*byte]));
        }
    }
    out
}

/// The query or form without the pairs of these names.
pub fn without(text: &[u8], names: &[Vec<u8>]) -> Vec<u8> {
    let keeps = |pair: &&[u8]| {
        let name = percent_decode(cut(pair).0, true);
        !names.iter().any(|banned| banned.as_slice() == name.as_ref())
    };
    text.split(|byte| *byte == b'&').filter(keeps).collect::<Vec<_>>().join(&b'&')
}

/// The pairs sorted by name, then value, as they are.
pub fn sorted(text: &[u8]) -> Vec<u8> {
    let mut pairs: Vec<_> = raw_pairs(text).collect();
    pairs.sort_by_key(|pair| cut(pair));
    pairs.join(&b'&')
}

/// The pairs decoded, encoded again as RFC 3986 does, sorted by encoded name, then value (AWS, OAuth 1.0a); every one has a `=`.
pub fn sorted_encoded(text: &[u8]) -> Vec<u8> {
    let encode = |text: &[u8]| percent_encode(&percent_decode(text, true));
    let mut pairs: Vec<_> = raw_pairs(text).map(cut).map(|(name, value)| (encode(name), encode(value))).collect();
    pairs.sort_unstable();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&").into_bytes()
}

/// Decoded names sorted bytewise, each once as `name=value` with its values joined by commas, and nothing between them (Shopify).
pub fn sorted_concat_eq(text: &[u8]) -> Vec<u8> {
    let mut named: BTreeMap<Cow<'_, [u8]>, Vec<Cow<'_, [u8]>>> = BTreeMap::new();
    for (name, value) in raw_pairs(text).map(cut) {
        named.entry(percent_decode(name, true)).or_default().push(percent_decode(value, true));
    }
    named.iter().flat_map(|(name, values)| [name.as_ref(), b"=", &values.join(&b',')].concat()).collect()
}

/// Decoded names sorted bytewise, each followed by its value; equal pairs count once (Twilio).
pub fn sorted_concat(text: &[u8]) -> Vec<u8> {
    let mut pairs: Vec<_> = raw_pairs(text)
        .map(cut)
        .map(|(name, value)| (percent_decode(name, true), percent_decode(value, true)))
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.iter().flat_map(|(name, value)| [name.as_ref(), value.as_ref()]).collect::<Vec<_>>().concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_escaped_name_is_the_same_name() {
        let found: Vec<_> = values(b"sig=1&%73ig=%32&x=3", b"sig", false).collect();
        assert_eq!(found, [&b"1"[..], b"2"]);
    }

    #[test]
    fn cookies_are_found_by_their_exact_name() {
        let found: Vec<_> = cookies(b"a=1; sid=x=y;b=2; SID=z", b"sid").collect();
        assert_eq!(found, [b"x=y"]);
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let all: Vec<u8> = (0..=255).collect();
        assert_eq!(percent_decode(percent_encode(&all).as_bytes(), true).as_ref(), all);
    }
}
