//! Which scheme, which keys: the part of a route that signs.

use std::sync::Arc;

use crate::reject::Rejection;
use crate::sig::keyring::Keyring;
use crate::sig::message::{Head, Method};
use crate::sig::ring::{Misfit, PreparedRing};
use crate::sig::scheme::Scheme;
use crate::sig::signing::{Signing, Terms};
use crate::sig::time::Moment;
use crate::sig::{Answering, Need, Site};

/// Which of the signing keys sign.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum With {
    /// The newest.
    Newest,
    /// Every active one, where the scheme carries a list; the newest elsewhere.
    All,
}

/// A scheme and the ring that signs with it.
pub struct Seal {
    usual: Pen,
    /// Signs forms, where the usual one is for other bodies.
    forms: Option<Pen>,
    with: With,
}

struct Pen {
    scheme: Arc<Scheme>,
    ring: PreparedRing,
}

impl Pen {
    fn new(scheme: Arc<Scheme>, ring: Arc<Keyring>) -> Self {
        let scheme = scheme.with_rings(std::iter::once(&ring));
        Self { ring: PreparedRing::new(&scheme, ring), scheme }
    }
}

/// Randomness for nonces, drawn by the shell.
pub type Entropy = [u8; 16];

impl Seal {
    /// Makes the ring ready. Of a scheme with `any_of` the first member signs; where members differ in whether they sign the fields of a form, the first of
    /// each kind signs the bodies of its kind. Ask [`crate::sig::scheme::Facts::can_sign`] first.
    pub fn new(scheme: Arc<Scheme>, ring: Arc<Keyring>, with: With) -> Self {
        let of_kind = |forms: bool| {
            let mut able = scheme.alternatives().iter().filter(|member| member.facts().can_sign.is_ok());
            able.find(|member| member.signs_forms() == forms).cloned()
        };
        let (plain, forms) = (of_kind(false), of_kind(true));
        let forms = forms.filter(|_| plain.is_some()).map(|member| Pen::new(member, Arc::clone(&ring)));
        let first = scheme.alternatives().first().cloned().unwrap_or(scheme);
        Self { usual: Pen::new(plain.unwrap_or(first), ring), forms, with }
    }

    /// The scheme it signs with; of several members the usual one.
    pub fn scheme(&self) -> &Arc<Scheme> {
        &self.usual.scheme
    }

    /// The ring it signs with.
    pub fn ring(&self) -> &Arc<Keyring> {
        self.usual.ring.ring()
    }

    /// Which of its keys sign: where a request has room for one signature, the newest, whatever the route says.
    pub fn with(&self) -> With {
        let lists = self.usual.scheme.facts().carries_list;
        if lists { self.with } else { With::Newest }
    }

    /// Keys that do not fit the scheme and never sign; the configuration refuses them.
    pub fn misfits(&self) -> Vec<Misfit> {
        self.pens().flat_map(|pen| pen.ring.misfits(&pen.scheme)).collect()
    }

    /// The most that the signer may need of the body.
    pub fn need(&self) -> Need {
        self.pens().map(|pen| pen.scheme.facts().signing_need).max().unwrap_or(Need::Head)
    }

    /// Whether it may sign a URL, which has to be known then.
    pub fn needs_public_url(&self) -> bool {
        self.pens().any(|pen| pen.scheme.needs_public_url())
    }

    /// Starts a signature over the outgoing head, after every edit. Call it anew for every attempt, with a fresh `now` and fresh entropy.
    /// Signature headers that the client sent are removed from `head` here.
    pub fn start(&self, head: &mut Head, site: Site<'_>, now: Moment, entropy: Entropy) -> Result<Signing, Rejection> {
        self.begin(head, Terms { site, now, entropy, answering: None, expires: None })
    }

    /// The same for a link that is good until `expires`. Ask [`Scheme::can_issue`] first.
    pub fn issue(
        &self,
        head: &mut Head,
        expires: Moment,
        (site, now, entropy): (Site<'_>, Moment, Entropy),
    ) -> Result<Signing, Rejection> {
        self.begin(head, Terms { site, now, entropy, answering: None, expires: Some(expires) })
    }

    /// The same for the head of an answer, as in [`super::gate::Gate::open_answer`].
    pub fn start_answer(
        &self,
        head: &mut Head,
        answering: Answering<'_>,
        (site, now, entropy): (Site<'_>, Moment, Entropy),
    ) -> Result<Signing, Rejection> {
        self.begin(head, Terms { site, now, entropy, answering: Some(answering), expires: None })
    }

    fn begin(&self, head: &mut Head, terms: Terms<'_>) -> Result<Signing, Rejection> {
        let Pen { scheme, ring } = self.pen(head);
        // What a client signed for another member would be believed in place of ours.
        self.pens().for_each(|pen| pen.scheme.clear(head));
        let most = if self.with == With::All && scheme.facts().carries_list { usize::MAX } else { 1 };
        Signing::start(scheme, ring.signers(terms.now, most), head, terms)
    }

    fn pens(&self) -> impl Iterator<Item = &Pen> {
        std::iter::once(&self.usual).chain(&self.forms)
    }

    fn pen(&self, head: &Head) -> &Pen {
        self.forms.as_ref().filter(|_| has_fields(head)).unwrap_or(&self.usual)
    }
}

/// Whether the body is a form by its media type, or there is none: a form without fields.
fn has_fields(head: &Head) -> bool {
    match head.fields.one("content-type") {
        Ok(Some(value)) => {
            let media = value.split(|byte| *byte == b';').next().unwrap_or_default();
            media.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
        }
        Ok(None) => head.method == Method::GET || head.method == Method::HEAD,
        Err(_) => false,
    }
}
