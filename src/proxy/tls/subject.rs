//! A client certificate's subject as text (RFC 4514), in visible ASCII so that it fits a header.

use std::fmt::Write as _;

use bytes::Bytes;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{AttributeTypeAndValue, FromDer, RelativeDistinguishedName, X509Certificate};

/// The subject of a certificate that was verified; `None` where it cannot be read.
pub(super) fn of(certificate: &CertificateDer<'_>) -> Option<Bytes> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let mut names: Vec<String> = parsed.subject().iter_rdn().map(relative).collect();
    // RFC 4514 §2.1: the last comes first.
    names.reverse();
    Some(names.join(",").into())
}

fn relative(name: &RelativeDistinguishedName<'_>) -> String {
    name.iter().map(attribute).collect::<Vec<_>>().join("+")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let oid = attribute.attr_type().to_id_string();
    match (short(&oid), attribute.as_str()) {
        (Some(name), Ok(value)) => format!("{name}={}", escape(value)),
        _ => format!("{oid}=#{}", data_encoding::HEXLOWER.encode(attribute.attr_value().data)),
    }
}

/// The short names of RFC 4514 §3.
fn short(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.6" => "C",
        "2.5.4.9" => "STREET",
        "0.9.2342.19200300.100.1.25" => "DC",
        "0.9.2342.19200300.100.1.1" => "UID",
        _ => return None,
    })
}

/// What separates, quotes or is not visible ASCII is escaped: nobody can name himself into another subject or another header line.
fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    let last = value.len().saturating_sub(1);
    for (place, byte) in value.bytes().enumerate() {
        let outer = place == 0 || place == last;
        match byte {
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' | b'=' => escaped.extend(['\\', char::from(byte)]),
            b' ' if outer => escaped.push_str("\\ "),
            b'#' if place == 0 => escaped.push_str("\\#"),
            b' '..=b'~' => escaped.push(char::from(byte)),
            _ => {
                let _infallible = write!(escaped, "\\{byte:02X}");
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_become_another_name_or_another_line() {
        let cases = [
            ("plain name", "plain name"),
            ("a,CN=root", "a\\,CN\\=root"),
            ("#1", "\\#1"),
            (" x ", "\\ x\\ "),
            ("a\r\nb", "a\\0D\\0Ab"),
            ("\u{e9}", "\\C3\\A9"),
        ];
        for (value, expected) in cases {
            assert_eq!(escape(value), expected);
        }
    }
}
