//! The signature base (RFC 9421 §2.5): one line for each covered component, of a request or of a response.

use std::borrow::Cow;

use super::components::{Component, Form, Part};
use super::structured;
use crate::reject::{Code, Rejection};
use crate::sig::encoding::Encoding;
use crate::sig::form;
use crate::sig::message::{Fields, Head};

/// What is signed.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// A request.
    Request(Asked<'a>),
    /// A response, and what it answers.
    Response {
        /// Its status.
        status: u16,
        /// Its header lines.
        fields: &'a Fields,
        /// The request that it answers: for `;req`.
        request: Asked<'a>,
    },
}

/// A request and what its URL is made of.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its head.
    pub head: &'a Head,
    /// `scheme://host[:port]` as clients see it; without it the connection says the scheme.
    pub public_url: Option<&'a str>,
    /// Where `@authority` and `@target-uri` come from.
    pub authority: Authority,
}

/// Where the authority of a request is taken from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Authority {
    /// `Host` or `:authority`, as received.
    Host,
    /// The configured public URL, whatever `Host` says.
    PublicUrl,
}

/// Every line but the last; each ends with a line feed.
pub fn base(components: &[Component], message: Message<'_>) -> Result<Vec<u8>, Rejection> {
    let mut base = Vec::with_capacity(components.len().saturating_mul(64));
    for component in components {
        let value = message.value(component)?;
        // What is not visible could be a line of its own, or look different to somebody else.
        if !value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) {
            return Err(uncovered("a covered value is not ASCII: only `;bs` can cover it"));
        }
        for part in [component.text().as_bytes(), b": ", &value, b"\n"] {
            base.extend_from_slice(part);
        }
    }
    Ok(base)
}

/// The last line, for the covered components and parameters in canonical form.
pub fn last_line(params: &str) -> String {
    format!("\"@signature-params\": {params}")
}

impl<'a> Message<'a> {
    fn value(self, component: &Component) -> Result<Cow<'a, [u8]>, Rejection> {
        match self {
            Self::Request(_) if component.req => Err(misplaced("`req` is for responses")),
            Self::Request(asked) => asked.value(component.part()),
            Self::Response { request, .. } if component.req => request.value(component.part()),
            Self::Response { status, fields, .. } => match component.part() {
                Part::Status => Ok(Cow::Owned(status.to_string().into_bytes())),
                Part::Field { name, form } => field(&lines(fields, name), name, form),
                _ => Err(misplaced("a response has this component of its request only, with `req`")),
            },
        }
    }
}

impl<'a> Asked<'a> {
    fn value(self, part: &Part) -> Result<Cow<'a, [u8]>, Rejection> {
        let head = self.head;
        Ok(match part {
            Part::Method => Cow::Borrowed(head.method.as_str().as_bytes()),
            Part::Scheme => Cow::Borrowed(self.scheme().as_bytes()),
            Part::Authority => Cow::Owned(self.authority()?),
            Part::TargetUri => {
                let target: &[u8] = if self.is_asterisk() { b"" } else { &head.target };
                Cow::Owned([self.scheme().as_bytes(), b"://", &self.authority()?, target].concat())
            }
            Part::RequestTarget => Cow::Borrowed(&head.target),
            Part::Path if head.path().is_empty() || self.is_asterisk() => Cow::Borrowed(b"/"),
            Part::Path => Cow::Borrowed(head.path()),
            Part::Query => Cow::Owned([b"?", head.query().unwrap_or_default()].concat()),
            Part::QueryParam(name) => Cow::Owned(query_param(head.query().unwrap_or_default(), name)?),
            Part::Field { name, form } if name == "host" => {
                let host = Some(head.authority.as_ref()).filter(|host| !host.is_empty());
                field(host.as_slice(), name, form)?
            }
            Part::Field { name, form } => field(&lines(&head.fields, name), name, form)?,
            Part::Status => return Err(misplaced("a request has no status")),
        })
    }

    /// `OPTIONS *` asks for the server: its URL has no path.
    fn is_asterisk(self) -> bool {
        self.head.target.as_ref() == b"*"
    }

    fn scheme(self) -> &'a str {
        match self.public_url.and_then(|url| url.split_once("://")) {
            Some((scheme, _)) => scheme,
            None if self.head.secure => "https",
            None => "http",
        }
    }

    /// Lower-case and without the scheme's default port (RFC 9421 §2.2.3).
    fn authority(self) -> Result<Vec<u8>, Rejection> {
        let missing = "the scheme covers the authority, but the listener or route has no public_url";
        let authority = match self.authority {
            Authority::Host => self.head.authority.as_ref(),
            Authority::PublicUrl => {
                let url = self.public_url.and_then(|url| url.split_once("://"));
                url.ok_or_else(|| Rejection::from(Code::RequirementUnmet).because(missing))?.1.as_bytes()
            }
        };
        if authority.is_empty() {
            return Err(uncovered("there is no host"));
        }
        let default: &[u8] = if self.scheme() == "https" { b"443" } else { b"80" };
        let mark = authority.iter().rposition(|byte| *byte == b':').unwrap_or(authority.len());
        let (host, port) = authority.split_at_checked(mark).unwrap_or_default();
        let port = port.strip_prefix(b":").unwrap_or_default();
        let bare = if port.is_empty() || port == default { host } else { authority };
        Ok(bare.to_ascii_lowercase())
    }
}

/// RFC 9421 §2.2.8: decoded as a form, then encoded with the form's set of characters, a space as `%20`. One of several is never meant.
fn query_param(query: &[u8], name: &[u8]) -> Result<Vec<u8>, Rejection> {
    let mut values = form::values(query, name, true);
    let value = values.next().ok_or_else(|| uncovered("a covered query parameter is missing"))?;
    if values.next().is_some() {
        return Err(uncovered("a covered query parameter is repeated"));
    }
    let encode = |byte: &u8| match byte {
        b'*' | b'-' | b'.' | b'_' => char::from(*byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    Ok(value.iter().map(encode).collect::<String>().into_bytes())
}

fn lines<'a>(fields: &'a Fields, name: &str) -> Vec<&'a [u8]> {
    fields.iter().filter(|field| field.name == name.as_bytes()).map(|field| field.value.trim_ascii()).collect()
}

/// Longest structured field that is covered by its parsed form, in bytes.
const LONGEST: usize = 8 * 1024;

/// One value out of a field's lines (RFC 9421 §2.1).
fn field<'a>(lines: &[&'a [u8]], name: &str, form: &Form) -> Result<Cow<'a, [u8]>, Rejection> {
    let joined = match lines {
        [] => return Err(uncovered("a covered header is missing")),
        [line] => Cow::Borrowed(*line),
        // Its values hold commas: joined, they can be cut in several ways.
        _ if name == "set-cookie" && *form == Form::Lines => return Err(uncovered("several `set-cookie` need `;bs`")),
        lines => Cow::Owned(lines.join(&b", "[..])),
    };
    // Each component reads its field anew: long ones would be a way to burn CPU.
    if matches!(form, Form::Structured | Form::Member(_)) && joined.len() > LONGEST {
        return Err(uncovered("a covered structured field is longer than 8 KiB"));
    }
    let unreadable = |_| uncovered("a covered header is not a structured field");
    match form {
        Form::Lines => Ok(joined),
        Form::Structured => Ok(Cow::Owned(structured::canonical(&joined).map_err(unreadable)?.into_bytes())),
        Form::Member(key) => {
            let dictionary = structured::dictionary(&joined).map_err(unreadable)?;
            let member = dictionary.iter().find(|(name, _)| name == key).map(|(_, member)| member.to_string());
            Ok(Cow::Owned(member.ok_or_else(|| uncovered("a covered member is missing"))?.into_bytes()))
        }
        Form::Binary => {
            let wrap = |line: &&[u8]| format!(":{}:", Encoding::Base64.encode(line));
            Ok(Cow::Owned(lines.iter().map(wrap).collect::<Vec<_>>().join(", ").into_bytes()))
        }
    }
}

fn uncovered(note: &'static str) -> Rejection {
    Rejection::from(Code::CoveredFieldMissing).because(note)
}

fn misplaced(note: &'static str) -> Rejection {
    Rejection::from(Code::SignatureMalformed).because(note)
}
