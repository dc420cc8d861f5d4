//! The same request in every form that it can be captured as.

use super::*;

fn read(text: &str) -> Result<Captured, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let files = |path: &Path| -> std::io::Result<Vec<u8>> {
        if path == Path::new("body") {
            Ok(b"{\"a\": 1}\r\n".to_vec())
        } else {
            Err(std::io::ErrorKind::NotFound.into())
        }
    };
    runtime.block_on(super::read(text.as_bytes(), 0, Some(&files)))
}

fn is_the_one(text: &str) -> Vec<String> {
    let Captured { head, body, notes } = read(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!((head.method.as_str(), head.target.as_ref()), ("POST", &b"/a?b=%20"[..]), "{text}");
    assert_eq!((head.authority.as_ref(), body.as_ref()), (&b"h.example:8443"[..], &b"{\"a\": 1}"[..]), "{text}");
    assert_eq!(head.fields.one("x-sig").unwrap().unwrap(), "a'b", "{text}");
    notes
}

#[test]
fn a_request_is_the_same_in_every_form() {
    let body = "{\"a\": 1}";
    let raw = |end: &str, version: &str, length: &str, more: &str| {
        let lines = [&format!("POST /a?b=%20 {version}"), "Host: h.example:8443", "X-Sig: a'b", length];
        let lines: Vec<&str> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        format!("{}{end}{end}{body}{more}", lines.join(end))
    };
    assert!(is_the_one(&raw("\r\n", "HTTP/1.1", "Content-Length: 8", "")).is_empty());
    assert_eq!(is_the_one(&raw("\n", "HTTP/1.1", "Content-Length: 8", "\n")).len(), 2);
    assert_eq!(is_the_one(&raw("\r\n", "HTTP/2", "", "")).len(), 1);
    assert_eq!(is_the_one(&raw("\r\n", "HTTP/1.1", "Content-Length: 80", "")).len(), 1);
    let url = "https://h.example:8443/a?b=%20";
    is_the_one(&format!("curl -sS '{url}' -H \"X-Sig: a'b\" -d '{body}'"));
    is_the_one(&format!("$ curl -XPOST {url} \\\n  -H $'X-Sig: a\\'b' --data-raw $'{{\"a\"\\u003a 1}}' | jq"));
    is_the_one(&format!("curl --url {url} --header 'X-Sig: a'\\''b' --data @body -o out -H 'Accept:'"));
    let entry = format!(
        r#"{{"request": {{"method": "POST", "url": "{url}", "headers": [{{"name": ":method", "value": "POST"}},
        {{"name": "X-Sig", "value": "a'b"}}, {{"name": "Content-Length", "value": "8"}}], "postData": {{"mimeType": "x", "text": "{{\"a\": 1}}"}}}}}}"#
    );
    is_the_one(&entry);
    is_the_one(&format!(r#"{{"log": {{"version": "1.2", "entries": [{entry}]}}}}"#));
    is_the_one(&entry.replace(r#""text": "{\"a\": 1}""#, r#""encoding": "base64", "text": "eyJhIjogMX0=""#));
}

#[test]
fn what_cannot_be_read_says_why() {
    for (text, why) in [
        ("", "no request"),
        ("hello", "bad_request"),
        ("GET / HTTP/1.1\r\n\r\n", "host_invalid"),
        ("{}", "neither a HAR file"),
        (r#"{"log": {"entries": []}}"#, "0 entries"),
        ("curl -H 'X: y'", "no URL"),
        ("curl 'http://a", "quote"),
        ("curl http://a -d \"$BODY\"", "expand"),
        ("curl http://a --mystery 1", "`--mystery`"),
        ("curl http://a -d @nothing", "`nothing`"),
    ] {
        let error = read(text).err().unwrap_or_default();
        assert!(error.contains(why), "{text}: {error}");
    }
}
