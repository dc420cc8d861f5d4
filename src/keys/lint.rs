//! What makes a secret weak or not what its owner thinks it is.

use super::findings::{Findings, Place};
use crate::policy::lint::{Code, weakness};
use crate::sig::public::is_public_pem;

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
    if let Some((code, why)) = weakness(secret) {
        findings.warning(place, code, format!("the secret of key `{id}` {why}"));
    }
    if secret.last() == Some(&0) {
        findings.warning(place, Code::KeyZeroByte, format!("the secret of key `{id}` ends with a zero byte"));
    }
    let edges = [secret.first(), secret.last()];
    if !is_public_pem(secret) && edges.into_iter().flatten().any(u8::is_ascii_whitespace) {
        let message = format!("the secret of key `{id}` starts or ends with white space, which counts as part of it");
        findings.warning(place, Code::KeyWhiteSpace, message);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn said(text: &[u8]) -> (usize, usize) {
        let mut findings = Findings::new(Path::new("f"));
        secret(text, "k", &Place::default(), &mut findings);
        let (problems, warnings) = findings.told();
        (problems.len(), warnings.len())
    }

    #[test]
    fn a_secret_is_judged_on_both_sides_of_every_edge() {
        let long = b"0123456789abcdefghijklmnopqrstuv";
        for (text, problems, warnings) in [
            (&b""[..], 1, 0),
            (&long[..15], 0, 1),
            (&long[..16], 0, 1),
            (&long[..31], 0, 1),
            (&long[..], 0, 0),
            (&[b'x'; 32], 0, 1),
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
