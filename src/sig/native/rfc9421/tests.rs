//! The examples of RFC 9421: what is signed of requests and responses.

mod forms;

use bytes::Bytes;

use super::base::{Asked, Authority, Message, base, last_line};
use super::components::Component;
use crate::reject::Code;
use crate::sig::mac::{Algorithm, Mac};
use crate::sig::message::{Fields, Head, Method};

fn head(method: &str, target: &str, host: &str, lines: &[(&str, &str)]) -> Head {
    Head {
        method: Method::new(method),
        target: Bytes::from(target.to_owned()),
        authority: Bytes::from(host.to_owned()),
        secure: true,
        fields: fields(lines),
    }
}

fn fields(lines: &[(&str, &str)]) -> Fields {
    let mut fields = Fields::default();
    for (name, value) in lines {
        fields.append((*name).to_owned(), (*value).to_owned());
    }
    fields
}

fn asked(head: &Head) -> Asked<'_> {
    Asked { head, public_url: None, authority: Authority::Host }
}

/// The value that `component` has in `message`.
fn value(component: &str, message: Message<'_>) -> Result<String, Code> {
    let component = Component::parse(component).map_err(|_| Code::SignatureMalformed)?;
    let line = base(std::slice::from_ref(&component), message).map_err(|rejection| rejection.code())?;
    let line = String::from_utf8(line).unwrap();
    Ok(line.strip_prefix(component.text()).unwrap().strip_prefix(": ").unwrap().strip_suffix('\n').unwrap().to_owned())
}

/// RFC 9421 §2.2.
#[test]
fn derived_components_have_the_published_values() {
    let head = head("POST", "/path?param=value", "www.example.com", &[]);
    for (component, published) in [
        ("@method", "POST"),
        ("@target-uri", "https://www.example.com/path?param=value"),
        ("@authority", "www.example.com"),
        ("@scheme", "https"),
        ("@request-target", "/path?param=value"),
        ("@path", "/path"),
        ("@query", "?param=value"),
    ] {
        assert_eq!(value(component, Message::Request(asked(&head))).as_deref(), Ok(published), "{component}");
    }
}

#[test]
fn the_edges_of_a_url_have_values_too() {
    for (target, component, expected) in [
        ("/path", "@query", "?"),
        ("/path?", "@query", "?"),
        ("/path?", "@request-target", "/path?"),
        ("?a", "@path", "/"),
        ("*", "@path", "/"),
        ("*", "@target-uri", "https://h"),
        ("*", "@request-target", "*"),
        ("/a%2fb//c", "@path", "/a%2fb//c"),
        ("/a?b=%C3%a9", "@query", "?b=%C3%a9"),
    ] {
        let head = head("OPTIONS", target, "h", &[]);
        assert_eq!(value(component, Message::Request(asked(&head))).as_deref(), Ok(expected), "{target} {component}");
    }
}

#[test]
fn an_authority_is_lower_case_and_without_its_default_port() {
    for (host, secure, expected) in [
        ("WWW.Example.COM", true, "www.example.com"),
        ("a.b:443", true, "a.b"),
        ("a.b:443", false, "a.b:443"),
        ("a.b:80", false, "a.b"),
        ("a.b:80", true, "a.b:80"),
        ("a.b:", true, "a.b"),
        ("[::1]", true, "[::1]"),
        ("[::1]:443", true, "[::1]"),
        ("[::1]:444", true, "[::1]:444"),
    ] {
        let head = Head { secure, ..head("GET", "/", host, &[]) };
        assert_eq!(value("@authority", Message::Request(asked(&head))).as_deref(), Ok(expected), "{host}");
    }
    let nobody = head("GET", "/", "", &[]);
    assert_eq!(value("@authority", Message::Request(asked(&nobody))), Err(Code::CoveredFieldMissing));
}

#[test]
fn a_public_url_says_the_scheme_and_on_demand_the_authority() {
    let head = Head { secure: false, ..head("GET", "/a", "pod:8080", &[]) };
    let host = Asked { public_url: Some("https://API.example.com:443"), ..asked(&head) };
    let public = Asked { authority: Authority::PublicUrl, ..host };
    for (asked, component, expected) in [
        (host, "@scheme", "https"),
        (host, "@target-uri", "https://pod:8080/a"),
        (public, "@authority", "api.example.com"),
        (public, "@target-uri", "https://api.example.com/a"),
    ] {
        assert_eq!(value(component, Message::Request(asked)).as_deref(), Ok(expected), "{component}");
    }
    let nowhere = Asked { public_url: None, ..public };
    assert_eq!(value("@authority", Message::Request(nowhere)), Err(Code::RequirementUnmet));
}

/// RFC 9421 §2.2.8.
#[test]
fn query_parameters_have_the_published_values() {
    let plain = "/path?param=value&foo=bar&baz=batman&qux=";
    let escaped = "/parameters?var=this%20is%20a%20big%0Amultiline%20value&bar=with+plus+whitespace&fa%C3%A7ade%22%3A%20=something";
    for (target, name, published) in [
        (plain, "baz", Ok("batman")),
        (plain, "qux", Ok("")),
        (plain, "param", Ok("value")),
        (escaped, "var", Ok("this%20is%20a%20big%0Amultiline%20value")),
        (escaped, "bar", Ok("with%20plus%20whitespace")),
        (escaped, "fa%C3%A7ade%22%3A%20", Ok("something")),
        ("/?a=~*-._!'()", "a", Ok("%7E*-._%21%27%28%29")),
        (plain, "other", Err(Code::CoveredFieldMissing)),
        ("/?a=1&%61=2", "a", Err(Code::CoveredFieldMissing)),
        ("/", "a", Err(Code::CoveredFieldMissing)),
    ] {
        let head = head("GET", target, "www.example.com", &[]);
        let component = format!("\"@query-param\";name=\"{name}\"");
        let found = value(&component, Message::Request(asked(&head)));
        assert_eq!(found.as_deref().map_err(|code| *code), published, "{name}");
    }
}

/// RFC 9421 §2.1.
#[test]
fn fields_have_the_published_values() {
    let head = head(
        "GET",
        "/",
        "www.example.com",
        &[
            ("x-ows-header", "  Leading and trailing whitespace.  "),
            ("cache-control", "max-age=60"),
            ("cache-control", "   must-revalidate"),
            ("example-dict", "  a=1,    b=2;x=1;y=2,   c=(a   b    c), d"),
            ("example-header", "value, with, lots"),
            ("example-header", "of, commas"),
            ("x-empty-header", ""),
            ("latin", "caf\u{e9}"),
        ],
    );
    for (component, published) in [
        ("x-ows-header", Ok("Leading and trailing whitespace.")),
        ("cache-control", Ok("max-age=60, must-revalidate")),
        ("example-dict", Ok("a=1,    b=2;x=1;y=2,   c=(a   b    c), d")),
        ("\"example-dict\";sf", Ok("a=1, b=2;x=1;y=2, c=(a b c), d")),
        ("\"example-dict\";key=\"a\"", Ok("1")),
        ("\"example-dict\";key=\"d\"", Ok("?1")),
        ("\"example-dict\";key=\"b\"", Ok("2;x=1;y=2")),
        ("\"example-dict\";key=\"c\"", Ok("(a b c)")),
        ("\"example-dict\";sf;key=\"c\"", Ok("(a b c)")),
        ("\"example-header\";bs", Ok(":dmFsdWUsIHdpdGgsIGxvdHM=:, :b2YsIGNvbW1hcw==:")),
        ("x-empty-header", Ok("")),
        ("host", Ok("www.example.com")),
        ("\"latin\";bs", Ok(":Y2Fmw6k=:")),
        ("latin", Err(Code::CoveredFieldMissing)),
        ("absent", Err(Code::CoveredFieldMissing)),
        ("\"example-dict\";key=\"e\"", Err(Code::CoveredFieldMissing)),
        ("\"x-ows-header\";sf", Err(Code::CoveredFieldMissing)),
        ("\"x-ows-header\";key=\"a\"", Err(Code::CoveredFieldMissing)),
    ] {
        let found = value(component, Message::Request(asked(&head)));
        assert_eq!(found.as_deref().map_err(|code| *code), published, "{component}");
    }
}

/// RFC 9421 §2.4.
#[test]
fn a_response_is_bound_to_its_request() {
    let digest = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
    let head = head("POST", "/foo?param=Value&Pet=dog", "example.com", &[("content-digest", digest)]);
    let fields = fields(&[("content-type", "application/json"), ("set-cookie", "a=1"), ("set-cookie", "b=2")]);
    let response = Message::Response { status: 503, fields: &fields, request: asked(&head) };
    for (component, expected) in [
        ("@status", Ok("503")),
        ("content-type", Ok("application/json")),
        ("\"@authority\";req", Ok("example.com")),
        ("\"@method\";req", Ok("POST")),
        ("\"@path\";req", Ok("/foo")),
        ("\"@query-param\";name=\"Pet\";req", Ok("dog")),
        ("\"content-digest\";req", Ok(digest)),
        ("\"set-cookie\";bs", Ok(":YT0x:, :Yj0y:")),
        ("set-cookie", Err(Code::CoveredFieldMissing)),
        ("content-digest", Err(Code::CoveredFieldMissing)),
        ("\"content-type\";req", Err(Code::CoveredFieldMissing)),
        ("@method", Err(Code::SignatureMalformed)),
        ("\"@status\";req", Err(Code::SignatureMalformed)),
    ] {
        let found = value(component, response);
        assert_eq!(found.as_deref().map_err(|code| *code), expected, "{component}");
    }
    for component in ["@status", "\"@method\";req", "\"content-digest\";req"] {
        assert_eq!(value(component, Message::Request(asked(&head))), Err(Code::SignatureMalformed), "{component}");
    }
}

/// RFC 9421 §B.2.5.
#[test]
fn the_published_base_has_the_published_mac() {
    let lines = [("date", "Tue, 20 Apr 2021 02:07:55 GMT"), ("content-type", "application/json")];
    let head = head("POST", "/foo?param=Value&Pet=dog", "example.com", &lines);
    let components = ["date", "@authority", "content-type"].map(|name| Component::parse(name).unwrap());
    let lines = base(&components, Message::Request(asked(&head))).unwrap();
    let last = last_line("(\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\"");
    let published =
        "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@authority\": example.com\n\"content-type\": application/json\n";
    assert_eq!(String::from_utf8(lines.clone()).unwrap(), published);
    let secret = "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==";
    let mut mac = Mac::keyed(Algorithm::Sha256, &data_encoding::BASE64.decode(secret.as_bytes()).unwrap());
    mac.update(&lines);
    mac.update(last.as_bytes());
    assert_eq!(data_encoding::BASE64.encode(&mac.finish()), "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=");
}
