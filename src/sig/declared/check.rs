//! A verification under way: opened on the head, fed with the body, closed with a permit or a refusal.

use std::sync::Arc;

use bytes::Bytes;
use subtle::ConstantTimeEq;

use super::analysis::is_late;
use super::claims::{self, Claims, Place};
use super::lanes;
use super::parts::{Declared, Demand, Requirement, Test};
use super::scope::{Scope, Seen, Twice};
use super::verified;
use crate::reject::{Code, Rejection};
use crate::sig::Need;
use crate::sig::check::Terms;
use crate::sig::json::Json;
use crate::sig::key::Key;
use crate::sig::mac::{Algorithm, Mac};
use crate::sig::message::{Fields, Head};
use crate::sig::permit::{Macs, Permit};
use crate::sig::ring::{Candidates, Primitive, Trials};
use crate::sig::time::Moment;

/// Evidence was read and found well-formed and fresh; whether it is true shows at [`Check::close`].
pub(in crate::sig) struct Check {
    scheme: Arc<Declared>,
    claims: Claims,
    now: Moment,
    macs: usize,
    keys: Candidates,
    kept: Option<Kept>,
    digests: Vec<(Algorithm, Mac)>,
    demanded: Option<Vec<u8>>,
    body: bool,
    keeps_payload: bool,
    stage: Stage,
}

/// What is needed of the head after the body.
struct Kept {
    head: Head,
    public_url: Option<String>,
}

enum Stage {
    /// MACs under way.
    Fed(lanes::Lanes),
    /// The head was signed, and the signature holds.
    Held(Arc<Key>, Macs),
    /// Everything happens at the end.
    Waiting,
}

impl Check {
    /// Reads the evidence; refuses what is missing, stale or misspelled, in that order, before any body byte.
    pub(in crate::sig) fn open(
        scheme: &Arc<Declared>,
        keys: Candidates,
        head: &Head,
        terms: Terms<'_>,
    ) -> Result<Box<Self>, Rejection> {
        let Terms { site, now, macs, answering: _, behind } = terms;
        let nothing = Claims::default();
        let scope = Scope { scheme, head, public_url: site.public_url, claims: &nothing, seen: Seen::Nothing };
        let claims = claims::read(scope, now, if behind { Place::HeadAlone } else { Place::Head })?;
        let keep = || Kept { head: head.clone(), public_url: site.public_url.map(str::to_owned) };
        let mut check = Box::new(Self {
            scheme: Arc::clone(scheme),
            now,
            macs,
            keys,
            kept: scheme.keeps_head.then(keep),
            digests: scheme.digests.iter().map(|algorithm| (*algorithm, Mac::plain(*algorithm))).collect(),
            demanded: None,
            body: false,
            keeps_payload: false,
            stage: Stage::Waiting,
            claims,
        });
        if scheme.need != Need::Whole {
            let scope = Scope { claims: &check.claims, ..scope };
            let stage = check.start(scope)?;
            check.demanded = demanded_digest(scope)?;
            check.stage = stage;
        }
        Ok(check)
    }

    pub(in crate::sig) fn key_id(&self) -> Option<&Bytes> {
        self.claims.key_id.as_ref()
    }

    pub(in crate::sig) fn stamp(&self) -> Option<Moment> {
        self.claims.stamp
    }

    /// The signature out of what followed the body.
    pub(in crate::sig) fn learn(&mut self, trailers: &Fields) -> Result<(), Rejection> {
        self.claims.candidates = claims::behind(&self.scheme, trailers)?;
        Ok(())
    }

    pub(in crate::sig) fn cost(&self) -> usize {
        match &self.stage {
            Stage::Fed(lanes) => lanes.count(),
            Stage::Held(..) | Stage::Waiting => 0,
        }
    }

    pub(in crate::sig) fn keep_payload(&mut self) {
        self.keeps_payload = true;
    }

    /// The next bytes of the body, in order. Under [`Need::Head`] they only reach a covered digest; under [`Need::Whole`] nothing is fed.
    pub(in crate::sig) fn feed(&mut self, chunk: &[u8]) {
        self.body |= !chunk.is_empty();
        for (_, digest) in &mut self.digests {
            digest.update(chunk);
        }
        if let Stage::Fed(lanes) = &mut self.stage {
            lanes.feed(chunk);
        }
    }

    /// The verdict, in constant time over all candidate keys. `whole` is the contiguous body under [`Need::Whole`], else `None`.
    pub(in crate::sig) fn close(mut self: Box<Self>, whole: Option<&[u8]>) -> Result<Permit, Rejection> {
        let json = self.json(whole.unwrap_or_default())?;
        if let Some(body) = whole.filter(|_| matches!(self.stage, Stage::Waiting)) {
            self.feed(body);
        }
        let digests: Vec<_> = std::mem::take(&mut self.digests).into_iter().map(|(a, mac)| (a, mac.finish())).collect();
        let seen = match (whole, self.scheme.need) {
            (Some(body), Need::Whole) => Seen::Whole(body, json.as_ref()),
            (None, Need::Whole) => {
                return Err(Rejection::from(Code::SignatureInvalid).because("the body is not at hand"));
            }
            (_, Need::Head | Need::Feed) => Seen::Digests(&digests),
        };
        let (key, macs) = match std::mem::replace(&mut self.stage, Stage::Waiting) {
            Stage::Held(key, macs) => (key, macs),
            Stage::Fed(lanes) => lanes.close(self.scope(seen), &self.claims.candidates)?,
            Stage::Waiting => self.judge_whole(seen)?,
        };
        self.check_digest(&digests)?;
        self.check_late(seen)?;
        let payload = self.payload(seen)?;
        Ok(self.permit(key, macs, payload))
    }

    /// The body of a scheme that looks into JSON. What two readers could read in two ways is refused even where nothing in it is demanded.
    fn json(&self, body: &[u8]) -> Result<Option<Json>, Rejection> {
        if !self.scheme.uses_json || body.is_empty() {
            return Ok(None);
        }
        let unreadable = "the body is not JSON that can be read in one way only";
        Json::parse(body).map(Some).ok_or_else(|| Rejection::from(Code::SignatureMissing).because(unreadable))
    }

    /// The signed JSON in its one spelling.
    fn payload(&self, seen: Seen<'_>) -> Result<Option<Bytes>, Rejection> {
        let value = self.scheme.parts.payload().filter(|_| self.keeps_payload);
        let Some(((value, _), scope)) = value.zip(self.scope(seen)) else { return Ok(None) };
        scope.value(value).map(|payload| Some(payload.into_owned().into()))
    }

    /// Starts the MACs on what the head gives; where that is all, judges.
    fn start(&self, scope: Scope<'_>) -> Result<Stage, Rejection> {
        let early = self.scheme.parts.require.iter().filter(|requirement| !is_late(&self.scheme.parts, requirement));
        for requirement in early {
            meet(scope, requirement)?;
        }
        let keys = self.keys()?;
        if let Primitive::Public(_) = self.scheme.parts.primitive {
            let (key, macs) = verified::judge(scope, &keys, &self.claims.candidates, self.macs)?;
            return Ok(Stage::Held(key, macs));
        }
        let lanes = lanes::Lanes::open(scope, &keys)?;
        if self.scheme.need == Need::Head {
            let (key, macs) = lanes.close(Some(scope), &self.claims.candidates)?;
            return Ok(Stage::Held(key, macs));
        }
        Ok(Stage::Fed(lanes))
    }

    fn keys(&self) -> Result<Trials, Rejection> {
        let most = self.macs.checked_div(self.scheme.contents.len()).unwrap_or(1).max(1);
        self.keys.trials(self.claims.key_id.as_deref(), self.now, most)
    }

    fn scope<'a>(&'a self, seen: Seen<'a>) -> Option<Scope<'a>> {
        let kept = self.kept.as_ref()?;
        let public_url = kept.public_url.as_deref();
        Some(Scope { scheme: &self.scheme, head: &kept.head, public_url, claims: &self.claims, seen })
    }

    /// Under [`Need::Whole`]: the evidence in the body, and every MAC, at once.
    fn judge_whole(&mut self, seen: Seen<'_>) -> Result<(Arc<Key>, Macs), Rejection> {
        let scope = self.scope(seen).ok_or(Code::SignatureInvalid)?;
        let claims = claims::read(scope, self.now, Place::Body)?;
        self.claims = claims;
        let scope = self.scope(seen).ok_or(Code::SignatureInvalid)?;
        let stage = self.start(scope)?;
        let demanded = demanded_digest(scope)?;
        let verdict = match stage {
            Stage::Fed(lanes) => lanes.close(Some(scope), &self.claims.candidates)?,
            Stage::Held(key, macs) => (key, macs),
            Stage::Waiting => return Err(Code::SignatureInvalid.into()),
        };
        self.demanded = demanded;
        Ok(verdict)
    }

    /// The body's digest is what the covered header says; demanded wherever there is a body.
    fn check_digest(&self, digests: &[(Algorithm, Vec<u8>)]) -> Result<(), Rejection> {
        let Some(field) = &self.scheme.parts.digest else { return Ok(()) };
        let Some(demanded) = &self.demanded else {
            let needed = field.when == Demand::Always || (field.when == Demand::Body && self.body);
            let missing = Rejection::from(Code::DigestInvalid).because("the body has no covered digest");
            return if needed { Err(missing) } else { Ok(()) };
        };
        let found = digests.iter().find(|(algorithm, _)| *algorithm == field.algorithm);
        match found.map(|(_, digest)| bool::from(digest.ct_eq(demanded))) {
            Some(true) => Ok(()),
            Some(false) | None => Err(Code::DigestInvalid.into()),
        }
    }

    fn check_late(&self, seen: Seen<'_>) -> Result<(), Rejection> {
        let mut late = self.scheme.parts.require.iter().filter(|requirement| is_late(&self.scheme.parts, requirement));
        late.try_for_each(|requirement| match self.scope(seen) {
            Some(scope) => meet(scope, requirement),
            None => Err(Code::RequirementUnmet.into()),
        })
    }

    fn permit(self: Box<Self>, key: Arc<Key>, macs: Macs, payload: Option<Bytes>) -> Permit {
        let stamp = self.claims.stamp.filter(|_| self.scheme.stamp_covered);
        let field = self.scheme.parts.timestamp.as_ref();
        // The digest of a token is the same for every request: it names none.
        let names = self.scheme.parts.primitive != Primitive::Token;
        Permit {
            key,
            ring: None,
            master: None,
            scheme: Arc::clone(&self.scheme.parts.name),
            stamp,
            fresh_until: stamp.zip(field).map(|(stamp, field)| field.bounds.end(stamp, field.format)),
            nonce: self.claims.nonce.filter(|_| self.scheme.nonce_covered),
            macs: if names { macs } else { Macs::new() },
            sets: Vec::new(),
            payload,
        }
    }
}

/// The digest that the head claims, if it is covered.
fn demanded_digest(scope: Scope<'_>) -> Result<Option<Vec<u8>>, Rejection> {
    let parts = &scope.scheme.parts;
    let Some(field) = &parts.digest else { return Ok(None) };
    let invalid = || Rejection::from(Code::DigestInvalid);
    let text = match scope.one(&field.source) {
        Ok(Some(text)) => text,
        Ok(None) => return Ok(None),
        Err(Twice) => return Err(invalid().because("repeated")),
    };
    if let Some(signed) = &parts.signed_headers {
        let listed = scope.listed(signed)?;
        if field.when != Demand::Present && !field.source.headers().iter().any(|name| listed.contains(name)) {
            return Ok(None);
        }
    }
    let encoded = text.strip_prefix(field.prefix.as_ref()).ok_or_else(invalid)?;
    let digest = field.encoding.decode(encoded, false).ok_or_else(invalid)?;
    Ok(Some(digest))
}

fn meet(scope: Scope<'_>, requirement: &Requirement) -> Result<(), Rejection> {
    let absent = |source| matches!(scope.one(source), Ok(None));
    let sources = requirement.value.values().filter_map(|value| match &value.input {
        crate::sig::template::Input::Source(source) => Some(source),
        _ => None,
    });
    if requirement.if_present && sources.into_iter().any(absent) {
        return Ok(());
    }
    let value = scope.render(&requirement.value)?;
    let held = match &requirement.test {
        Test::Equals(other) => bool::from(value.ct_eq(&scope.render(other)?)),
        Test::Not(other) => value != scope.render(other)?,
    };
    if held { Ok(()) } else { Err(Code::RequirementUnmet.into()) }
}
