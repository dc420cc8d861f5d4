//! Why a request is refused: one table, from which the response, the metric label, the audit line and the manual page are printed.

use std::borrow::Cow;
use std::num::NonZeroU32;

/// Whose fault a refusal is; decides who is told what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Blame {
    /// The request is not well-formed or exceeds a limit.
    Request,
    /// The request proves nothing, or not enough.
    Proof,
    /// The request was seen before.
    Replay,
    /// The gateway cannot judge or take it now.
    Gateway,
    /// The upstream did not answer properly.
    Upstream,
}

/// One row of the table.
#[derive(Clone, Copy, Debug)]
pub struct Reason {
    /// Stable: clients, dashboards and alerts depend on it.
    pub code: &'static str,
    /// The HTTP status unless a route says otherwise.
    pub status: u16,
    /// RFC 9457 `title`.
    pub title: &'static str,
    /// RFC 9457 `detail`: the sentence that clients know.
    pub detail: &'static str,
    /// Whose fault it is.
    pub blame: Blame,
    /// What the operator can do about it.
    pub fix: &'static str,
}

macro_rules! reasons {
    ($($name:ident $code:literal $status:literal $blame:ident $title:literal, $detail:literal, $fix:literal;)+) => {
        /// A stable reason for saying no.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
        pub enum Code {
            $(#[doc = $detail] $name,)+
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The row of the table.
            pub const fn reason(self) -> &'static Reason {
                match self {
                    $(Self::$name => &Reason {
                        code: $code, status: $status, title: $title, detail: $detail, blame: Blame::$blame, fix: $fix,
                    },)+
                }
            }
        }
    };
}

reasons! {
    // The request itself.
    BadRequest "bad_request" 400 Request "Bad request", "The request is not well-formed", "The client or something between breaks HTTP; the audit line's note says where.";
    HostInvalid "host_invalid" 400 Request "Bad request", "The Host header is missing, repeated or invalid", "Send exactly one valid Host.";
    TargetInvalid "target_invalid" 400 Request "Bad request", "The request target is not valid", "Send an absolute path without fragment, control characters or dot segments.";
    PathAmbiguous "path_ambiguous" 400 Request "Bad request", "The path can be read in two ways that lead to different routes", "Send the path in its normal form: no `//`, `;` or encoded slashes where routes differ.";
    FieldNominated "field_nominated" 400 Request "Bad request", "A protected header is named in Connection", "A client must not ask for signed or identity headers to be dropped.";
    FieldForbidden "field_forbidden" 400 Request "Bad request", "A header that could be mistaken for another is not accepted", "Header names with underscores or look-alikes of framing headers are refused.";
    ExpectationFailed "expectation_failed" 417 Request "Expectation failed", "Only Expect: 100-continue is supported", "Drop the Expect header.";
    HeadTooLarge "head_too_large" 431 Request "Request header fields too large", "The request head is too large", "Send fewer or smaller headers, or raise limits.head.";
    TargetTooLong "target_too_long" 414 Request "URI too long", "The request target is too long", "Shorten the URL, or raise limits.target.";
    HeadTimeout "head_timeout" 408 Request "Request timeout", "The request head did not arrive in time", "Send the head at once, or raise timeouts.head of the listener.";
    BodyTooLarge "body_too_large" 413 Request "Content too large", "The request body is too large", "Send less, or raise body.max of the route.";
    BodyIncomplete "body_incomplete" 400 Request "Bad request", "The request body ended early or was malformed", "The client or something between cut the body.";
    BodyTimeout "body_timeout" 408 Request "Request timeout", "The request body did not arrive in time", "Send faster, or raise the route's body timeouts.";
    TrailersRefused "trailers_refused" 400 Request "Bad request", "Request trailers are not accepted here", "Send no trailers, or set trailers: drop.";
    UpgradeRefused "upgrade_refused" 400 Request "Bad request", "This upgrade is not accepted here", "Allow it on the route with upgrade: [websocket].";
    Misdirected "misdirected" 421 Request "Misdirected request", "This connection was made for other TLS settings than this host demands", "Open a connection with the host's own name.";
    OriginalUntold "original_untold" 400 Request "Bad request", "The proxy in front does not say which request it asks about", "Let it set the headers that docs/forward-auth.md names, each of them once; the audit line's note says which is wrong.";
    BodyUnseen "body_unseen" 400 Request "Bad request", "The signature covers a body that the proxy in front does not send along", "Let Envoy or Traefik send the body and say body: true in forward_auth of the listener, or put the gateway itself in front.";
    BodyPartial "body_partial" 413 Request "Content too large", "The proxy in front sent only a part of the body", "Raise max_request_bytes of with_request_body in Envoy, and do not allow partial messages.";
    RouteNotFound "route_not_found" 404 Request "Not found", "No route matches this request", "Add a route for the host, path and method.";
    MethodNotAllowed "method_not_allowed" 405 Request "Method not allowed", "The path has a route, but not for this method", "Add the method to the route.";
    SourceRefused "source_refused" 403 Request "Forbidden", "This address may not use this route", "Add the address to the route's sources.";
    OriginRefused "origin_refused" 403 Request "Forbidden", "A browser page may not use this listener", "Requests with Origin, from another site or with a foreign Host are refused on a signing listener.";
    ClientCertificateRequired "client_certificate_required" 403 Request "Forbidden", "A client certificate is required", "Present a certificate signed by the configured client CA.";
    KeyRefused "key_refused" 403 Request "Forbidden", "This key may not be used for this request", "Add the key or its principal, the method and the address to a rule of the route's allow; the audit line's note says which of them is missing.";
    SourceRateExceeded "source_rate_exceeded" 429 Request "Too many requests", "Too many requests from this address", "Slow down and retry after the time in Retry-After; or raise rate.source of the route.";
    KeyRateExceeded "key_rate_exceeded" 429 Request "Too many requests", "Too many requests with this key", "Slow down and retry after the time in Retry-After; or raise rate.key of the route.";
    PrincipalRateExceeded "principal_rate_exceeded" 429 Request "Too many requests", "Too many requests by this caller", "Slow down and retry after the time in Retry-After; or raise rate.principal of the route.";
    RouteRateExceeded "route_rate_exceeded" 429 Request "Too many requests", "Too many requests to this service", "Retry after the time in Retry-After; or raise rate.route of the route.";
    // The proof.
    SignatureMissing "signature_missing" 401 Proof "Unauthorized", "Missing HMAC headers", "Sign the request: signature and timestamp headers must both be there.";
    SignatureRepeated "signature_repeated" 401 Proof "Unauthorized", "A signature header occurs more than once", "Send each signature header once.";
    SignatureMalformed "signature_malformed" 401 Proof "Unauthorized", "Invalid HMAC signature", "The signature is not in the scheme's one spelling (prefix, encoding, length).";
    SignatureInvalid "signature_invalid" 401 Proof "Unauthorized", "Invalid HMAC signature", "The signed bytes or the key differ, or the key id is unknown.";
    TimestampInvalid "timestamp_invalid" 401 Proof "Unauthorized", "Invalid timestamp", "Send the timestamp in the scheme's format and in one spelling.";
    TimestampOutsideWindow "timestamp_outside_window" 401 Proof "Unauthorized", "Request timestamp too old", "Check both clocks, or widen the scheme's window.";
    NonceInvalid "nonce_invalid" 401 Proof "Unauthorized", "Invalid nonce", "Send one nonce of 1 to 256 visible ASCII characters.";
    CoveredFieldMissing "covered_field_missing" 401 Proof "Unauthorized", "A signed header is missing or repeated", "Send every header that the signature covers exactly once.";
    DigestInvalid "digest_invalid" 401 Proof "Unauthorized", "The content digest is missing or does not match the body", "Compute the digest over the bytes that are sent.";
    RequirementUnmet "requirement_unmet" 401 Proof "Unauthorized", "The signature lacks something that this scheme requires", "See the scheme's require list.";
    KeyringEmpty "keyring_empty" 503 Gateway "Service unavailable", "No key is usable at the moment", "Every key of the ring is pending or expired: add one.";
    KeyStoreAway "key_store_away" 503 Gateway "Service unavailable", "The signature cannot be checked or made at the moment", "Retry; the token that holds the keys of the ring does not answer: the log says why.";
    // Replay.
    Replayed "replayed" 409 Replay "Conflict", "This request was already received", "Sign anew: a fresh timestamp or nonce makes a fresh request.";
    ReplayUnsettled "replay_unsettled" 409 Replay "Conflict", "This request was already received, and it is not known to have been processed", "Ask the service before sending it again, signed anew; list the upstream's statuses that may be retried in release_on.";
    ReplayPending "replay_pending" 503 Replay "Service unavailable", "The same request is still being processed", "Retry after the first one was answered.";
    ReplayFull "replay_full" 503 Gateway "Service unavailable", "The replay store is full", "Raise replay.capacity, shorten the window, or find the flood.";
    ReplayGuard "replay_guard" 503 Gateway "Service unavailable", "The gateway has just started, its clock was set back, or a shared store has lost its memory, and it cannot tell this request from a replay", "Sign anew and retry; or keep replay.persist so that restarts remember.";
    ReplayStoreAway "replay_store_away" 503 Gateway "Service unavailable", "It cannot be found out at the moment whether this request was already received", "Retry; the shared replay store does not answer: /readyz and the log say why, and outage: open of the route's replay lets requests pass meanwhile.";
    // The gateway.
    Overloaded "overloaded" 503 Gateway "Service unavailable", "The gateway holds as many request bodies as it may", "Raise memory or spool budgets, or slow the senders.";
    Draining "draining" 503 Gateway "Service unavailable", "The gateway is shutting down", "Retry on another instance.";
    SigningFailed "signing_failed" 503 Gateway "Service unavailable", "The request cannot be signed at the moment", "No signing key is active, or a covered header is missing.";
    TotalTimeout "total_timeout" 504 Gateway "Gateway timeout", "The request took too long", "Raise timeouts.total of the route.";
    Internal "internal" 500 Gateway "Internal server error", "The gateway failed", "Report it with the request id.";
    // The upstream.
    UpstreamUnreachable "upstream_unreachable" 502 Upstream "Bad gateway", "The upstream cannot be reached", "Check the upstream's address and that it listens.";
    UpstreamTls "upstream_tls" 502 Upstream "Bad gateway", "The TLS handshake with the upstream failed", "Check CA, name and client certificate of the upstream.";
    UpstreamBusy "upstream_busy" 503 Upstream "Service unavailable", "The upstream has no free connection", "Raise max_connections of the upstream, or its capacity.";
    UpstreamUnhealthy "upstream_unhealthy" 503 Upstream "Service unavailable", "No address of the upstream is healthy", "Look at the upstream; /status of the admin listener and the log name its addresses.";
    UpstreamTimeout "upstream_timeout" 504 Upstream "Gateway timeout", "The upstream did not answer in time", "Look at the upstream, or raise timeouts.response.";
    UpstreamClosed "upstream_closed" 502 Upstream "Bad gateway", "The upstream closed the connection before it answered", "Look at the upstream's log at this time.";
    AnswerUnverified "answer_unverified" 502 Upstream "Bad gateway", "The upstream's answer is not signed as it has to be", "The audit line's note says what is wrong with it; check the keys and clocks on both sides.";
    AnswerTooLarge "answer_too_large" 502 Upstream "Bad gateway", "The upstream's answer is too large to be verified or signed", "Raise response.max of the route, or stream it.";
    UpstreamInvalid "upstream_invalid" 502 Upstream "Bad gateway", "The upstream's answer is not valid HTTP", "Look at the upstream.";
}

/// A refusal: the code that the caller learns, and a note that only the operator learns.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rejection {
    code: Code,
    retry_after: Option<NonZeroU32>,
    note: Option<Cow<'static, str>>,
}

impl Rejection {
    /// Why, for everybody.
    pub const fn code(&self) -> Code {
        self.code
    }

    /// Why, for the operator: audit line only. Never holds a secret, an expected MAC or unescaped client text.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Whole seconds after which the same request may be let through, where that is known.
    pub const fn retry_after(&self) -> Option<NonZeroU32> {
        self.retry_after
    }

    /// The same refusal, for so many seconds.
    #[must_use]
    pub fn for_seconds(self, seconds: NonZeroU32) -> Self {
        Self { retry_after: Some(seconds), ..self }
    }

    /// The same refusal with a note for the operator.
    #[must_use]
    pub fn because(self, note: impl Into<Cow<'static, str>>) -> Self {
        Self { note: Some(note.into()), ..self }
    }
}

impl From<Code> for Rejection {
    fn from(code: Code) -> Self {
        Self { code, retry_after: None, note: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_one_spelling() {
        let mut seen = std::collections::HashSet::new();
        for code in Code::ALL {
            let text = code.reason().code;
            assert!(seen.insert(text), "{text} occurs twice");
            assert!(text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{text}");
        }
    }

    #[test]
    fn every_row_has_an_error_status_and_a_fix() {
        for code in Code::ALL {
            let reason = code.reason();
            assert!((400..600).contains(&reason.status) && !reason.fix.is_empty(), "{}", reason.code);
        }
    }
}
