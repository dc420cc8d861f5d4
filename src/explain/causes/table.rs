//! Every mistake that is tried: one table, from which the report and the manual are printed.

macro_rules! causes {
    ($($name:ident $id:literal $sentence:literal;)+) => {
        /// A known mistake.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Cause {
            $(#[doc = $sentence] $name,)+
        }

        impl Cause {
            /// Every mistake, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Its stable name.
            pub const fn id(self) -> &'static str {
                match self {
                    $(Self::$name => $id,)+
                }
            }

            /// What it is, in a sentence.
            pub const fn sentence(self) -> &'static str {
                match self {
                    $(Self::$name => $sentence,)+
                }
            }
        }
    };
}

causes! {
    Stale "stale" "the signature holds, but the request is too old or too far ahead: it was kept, sent again, or a clock is wrong";
    Milliseconds "milliseconds" "the timestamp is in milliseconds, where the scheme wants seconds";
    Seconds "seconds" "the timestamp is in seconds, where the scheme wants milliseconds or microseconds";
    TimestampFormat "timestamp-format" "the timestamp is written in another format";
    TimestampText "timestamp-text" "the timestamp that was signed is written otherwise than the one that was sent";
    KeyState "key-state" "the signature is right, but the key may not verify at this time";
    KeyRing "key-of-another-ring" "the signature was made with a key of another keyring";
    KeyId "key-id" "the signature was made with another key than the one the request names";
    SignatureEncoding "signature-encoding" "the signature is in another encoding: hex and base64 are mixed up";
    SignatureCase "signature-case" "the signature is in upper-case hex, where lower case is wanted";
    SignaturePrefix "signature-prefix" "the signature has another prefix, or none";
    SignatureTwice "signature-encoded-twice" "the signature is base64 of its hex text instead of base64 of its bytes";
    SignaturePadding "signature-padding" "the signature has quotes, white space or other padding round it";
    SignatureHeader "signature-header" "the signature is in another header than the scheme's";
    SignatureMissing "signature-missing" "the request lacks the signature, or what has to come with it, where the scheme reads it";
    SignatureRepeated "signature-repeated" "the signature, or what has to come with it, is there more than once";
    SignatureLength "signature-length" "the signature has another length than the algorithm gives: it was cut, or another algorithm made it";
    SignatureMalformed "signature-malformed" "what is in the signature's place is not spelled as the scheme reads it";
    TimestampMalformed "timestamp-malformed" "the timestamp is not written as the scheme reads it";
    NonceMalformed "nonce-malformed" "the nonce is missing, or is not 1 to 256 visible ASCII characters";
    FieldMissing "covered-field-missing" "something that the signature covers is missing, or there more than once";
    Requirement "requirement" "the signature does not say or cover what the scheme demands";
    Scope "credential-scope" "the credential is for another region or service than the scheme";
    KeyUnknown "key-unknown" "the request names a key that the keyring does not have, and none of its keys made the signature";
    KeyNewline "key-newline" "the secret ends in a newline on one side only";
    KeyHex "key-hex" "the sender decodes the secret as hex, here it is taken otherwise";
    KeyBase64 "key-base64" "the sender decodes the secret as base64, here it is taken otherwise";
    KeyText "key-text" "the sender takes the secret as text, here it is decoded";
    KeyPrefix "key-prefix" "the sender removes the prefix of the secret (such as `whsec_`), here it is kept";
    KeyEncoded "key-encoded" "the sender signs with the hex or base64 text of the secret, here its bytes are the key";
    KeyQuotes "key-quotes" "the secret has quotes or white space round it on one side only";
    KeyBare "key-without-ampersand" "the sender's key lacks the `&` that stands behind the consumer's secret in OAuth 1.0a";
    KeyDerivation "key-derivation" "the sender derives the signing key in another way";
    Algorithm "algorithm" "the sender uses another hash algorithm";
    PlainDigest "plain-digest" "the sender uses a plain digest of secret and message instead of HMAC";
    BodyNewline "body-newline" "a trailing newline of the body was added or removed on the way";
    BodyLineEnds "body-line-ends" "the line ends of the body were changed on the way (CRLF and LF)";
    BodyBom "body-bom" "a byte order mark (BOM) at the beginning of the body was added or removed";
    BodyEmpty "body-empty" "an empty body was signed: the body was consumed or not yet there when it was signed";
    BodySpace "body-white-space" "white space at the beginning or end of the body was added or removed";
    BodyQuoted "body-encoded-twice" "the body was encoded once more, or once less, before it was signed";
    FormEncoding "form-encoding" "the form was encoded again on the way (`+` and `%20`, case of escapes)";
    JsonWhiteSpace "json-white-space" "the JSON body was re-serialised with other white space";
    JsonEscapes "json-escapes" "the JSON body was re-serialised with other unicode escapes";
    JsonKeyOrder "json-key-order" "the JSON body was re-serialised with another key order";
    BodyNotSigned "body-not-signed" "the signature does not cover the body, and the scheme demands that it does";
    DigestMalformed "digest-malformed" "the digest of the body is missing, or is not spelled as its header has it";
    BodyAltered "body-altered" "the body is not the one whose digest the request carries, and no known change makes it so";
    TimestampNotSigned "timestamp-not-signed" "the sender does not include the timestamp in the signed bytes";
    PartNotSigned "part-not-signed" "the sender leaves a part out of the signed bytes";
    FinalNewline "final-newline" "the sender ends the signed bytes with a line feed";
    Separator "separator" "the sender puts another separator between the signed parts";
    PartOrder "part-order" "the sender signs the parts in another order";
    SignedLike "signed-like-another-scheme" "the signed bytes are those of another built-in scheme";
    AnotherScheme "another-scheme" "the request is signed with another scheme";
    QueryNotSigned "query-not-signed" "the sender signs the path without the query";
    PathDecoded "path-decoded" "the sender signs the path decoded, or escaped in another way";
    PathSlash "path-slash" "the sender signs the path with or without a final slash";
    PathPrefix "path-prefix" "the sender signs the path without its first segment: something on the way added it";
    HostPort "host-port" "the sender signs the host without its port, or with the default port";
    HostCase "host-case" "the sender signs the host in another case";
    PublicUrl "public-url" "the sender signs another public URL than the configured one";
    MethodCase "method-case" "the sender signs the method in another case";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_lists_every_cause_in_its_own_words() {
        let manual = include_str!("../../../docs/explain.md");
        for cause in Cause::ALL {
            let row = format!("| `{}` | {} |", cause.id(), cause.sentence());
            assert!(manual.contains(&row), "docs/explain.md lacks\n{row}");
        }
    }
}
