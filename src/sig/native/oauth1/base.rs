//! The signature base string (RFC 5849 §3.4.1): method, URL and sorted parameters, each percent-encoded.

use bytes::Bytes;

use super::params::Pair;
use crate::reject::{Code, Rejection};
use crate::sig::form::percent_encode;
use crate::sig::message::Head;

/// The bytes that are signed. The host is the public one from configuration, never the request's.
pub(super) fn string<'a>(
    head: &Head,
    public_url: Option<&str>,
    params: impl Iterator<Item = &'a Pair>,
) -> Result<Bytes, Rejection> {
    let missing = "the scheme covers the URL, but the listener or route has no public_url";
    let site = public_url.ok_or_else(|| Rejection::from(Code::RequirementUnmet).because(missing))?;
    let url = [origin(site).as_bytes(), head.path()].concat();
    let method = head.method.as_str().to_ascii_uppercase();
    let parts = [method.as_bytes(), &url, normalized(params).as_bytes()].map(percent_encode);
    Ok(Bytes::from(parts.join("&")))
}

/// Scheme and host in lower case, without the scheme's own port (§3.4.1.2).
fn origin(public_url: &str) -> String {
    let lower = public_url.to_ascii_lowercase();
    let port = if lower.starts_with("https:") { ":443" } else { ":80" };
    lower.strip_suffix(port).map(str::to_owned).unwrap_or(lower)
}

/// Encoded pairs by name, then value, in byte order (§3.4.1.3.2).
fn normalized<'a>(params: impl Iterator<Item = &'a Pair>) -> String {
    let mut all: Vec<_> = params.map(|(name, value)| (percent_encode(name), percent_encode(value))).collect();
    all.sort_unstable();
    let all: Vec<String> = all.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    all.join("&")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sig::message::{Fields, Method};
    use crate::sig::native::carrier::Carrier;
    use crate::sig::native::oauth1::params::Params;
    use crate::sig::template::Source;

    #[test]
    fn the_example_of_the_rfc_has_its_base_string() {
        let mut fields = Fields::default();
        let own = r#"OAuth realm="Example", oauth_consumer_key="9djdj82h48djs9d2", oauth_token="kkk9d7dh3k39sjv7", oauth_signature_method="HMAC-SHA1", oauth_timestamp="137131201", oauth_nonce="7d8f3e4a", oauth_signature="djosJKDKJSD8743243%2Fjdk33klY%3D""#;
        fields.append("authorization", own);
        let target = Bytes::from("/request?b5=%3D%253D&a3=a&c%40=&a2=r%20b");
        let (method, authority) = (Method::POST, Bytes::from("example.com"));
        let head = Head { method, target, authority, secure: false, fields };
        let source = Source::new("header", "Authorization").unwrap();
        let carrier = Carrier { source, auth_scheme: Some("OAuth".to_owned()) };
        let params = Params::read(&carrier, &head, Some(b"c2&a3=2+q")).unwrap();
        let wanted = "POST&http%3A%2F%2Fexample.com%2Frequest&a2%3Dr%2520b%26a3%3D2%2520q%26a3%3Da%26b5%3D%253D%25253D%26c%2540%3D%26c2%3D%26oauth_consumer_key%3D9djdj82h48djs9d2%26oauth_nonce%3D7d8f3e4a%26oauth_signature_method%3DHMAC-SHA1%26oauth_timestamp%3D137131201%26oauth_token%3Dkkk9d7dh3k39sjv7";
        assert_eq!(string(&head, Some("http://EXAMPLE.com:80"), params.signed()).unwrap(), wanted);
    }

    #[test]
    fn only_the_schemes_own_port_is_left_out() {
        for (url, origin_of) in [
            ("http://EXAMPLE.COM:80", "http://example.com"),
            ("https://www.example.net:8080", "https://www.example.net:8080"),
            ("https://h:443", "https://h"),
            ("http://h:443", "http://h:443"),
            ("https://h:80", "https://h:80"),
            ("https://[::1]:443", "https://[::1]"),
        ] {
            assert_eq!(origin(url), origin_of);
        }
    }
}
