//! Who may use a route at all: checked on the connection and the head, before any evidence is read.

use std::net::IpAddr;
use std::sync::Arc;

use super::exchange::Exchange;
use super::visit::Entered;
use crate::policy::route::{Guard, Identity, Route};
use crate::reject::{Code, Rejection};
use crate::sig::message::Fields;

/// Refuses callers that the route or its listener keeps out, whatever they sign.
pub fn admit(route: &Route, exchange: &Exchange, entered: &Entered) -> Result<(), Rejection> {
    if exchange.connection.misdirected(&exchange.head.authority) {
        return Err(Code::Misdirected.into());
    }
    if let Some(hosts) = &exchange.connection.listener.signing_hosts {
        refuse_browsers(hosts, &exchange.head.authority, &exchange.head.fields)?;
    }
    if !from_sources(route, entered.client) {
        return Err(Code::SourceRefused.into());
    }
    if route.client_certificate && exchange.connection.subject.is_none() {
        return Err(Code::ClientCertificateRequired.into());
    }
    if exchange.upgrade.is_some() && !route.websocket {
        return Err(Code::UpgradeRefused.into());
    }
    Ok(())
}

/// A page in a browser on this machine can reach a loopback port; its requests carry a foreign Host after DNS rebinding,
/// an Origin, or a cross-site mark. A signing listener must not sign for it.
fn refuse_browsers(hosts: &[Arc<str>], authority: &[u8], fields: &Fields) -> Result<(), Rejection> {
    let host = host_of(authority).to_ascii_lowercase();
    let known = hosts.iter().any(|known| known.as_bytes() == host);
    let cross_site = fields.all("sec-fetch-site").any(|value| value != "same-origin" && value != "none");
    if known && !cross_site && !fields.contains("origin") { Ok(()) } else { Err(Code::OriginRefused.into()) }
}

fn from_sources(route: &Route, client: Option<IpAddr>) -> bool {
    let listed = |address: IpAddr| route.sources.iter().any(|net| net.contains(&address.to_canonical()));
    route.sources.is_empty() || client.is_some_and(listed)
}

/// `host` of `host[:port]`; an IPv6 literal keeps its brackets.
pub fn host_of(authority: &[u8]) -> &[u8] {
    let end = match authority.iter().rposition(|byte| *byte == b']') {
        Some(bracket) => bracket.saturating_add(1),
        None => authority.iter().position(|byte| *byte == b':').unwrap_or(authority.len()),
    };
    authority.get(..end).unwrap_or(authority)
}

/// Whether a client must not have dropped this header (lower-case) by naming it in `Connection`: evidence, covered headers, identity.
pub fn is_protected(route: &Route, name: &[u8]) -> bool {
    is_identity(route, name) || is_covered(route, name)
}

/// Whether this header (lower-case) is evidence, or covered by the signature.
pub fn is_covered(route: &Route, name: &[u8]) -> bool {
    matches!(&route.guard, Guard::Verify(gate) if gate.protected().iter().any(|known| known == name))
}

/// Whether this header (lower-case) is ours to set: the client's copy is removed on every route, also where we send none.
pub fn is_identity(route: &Route, name: &[u8]) -> bool {
    let Identity { key, principal, verdict, strip_signature: _ } = &route.identity;
    let renamed = [key.as_ref(), principal.as_ref(), Some(verdict), route.subject_header.as_ref()];
    let vouched = match &route.guard {
        Guard::Verify(gate) => gate.sets(),
        Guard::Public | Guard::Restricted => &[],
    };
    name.starts_with(b"x-countersign-") || renamed.into_iter().flatten().chain(vouched).any(|known| known == name)
}

/// CGI, WSGI and PHP read `X_Sig` and `X-Sig` as one variable: a twin of a protected header is refused, not passed on.
pub fn refuse_twins(route: &Route, fields: &Fields) -> Result<(), Rejection> {
    let ambiguous = |byte: &u8| matches!(byte, b'_' | b'.');
    let is_twin = |name: &[u8]| {
        let dashed: Vec<u8> = name.iter().map(|byte| if ambiguous(byte) { b'-' } else { *byte }).collect();
        is_protected(route, &dashed) || dashed.starts_with(b"x-forwarded-")
    };
    if fields.iter().any(|field| memchr::memchr2(b'_', b'.', &field.name).is_some() && is_twin(&field.name)) {
        return Err(Code::FieldForbidden.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_an_authority_has_no_port() {
        for (authority, host) in [("a", "a"), ("a:1", "a"), ("[::1]:8", "[::1]"), ("[::1]", "[::1]"), ("", "")] {
            assert_eq!(host_of(authority.as_bytes()), host.as_bytes());
        }
    }

    #[test]
    fn a_page_in_a_browser_cannot_use_a_signing_listener() {
        let hosts = [Arc::from("localhost")];
        let cases: [(&[u8], &str, &str, bool); 6] = [
            (b"localhost:8080", "", "", true),
            (b"LOCALHOST", "", "", true),
            (b"evil.example", "", "", false),
            (b"localhost", "origin", "null", false),
            (b"localhost", "sec-fetch-site", "cross-site", false),
            (b"localhost", "sec-fetch-site", "same-origin", true),
        ];
        for (authority, name, value, passes) in cases {
            let mut fields = Fields::default();
            if !name.is_empty() {
                fields.append(name, value);
            }
            assert_eq!(refuse_browsers(&hosts, authority, &fields).is_ok(), passes, "{authority:?} {name}: {value}");
        }
    }
}
