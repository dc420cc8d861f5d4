//! Why a request is refused: the signed bytes, the keys that were tried, and the likeliest mistake, found by trying known ones.
//!
//! **Invariant:** no secret is told; a signature that would have been right is told only to who asks for it by name.

pub mod captured;
mod causes;
mod quick;
pub mod report;
pub mod request;
mod rules;
mod trial;

use std::sync::Arc;

use bytes::Bytes;

pub use self::causes::Cause;
use self::causes::{Depth, Found, Subject};
pub use self::quick::{UNEXAMINED, UNKNOWN, cause, cause_of};
use self::trial::holds;
use crate::policy::route::{Guard, Route};
use crate::policy::routes::Matched;
use crate::policy::{Gate, Policy};
use crate::reject::{Code, Rejection};
use crate::sig::declared::trace::{Message, Whole};
use crate::sig::declared::vary::Change;
use crate::sig::key::State;
use crate::sig::message::Head;
use crate::sig::ring::PreparedRing;
use crate::sig::scheme::Scheme;
use crate::sig::time::Moment;
use crate::sig::{Need, Site};

/// A stamp further from now than this is no stamp of this unit.
const PLAUSIBLE: i64 = 10 * 366 * 86_400 * 1000;

/// What is to be explained.
pub struct Question<'a> {
    /// The rules in force.
    pub policy: &'a Policy,
    /// The name of the listener that it came in on; `None`: the first one that has a route for it.
    pub listener: Option<&'a str>,
    /// The request's head.
    pub head: Head,
    /// The request's body.
    pub body: Bytes,
    /// When it arrived; `None`: when its own stamp says.
    pub now: Option<Moment>,
    /// What time it is.
    pub clock: Moment,
    /// Whether the signatures that would have been right are told.
    pub expected: bool,
}

/// Everything there is to say about one request.
pub struct Explanation {
    /// The route that takes it.
    pub route: Option<Arc<str>>,
    /// The scheme that judges it.
    pub scheme: Option<Arc<str>>,
    /// The time it is judged at, and whether it is the stamp's own.
    pub time: (Moment, bool),
    /// Why it would be refused by the clock alone.
    pub stale: Option<Rejection>,
    /// The signed bytes, one entry for each message that may match, or why there are none.
    pub signed: Result<Vec<Message>, Rejection>,
    /// The keys and what became of them.
    pub keys: Vec<KeyTried>,
    /// The key that signed it, or the refusal.
    pub verdict: Verdict,
    /// The likeliest cause.
    pub cause: Option<Found>,
    /// Right signatures by key id, if asked for.
    pub expected: Vec<(Arc<str>, String)>,
    /// What else the route says about who may come and how often, and whether it would let the request through as far as that can be told.
    pub rules: Vec<String>,
}

/// What the gateway says.
pub enum Verdict {
    /// Forwarded: signed with this key.
    Verified(Arc<str>),
    /// Refused.
    Refused(Rejection),
    /// Forwarded without a look: the route demands no signature.
    Unasked,
}

/// A key of the ring that the request is checked with.
pub struct KeyTried {
    /// Its id.
    pub id: Arc<str>,
    /// Its state at the time of the judgement.
    pub state: State,
    /// Whether it made the signature; an error says why it fits no scheme.
    pub matches: Result<bool, String>,
}

/// Explains one request.
pub fn explain(mut question: Question<'_>) -> Explanation {
    let (matched, listener) = match find(&mut question) {
        Ok(found) => found,
        Err(rejection) => return unrouted(&question, rejection),
    };
    let route = Arc::clone(&matched.route);
    let Guard::Verify(gate) = &route.guard else {
        let verdict = Verdict::Unasked;
        let rules = rules::told(&route, None, &question.head.method);
        return Explanation { route: Some(Arc::clone(&route.name)), verdict, rules, ..nothing(&question) };
    };
    let public_url = public_url_of(&question, &route, listener);
    let site = Site { public_url: public_url.as_deref(), captures: &matched.captures };
    verified(&question, (&route, gate), Whole { head: &question.head, body: &question.body, site })
}

/// The same for a request that comes as JSON: `{method, target, headers, body_b64, now}`. Blocking. A right signature is never told.
pub fn answer(policy: &Policy, request: &[u8], clock: Moment) -> Result<serde_json::Value, String> {
    let (pieces, now) = request::json(request)?;
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| error.to_string())?;
    let request::Captured { head, body, notes } = runtime.block_on(request::of(pieces))?;
    Ok(explain(Question { policy, listener: None, head, body, now, clock, expected: false }).json(&notes))
}

/// What the gateway says, and nothing more. `public_url` overrides the configured one.
pub fn verdict(mut question: Question<'_>, public_url: Option<&str>) -> Verdict {
    let (matched, listener) = match find(&mut question) {
        Ok(found) => found,
        Err(rejection) => return Verdict::Refused(rejection),
    };
    let Guard::Verify(gate) = &matched.route.guard else { return Verdict::Unasked };
    let own = public_url_of(&question, &matched.route, listener);
    let site = Site { public_url: public_url.or(own.as_deref()), captures: &matched.captures };
    let time = question.now.unwrap_or(question.clock);
    let whole = Whole { head: &question.head, body: &question.body, site };
    judged(gate, whole, time, matched.route.limits.macs).map_or_else(Verdict::Refused, Verdict::Verified)
}

impl Verdict {
    /// What a gate of its own says, without a route.
    pub fn of(gate: &Gate, whole: Whole<'_>, now: Moment) -> Self {
        let macs = crate::policy::limits::Request::default().macs;
        judged(gate, whole, now, macs).map_or_else(Self::Refused, Self::Verified)
    }
}

fn public_url_of(question: &Question<'_>, route: &Route, listener: usize) -> Option<Arc<str>> {
    let of_listener = || question.policy.listeners.get(listener)?.public_url.clone();
    route.public_url.clone().or_else(of_listener)
}

/// The route, and the place of the listener that has it.
fn find(question: &mut Question<'_>) -> Result<(Matched, usize), Rejection> {
    let mut first = None;
    let asked = question.listener;
    let is_asked = |name: &str| asked.is_none_or(|asked| asked == name);
    let listeners = question.policy.listeners.iter().enumerate();
    for (place, listener) in listeners.filter(|(_, listener)| is_asked(&listener.name)) {
        match question.policy.routes.find(&question.head, &listener.name) {
            Ok(matched) => {
                question.head.secure = listener.tls.is_some();
                return Ok((matched, place));
            }
            Err(rejection) => _ = first.get_or_insert(rejection),
        }
    }
    Err(first.unwrap_or_else(|| Code::RouteNotFound.into()))
}

/// A scheme that judges, and its ring, if there is one.
type Door<'a> = (&'a Arc<Scheme>, Option<Arc<PreparedRing>>);

/// Every scheme with its ring, of a large ring a few keys.
fn doors<'a>(gate: &'a Gate, whole: Whole<'_>) -> Vec<Door<'a>> {
    let narrow = |ring, scheme| trial::narrowed(ring, scheme, whole.head);
    let doors = gate.doors(whole.site).into_iter();
    doors.map(|(scheme, ring)| (scheme, ring.map(|ring| narrow(ring, scheme)))).collect()
}

/// The one that judges this request.
fn chosen<'a, 'b>(doors: &'a [Door<'b>], head: &Head) -> Option<&'a Door<'b>> {
    doors.iter().find(|(scheme, _)| scheme.is_chosen(head)).or(doors.first())
}

fn verified(question: &Question<'_>, (route, gate): (&Route, &Gate), whole: Whole<'_>) -> Explanation {
    let doors = doors(gate, whole);
    let Some((scheme, ring)) = chosen(&doors, whole.head) else {
        return Explanation { verdict: Verdict::Refused(Code::SignatureMissing.into()), ..nothing(question) };
    };
    let time = time(question, scheme, whole);
    let verdict = judged(gate, whole, time.0, route.limits.macs);
    let stale = judged(gate, whole, question.clock, route.limits.macs).err().filter(is_about_time).filter(|_| time.1);
    let signed = scheme.trace(whole);
    let rings = question.policy.keyrings.as_slice();
    let (clock, made) = (question.clock, own_stamp(question, scheme, whole).unwrap_or(time.0));
    let subject = Subject { doors: &doors, scheme, ring: ring.as_ref(), whole, time: made, clock, rings };
    let cause = if verdict.is_ok() { None } else { causes::find(&subject, verdict.as_ref().err(), Depth::All) };
    let messages = signed.as_ref().ok().and_then(|messages| messages.first());
    let expected = match (question.expected, ring, messages) {
        (true, Some(ring), Some(message)) => scheme.expected(ring, (whole, message), time.0),
        _ => Vec::new(),
    };
    let owner = verdict.as_ref().ok().and_then(|id| ring.as_ref()?.ring().by_id(id));
    Explanation {
        rules: rules::told(route, owner.as_deref(), &whole.head.method),
        route: Some(Arc::clone(&route.name)),
        scheme: Some(Arc::clone(scheme.name())),
        time,
        stale,
        keys: ring.as_deref().map(|ring| tried(scheme, ring, whole, (time.0, made))).unwrap_or_default(),
        signed,
        verdict: verdict.map_or_else(Verdict::Refused, Verdict::Verified),
        cause,
        expected,
    }
}

/// The stamp's own time where it is a time at all, and whether it is that.
fn time(question: &Question<'_>, scheme: &Scheme, whole: Whole<'_>) -> (Moment, bool) {
    if let Some(now) = question.now {
        return (now, false);
    }
    own_stamp(question, scheme, whole).map_or((question.clock, false), |stamp| (stamp, true))
}

fn own_stamp(question: &Question<'_>, scheme: &Scheme, whole: Whole<'_>) -> Option<Moment> {
    let distance = |stamp: &Moment| stamp.millis().saturating_sub(question.clock.millis()).saturating_abs();
    scheme.stamp(whole).filter(|stamp| distance(stamp) < PLAUSIBLE)
}

/// The verdict of the serving code.
fn judged(gate: &Gate, whole: Whole<'_>, now: Moment, macs: usize) -> Result<Arc<str>, Rejection> {
    let mut check = gate.open(whole.head, whole.site, now, macs)?;
    let permit = if check.need() == Need::Whole {
        check.close(Some(whole.body))?
    } else {
        check.feed(whole.body);
        check.close(None)?
    };
    Ok(Arc::clone(&permit.key().id))
}

fn is_about_time(rejection: &Rejection) -> bool {
    rejection.code() == Code::TimestampOutsideWindow
}

/// Every key on its own, whatever its state and whatever key the request names.
fn tried(
    scheme: &Arc<Scheme>,
    ring: &PreparedRing,
    whole: Whole<'_>,
    (now, made_at): (Moment, Moment),
) -> Vec<KeyTried> {
    let timeless = scheme.varied(&[Change::AnyKey]).or_else(|| scheme.varied(&[]));
    let timeless = timeless.map_or_else(|| Arc::clone(scheme), Arc::new);
    let misfits = ring.misfits(scheme);
    let one = |key: &Arc<crate::sig::key::Key>| {
        let misfit = misfits.iter().find(|misfit| misfit.key == key.id);
        let made = || trial::alone(key).is_some_and(|alone| holds(&timeless, &alone, whole, made_at).is_ok());
        KeyTried {
            id: Arc::clone(&key.id),
            state: key.state(now),
            matches: misfit.map_or_else(|| Ok(made()), |misfit| Err(misfit.why.clone())),
        }
    };
    ring.ring().keys().rev().take(trial::MOST).map(|key| one(&key)).collect()
}

fn unrouted(question: &Question<'_>, rejection: Rejection) -> Explanation {
    Explanation { verdict: Verdict::Refused(rejection), ..nothing(question) }
}

fn nothing(question: &Question<'_>) -> Explanation {
    Explanation {
        route: None,
        scheme: None,
        time: (question.now.unwrap_or(question.clock), false),
        stale: None,
        signed: Ok(Vec::new()),
        keys: Vec::new(),
        verdict: Verdict::Unasked,
        cause: None,
        expected: Vec::new(),
        rules: Vec::new(),
    }
}
