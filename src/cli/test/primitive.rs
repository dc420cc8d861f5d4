//! The MAC primitive alone: RFC 4231 and the like.

use super::vector::{Primitive, bytes};
use crate::sig::encoding::Encoding;
use crate::sig::mac::{Algorithm, Mac};

/// Whether every MAC of the line is what we compute.
pub(super) fn check(vector: &Primitive) -> Result<(), String> {
    let (key, data) = (bytes("key_b64", &vector.key_b64)?, bytes("data_b64", &vector.data_b64)?);
    let published = [
        (Algorithm::Sha1, "sha1", &vector.sha1),
        (Algorithm::Sha256, "sha256", &vector.sha256),
        (Algorithm::Sha384, "sha384", &vector.sha384),
        (Algorithm::Sha512, "sha512", &vector.sha512),
    ];
    for (algorithm, name, expected) in published {
        let mut mac = Mac::keyed(algorithm, &key);
        mac.update(&data);
        let made = Encoding::Hex.encode(&mac.finish());
        // RFC 4231 §4.6 publishes the first 128 bits.
        let truncated = vector.truncated_to_128 && expected.len() == 32 && made.starts_with(expected.as_str());
        if made != *expected && !truncated {
            return Err(format!("the {name} MAC differs"));
        }
    }
    Ok(())
}
