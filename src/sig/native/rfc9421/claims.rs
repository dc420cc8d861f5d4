//! The parameters of a signature (RFC 9421 §2.3): when, until when, by whom, once, what for.

use bytes::Bytes;

use super::structured::{Bare, Params};
use super::{ALGORITHM, Made, Options};
use crate::reject::{Code, Rejection};
use crate::sig::declared::claims::is_nonce;
use crate::sig::mac::Algorithm;
use crate::sig::stamp::Format;
use crate::sig::time::Moment;

/// What a signature says of itself. All of it is covered.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Claims {
    pub(super) created: Option<Moment>,
    pub(super) expires: Option<Moment>,
    pub(super) nonce: Option<Bytes>,
    pub(super) key_id: Option<Bytes>,
    pub(super) tag: Option<String>,
}

impl Claims {
    /// An unknown parameter could mean anything, so it is refused.
    pub(super) fn read(params: &Params, made: Made) -> Result<Self, Rejection> {
        let mut claims = Self::default();
        for (name, value) in params {
            match (name.as_str(), value) {
                ("created", Bare::Integer(secs)) if *secs >= 0 => claims.created = Some(made.moment(*secs)),
                ("expires", Bare::Integer(secs)) if *secs >= 0 => claims.expires = Some(made.moment(*secs)),
                ("created" | "expires", _) => return Err(Code::TimestampInvalid.into()),
                ("nonce", Bare::Text(text)) if is_nonce(text.as_bytes()) => claims.nonce = Some(text.clone().into()),
                ("nonce", _) => return Err(Code::NonceInvalid.into()),
                ("keyid", Bare::Text(text)) => claims.key_id = Some(text.clone().into()),
                ("tag", Bare::Text(text)) => claims.tag = Some(text.clone()),
                ("alg", Bare::Text(text)) if made.is_named(text) => {}
                ("alg", _) => return Err(unmet("another algorithm than hmac-sha256")),
                _ => {
                    let note = "a signature parameter is unknown or not of its type";
                    return Err(Rejection::from(Code::SignatureMalformed).because(note));
                }
            }
        }
        Ok(claims)
    }

    /// Presence first, then time, then what the signature is for.
    pub(super) fn judge(&self, options: &Options, now: Moment) -> Result<(), Rejection> {
        self.is_complete(options)?;
        if let Some(created) = self.created {
            options.bounds.judge(created, Format::Unix, now)?;
        }
        if self.expires.is_some_and(|expires| expires <= now) {
            return Err(Rejection::from(Code::TimestampOutsideWindow).because("`expires` is over"));
        }
        if self.fits(options) { Ok(()) } else { Err(unmet("not the demanded `tag`")) }
    }

    fn fits(&self, options: &Options) -> bool {
        options.tag.is_none() || self.tag == options.tag
    }

    fn is_complete(&self, options: &Options) -> Result<(), Rejection> {
        if self.created.is_none() && options.created {
            return Err(missing("no `created`"));
        }
        if self.key_id.is_none() && options.key_id {
            return Err(missing("no `keyid`"));
        }
        if self.nonce.is_none() && options.nonce {
            return Err(Rejection::from(Code::NonceInvalid).because("no `nonce`"));
        }
        Ok(())
    }

    /// Whether it does not count yet, and will.
    pub(super) fn is_ahead(&self, options: &Options, now: Moment) -> bool {
        let counts = self.is_complete(options).is_ok() && self.fits(options);
        let lives = self.expires.is_none_or(|expires| expires > now);
        counts
            && lives
            && self
                .created
                .is_some_and(|created| created > now && options.bounds.judge(created, Format::Unix, now).is_err())
    }

    /// The first moment at which it is surely refused.
    pub(super) fn fresh_until(&self, options: &Options) -> Option<Moment> {
        let end = self.created.map(|created| options.bounds.end(created, Format::Unix));
        [end, self.expires].into_iter().flatten().min()
    }
}

impl Made {
    const fn moment(self, number: i64) -> Moment {
        match self.stamp {
            Format::UnixMs => Moment::from_millis(number),
            Format::UnixUs => Moment::from_millis(number.div_euclid(1000)),
            Format::Unix | Format::Rfc3339 | Format::HttpDate | Format::AzureDate | Format::Base62 | Format::Be64 => {
                Moment::from_secs(number)
            }
        }
    }

    fn is_named(self, alg: &str) -> bool {
        match self.algorithm {
            Algorithm::Sha256 => alg == ALGORITHM,
            // None of them has a registered name: what there is was made up.
            Algorithm::Sha1
            | Algorithm::Sha384
            | Algorithm::Sha512
            | Algorithm::Sha3_256
            | Algorithm::Sha3_384
            | Algorithm::Sha3_512 => true,
        }
    }
}

fn missing(note: &'static str) -> Rejection {
    Rejection::from(Code::SignatureMissing).because(note)
}

fn unmet(note: &'static str) -> Rejection {
    Rejection::from(Code::RequirementUnmet).because(note)
}
