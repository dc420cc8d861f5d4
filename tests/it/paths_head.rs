//! What the head looks like when it leaves: ours is ours, theirs is untouched.

use crate::world::{Signing, World, get, post};

const OPEN: &str = "path: /**, public: true, upstream: app";

#[test]
fn identity_is_ours_on_every_route_also_where_none_is_sent() {
    for identity in ["identity: {key: off, principal: off}", "identity: {key: X-Who, verdict: X-What}"] {
        let world = World::with(|config| config.route(&format!("{OPEN}, {identity}")));
        let claims = ["X-Countersign-Key", "X-Countersign-Principal", "X-Countersign-Verdict", "x-countersign-role"];
        let request = claims.iter().fold(get("/"), |request, name| request.header(name, "root"));
        assert_eq!(world.send(request).status, 200, "{identity}");
        assert!(!world.upstream.next().head.contains("root"), "{identity}");
        let twin = world.send(get("/").header("X_Countersign_Role", "root"));
        assert_eq!(twin.refusal(), (400, "field_forbidden".to_owned()), "{identity}");
    }
}

#[test]
fn an_edit_does_not_make_an_identity_ambiguous() {
    let world = World::with(|config| {
        config.route(
            "path: /**, verify: {scheme: timestamp-body, keys: partners}, request: {set: {X-Countersign-Key: other}}, upstream: app",
        )
    });
    assert_eq!(world.send(post("/", "{}").signed()).status, 200);
    assert_eq!(world.upstream.next().header("x-countersign-key"), Some("k1"));
}

#[test]
fn a_stranger_says_nothing_about_who_forwarded_for_whom() {
    let told = [
        ("X-Forwarded-User", "root"),
        ("X-Forwarded-Prefix", "/root"),
        ("X-Forwarded-Client-Cert", "Subject=root"),
        ("Forwarded", "for=root"),
        ("X-Real-IP", "root"),
    ];
    for (trusted, arrives) in [("[]", false), ("[127.0.0.1]", true)] {
        let world = World::with(|config| config.public(&format!("trusted: {trusted}")).route(OPEN));
        let request = told.iter().fold(get("/"), |request, (name, value)| request.header(name, value));
        let request = request.header("X-Forwarded-For", "203.0.113.9").header("X-Forwarded-Host", "root.test");
        assert_eq!(world.send(request).status, 200);
        let seen = world.upstream.next();
        assert!(told.iter().all(|(name, value)| seen.header(name) == arrives.then_some(*value)), "{}", seen.head);
        let chain = if arrives { "203.0.113.9, 127.0.0.1" } else { "127.0.0.1" };
        assert_eq!(seen.header("x-forwarded-for"), Some(chain));
        assert_eq!(seen.header("x-forwarded-host"), Some(if arrives { "root.test" } else { "localhost" }));
        assert_eq!((seen.header("x-forwarded-proto"), seen.header("via")), (Some("http"), Some("1.1 countersign")));
    }
}

#[test]
fn base_path_rewrite_and_rest_make_the_target_and_the_query_stays() {
    let cases = [
        ("/a/**", "", "/a/b%2Fc/?q=%20&q", "/base/a/b%2Fc/?q=%20&q"),
        ("/a/**", ", rewrite: \"/v2/**\"", "/a/b%2Fc/?q", "/base/v2/b%2Fc/?q"),
        ("/a/**", ", rewrite: \"/v2/**\"", "/a/?", "/base/v2/?"),
        ("/a/{id}/x", ", rewrite: \"/in/{id}\"", "/a/%41;p=1/x?", "/base/in/%41;p=1?"),
    ];
    for (path, rewrite, sent, expected) in cases {
        let world = World::with(|config| {
            let base = format!("based: {{url: \"http://{}/base\"}}", config.upstream_address());
            config.upstream(&base).route(&format!("path: \"{path}\", public: true{rewrite}, upstream: based"))
        });
        assert_eq!(world.send(get(sent)).status, 200, "{path} {sent}");
        assert_eq!(world.upstream.next().line(), format!("GET {expected}"), "{path} {sent}");
    }
}

#[test]
fn the_host_is_the_clients_unless_the_upstream_shall_see_its_own() {
    for (setting, own) in [("host: preserve", false), ("host: upstream", true)] {
        let world = World::with(|config| config.app(setting).route(OPEN));
        world.send(get("/").with("Host", "shop.example:8080"));
        let address = world.upstream.address().to_string();
        let seen = world.upstream.next();
        assert_eq!(seen.header("host"), Some(if own { address.as_str() } else { "shop.example:8080" }));
        assert_eq!(seen.header("x-forwarded-host"), Some("shop.example:8080"));
    }
}

#[test]
fn the_answers_own_headers_follow_the_routes_edits() {
    let world = World::with(|config| {
        config.route(&format!("{OPEN}, response: {{remove: [Server], set: {{X-Frame-Options: DENY}}}}"))
    });
    world.upstream.answers_raw(
        "HTTP/1.1 200 OK\r\nServer: old\r\nX-Frame-Options: ALLOW\r\nConnection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 0\r\n\r\n",
    );
    let answer = world.send(get("/"));
    assert_eq!((answer.header("server"), answer.header("x-hop")), (None, None));
    assert_eq!(answer.header("x-frame-options").as_deref(), Some("DENY"));
    assert!(answer.header("x-request-id").is_some());
}

#[test]
fn answers_without_a_body_end_with_their_head() {
    let world = World::with(|config| config.route(OPEN));
    let mut connection = world.connect();
    for (method, answer) in [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\nETag: \"1\"\r\n\r\n"),
        ("POST", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ] {
        world.upstream.answers_raw(answer);
        let status = if answer.contains("103") { "200" } else { &answer[9..12] };
        assert_eq!(connection.exchange(&get("/").by(method)).status.to_string(), status, "{method}");
    }
    assert_eq!(world.upstream.connections(), 1, "a bodiless answer leaves its connection usable");
}

#[test]
fn a_signature_that_covers_a_url_covers_the_one_that_the_upstream_is_asked_for() {
    for body in ["hold", "stream"] {
        let world = World::with(|config| {
            let base = format!("based: {{url: \"http://{}/base\", host: upstream}}", config.upstream_address());
            config
                .scheme("urls: {algorithm: sha256, signature: {header: X-Sig, encoding: hex}, message: \"{url}\"}")
                .upstream(&base)
                .route(&format!("path: /**, sign: {{scheme: urls, keys: partners}}, body: {body}, upstream: based"))
        });
        assert_eq!(world.send(post("/a?b", "{}")).status, 200, "{body}");
        let url = format!("http://{}/base/a?b", world.upstream.address());
        assert_eq!(world.upstream.next().header("x-sig"), Some(mac_of(&url).as_str()), "{body}");
    }
}

#[test]
fn a_request_id_that_is_signed_is_forwarded_as_it_was_signed() {
    let world = World::with(|config| {
        config
            .scheme(
                "once: {algorithm: sha256, signature: {header: X-Sig, encoding: hex}, nonce: {header: X-Request-Id}, \
                 timestamp: {header: X-Ts, format: unix, past: 60s, future: 60s}, message: \"{timestamp}.{nonce}\"}",
            )
            .route("path: /**, verify: {scheme: once, keys: partners}, upstream: app")
            .route("path: /open, public: true, upstream: app")
    });
    let now = crate::world::NOW.to_string();
    let request = get("/").header("X-Ts", &now).header("X-Request-Id", "mine");
    assert_eq!(world.send(request.header("X-Sig", mac_of(&format!("{now}.mine")))).status, 200);
    assert_eq!(world.upstream.next().header("x-request-id"), Some("mine"));
    assert_eq!(world.send(get("/open").header("X-Request-Id", "mine")).status, 200);
    assert_ne!(world.upstream.next().header("x-request-id"), Some("mine"), "of a stranger it is not believed");
}

fn mac_of(text: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(crate::world::SECRET.as_bytes()).unwrap();
    mac.update(text.as_bytes());
    data_encoding::HEXLOWER.encode(&mac.finalize().into_bytes())
}
