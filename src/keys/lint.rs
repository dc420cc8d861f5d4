//! What makes a secret weak or not what its owner thinks it is.

use super::findings::{Findings, Place};
use crate::sig::public::is_public_pem;

/// An HMAC key should have at least the length of the hash's output (RFC 2104 §3): 32 bytes for SHA-256.
const ENOUGH: usize = 32;
/// Below this many bytes a secret can be guessed from one captured request.
const GUESSABLE: usize = 16;
const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// Says everything about `secret` that its owner should know. Never the secret.
pub(super) fn secret(secret: &[u8], id: &str, place: &Place, findings: &mut Findings) {
    if secret.is_empty() {
        findings.problem(place, format!("key `{id}` has an empty secret"), "make one with `countersign keygen`");
        return;
    }
    if secret.starts_with(&MARK) {
        let fix = "save the file as UTF-8 without a mark; a secret that really starts so is written as secret_base64";
        findings.problem(place, format!("the secret of key `{id}` starts with a byte order mark"), fix);
    }
    if secret.starts_with(b"${") && secret.ends_with(b"}") {
        let fix = "name the variable in a keyring of the kind `env`";
        findings.problem(place, format!("the secret of key `{id}` is a variable that was not replaced"), fix);
    }
    length(secret.len(), id, place, findings);
    if secret.last() == Some(&0) {
        let fix = "remove the zero bytes: HMAC pads with zeros (RFC 2104 §2), so they add nothing";
        findings.warning(place, format!("the secret of key `{id}` ends with a zero byte"), fix);
    }
    let edges = [secret.first(), secret.last()];
    if !is_public_pem(secret) && edges.into_iter().flatten().any(u8::is_ascii_whitespace) {
        let message = format!("the secret of key `{id}` starts or ends with white space, which counts as part of it");
        findings.warning(place, message, "remove it, unless the other side has it too");
    }
}

fn length(length: usize, id: &str, place: &Place, findings: &mut Findings) {
    let fix = "use 32 random bytes (`countersign keygen`) where the other side lets you choose";
    if length < GUESSABLE {
        let message = format!("the secret of key `{id}` has {length} bytes: short enough to be guessed");
        findings.warning(place, message, fix);
    } else if length < ENOUGH {
        findings.warning(place, format!("the secret of key `{id}` has {length} bytes, fewer than {ENOUGH}"), fix);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn said(text: &[u8]) -> (usize, usize) {
        let mut findings = Findings::new(Path::new("f"));
        secret(text, "k", &Place::default(), &mut findings);
        (findings.problems.len(), findings.warnings.len())
    }

    #[test]
    fn a_secret_is_judged_on_both_sides_of_every_edge() {
        let long = [b'x'; 32];
        for (text, problems, warnings) in [
            (&b""[..], 1, 0),
            (&long[..15], 0, 1),
            (&long[..16], 0, 1),
            (&long[..31], 0, 1),
            (&long[..], 0, 0),
            (b"0123456789abcdef0123456789abcde\0", 0, 1),
            (b"0123456789abcdef0123456789abcdef\n", 0, 1),
            (b" 0123456789abcdef0123456789abcdef", 0, 1),
            (b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n", 0, 0),
            (b"\xef\xbb\xbf0123456789abcdef0123456789abcdef", 1, 0),
            (b"${PARTNER_SECRET_THAT_IS_NOT_SET_}", 1, 0),
            (b"${PARTNER_SECRET_THAT_IS_NOT_SET_", 0, 0),
        ] {
            assert_eq!(said(text), (problems, warnings), "{}", text.escape_ascii());
        }
    }
}
