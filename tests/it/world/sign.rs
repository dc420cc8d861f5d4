//! Signing as the clients of `timestamp-body` do, computed here and not by the gateway.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{NOW, Request, SECRET};

/// Lower-case hex of HMAC-SHA256(secret, timestamp + "." + body).
pub(crate) fn mac(secret: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())
}

/// Puts both headers on a request.
pub(crate) trait Signing: Sized {
    /// With this secret and timestamp text.
    fn signed_with(self, secret: &str, timestamp: &str) -> Self;

    /// With `k1`, at the beginning of the test.
    fn signed(self) -> Self {
        self.signed_with(SECRET, &NOW.to_string())
    }

    /// With `k1`, `seconds` after the beginning.
    fn signed_at(self, seconds: i64) -> Self {
        self.signed_with(SECRET, &(NOW + seconds).to_string())
    }
}

impl Signing for Request {
    fn signed_with(self, secret: &str, timestamp: &str) -> Self {
        let signature = mac(secret, timestamp, &self.body);
        self.header("X-HMAC-Timestamp", timestamp).header("X-HMAC-Signature", &signature)
    }
}
