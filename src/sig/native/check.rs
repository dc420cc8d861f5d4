//! The verdict on a native scheme: every reading under every candidate key, in constant time.

use std::sync::Arc;

use bytes::Bytes;
use subtle::{Choice, ConstantTimeEq};

use super::{Answered, BodyRule, Native, Piece, Reading, Request};
use crate::reject::{Code, Rejection};
use crate::sig::check::Terms;
use crate::sig::encoding::Encoding;
use crate::sig::held::Unanswered;
use crate::sig::key::Key;
use crate::sig::mac::{Algorithm, Mac};
use crate::sig::message::Head;
use crate::sig::permit::Permit;
use crate::sig::ring::{Candidates, Prepared, Primitive};
use crate::sig::scheme::Facts;
use crate::sig::time::Moment;
use crate::sig::{Need, Site};

/// A verification under way.
pub(in crate::sig) struct Check {
    native: Arc<dyn Native>,
    facts: Facts,
    now: Moment,
    macs: usize,
    kept: Option<Kept>,
    /// Read ahead of the evidence, where that waits for the body.
    claimed: Option<Bytes>,
    readings: Vec<Reading>,
    lanes: Vec<Lane>,
    digests: Vec<(Algorithm, Mac)>,
    body: bool,
    winner: Option<Winner>,
}

/// What is needed of the head after the body.
struct Kept {
    head: Head,
    public_url: Option<String>,
    answered: Option<Answered>,
}

/// One key tried on one reading.
struct Lane {
    reading: usize,
    key: Arc<Prepared>,
    /// Under the signing key, nothing fed.
    fresh: Mac,
}

struct Winner {
    key: Arc<Key>,
    reading: Reading,
    macs: Vec<Bytes>,
}

impl Check {
    pub(in crate::sig) fn open(
        (native, facts): (&Arc<dyn Native>, &Facts),
        candidates: &Candidates,
        head: &Head,
        terms: Terms<'_>,
    ) -> Result<Self, Rejection> {
        let Terms { site, now, macs, answering, behind: _ } = terms;
        let mut check = Self {
            native: Arc::clone(native),
            facts: facts.clone(),
            now,
            macs,
            kept: None,
            claimed: None,
            readings: Vec::new(),
            lanes: Vec::new(),
            digests: Vec::new(),
            body: false,
            winner: None,
        };
        if facts.need == Need::Whole {
            let public_url = site.public_url.map(str::to_owned);
            native.glance(Request { head, site, now, body: None, answering })?;
            check.claimed = native.claimed_key_id(head);
            check.kept = Some(Kept { head: head.clone(), public_url, answered: answering.map(Answered::new) });
            return Ok(check);
        }
        check.read(candidates, Request { head, site, now, body: None, answering })?;
        if !check.awaits_body() {
            check.judge(&[])?;
        }
        Ok(check)
    }

    pub(in crate::sig) fn key_id(&self) -> Option<&Bytes> {
        let reading = self.winner.as_ref().map(|winner| &winner.reading).or_else(|| self.readings.first());
        reading.and_then(|reading| reading.key_id.as_ref()).or(self.claimed.as_ref())
    }

    pub(in crate::sig) fn stamp(&self) -> Option<Moment> {
        let reading = self.winner.as_ref().map(|winner| &winner.reading).or_else(|| self.readings.first());
        reading.and_then(|reading| reading.stamp)
    }

    pub(in crate::sig) fn cost(&self) -> usize {
        self.lanes.len()
    }

    pub(in crate::sig) fn feed(&mut self, chunk: &[u8]) {
        self.body |= !chunk.is_empty();
        for (_, digest) in &mut self.digests {
            digest.update(chunk);
        }
        if let Some(Winner { reading: Reading { body: BodyRule::Chunks(chunks), .. }, .. }) = &mut self.winner {
            chunks.feed(chunk);
        }
    }

    pub(in crate::sig) fn close(mut self, candidates: &Candidates, whole: Option<&[u8]>) -> Result<Permit, Rejection> {
        if let Some(kept) = self.kept.take() {
            let site = Site { public_url: kept.public_url.as_deref(), captures: &[] };
            let (body, answering) = (Some(whole.unwrap_or_default()), kept.answered.as_ref().map(Answered::answering));
            self.read(candidates, Request { head: &kept.head, site, now: self.now, body, answering })?;
            self.feed(whole.unwrap_or_default());
        }
        let digests: Vec<_> = std::mem::take(&mut self.digests).into_iter().map(|(a, mac)| (a, mac.finish())).collect();
        if self.winner.is_none() {
            self.judge(&digests)?;
        }
        let Winner { key, reading, macs } = self.winner.ok_or(Code::SignatureInvalid)?;
        obey(reading.body, self.body, &digests)?;
        Ok(Permit {
            key,
            ring: None,
            master: None,
            scheme: self.facts.name,
            stamp: reading.stamp,
            fresh_until: reading.fresh_until,
            nonce: reading.nonce,
            macs: macs.into(),
            sets: reading.sets,
            payload: None,
        })
    }

    fn read(&mut self, candidates: &Candidates, request: Request<'_>) -> Result<(), Rejection> {
        self.readings = self.native.read(request)?;
        self.readings.truncate(super::MOST);
        let most = self.macs.checked_div(self.readings.len()).unwrap_or(1).max(1);
        for (place, reading) in self.readings.iter().enumerate() {
            let keys = candidates.trials(reading.key_id.as_deref(), self.now, most)?;
            let lane =
                |key: Arc<Prepared>| Lane { reading: place, fresh: signing_mac(&self.facts, &key, reading), key };
            self.lanes.extend(keys.into_iter().map(lane));
            self.digests.extend(digests_of(reading).map(|algorithm| (algorithm, Mac::plain(algorithm))));
        }
        self.digests.sort_by_key(|(algorithm, _)| *algorithm);
        self.digests.dedup_by_key(|(algorithm, _)| *algorithm);
        Ok(())
    }

    /// Whether a MAC covers the body by its digest; where none does, the verdict on the head comes first.
    fn awaits_body(&self) -> bool {
        self.readings.iter().flat_map(|reading| &reading.message).any(|piece| !piece.awaits().is_empty())
    }

    /// Every lane is computed and compared: no early exit.
    fn judge(&mut self, digests: &[(Algorithm, Vec<u8>)]) -> Result<(), Rejection> {
        let mut won: Option<(usize, Arc<Key>, Mac)> = None;
        let mut macs = Vec::with_capacity(self.lanes.len());
        for lane in &self.lanes {
            let Some(reading) = self.readings.get(lane.reading) else { continue };
            let mac = compute(lane.fresh.clone(), &reading.message, digests)?.ok_or(Code::SignatureInvalid)?;
            let held = reading.mac.ct_eq(&mac) & Choice::from(u8::from(lane.key.key.is_some()));
            let Some(key) = &lane.key.key else { continue };
            if let (true, None) = (bool::from(held), &won) {
                won = Some((lane.reading, Arc::clone(key), lane.fresh.clone()));
            }
            macs.push(Bytes::from(mac));
        }
        let (place, key, fresh) = won.ok_or(Code::SignatureInvalid)?;
        // The claim is on every MAC, so it lasts as long as the longest of them could pass.
        let longest = self.readings.iter().filter_map(|reading| reading.fresh_until).max();
        let mut reading = std::mem::take(&mut self.readings).into_iter().nth(place).ok_or(Code::SignatureInvalid)?;
        reading.fresh_until = reading.fresh_until.max(longest);
        if let BodyRule::Chunks(chunks) = &mut reading.body {
            chunks.start(fresh);
        }
        self.winner = Some(Winner { key, reading, macs });
        Ok(())
    }
}

fn signing_mac(facts: &Facts, key: &Prepared, reading: &Reading) -> Mac {
    match (facts.key_use.primitive, &reading.derivation, &key.bytes) {
        (Primitive::Derived(algorithm), Some(derivation), Some(secret)) => derivation.mac(algorithm, secret.expose()),
        _ => key.mac.clone(),
    }
}

/// The MAC over a message; `None` when a digest is not there.
pub(in crate::sig) fn compute(
    mut mac: Mac,
    message: &[Piece],
    digests: &[(Algorithm, Vec<u8>)],
) -> Result<Option<Vec<u8>>, Unanswered> {
    for piece in message {
        match piece {
            Piece::Bytes(bytes) => mac.update(bytes),
            Piece::BodyDigest(algorithm) => {
                let known = digests.iter().find(|(known, _)| known == algorithm);
                let Some((_, digest)) = known else { return Ok(None) };
                mac.update(Encoding::Hex.encode(digest).as_bytes());
            }
            Piece::Digest(algorithm, pieces) => {
                let Some(digest) = compute(Mac::plain(*algorithm), pieces, digests)? else { return Ok(None) };
                mac.update(Encoding::Hex.encode(&digest).as_bytes());
            }
        }
    }
    mac.tag().map(Some)
}

fn digests_of(reading: &Reading) -> impl Iterator<Item = Algorithm> {
    let pieces = reading.message.iter().flat_map(Piece::awaits);
    let rules = match &reading.body {
        BodyRule::Digests(digests) => digests.as_slice(),
        BodyRule::Free | BodyRule::Empty | BodyRule::Chunks(_) => &[],
    };
    pieces.chain(rules.iter().map(|(algorithm, _)| *algorithm))
}

fn obey(rule: BodyRule, body: bool, digests: &[(Algorithm, Vec<u8>)]) -> Result<(), Rejection> {
    let is_body = |(algorithm, demanded): &(Algorithm, Vec<u8>)| {
        let found = digests.iter().find(|(known, _)| known == algorithm);
        found.is_some_and(|(_, digest)| bool::from(digest.ct_eq(demanded)))
    };
    match rule {
        BodyRule::Empty if body => {
            Err(Rejection::from(Code::DigestInvalid).because("there is a body, and no covered digest of it"))
        }
        BodyRule::Free | BodyRule::Empty => Ok(()),
        BodyRule::Digests(demanded) if demanded.iter().all(is_body) => Ok(()),
        BodyRule::Digests(_) => Err(Code::DigestInvalid.into()),
        BodyRule::Chunks(chunks) => chunks.finish(),
    }
}
