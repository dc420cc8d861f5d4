//! The encoding of protobuf, as far as one message each way needs it: numbers, and fields with a length.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Not a message, or one that says something twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

/// Wire types: a varint, eight bytes, a length and so many bytes, four bytes.
const VARINT: u64 = 0;
const EIGHT: u64 = 1;
const LENGTH: u64 = 2;
const FOUR: u64 = 5;

/// Takes every field with a length, by its number; others are skipped. **Threat:** a field is two bytes at least, and a list of them twenty times its message.
fn each(mut message: Bytes, mut take: impl FnMut(u64, Bytes) -> Result<(), Malformed>) -> Result<(), Malformed> {
    while message.has_remaining() {
        let key = varint(&mut message)?;
        let length = match key & 7 {
            VARINT => {
                varint(&mut message)?;
                0
            }
            EIGHT => 8,
            LENGTH => usize::try_from(varint(&mut message)?).map_err(|_| Malformed)?,
            FOUR => 4,
            _ => return Err(Malformed),
        };
        if length > message.len() {
            return Err(Malformed);
        }
        let value = message.split_to(length);
        if key & 7 == LENGTH {
            take(key >> 3, value)?;
        }
    }
    Ok(())
}

/// Seven bits in each byte, the lowest first.
fn varint(message: &mut Bytes) -> Result<u64, Malformed> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = message.try_get_u8().map_err(|_| Malformed)?;
        let bits = u64::from(byte & 0x7f);
        if (bits << shift) >> shift != bits {
            return Err(Malformed);
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(Malformed)
}

/// The fields of these numbers, each at most once.
pub(super) fn some<const N: usize>(message: Bytes, numbers: [u64; N]) -> Result<[Option<Bytes>; N], Malformed> {
    let mut found = [const { None }; N];
    each(message, |number, value| {
        let place = numbers.iter().position(|known| *known == number);
        let twice = place.and_then(|place| found.get_mut(place)).and_then(|slot| slot.replace(value)).is_some();
        if twice { Err(Malformed) } else { Ok(()) }
    })?;
    Ok(found)
}

/// The field of this number, exactly once.
pub(super) fn one(message: Bytes, number: u64) -> Result<Bytes, Malformed> {
    let [found] = some(message, [number])?;
    found.ok_or(Malformed)
}

/// The first fields of this number, in order, and at most so many.
pub(super) fn first(most: usize, message: Bytes, number: u64) -> Result<Vec<Bytes>, Malformed> {
    let mut found = Vec::new();
    each(message, |known, value| {
        if known == number && found.len() < most {
            found.push(value);
        }
        Ok(())
    })?;
    Ok(found)
}

/// Writes a field with a length.
pub(super) fn bytes(out: &mut BytesMut, number: u64, value: &[u8]) {
    write(out, number << 3 | LENGTH);
    write(out, u64::try_from(value.len()).unwrap_or(u64::MAX));
    out.extend_from_slice(value);
}

/// Writes a number.
pub(super) fn number(out: &mut BytesMut, number: u64, value: u64) {
    write(out, number << 3 | VARINT);
    write(out, value);
}

fn write(out: &mut BytesMut, mut value: u64) {
    while let [low, ..] = value.to_le_bytes()
        && value >= 0x80
    {
        out.put_u8(low | 0x80);
        value >>= 7;
    }
    let [last, ..] = value.to_le_bytes();
    out.put_u8(last);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_those_of_the_specification() {
        // https://protobuf.dev/programming-guides/encoding: field 1 is 150; field 2 is "testing".
        let mut out = BytesMut::new();
        number(&mut out, 1, 150);
        bytes(&mut out, 2, b"testing");
        assert_eq!(&out[..], b"\x08\x96\x01\x12\x07testing");
        assert_eq!(one(out.freeze(), 2), Ok(Bytes::from("testing")));
    }

    #[test]
    fn what_is_cut_too_long_or_said_twice_is_no_message() {
        for bad in [
            &b"\x0a"[..],
            b"\x0a\x02a",
            b"\x0b",
            b"\x0d123",
            b"\x09",
            b"\x08\x80",
            &[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2],
        ] {
            assert_eq!(some(Bytes::copy_from_slice(bad), []), Err(Malformed), "{bad:?}");
        }
        assert!(some(Bytes::from_static(&[8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1]), []).is_ok());
        let twice = Bytes::from_static(b"\x0a\x01a\x0a\x01b");
        assert_eq!(one(twice.clone(), 1), Err(Malformed));
        assert_eq!(one(twice.clone(), 2), Err(Malformed));
        assert_eq!(first(9, twice.clone(), 1), Ok(vec![Bytes::from("a"), Bytes::from("b")]));
        assert_eq!(first(1, twice, 1), Ok(vec![Bytes::from("a")]));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(value in 0..u64::MAX, text in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut out = BytesMut::new();
            number(&mut out, 7, value);
            bytes(&mut out, 9, &text);
            prop_assert_eq!(one(out.clone().freeze(), 9), Ok(Bytes::from(text)));
            out.advance(1);
            prop_assert_eq!(varint(&mut out.freeze()), Ok(value));
        }

        #[test]
        fn any_bytes_are_read_or_refused(text in prop::collection::vec(any::<u8>(), 0..300)) {
            let _read_or_refused = super::super::check::read(Bytes::from(text), 9);
        }
    }
}
