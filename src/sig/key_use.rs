//! What a scheme makes of a configured secret: key bytes, and what is done with them.

use super::declared::parts::{KeyForm, Pair};
use super::encoding::Tag;
use super::mac::{Algorithm, Mac};
use super::public::PublicAlgorithm;
use super::secret::Secret;
use super::template::{Input, Part, Template};

/// What a scheme makes of a secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyUse {
    /// How the configured secret becomes key bytes.
    pub form: KeyForm,
    /// What is done with them.
    pub primitive: Primitive,
}

/// What proves that somebody has the key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Primitive {
    /// HMAC (RFC 2104).
    Hmac(Algorithm),
    /// A plain digest with the key inside the message.
    Hash(Algorithm),
    /// HMAC with a key that is derived from the secret for each request.
    Derived(Algorithm),
    /// A signature that the configured public key verifies.
    Public(PublicAlgorithm),
    /// The secret itself, sent along: it proves who sends, and nothing of what is sent.
    Token,
}

impl Primitive {
    /// Everything that `algorithm` of a scheme can name.
    pub fn names() -> impl Iterator<Item = (&'static str, Self)> {
        let hashes = Algorithm::NAMES.into_iter().map(|(name, algorithm)| (name, Self::Hmac(algorithm)));
        let public = PublicAlgorithm::NAMES.into_iter().map(|(name, algorithm)| (name, Self::Public(algorithm)));
        hashes.chain(public).chain([("token", Self::Token)])
    }

    /// The hash function below it; of a token the one under which it is compared.
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::Hmac(algorithm) | Self::Hash(algorithm) | Self::Derived(algorithm) => algorithm,
            Self::Public(algorithm) => algorithm.hash(),
            Self::Token => Algorithm::Sha256,
        }
    }

    /// What a decoded signature is compared or verified as; `None` where it has a length that no such signature has.
    pub(in crate::sig) fn claim(self, signature: Tag) -> Option<Tag> {
        let fits = match self {
            Self::Hmac(algorithm) | Self::Hash(algorithm) | Self::Derived(algorithm) => {
                signature.len() == algorithm.size()
            }
            Self::Public(algorithm) => algorithm.is_size(signature.len()),
            // Digests have one length: comparing them tells nothing of the length of the secret.
            Self::Token => return Some(Tag::from_vec(self.algorithm().digest(&signature))),
        };
        fits.then_some(signature)
    }
}

/// How the configured secret becomes key bytes.
pub(in crate::sig) fn key_bytes(form: &KeyForm, secret: &[u8]) -> Result<Secret, String> {
    let prefix = form.strip_prefix.as_deref().unwrap_or_default().as_bytes();
    let text = secret.strip_prefix(prefix).unwrap_or(secret);
    let bytes = match form.encoding {
        None => Secret::new(text.to_vec()),
        Some(encoding) => {
            Secret::new(encoding.decode_secret(text).ok_or("its secret is not in the scheme's encoding")?)
        }
    };
    if bytes.is_empty() {
        return Err("its secret is empty after decoding".to_owned());
    }
    let bytes = match &form.derive {
        None => bytes,
        Some((algorithm, template)) => derive(*algorithm, template, &bytes),
    };
    form.pair.map_or(Ok(bytes.clone()), |pair| joined(pair, &bytes).map_err(str::to_owned))
}

/// Whether this is how RFC 5849 §3.6 encodes something.
fn is_encoded(text: &[u8]) -> bool {
    let plain = zeroize::Zeroizing::new(super::form::percent_decode(text, false).into_owned());
    zeroize::Zeroizing::new(super::form::percent_encode(&plain)).as_bytes() == text
}

/// The key of RFC 5849 §3.4.2: both secrets percent-encoded, an `&` between them.
fn joined(pair: Pair, secret: &Secret) -> Result<Secret, &'static str> {
    let text = secret.expose();
    match pair {
        Pair::Alone => {
            let encoded = zeroize::Zeroizing::new(super::form::percent_encode(text));
            Ok(Secret::new([encoded.as_bytes(), b"&"].concat()))
        }
        Pair::Joined => {
            let halves: Vec<&[u8]> = text.split(|byte| *byte == b'&').collect();
            let fits = halves.len() == 2 && !text.starts_with(b"&") && halves.into_iter().all(is_encoded);
            fits.then(|| secret.clone()).ok_or("its secret is not two percent-encoded secrets with `&` between them")
        }
    }
}

fn derive(algorithm: Algorithm, template: &Template, key: &Secret) -> Secret {
    let mut hash = Mac::plain(algorithm);
    for part in &template.0 {
        match part {
            Part::Literal(text) => hash.update(text),
            Part::Value(value) if value.input == Input::Key => hash.update(key.expose()),
            Part::Value(_) => {}
        }
    }
    Secret::new(hash.finish())
}
