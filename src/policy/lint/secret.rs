//! What makes a key weak: too short, or made of too little.

use zeroize::Zeroizing;

use super::table::Code;

/// An HMAC key should have at least the length of the hash's output (RFC 2104 §3): 32 bytes for SHA-256.
const ENOUGH: usize = 32;

/// Below this many bytes a secret can be guessed from one captured request.
const GUESSABLE: usize = 16;

/// 32 random characters of the smallest usual alphabet, decimal digits, have fewer different ones in one case of ten million.
const DIFFERENT: usize = 6;

/// The longest text that counts as repeated, rather than as two halves that happen to be alike.
const PERIOD: usize = 8;

/// What stands in a file until somebody replaces it.
const PLACEHOLDERS: [&[u8]; 8] =
    [b"changeme", b"change-me", b"change_me", b"password", b"placeholder", b"replace-me", b"letmein", b"qwerty"];

/// The first letters of those: a million secrets are looked through when a large ring is loaded.
const INITIALS: [u8; 5] = *b"cplqr";

/// What is weak about key bytes, as in "key `k` has …"; `None` where nothing shows. Cheap, and never sure: it finds what people type.
pub fn weakness(key: &[u8]) -> Option<(Code, String)> {
    let length = key.len();
    if length < GUESSABLE {
        return Some((Code::ShortKey, format!("has {length} bytes: short enough to be guessed")));
    }
    if length < ENOUGH {
        return Some((Code::ShortKey, format!("has {length} bytes, fewer than {ENOUGH}")));
    }
    let different = different(key);
    if different < DIFFERENT {
        return Some((Code::LowEntropyKey, format!("has only {different} different bytes")));
    }
    if (1..=PERIOD).any(|period| repeats(key, period)) {
        return Some((Code::LowEntropyKey, "repeats itself".to_owned()));
    }
    let lower = Zeroizing::new(key.to_ascii_lowercase());
    let typed =
        |start: usize| lower.get(start..).is_some_and(|rest| PLACEHOLDERS.iter().any(|word| rest.starts_with(word)));
    let mut starts = lower.iter().enumerate().filter(|(_, byte)| INITIALS.contains(byte));
    starts.any(|(start, _)| typed(start)).then(|| (Code::LowEntropyKey, "holds a word of every dictionary".to_owned()))
}

fn different(key: &[u8]) -> usize {
    let mut seen = Zeroizing::new([false; 256]);
    for byte in key {
        if let Some(seen) = seen.get_mut(usize::from(*byte)) {
            *seen = true;
        }
    }
    seen.iter().filter(|seen| **seen).count()
}

fn repeats(key: &[u8], period: usize) -> bool {
    key.iter().zip(key.iter().skip(period)).all(|(left, right)| left == right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_is_found_wherever_it_stands() {
        for word in PLACEHOLDERS {
            assert!(word.first().is_some_and(|first| INITIALS.contains(first)));
            for before in [0, 1, 40 - word.len()] {
                let around = b"abdefghijkmnostuvwxyz0123456789ABDEFGHIJ";
                let key = [&around[..before], &word.to_ascii_uppercase(), &around[before..]].concat();
                assert_eq!(weakness(&key).map(|(code, _)| code), Some(Code::LowEntropyKey), "{}", key.escape_ascii());
            }
        }
    }

    #[test]
    fn a_key_is_judged_on_both_sides_of_every_edge() {
        let good = b"0123456789abcdef0123456789abcdef";
        let six: Vec<u8> = b"abcdef".iter().copied().chain([b'a'; 26]).collect();
        let five: Vec<u8> = b"abcde".iter().copied().chain([b'a'; 27]).collect();
        for (key, expected) in [
            (&good[..15], Some(Code::ShortKey)),
            (&good[..16], Some(Code::ShortKey)),
            (&good[..31], Some(Code::ShortKey)),
            (&good[..], None),
            (&[b'x'; 32], Some(Code::LowEntropyKey)),
            (&five, Some(Code::LowEntropyKey)),
            (&six, None),
            (b"abcdefghabcdefghabcdefghabcdefgh", Some(Code::LowEntropyKey)),
            (b"abcdefghiabcdefghiabcdefghiabcdef", None),
            (b"my-company-ChangeMe-please-0123456", Some(Code::LowEntropyKey)),
        ] {
            assert_eq!(weakness(key).map(|(code, _)| code), expected, "{}", key.escape_ascii());
        }
        assert!(weakness(&good[..15]).is_some_and(|(_, why)| why.contains("guessed")));
        assert!(weakness(&good[..16]).is_some_and(|(_, why)| !why.contains("guessed")));
    }
}
