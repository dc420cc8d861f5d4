//! `countersign sign --link`: a URL that opens one thing until a time.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use clap::Args;

use super::sign::Signer;
use super::{RUNTIME, USAGE, fail, say};
use crate::policy::Seal;
use crate::policy::gate::{Alternative, Gate, Keys};
use crate::policy::seal::{Entropy, With};
use crate::reject::{Code, Rejection};
use crate::sig::message::Head;
use crate::sig::time::Moment;
use crate::sig::{Site, form};

/// The scheme where none is named.
pub(super) const SCHEME: &str = "signed-link";

/// Arguments of `sign` that make a link of it.
#[derive(Args)]
pub(super) struct Link {
    /// Print the URL as a link that is signed and expires
    #[arg(long = "link", requires = "expires", conflicts_with_all = ["method", "headers", "body", "data_file", "curl"])]
    pub(super) asked: bool,
    /// How long the link is good, e.g. 30m, 24h
    #[arg(long, value_name = "TIME", requires = "asked", value_parser = humantime::parse_duration)]
    expires: Option<Duration>,
    /// What the link is for: only routes of the same purpose take it
    #[arg(long, value_name = "WORD", requires = "asked", default_value = "link")]
    purpose: String,
}

/// For whom and when a link is made.
pub(super) struct Terms<'a> {
    /// As the user wrote it, with scheme and host.
    pub(super) url: &'a str,
    /// Its scheme and host.
    pub(super) origin: &'a str,
    /// When.
    pub(super) now: Moment,
    /// Whether a route says how, and not the command line.
    pub(super) by_route: bool,
}

impl Link {
    /// Prints the link and nothing else: whoever has it can use it.
    pub(super) fn print(&self, head: &Head, signer: Signer, terms: &Terms<'_>) -> Result<ExitCode, ExitCode> {
        if !terms.url.contains("://") || terms.url.contains('#') {
            return Err(fail(USAGE, "a link is a whole URL, and nothing behind a `#` is signed"));
        }
        let (scheme, ring, public_url) = signer;
        if let Err(why) = scheme.can_issue() {
            return Err(fail(RUNTIME, format_args!("scheme `{}` makes no links: {why}", scheme.name())));
        }
        let seal = Seal::new(Arc::clone(&scheme), Arc::clone(&ring), With::Newest);
        if let Some(misfit) = seal.misfits().first() {
            return Err(fail(RUNTIME, misfit));
        }
        let site = Site { public_url: Some(public_url.as_deref().unwrap_or(terms.origin)), captures: &[] };
        let meant = self.meant(head);
        let mut made = meant.clone();
        self.sign(&seal, &mut made, site, terms.now).map_err(|why| refused(&why))?;
        if !made.target.starts_with(&meant.target) {
            return Err(fail(USAGE, "the URL already has a parameter that signing writes"));
        }
        if made.fields.iter().ne(&meant.fields) {
            return Err(fail(RUNTIME, format_args!("scheme `{}` signs by headers, not in the URL", scheme.name())));
        }
        let gate = Gate::new(vec![Alternative { scheme, keys: Keys::Ring(ring) }]);
        let checked = gate.open(&made, site, terms.now, usize::MAX).and_then(|check| check.close(Some(b"")));
        match checked {
            // The purpose that the scheme itself has is for routes that give it no other.
            Err(rejection) if terms.by_route || rejection.code() != Code::RequirementUnmet => Err(refused(&rejection)),
            Ok(_) | Err(_) => {
                say(&format!("{}{}\n", terms.origin, String::from_utf8_lossy(&made.target)));
                Ok(ExitCode::SUCCESS)
            }
        }
    }

    /// What is to be signed: with the purpose.
    fn meant(&self, head: &Head) -> Head {
        let mark = if head.query().is_some() { "&" } else { "?" };
        let purpose = format!("{mark}purpose={}", form::percent_encode(self.purpose.as_bytes()));
        Head { target: Bytes::from([head.target.as_ref(), purpose.as_bytes()].concat()), ..head.clone() }
    }

    fn sign(&self, seal: &Seal, head: &mut Head, site: Site<'_>, now: Moment) -> Result<(), Rejection> {
        let expires = now.plus(self.expires.unwrap_or_default());
        let signing = seal.issue(head, expires, (site, now, entropy()?))?;
        signing.finish(head, Some(b"")).map(|_body| ())
    }
}

/// Randomness for a nonce.
pub(super) fn entropy() -> Result<Entropy, Rejection> {
    let mut entropy = [0; 16];
    let drawn = getrandom::fill(&mut entropy);
    drawn.map(|()| entropy).map_err(|_| Rejection::from(Code::SigningFailed).because("no randomness"))
}

fn refused(rejection: &Rejection) -> ExitCode {
    let (code, note) = (rejection.code().reason().code, rejection.note().unwrap_or("no more is known"));
    fail(RUNTIME, format_args!("nobody would take this link: {code}: {note}"))
}
