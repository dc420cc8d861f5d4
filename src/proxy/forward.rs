//! From a judged request to the upstream's answer: edits, identity, signature, connection, in this order.

use std::sync::Arc;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::time::Instant;

use super::body::Received;
use super::exchange::{Answer, Exchange};
use super::held::Held;
use super::upstream::{Admission, Failure, Outgoing, Patience, Reply};
use super::visit::{Entered, Visit};
use super::{answer, client, guard, request_id, tunnel};
use crate::policy::route::{Edits, Guard, Rewrite, RewritePart, Route};
use crate::policy::routes::Matched;
use crate::policy::upstream::{Host, Upstream};
use crate::reject::{Blame, Code, Rejection};
use crate::sig::message::{Field, Head};
use crate::sig::signing::Signing;
use crate::sig::{Need, Site};

/// How often a request that provably did not leave may be sent again.
const RESENDS: u32 = 2;

/// Sends a held request, whose body was taken out of it, and waits for the head of the answer. A connection that was lost before anything left costs a new signature, not the request.
pub async fn send(
    visit: &mut Visit,
    entered: &Entered,
    admission: &Admission,
    (exchange, body): (&mut Exchange, Received),
) -> Result<Answer, Rejection> {
    let upstream = visit.upstream(&entered.matched.route)?;
    compose(visit, entered, admission, exchange);
    if body.excess.is_some() {
        return Box::pin(super::stream::overflow(visit, entered, admission, (exchange, body))).await;
    }
    let upgrade = exchange.upgrade.take();
    let mut outgoing =
        Outgoing { head: std::mem::take(&mut exchange.head), body: body.held, upgrade: upgrade.is_some() };
    unwrap(admission, &mut outgoing);
    let plain = signed_whole(entered, &mut outgoing.body);
    let mut attempts = 0;
    let (reply, sent) = loop {
        let (upstreams, retries) = (&visit.worker.upstreams, entered.matched.route.connect_retries);
        let line = if outgoing.upgrade {
            upstreams.upgradeable(&upstream, retries).await
        } else {
            upstreams.line(&upstream, retries).await
        };
        let line = line.map_err(|code| without_line(code, &upstream))?;
        if entered.matched.route.seal.is_some() {
            Box::pin(seal((visit, entered), &mut outgoing, plain.as_ref())).await?;
        }
        let sent = entered.matched.route.answers.gate.is_some().then(|| outgoing.head.clone());
        let asked = Instant::now();
        match line.send(admission, outgoing, patience(&entered.matched.route), &visit.departed).await {
            Ok(reply) => {
                visit.answered(reply.answer.status, asked.elapsed());
                break (reply, sent);
            }
            Err(Failure::Lost(code)) => return Err(code.into()),
            Err(Failure::Unsent(code, _)) if attempts == RESENDS || code.reason().blame != Blame::Upstream => {
                return Err(code.into());
            }
            Err(Failure::Unsent(_, unsent)) => outgoing = *unsent,
        }
        attempts = attempts.saturating_add(1);
    };
    let answer = finish((visit, entered), reply, upgrade, admission)?;
    match sent {
        None => Ok(answer),
        Some(_) => Box::pin(answer::verify((visit, entered), sent.as_ref(), answer)).await,
    }
}

/// Why there is no connection to an upstream, and when there may be one again where that is known.
pub fn without_line(code: Code, upstream: &Upstream) -> Rejection {
    let rejection = Rejection::from(code);
    if code == Code::UpstreamUnhealthy { rejection.for_seconds(upstream.recovery()) } else { rejection }
}

/// How long the upstream may take on this route.
pub fn patience(route: &Route) -> Patience {
    Patience { response: route.limits.response, idle: route.limits.response_idle }
}

fn finish(
    (visit, entered): (&Visit, &Entered),
    reply: Reply,
    upgrade: Option<super::exchange::Upgrade>,
    admission: &Admission,
) -> Result<Answer, Rejection> {
    match (reply.tunnel, upgrade) {
        (Some(upstream), Some(client)) => {
            let limits = &entered.matched.route.limits;
            tunnel::open(visit, (client, upstream), admission, (limits.tunnel_age, limits.tunnel_idle));
        }
        (Some(_), None) => return Err(Code::UpstreamInvalid.into()),
        (None, _) => {}
    }
    Ok(reply.answer)
}

/// Makes the outgoing head of the received one: removes what is ours to say, applies the route's edits, sets identity, target and Host.
pub fn compose(visit: &Visit, entered: &Entered, admission: &Admission, exchange: &mut Exchange) {
    let route = &entered.matched.route;
    let head = &mut exchange.head;
    let carriers = match &route.guard {
        Guard::Verify(gate) if route.identity.strip_signature => gate.carriers(),
        Guard::Verify(_) | Guard::Public | Guard::Restricted => &[],
    };
    // Where it is the client's nonce, what was verified is what is forwarded.
    let renamed = !guard::is_covered(route, request_id::HEADER.as_bytes());
    let trusted = client::is_trusted(&exchange.connection);
    head.fields.retain(|Field { name, .. }| {
        !(is_answered_here(name)
            || !trusted && client::is_hearsay(name)
            || renamed && name == request_id::HEADER
            || guard::is_identity(route, name)
            || carriers.contains(name))
    });
    client::forwarded(head, &exchange.connection, trusted);
    client::via(&mut head.fields, exchange.http2);
    if renamed {
        head.fields.append(request_id::HEADER, visit.request_id().clone());
    }
    // Or the upstream would not send the signature there (RFC 9110 §6.5.1).
    if route.answers.takes_trailers() && !guard::is_covered(route, b"te") {
        head.fields.set("te", "trailers");
    }
    edit(&mut head.fields, &route.request);
    if let (Some(name), Some(subject)) = (&route.subject_header, &exchange.connection.subject) {
        head.fields.set(name.clone(), subject.clone());
    }
    identify(head, route, admission);
    if let Some(upstream) = route.upstream.and_then(|place| visit.generation.policy.upstreams.get(place)) {
        address(head, &entered.matched, upstream);
    }
}

/// The body is complete before the upstream sees the head, or streams without a further question; credentials for a proxy are for this one.
fn is_answered_here(name: &[u8]) -> bool {
    name == b"expect" || name == super::hop::PROXY_CREDENTIALS.as_bytes()
}

/// Applies header edits: removals first.
pub fn edit(fields: &mut crate::sig::message::Fields, edits: &Edits) {
    if !edits.remove.is_empty() {
        fields.retain(|field| !edits.remove.contains(&field.name));
    }
    for (name, value) in &edits.set {
        fields.set(name.clone(), value.clone());
    }
}

/// Only a permit writes an identity; an observed request carries the verdict instead.
pub(super) fn identify(head: &mut Head, route: &Route, admission: &Admission) {
    match admission {
        Admission::Verified(permit) => {
            let (key, identity) = (permit.key(), &route.identity);
            for (name, value) in [(&identity.key, &key.id), (&identity.principal, &key.principal)] {
                if let Some(name) = name {
                    head.fields.set(name.clone(), Bytes::copy_from_slice(value.as_bytes()));
                }
            }
            for (name, value) in permit.sets() {
                head.fields.set(name.clone(), value.clone());
            }
            if route.observe || key.observe {
                head.fields.set(identity.verdict.clone(), "verified");
            }
        }
        Admission::Observed(rejection) => {
            let verdict = match rejection.code() {
                Code::BodyTooLarge => "unjudged",
                code => code.reason().code,
            };
            head.fields.set(route.identity.verdict.clone(), verdict);
        }
        Admission::Public => {}
    }
}

fn address(head: &mut Head, matched: &Matched, upstream: &Upstream) {
    if matched.route.rewrite.is_some() || !upstream.base_path.is_empty() {
        head.target = target(head, matched, &upstream.base_path);
    }
    head.secure = upstream.tls.is_some();
    if let Host::Upstream(own) = &upstream.host {
        head.authority = Bytes::copy_from_slice(own.as_bytes());
    }
}

fn target(head: &Head, matched: &Matched, base: &str) -> Bytes {
    let mut target = base.as_bytes().to_vec();
    match &matched.route.rewrite {
        Some(rewrite) => write_rewrite(&mut target, rewrite, matched),
        None => target.extend_from_slice(head.path()),
    }
    if let Some(query) = head.query() {
        target.push(b'?');
        target.extend_from_slice(query);
    }
    target.into()
}

fn write_rewrite(target: &mut Vec<u8>, rewrite: &Rewrite, matched: &Matched) {
    for part in &rewrite.parts {
        match part {
            RewritePart::Literal(bytes) => target.extend_from_slice(bytes),
            RewritePart::Rest => target.extend_from_slice(&matched.rest),
            RewritePart::Capture(name) => {
                let value = matched.captures.iter().find(|(known, _)| known == name).map(|(_, value)| value);
                target.extend_from_slice(value.map_or(&[][..], |value| value));
            }
        }
    }
}

/// On a route that forwards the payload alone, the signed bytes leave in place of their envelope. What was not verified stays as it came.
fn unwrap(admission: &Admission, outgoing: &mut Outgoing) {
    if let Admission::Verified(permit) = admission
        && let Some(payload) = permit.payload()
    {
        outgoing.head.fields.forget_body();
        outgoing.body = Held::Memory(payload.clone().into());
    }
}

/// Signs the outgoing request as it stands, with a fresh stamp and nonce; once per attempt, and always from the `plain` body.
async fn seal(who: (&Visit, &Entered), outgoing: &mut Outgoing, plain: Option<&Bytes>) -> Result<(), Rejection> {
    let Some(mut signing) = start_seal(who.0, who.1, &mut outgoing.head)? else { return Ok(()) };
    let whole = match (&mut outgoing.body, signing.need()) {
        (_, Need::Head) | (Held::Empty, Need::Feed) => None,
        (_, Need::Whole) => Some(plain.ok_or(Code::BodyTooLarge)?),
        (Held::Memory(pieces), Need::Feed) => {
            pieces.sign(&mut signing).await;
            None
        }
        (Held::Spooled(file, _), Need::Feed) => {
            feed_file(&mut signing, file).await.map_err(|_| unreadable())?;
            None
        }
    };
    if let Some(body) = signing.finish(&mut outgoing.head, whole.map(|bytes| &bytes[..]))? {
        outgoing.body = Held::Memory(body.into());
    }
    Ok(())
}

/// The body in one piece, where a signer may need it so.
fn signed_whole(entered: &Entered, body: &mut Held) -> Option<Bytes> {
    let seal = entered.matched.route.seal.as_ref()?;
    (seal.need() == Need::Whole).then(|| body.whole()).flatten()
}

/// The signature of a route that signs, with a fresh stamp and nonce. Where it covers a URL, that is the one the upstream is asked for.
pub fn start_seal(visit: &Visit, entered: &Entered, head: &mut Head) -> Result<Option<Signing>, Rejection> {
    let Some(seal) = &entered.matched.route.seal else { return Ok(None) };
    let origin = seal.needs_public_url().then(|| origin(head));
    let site = Site { public_url: origin.as_deref(), captures: &entered.matched.captures };
    let signing = seal.start(head, site, visit.worker.process.clock.now(), entropy()?)?;
    visit.signed(seal, &signing);
    Ok(Some(signing))
}

/// `scheme://authority` of an outgoing request.
pub fn origin(head: &Head) -> String {
    let scheme = if head.secure { "https" } else { "http" };
    format!("{scheme}://{}", String::from_utf8_lossy(&head.authority))
}

async fn feed_file(signing: &mut Signing, file: &mut tokio::fs::File) -> std::io::Result<()> {
    file.rewind().await?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let read = file.read(&mut buffer).await?;
        match buffer.get(..read) {
            Some(chunk) if read > 0 => signing.feed(chunk),
            _ => return Ok(()),
        }
    }
}

fn unreadable() -> Rejection {
    Rejection::from(Code::Internal).because("cannot read the spool file back")
}

/// Randomness for one nonce.
pub fn entropy() -> Result<[u8; 16], Rejection> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| Rejection::from(Code::SigningFailed).because("no randomness"))?;
    Ok(bytes)
}

/// The upstream's settings, shared.
pub type Target = Arc<Upstream>;
