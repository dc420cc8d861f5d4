//! A native signature under way: the body's digests run, the scheme writes.

use std::sync::Arc;

use super::{Answered, Native, Outgoing};
use crate::reject::Rejection;
use crate::sig::mac::{Algorithm, Mac};
use crate::sig::message::Head;
use crate::sig::ring::Prepared;
use crate::sig::signing::Terms;
use crate::sig::time::Moment;
use crate::sig::{Need, Site};

pub(in crate::sig) struct Signing {
    native: Arc<dyn Native>,
    need: Need,
    keys: Vec<Arc<Prepared>>,
    public_url: Option<String>,
    now: Moment,
    entropy: [u8; 16],
    digests: Vec<(Algorithm, Mac)>,
    has_body: bool,
    answered: Option<Answered>,
}

impl Signing {
    pub(in crate::sig) fn start(
        (native, need): (&Arc<dyn Native>, Need),
        keys: Vec<Arc<Prepared>>,
        head: &mut Head,
        Terms { site, now, entropy, answering, expires: _ }: Terms<'_>,
    ) -> Self {
        native.clear(head);
        let digests = native.signing_digests().into_iter().map(|algorithm| (algorithm, Mac::plain(algorithm)));
        Self {
            native: Arc::clone(native),
            need,
            keys,
            public_url: site.public_url.map(str::to_owned),
            now,
            entropy,
            digests: digests.collect(),
            has_body: false,
            answered: answering.map(Answered::new),
        }
    }

    pub(in crate::sig) fn feed(&mut self, chunk: &[u8]) {
        self.has_body |= !chunk.is_empty();
        for (_, digest) in &mut self.digests {
            digest.update(chunk);
        }
    }

    pub(in crate::sig) fn finish(mut self, head: &mut Head, whole: Option<&[u8]>) -> Result<(), Rejection> {
        let whole = whole.filter(|_| self.need == Need::Whole);
        if let Some(body) = whole {
            self.feed(body);
        }
        let digests: Vec<_> = std::mem::take(&mut self.digests).into_iter().map(|(a, mac)| (a, mac.finish())).collect();
        let site = Site { public_url: self.public_url.as_deref(), captures: &[] };
        let (now, entropy, has_body) = (self.now, self.entropy, self.has_body);
        let answering = self.answered.as_ref().map(Answered::answering);
        let outgoing = Outgoing { site, now, entropy, digests: &digests, has_body, body: whole, answering };
        self.native.sign(head, &self.keys, &outgoing)
    }
}
