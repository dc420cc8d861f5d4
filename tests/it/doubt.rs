//! A request that an upstream may have seen is never repeated, and a connection in doubt never carries another.

use crate::world::{Request, Signing, World, get, post};

/// One worker's view: everything goes over one connection of the client.
fn world(mode: &str) -> World {
    let route = |path: &str, more: &str| {
        format!(
            "path: {path}, verify: {{scheme: timestamp-body, keys: partners}}, body: {mode}, \
             retry: {{on: [connect], attempts: 3}}, upstream: app{more}"
        )
    };
    World::with(|config| config.route(&route("/**", "")).route(&route("/late", ", timeouts: {response: 200ms}")))
}

/// What is asked with each method and body mode.
fn each(test: impl Fn(World, Request)) {
    for mode in ["hold", "stream"] {
        for request in [get("/second"), post("/second", "second")] {
            test(world(mode), request);
        }
    }
}

#[test]
fn after_a_fault_the_request_was_sent_once_and_the_next_takes_another_connection() {
    let evil = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";
    for (raw, status) in [
        ("garbage\r\n\r\n".to_owned(), 502),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\n".to_owned(), 502),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(), 502),
        ("HTTP/1.1 200 OK\r\nX-Split: a\rSet-Cookie: b\r\nContent-Length: 0\r\n\r\n".to_owned(), 502),
        ("HTTP/1.1 200 OK\r\nX-Nul: a\0b\r\nContent-Length: 0\r\n\r\n".to_owned(), 502),
        ("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n".to_owned(), 502),
        (format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n{evil}"), 200),
        (format!("HTTP/1.1 204 No Content\r\n\r\n{evil}"), 204),
        (format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{evil}"), 200),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(), 200),
    ] {
        each(|world, request| {
            let mut client = world.connect();
            assert_eq!(client.exchange(&post("/first", "first").signed()).body, b"first");
            world.upstream.answers_raw(raw.clone());
            assert_eq!(client.exchange(&request.signed()).status, status, "{raw:?}");
            assert_eq!(
                (world.upstream.count(), world.upstream.connections()),
                (2, 1),
                "sent once, where the first was: {raw:?}"
            );
            world.upstream.echoes();
            assert_eq!(client.exchange(&post("/third", "third").signed()).body, b"third", "{raw:?}");
            assert_eq!((world.upstream.count(), world.upstream.connections()), (3, 2), "{raw:?}");
        });
    }
}

#[test]
fn a_connection_that_ends_without_an_answer_took_the_request_with_it() {
    each(|world, request| {
        let mut client = world.connect();
        client.exchange(&post("/first", "first").signed());
        world.upstream.hangs_up();
        assert_eq!(client.exchange(&request.signed()).refusal(), (502, "upstream_closed".to_owned()));
        world.upstream.answers_raw_and_closes("HTTP/1.1 200 OK\r\nContent-");
        assert_eq!(client.exchange(&post("/third", "third").signed()).refusal(), (502, "upstream_closed".to_owned()));
        assert_eq!(world.upstream.count(), 3, "neither was sent again");
    });
}

#[test]
fn a_late_answer_is_nobodys() {
    each(|world, request| {
        let mut client = world.connect();
        assert_eq!(client.exchange(&post("/first", "first").signed()).body, b"first");
        let release = world.upstream.holds();
        assert_eq!(client.exchange(&request.towards("/late").signed()).refusal(), (504, "upstream_timeout".to_owned()));
        release.one();
        world.upstream.echoes();
        assert_eq!(client.exchange(&post("/third", "third").signed()).body, b"third");
        assert_eq!((world.upstream.count(), world.upstream.connections()), (3, 2));
    });
}

#[test]
fn an_exchange_that_leaves_no_doubt_keeps_its_connection() {
    each(|world, request| {
        let mut client = world.connect();
        for _ in 0..3 {
            assert_eq!(client.exchange(&request.clone().signed()).status, 200);
        }
        assert_eq!((world.upstream.count(), world.upstream.connections()), (3, 1));
    });
}
