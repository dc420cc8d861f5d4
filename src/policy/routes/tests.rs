//! Which route wins, and which paths are refused because two readings lead to two routes.

use std::collections::BTreeMap;

use super::*;
use crate::policy::limits;
use crate::policy::route::*;

fn route(name: &str) -> Arc<Route> {
    Arc::new(Route {
        name: name.into(),
        guard: Guard::Public,
        observe: false,
        seal: None,
        request: Edits::default(),
        response: Edits::default(),
        answers: Answers { gate: None, seal: None, body: BodyMode::Hold, max: 0 },
        rewrite: None,
        identity: Identity { key: None, principal: None, verdict: Bytes::new(), strip_signature: false },
        body: BodyMode::Hold,
        forward: Forward::Envelope,
        limits: limits::Request::default(),
        replay: Replay {
            by: ReplayBy::Off,
            methods: Vec::new(),
            spares_head: false,
            keep: None,
            beyond: std::time::Duration::ZERO,
            ahead: std::time::Duration::ZERO,
            duplicate: None,
            release_on: Vec::new(),
            open: false,
            chosen: true,
        },
        upstream: Some(0),
        connect_retries: 0,
        errors: ErrorShape::Problem,
        statuses: BTreeMap::new(),
        callers: Callers::default(),
        sources: Vec::new(),
        client_certificate: false,
        subject_header: None,
        websocket: false,
        preflight: Preflight::Verify,
        trailers: Trailers::Drop,
        challenge: None,
        public_url: None,
    })
}

/// `[METHOD[,METHOD] ][host]/path[@listener]`
fn rule(text: &str) -> Match {
    let (methods, text) = text.split_once(' ').unwrap_or(("", text));
    let (text, listener) = text.split_once('@').map_or((text, None), |(text, listener)| (text, Some(listener)));
    let (host, path) = if text == "*" { ("", "*") } else { text.split_at(text.find('/').unwrap()) };
    let host = match (host, host.strip_prefix("*.")) {
        ("", _) => None,
        (_, Some(suffix)) => Some(HostPattern::Below(suffix.into())),
        (host, None) => Some(HostPattern::Exact(host.into())),
    };
    Match {
        host,
        path: PathPattern::new(path).unwrap(),
        methods: methods.split(',').filter(|name| !name.is_empty()).map(Method::new).collect(),
        listeners: listener.into_iter().map(Arc::from).collect(),
    }
}

fn routes(rules: &[&str]) -> Routes {
    Routes::new(rules.iter().map(|text| (vec![rule(text)], route(text))).collect())
}

fn head(method: &str, host: &str, target: &str) -> Head {
    Head {
        method: Method::new(method),
        target: Bytes::copy_from_slice(target.as_bytes()),
        authority: Bytes::copy_from_slice(host.as_bytes()),
        secure: true,
        fields: crate::sig::message::Fields::default(),
    }
}

/// The name of the route, or the code of the refusal.
fn found(routes: &Routes, head: &Head) -> String {
    match routes.find(head, "main") {
        Ok(matched) => matched.route.name.to_string(),
        Err(rejection) => rejection.code().reason().code.to_owned(),
    }
}

fn both_orders(rules: &[&str], check: impl Fn(&Routes)) {
    check(&routes(rules));
    let reversed: Vec<_> = rules.iter().rev().copied().collect();
    check(&routes(&reversed));
}

#[test]
fn the_most_specific_path_wins_in_every_order_of_the_file() {
    let rules = ["/**", "/a", "/a/**", "/a/{id}", "/a/b", "/a/b/**", "/f/*.txt", "/f/a*.txt", "/f/**", "/x/{y}/z"];
    both_orders(&rules, |routes| {
        for (path, name) in [
            ("/", "/**"),
            ("/other", "/**"),
            ("/a", "/a"),
            ("/a/", "/a/**"),
            ("/a/b", "/a/b"),
            ("/a/c", "/a/{id}"),
            ("/a/c/d", "/a/**"),
            ("/a/b/", "/a/b/**"),
            ("/a/b/c", "/a/b/**"),
            ("/ab", "/**"),
            ("/f/x.txt", "/f/*.txt"),
            ("/f/ab.txt", "/f/a*.txt"),
            ("/f/x.txt/y", "/f/**"),
            ("/f", "/f/**"),
            ("/x/1/z", "/x/{y}/z"),
            ("/x//z", "/**"),
            ("/a?x=/a/b", "/a"),
        ] {
            assert_eq!(found(routes, &head("GET", "h", path)), name, "{path}");
        }
    });
}

#[test]
fn the_most_specific_host_wins_before_the_path() {
    let rules = ["/exact", "*.acme.com/**", "*.eu.acme.com/**", "api.acme.com/**", "/**"];
    both_orders(&rules, |routes| {
        for (host, path, name) in [
            ("api.acme.com", "/exact", "api.acme.com/**"),
            ("API.Acme.COM:8443", "/x", "api.acme.com/**"),
            ("api.acme.com.", "/x", "api.acme.com/**"),
            ("www.acme.com", "/exact", "*.acme.com/**"),
            ("a.b.acme.com", "/x", "*.acme.com/**"),
            ("a.eu.acme.com", "/x", "*.eu.acme.com/**"),
            ("acme.com", "/exact", "/exact"),
            ("evilacme.com", "/x", "/**"),
            ("", "/x", "/**"),
            ("[::1]:8443", "/x", "/**"),
        ] {
            assert_eq!(found(routes, &head("GET", host, path)), name, "{host} {path}");
        }
    });
}

#[test]
fn methods_narrow_and_a_wrong_one_is_told_from_a_wrong_path() {
    let rules = ["GET /a", "POST,PUT /a", "DELETE /a/**", "/b", "GET /b"];
    both_orders(&rules, |routes| {
        for (method, path, name) in [
            ("GET", "/a", "GET /a"),
            ("PUT", "/a", "POST,PUT /a"),
            ("DELETE", "/a", "DELETE /a/**"),
            ("PATCH", "/a", "method_not_allowed"),
            ("get", "/a", "method_not_allowed"),
            ("GET", "/a/x", "method_not_allowed"),
            ("GET", "/b", "GET /b"),
            ("POST", "/b", "/b"),
            ("GET", "/c", "route_not_found"),
            ("OPTIONS", "*", "route_not_found"),
        ] {
            assert_eq!(found(routes, &head(method, "h", path)), name, "{method} {path}");
        }
    });
    assert_eq!(found(&routes(&["*", "/**"]), &head("OPTIONS", "h", "*")), "*");
}

#[test]
fn a_route_of_another_listener_does_not_exist() {
    both_orders(&["/a@other", "/b@main", "/b"], |routes| {
        assert_eq!(found(routes, &head("GET", "h", "/a")), "route_not_found");
        assert_eq!(found(routes, &head("GET", "h", "/b")), "/b@main");
    });
}

#[test]
fn a_path_that_reads_as_another_route_is_refused() {
    let rules = ["/admin/**", "/files/{name}", "/files/{name}/acl", "/public/**", "/**"];
    both_orders(&rules, |routes| {
        for (path, name) in [
            ("/public/a%20b", "/public/**"),
            ("/public/a%2fb", "/public/**"),
            ("/public//a", "/public/**"),
            ("/public/a;v=1", "/public/**"),
            ("/%61dmin/x", "path_ambiguous"),
            ("//admin/x", "path_ambiguous"),
            ("/admin;x/y", "path_ambiguous"),
            ("/files/a%2facl", "path_ambiguous"),
            ("/files/a%2Fb%2Fc", "path_ambiguous"),
            ("/public/../admin", "target_invalid"),
            ("/public/%2e%2e/admin", "target_invalid"),
            ("/public/..;/admin", "target_invalid"),
            ("/public/..%2fadmin", "target_invalid"),
            ("/public\\admin", "target_invalid"),
            ("/public/%00", "target_invalid"),
            ("/public/%zz", "target_invalid"),
            ("public", "target_invalid"),
            ("", "target_invalid"),
        ] {
            assert_eq!(found(routes, &head("GET", "h", path)), name, "{path}");
        }
    });
}

#[test]
fn a_second_reading_without_a_route_is_no_way_in() {
    let routes = routes(&["/files/{name}"]);
    assert_eq!(found(&routes, &head("GET", "h", "/files/a%2fb")), "path_ambiguous");
    assert_eq!(found(&routes, &head("GET", "h", "/files/a%20b")), "/files/{name}");
}

#[test]
fn captures_and_the_rest_are_raw_bytes() {
    let routes = routes(&["/shop/{shop}/{item}/**", "/one/{x}", "/plain"]);
    let matched = routes.find(&head("GET", "h", "/shop/a%20b/7/c/d?q=1"), "main").unwrap();
    let pairs: Vec<_> = matched.captures.iter().map(|(name, value)| (&**name, &value[..])).collect();
    assert_eq!(pairs, [("shop", &b"a%20b"[..]), ("item", b"7")]);
    assert_eq!(&matched.rest[..], b"c/d");
    let matched = routes.find(&head("GET", "h", "/one/last"), "main").unwrap();
    assert_eq!((&matched.captures[0].1[..], &matched.rest[..]), (&b"last"[..], &b""[..]));
    assert!(routes.find(&head("GET", "h", "/one/"), "main").is_err(), "an empty segment is no capture");
    assert!(routes.find(&head("GET", "h", "/plain"), "main").unwrap().captures.is_empty());
}

#[test]
fn patterns_that_could_never_match_are_refused() {
    for (text, error) in [
        ("a", PatternError::NoSlash),
        ("", PatternError::NoSlash),
        ("/a**", PatternError::InnerRest),
        ("/**/a", PatternError::InnerRest),
        ("/{}", PatternError::Capture),
        ("/x{y}", PatternError::Capture),
        ("/{y", PatternError::Capture),
        ("/{a-b}", PatternError::Capture),
        ("/{a}/{a}", PatternError::Repeated),
        ("/a/../b", PatternError::Never),
        ("/a?b", PatternError::Never),
        ("/a b", PatternError::Never),
    ] {
        assert_eq!(PathPattern::new(text).err(), Some(error), "{text}");
    }
    for text in ["/", "/**", "/a/**", "/{a}/{b}", "/*", "/a*b*c", "*"] {
        assert!(PathPattern::new(text).is_ok(), "{text}");
    }
}

#[test]
fn globs_are_anchored_at_both_ends() {
    for (pattern, path, matches) in [
        ("/*.txt", "/a.txt", true),
        ("/*.txt", "/.txt", true),
        ("/*.txt", "/a.txt.gz", false),
        ("/*.txt", "/a/b.txt", false),
        ("/a*b*c", "/abc", true),
        ("/a*b*c", "/axxbyyc", true),
        ("/a*b*c", "/acb", false),
        ("/a*a", "/a", false),
        ("/a*a", "/aa", true),
        ("/*", "/", true),
        ("/*/x", "/a/x", true),
    ] {
        assert_eq!(PathPattern::new(pattern).unwrap().matches(path.as_bytes()), matches, "{pattern} {path}");
    }
}

#[test]
fn equal_matches_collide_and_narrower_ones_do_not() {
    for (left, right, collide) in [
        ("/a", "/a", true),
        ("/a/{x}", "/a/{y}", true),
        ("/a/*", "/a/{y}", false),
        ("/a", "/a/**", false),
        ("GET /a", "/a", false),
        ("GET /a", "POST /a", false),
        ("GET,POST /a", "POST,PUT /a", true),
        ("h/a", "/a", false),
        ("h/a", "h/a", true),
        ("*.h/a", "h/a", false),
        ("/a@one", "/a@two", false),
        ("/a@one", "/a@one", true),
        ("/a@one", "/a", false),
        ("GET /a@one", "GET /a@two", false),
    ] {
        assert_eq!(rule(left).collides(&rule(right)), collide, "{left} {right}");
        assert_eq!(rule(right).collides(&rule(left)), collide, "{right} {left}");
    }
}

#[test]
fn the_methods_of_a_path_are_those_of_every_route_that_takes_it() {
    let routes = routes(&["GET,HEAD a.b/x", "POST *.b/x", "PUT,GET /**", "PATCH /x@other", "/any"]);
    let allowed = |host: &str, path: &str| {
        let methods = routes.allowed(host.as_bytes(), path.as_bytes(), "public");
        methods.iter().map(|method| method.as_str().to_owned()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(allowed("a.b:80", "/x"), "GET HEAD POST PUT");
    assert_eq!(allowed("c", "/x"), "PUT GET");
    assert_eq!(allowed("c", "/y"), "PUT GET");
}
