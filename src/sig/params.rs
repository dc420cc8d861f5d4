//! One carrier with several values: `t=1,v1=ab`, `Signature keyId="a",…`, or a token split from the right.

use bytes::Bytes;

use super::form::cut;
use super::template::Source;
use crate::reject::{Code, Rejection};

/// More entries than this are no signature.
const MOST: usize = 64;

/// How a carrier holds several values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParamList {
    /// The carrier.
    pub source: Source,
    /// Authentication scheme before the list (`Signature …`), compared without case (RFC 9110 §11.1).
    pub auth_scheme: Option<String>,
    /// Between entries.
    pub separator: Bytes,
    /// Entries are `k=v`, or named by place.
    pub shape: Shape,
    /// Entries that must have this value when present, and are written when signing.
    pub fixed: Vec<(Bytes, Bytes)>,
    /// Order of writing.
    pub order: Vec<Bytes>,
}

/// What an entry looks like.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shape {
    /// `k=v`.
    Pairs {
        /// Values may stand in double quotes, and are written in them.
        quoted: bool,
        /// White space after a separator is skipped.
        trim: bool,
        /// Names that may occur several times.
        repeat: Vec<Bytes>,
    },
    /// Cut from the right into as many values as there are names; the first may hold separators.
    Split(Vec<Bytes>),
}

/// The values of a carrier, in order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Params(pub Vec<(Bytes, Bytes)>);

impl Params {
    /// Every value of `name`.
    pub fn all<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a Bytes> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value)
    }
}

impl ParamList {
    /// The list behind the authentication scheme; `None` when another one is used.
    pub fn strip(&self, raw: &Bytes) -> Option<Bytes> {
        let Some(scheme) = &self.auth_scheme else { return Some(raw.clone()) };
        let (word, rest) = raw.split_at_checked(scheme.len())?;
        let rest = rest.strip_prefix(b" ").filter(|_| word.eq_ignore_ascii_case(scheme.as_bytes()))?;
        Some(raw.slice_ref(rest.trim_ascii_start()))
    }

    /// The values, or why the list cannot be read in one way only.
    pub fn parse(&self, list: &Bytes) -> Result<Params, Rejection> {
        let params = match &self.shape {
            Shape::Pairs { quoted, trim, repeat } => {
                let params = self.pairs(list, *quoted, *trim)?;
                refuse_repeated(&params, repeat)?;
                params
            }
            Shape::Split(names) => self.split(list, names)?,
        };
        for (name, wanted) in &self.fixed {
            if params.all(name).any(|value| value != wanted) {
                return Err(
                    Rejection::from(Code::RequirementUnmet).because(format!("parameter {name:?} is not {wanted:?}"))
                );
            }
        }
        Ok(params)
    }

    fn pairs(&self, list: &Bytes, quoted: bool, trim: bool) -> Result<Params, Rejection> {
        let (mut params, mut rest) = (Params::default(), list.as_ref());
        while !rest.is_empty() {
            let (entry, after) = self.next_entry(rest, quoted)?;
            rest = after;
            let entry = if trim { entry.trim_ascii() } else { entry };
            if !entry.contains(&b'=') {
                continue;
            }
            let (name, value) = cut(entry);
            let value = if quoted { unquote(value)? } else { value };
            params.0.push((list.slice_ref(name), list.slice_ref(value)));
            if params.0.len() > MOST {
                return Err(Rejection::from(Code::SignatureMalformed).because("too many parameters"));
            }
        }
        Ok(params)
    }

    /// The next entry and what follows its separator; a separator within quotes does not count.
    fn next_entry<'a>(&self, text: &'a [u8], quoted: bool) -> Result<(&'a [u8], &'a [u8]), Rejection> {
        let mut inside = false;
        for (place, byte) in text.iter().enumerate() {
            let (before, here) = text.split_at_checked(place).unwrap_or((text, b""));
            if quoted && *byte == b'"' {
                inside = !inside;
            } else if !inside && let Some(after) = here.strip_prefix(self.separator.as_ref()) {
                return Ok((before, after));
            }
        }
        if inside { Err(malformed("a quote is not closed")) } else { Ok((text, b"")) }
    }

    fn split(&self, list: &Bytes, names: &[Bytes]) -> Result<Params, Rejection> {
        let (mut params, mut rest) = (Params::default(), list.as_ref());
        let (first, others) = names.split_first().ok_or_else(|| malformed("no names"))?;
        for name in others.iter().rev() {
            let width = self.separator.len();
            let mark = rest.windows(width).rposition(|window| window == self.separator.as_ref());
            let mark = mark.ok_or_else(|| malformed("too few parts"))?;
            let (before, after) = rest.split_at_checked(mark).unwrap_or_default();
            params.0.push((name.clone(), list.slice_ref(after.get(width..).unwrap_or_default())));
            rest = before;
        }
        params.0.push((first.clone(), list.slice_ref(rest)));
        params.0.reverse();
        Ok(params)
    }

    /// The carrier's value that holds `params`, in the scheme's order.
    pub fn write(&self, params: &Params) -> Bytes {
        let mut ordered: Vec<_> =
            self.order.iter().flat_map(|name| params.0.iter().filter(move |(k, _)| k == name)).collect();
        ordered.extend(params.0.iter().filter(|(name, _)| !self.order.contains(name)));
        let entries: Vec<Vec<u8>> = ordered.into_iter().map(|(name, value)| self.entry(name, value)).collect();
        let list = entries.join(self.separator.as_ref());
        match &self.auth_scheme {
            Some(scheme) => Bytes::from([scheme.as_bytes(), b" ", &list].concat()),
            None => Bytes::from(list),
        }
    }

    fn entry(&self, name: &[u8], value: &[u8]) -> Vec<u8> {
        match &self.shape {
            Shape::Pairs { quoted: true, .. } => [name, b"=\"", value, b"\""].concat(),
            Shape::Pairs { .. } => [name, b"=", value].concat(),
            Shape::Split(_) => value.to_vec(),
        }
    }
}

fn unquote(value: &[u8]) -> Result<&[u8], Rejection> {
    let Some(inner) = value.strip_prefix(b"\"") else {
        return if value.contains(&b'"') { Err(malformed("a quote within a value")) } else { Ok(value) };
    };
    match inner.strip_suffix(b"\"") {
        Some(inner) if !inner.contains(&b'"') && !inner.contains(&b'\\') => Ok(inner),
        _ => Err(malformed("a value is not well quoted")),
    }
}

fn refuse_repeated(params: &Params, repeat: &[Bytes]) -> Result<(), Rejection> {
    for (place, (name, _)) in params.0.iter().enumerate() {
        let again = params.0.iter().skip(place.saturating_add(1)).any(|(other, _)| other == name);
        if again && !repeat.contains(name) {
            return Err(Rejection::from(Code::SignatureRepeated).because("a parameter occurs twice"));
        }
    }
    Ok(())
}

fn malformed(note: &'static str) -> Rejection {
    Rejection::from(Code::SignatureMalformed).because(note)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(quoted: bool, repeat: &'static [&'static str]) -> ParamList {
        ParamList {
            source: Source::new("header", "X").unwrap(),
            auth_scheme: quoted.then(|| "Signature".to_owned()),
            separator: Bytes::from(","),
            shape: Shape::Pairs { quoted, trim: false, repeat: repeat.iter().map(|name| Bytes::from(*name)).collect() },
            fixed: vec![(Bytes::from("alg"), Bytes::from("x"))],
            order: vec![Bytes::from("t")],
        }
    }

    fn read(list: &ParamList, text: &'static str) -> Option<Vec<(String, String)>> {
        let text = list.strip(&Bytes::from(text))?;
        let params = list.parse(&text).ok()?;
        let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        Some(params.0.iter().map(|(name, value)| (text(name), text(value))).collect())
    }

    #[test]
    fn lists_are_read_in_one_way_or_not_at_all() {
        let plain = list(false, &["v1"]);
        for (text, count) in [
            ("t=1,v1=a,v1=b", Some(3)),
            ("t=1,t=2,v1=a", None),
            ("garbage", Some(0)),
            ("t=", Some(1)),
            ("t=1,alg=x", Some(2)),
            ("t=1,alg=y", None),
        ] {
            assert_eq!(read(&plain, text).map(|pairs| pairs.len()), count, "{text}");
        }
        let quoted = list(true, &[]);
        for (text, count) in [
            ("Signature a=\"1,2\",b=\"c\"", Some(2)),
            ("signature a=\"1\"", Some(1)),
            ("Bearer a=\"1\"", None),
            ("Signaturea=\"1\"", None),
            ("Signature a=\"1", None),
            ("Signature a=\"1\"x", None),
            ("Signature a=\"1\\\"\"", None),
        ] {
            assert_eq!(read(&quoted, text).map(|pairs| pairs.len()), count, "{text}");
        }
    }

    #[test]
    fn a_token_is_split_from_the_right() {
        let shape = Shape::Split(["value", "ts", "sig"].map(Bytes::from).to_vec());
        let token = ParamList { separator: Bytes::from(":"), shape, fixed: vec![], order: vec![], ..list(false, &[]) };
        let pairs = read(&token, "a:b:1:x").unwrap();
        assert_eq!(pairs.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["a:b", "1", "x"]);
        assert_eq!(read(&token, "1:x"), None);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for list in [list(false, &["v1"]), list(true, &[])] {
            let params = Params(vec![(Bytes::from("v1"), Bytes::from("a=")), (Bytes::from("t"), Bytes::from("1"))]);
            let written = list.write(&params);
            let read = list.parse(&list.strip(&written).unwrap()).unwrap();
            assert_eq!(read.0, [params.0[1].clone(), params.0[0].clone()]);
        }
    }
}
