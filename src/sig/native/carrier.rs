//! Where a scheme in code finds its one token: a header, behind an authentication scheme or bare, a query parameter or a cookie.

use bytes::Bytes;

use crate::reject::{Code, Rejection};
use crate::sig::form;
use crate::sig::message::Head;
use crate::sig::template::Source;

/// A place and what stands before the token there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Carrier {
    /// A header, query parameter or cookie.
    pub source: Source,
    /// Authentication scheme before the token, compared without case (RFC 9110 §11.1).
    pub auth_scheme: Option<String>,
}

impl Carrier {
    /// The one token; `None` where there is none, or another authentication scheme is used.
    pub(in crate::sig) fn find(&self, head: &Head) -> Result<Option<Bytes>, Rejection> {
        let mut all = self.all(head).into_iter();
        let first = all.next();
        if all.next().is_some() {
            return Err(Code::SignatureRepeated.into());
        }
        Ok(first.and_then(|raw| self.strip(&raw)).filter(|token| !token.is_empty()))
    }

    /// Whether somebody put a token there.
    pub(in crate::sig) fn is_there(&self, head: &Head) -> bool {
        self.all(head).iter().any(|raw| self.strip(raw).is_some())
    }

    /// Removes what a client put there. A cookie line holds other things too and is never written.
    pub(in crate::sig) fn clear(&self, head: &mut Head) {
        match &self.source {
            Source::Header(names) => head.fields.retain(|field| !names.contains(&field.name)),
            Source::Query(name) => remove_query(head, &[name.to_vec()]),
            Source::Cookie(_) | Source::Param(_) | Source::Form(_) | Source::Json(_) => {}
        }
    }

    /// Puts a token there.
    pub(in crate::sig) fn write(&self, head: &mut Head, token: &str) {
        match (&self.source, &self.auth_scheme) {
            (Source::Header(names), auth_scheme) => {
                let word = auth_scheme.as_ref().map(|word| format!("{word} ")).unwrap_or_default();
                let value = Bytes::from(format!("{word}{token}"));
                names.iter().take(1).for_each(|name| head.fields.set(name.clone(), value.clone()));
            }
            (Source::Query(name), _) => add_query(head, &[(name.as_ref(), token.as_bytes())]),
            (Source::Cookie(_) | Source::Param(_) | Source::Form(_) | Source::Json(_), _) => {}
        }
    }

    /// Whether a token can be put there, or why not.
    pub(in crate::sig) fn can_write(&self) -> Result<(), String> {
        match &self.source {
            Source::Header(_) | Source::Query(_) => Ok(()),
            Source::Cookie(_) | Source::Param(_) | Source::Form(_) | Source::Json(_) => {
                Err("its token sits in a cookie, where this gateway does not write".to_owned())
            }
        }
    }

    fn all(&self, head: &Head) -> Vec<Bytes> {
        let owned = |text: &[u8]| Bytes::copy_from_slice(text);
        match &self.source {
            Source::Header(names) => {
                let here = head.fields.iter().filter(|field| names.contains(&field.name));
                here.map(|field| field.value.clone()).collect()
            }
            Source::Query(name) => {
                let found = form::values(head.query().unwrap_or_default(), name, false);
                found.map(|value| owned(&value)).collect()
            }
            Source::Cookie(name) => {
                let lines = head.fields.all("cookie");
                lines.flat_map(|line| form::cookies(line, name)).map(owned).collect()
            }
            Source::Param(_) | Source::Form(_) | Source::Json(_) => Vec::new(),
        }
    }

    fn strip(&self, raw: &Bytes) -> Option<Bytes> {
        let Some(scheme) = &self.auth_scheme else { return Some(raw.clone()) };
        let (word, rest) = raw.split_at_checked(scheme.len())?;
        let rest = rest.strip_prefix(b" ").filter(|_| word.eq_ignore_ascii_case(scheme.as_bytes()))?;
        Some(raw.slice_ref(rest.trim_ascii_start()))
    }
}

/// Removes the query parameters of these names.
pub(in crate::sig) fn remove_query(head: &mut Head, names: &[Vec<u8>]) {
    let Some(query) = head.query() else { return };
    let kept = form::without(query, names);
    if kept.len() != query.len() {
        let mark: &[u8] = if kept.is_empty() { b"" } else { b"?" };
        head.target = Bytes::from([head.path(), mark, &kept].concat());
    }
}

/// Adds query parameters at the end.
pub(in crate::sig) fn add_query(head: &mut Head, pairs: &[(&[u8], &[u8])]) {
    for (name, value) in pairs {
        let mark = match head.query() {
            None => "?",
            Some(b"") => "",
            Some(_) => "&",
        };
        let pair = format!("{mark}{}={}", form::percent_encode(name), form::percent_encode(value));
        head.target = Bytes::from([head.target.as_ref(), pair.as_bytes()].concat());
    }
}
