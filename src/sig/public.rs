//! Signatures that only the sender can make and anybody can check: verified with a public key, never made here.

use aws_lc_rs::rsa::PublicEncryptingKey;
use aws_lc_rs::signature::{self, ParsedPublicKey, VerificationAlgorithm};
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject as _;

use super::declared::parts::KeyForm;
use super::encoding::Encoding;
use super::mac::Algorithm;

/// A signature algorithm. It comes from the scheme, never from the request and never from the key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PublicAlgorithm {
    /// Ed25519 (RFC 8032 §5.1).
    Ed25519,
    /// ECDSA on P-256 with SHA-256 (FIPS 186-5), the signature in DER (RFC 3279 §2.2.3).
    EcdsaP256Sha256,
    /// RSASSA-PSS with SHA-512 and a salt of 64 bytes (RFC 9421 §3.3.1), keys of 2048 to 8192 bits.
    RsaPssSha512,
}

impl PublicAlgorithm {
    /// Every algorithm by the name it has in a scheme.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("ed25519", Self::Ed25519),
        ("ecdsa-p256-sha256", Self::EcdsaP256Sha256),
        ("rsa-pss-sha512", Self::RsaPssSha512),
    ];

    /// The hash function below it.
    pub const fn hash(self) -> Algorithm {
        match self {
            Self::EcdsaP256Sha256 => Algorithm::Sha256,
            Self::Ed25519 | Self::RsaPssSha512 => Algorithm::Sha512,
        }
    }

    /// Whether a signature can have this many bytes.
    pub fn is_size(self, bytes: usize) -> bool {
        match self {
            Self::Ed25519 => bytes == 64,
            // A SEQUENCE of two INTEGERs of 1 to 33 bytes.
            Self::EcdsaP256Sha256 => (8..=72).contains(&bytes),
            Self::RsaPssSha512 => (256..=1024).contains(&bytes),
        }
    }

    fn verifier(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Self::Ed25519 => &signature::ED25519,
            Self::EcdsaP256Sha256 => &signature::ECDSA_P256_SHA256_ASN1,
            Self::RsaPssSha512 => &signature::RSA_PSS_2048_8192_SHA512,
        }
    }

    const fn noun(self) -> &'static str {
        match self {
            Self::Ed25519 => "an Ed25519 public key",
            Self::EcdsaP256Sha256 => "a P-256 public key",
            Self::RsaPssSha512 => "an RSA public key of 2048 to 8192 bits",
        }
    }
}

/// A public key, parsed.
#[derive(Clone)]
pub(crate) struct PublicKey(ParsedPublicKey);

impl PublicKey {
    /// A key as vendors publish them: in PEM, whatever `form` says, or in its encoding: `SubjectPublicKeyInfo` or the bare key. The error says what
    /// it is not.
    pub(in crate::sig) fn read(algorithm: PublicAlgorithm, form: &KeyForm, text: &[u8]) -> Result<Self, String> {
        if is_pem(text, b"PRIVATE KEY-----") {
            return Err("it is a private key: only the sender needs that, and it should make a new one".to_owned());
        }
        let unfit = || format!("it is not {} in {}", algorithm.noun(), written(form.encoding));
        let key = Self::parse(algorithm, &bytes(form, text).ok_or_else(unfit)?).ok_or_else(unfit)?;
        if algorithm == PublicAlgorithm::Ed25519 && is_of_small_order(key.bytes()) {
            return Err("it is an Ed25519 point of small order: under it anybody can sign".to_owned());
        }
        Ok(key)
    }

    /// A key that is nobody's: to verify with it takes as long as with one whose signatures have `size` bytes, where sizes differ.
    pub(in crate::sig) fn of_nobody(algorithm: PublicAlgorithm, size: usize) -> Option<Self> {
        match algorithm {
            PublicAlgorithm::Ed25519 => Self::parse(algorithm, &ED25519_BASE),
            PublicAlgorithm::EcdsaP256Sha256 => Self::parse(algorithm, &P256_BASE),
            PublicAlgorithm::RsaPssSha512 => Self::parse(algorithm, &rsa_of_nobody(size.clamp(256, 1024))?),
        }
    }

    /// Bytes of a signature under an RSA key; of other keys nothing depends on it.
    pub(in crate::sig) fn size(&self) -> usize {
        PublicEncryptingKey::from_der(self.bytes()).map_or(0, |key| key.key_size_bytes())
    }

    /// Whether the owner of this key signed `message`.
    pub(in crate::sig) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.verify_sig(message, signature).is_ok()
    }

    /// The key as it was given.
    pub(in crate::sig) fn bytes(&self) -> &[u8] {
        self.0.as_ref()
    }

    fn parse(algorithm: PublicAlgorithm, bytes: &[u8]) -> Option<Self> {
        let fits = match algorithm {
            PublicAlgorithm::Ed25519 | PublicAlgorithm::EcdsaP256Sha256 => true,
            PublicAlgorithm::RsaPssSha512 => {
                PublicEncryptingKey::from_der(bytes).is_ok_and(|key| (2048..=8192).contains(&key.key_size_bits()))
            }
        };
        let key = ParsedPublicKey::new(algorithm.verifier(), bytes).ok().filter(|_| fits)?;
        Some(Self(key))
    }
}

/// Whether a secret is a public key in PEM, where what stands round it does not count.
pub fn is_public_pem(secret: &[u8]) -> bool {
    is_pem(secret, b"PUBLIC KEY-----")
}

fn is_pem(text: &[u8], label: &[u8]) -> bool {
    let line = text.trim_ascii_start().split(|byte| *byte == b'\n').next().unwrap_or_default();
    line.starts_with(b"-----BEGIN ") && line.trim_ascii_end().ends_with(label)
}

/// The key's bytes; `None` where they are not in the form.
fn bytes(form: &KeyForm, text: &[u8]) -> Option<Vec<u8>> {
    if is_public_pem(text) {
        let mut found = SubjectPublicKeyInfoDer::pem_slice_iter(text);
        let key = found.next()?.ok()?;
        return found.next().is_none().then(|| key.to_vec());
    }
    let prefix = form.strip_prefix.as_deref().unwrap_or_default().as_bytes();
    let text = text.strip_prefix(prefix).unwrap_or(text);
    form.encoding.map_or_else(|| Some(text.to_vec()), |encoding| encoding.decode_secret(text))
}

const fn written(encoding: Option<Encoding>) -> &'static str {
    match encoding {
        None => "PEM",
        Some(Encoding::Hex) => "hex or PEM",
        Some(Encoding::Base64 | Encoding::Base64Escaped) => "base64 or PEM",
        Some(Encoding::Base64Url | Encoding::Base64UrlPadded) => "base64url or PEM",
    }
}

/// **Threat:** under a point of small order a signature can be made without any secret, and a placeholder of zeros is such a point.
fn is_of_small_order(key: &[u8]) -> bool {
    let Some((start, [last])) = key.last_chunk::<32>().and_then(|point| point.split_last_chunk::<1>()) else {
        return false;
    };
    // The sign of x is no part of y.
    let y = [start, &[last & 0x7f]].concat();
    SMALL_ORDER.iter().any(|small| *small == *y)
}

/// Every spelling of a y whose point has an order that divides 8, little-endian.
const SMALL_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    with_ends(1, 0, 0),
    with_ends(0xec, 0xff, 0x7f),
    with_ends(0xed, 0xff, 0x7f),
    with_ends(0xee, 0xff, 0x7f),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5, 0xdf,
        0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a, 0x20,
        0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ],
];

const fn with_ends(first: u8, middle: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    let [low, .., high] = &mut bytes;
    (*low, *high) = (first, last);
    bytes
}

/// The base point of RFC 8032 §5.1.
const ED25519_BASE: [u8; 32] = {
    let mut point = [0x66; 32];
    let [low, ..] = &mut point;
    *low = 0x58;
    point
};

/// The base point of SEC 2 §2.4.2, compressed.
const P256_BASE: [u8; 33] = [
    0x03, 0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77, 0x03,
    0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
];

/// A `SubjectPublicKeyInfo` (RFC 3279 §2.3.1) with a modulus of so many bytes, from 256, whose first bit is set; the exponent is 65537.
pub(in crate::sig) fn rsa_of_nobody(bytes: usize) -> Option<Vec<u8>> {
    let modulus = [&[0][..], &vec![0xc3; bytes]].concat();
    let numbers = [long(0x02, &modulus)?, vec![0x02, 0x03, 0x01, 0x00, 0x01]].concat();
    let bits = [&[0][..], &long(0x30, &numbers)?].concat();
    long(0x30, &[&RSA_ENCRYPTION[..], &long(0x03, &bits)?].concat())
}

/// A DER value of 256 to 65535 bytes.
fn long(tag: u8, content: &[u8]) -> Option<Vec<u8>> {
    let length = u16::try_from(content.len()).ok()?.to_be_bytes();
    Some([&[tag, 0x82][..], &length, content].concat())
}

/// `rsaEncryption` (RFC 3279 §2.3.1).
const RSA_ENCRYPTION: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_a_key_of_every_algorithm() {
        for (name, algorithm) in PublicAlgorithm::NAMES {
            for size in [0, 256, 257, 512, 1024, 1025] {
                let key = PublicKey::of_nobody(algorithm, size).unwrap_or_else(|| panic!("{name} {size}"));
                assert!(!key.verify(b"message", &[0x30; 64]), "{name}");
                let sized = if algorithm == PublicAlgorithm::RsaPssSha512 { size.clamp(256, 1024) } else { 0 };
                assert_eq!(key.size(), sized, "{name}");
            }
        }
    }

    #[test]
    fn a_signature_has_a_size() {
        for (algorithm, sizes) in [
            (PublicAlgorithm::Ed25519, [(63, false), (64, true), (64, true), (65, false)]),
            (PublicAlgorithm::EcdsaP256Sha256, [(7, false), (8, true), (72, true), (73, false)]),
            (PublicAlgorithm::RsaPssSha512, [(255, false), (256, true), (1024, true), (1025, false)]),
        ] {
            for (size, fits) in sizes {
                assert_eq!(algorithm.is_size(size), fits, "{algorithm:?} {size}");
            }
        }
    }

    #[test]
    fn a_point_under_which_anybody_can_sign_is_refused_in_every_spelling() {
        let form = KeyForm { encoding: Some(Encoding::Hex), ..KeyForm::default() };
        for small in SMALL_ORDER {
            let mut other_sign = small;
            other_sign[31] |= 0x80;
            for point in [small, other_sign] {
                let said =
                    PublicKey::read(PublicAlgorithm::Ed25519, &form, Encoding::Hex.encode(&point).as_bytes()).err();
                assert!(
                    said.is_some_and(|why| why.contains("small order") || why.contains("not an Ed25519")),
                    "{point:x?}"
                );
            }
        }
        let base = Encoding::Hex.encode(&ED25519_BASE);
        assert!(PublicKey::read(PublicAlgorithm::Ed25519, &form, base.as_bytes()).is_ok());
    }

    #[test]
    fn a_key_in_pem_is_told_from_any_other_secret() {
        for (text, is_public) in [
            (&b"-----BEGIN PUBLIC KEY-----\nMA==\n-----END PUBLIC KEY-----\n"[..], true),
            (b"\n-----BEGIN PUBLIC KEY-----\r\nMA==", true),
            (b"-----BEGIN PRIVATE KEY-----\nMA==", false),
            (b"-----BEGIN \nPUBLIC KEY-----", false),
            (b"", false),
        ] {
            assert_eq!(is_public_pem(text), is_public, "{}", text.escape_ascii());
        }
    }
}
