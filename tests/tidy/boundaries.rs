//! Who may know whom: the pure half knows no shell, `config` and `proxy` meet only in `policy`, HTTP types stay in adapters.

use crate::scan;
use crate::tree::{File, Finding};

const PURE: &[&str] = &["src/sig/", "src/policy/", "src/reject.rs"];

const SHELL: &[&str] = &[
    "tokio",
    "tokio_util",
    "hyper",
    "hyper_util",
    "http",
    "http_body",
    "rustls",
    "tracing",
    "serde",
    "std::fs",
    "std::env",
    "std::io",
    "std::thread",
    "std::process",
    "std::time::SystemTime",
    "std::time::Instant",
    "crate::admin",
    "crate::app",
    "crate::cli",
    "crate::clock",
    "crate::config",
    "crate::keys",
    "crate::proxy",
    "crate::rate",
    "crate::replay",
    "crate::telemetry",
];

/// Of `std::net`, the pure half may name addresses, which are plain values; never sockets.
const ADDRESSES: &[&str] = &["IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr"];

const HTTP: &[&str] = &["http", "http_body", "http_body_util", "hyper", "hyper_util"];

/// Where messages are translated, and where hyper's connections are driven.
const HTTP_ADAPTERS: &[&str] = &[
    "src/admin",
    "src/cli/echo.rs",
    "src/proxy/exchange.rs",
    "src/proxy/http",
    "src/proxy/server/http2.rs",
    "src/proxy/upstream",
    "src/telemetry/otlp/send.rs",
];

/// The pure half does no I/O, logs, spawns, waits or reads a clock.
pub(crate) fn pure_half(file: &File) -> Vec<Finding> {
    if !lives_in(file, PURE) {
        return Vec::new();
    }
    let code = scan::blank(file.shipped());
    let mut findings: Vec<Finding> = scan::paths(&code)
        .iter()
        .filter(|path| SHELL.iter().any(|shell| path.leads_into(shell)) || is_socket(path))
        .map(|path| file.finding(path.line, format!("the pure half knows `{}`", path.segments.join("::"))))
        .collect();
    findings.extend(waits(file, &code));
    findings
}

/// `config` makes a policy, `proxy` obeys it; neither knows the other.
pub(crate) fn strangers(file: &File) -> Vec<Finding> {
    let stranger = match file.path.as_str() {
        path if path.starts_with("src/config") => "crate::proxy",
        path if path.starts_with("src/proxy") => "crate::config",
        _ => return Vec::new(),
    };
    let code = scan::blank(file.shipped());
    let paths = scan::paths(&code);
    let met = paths.iter().filter(|path| path.leads_into(stranger));
    met.map(|path| file.finding(path.line, format!("meets `{stranger}` elsewhere than in policy"))).collect()
}

/// Types of `http` and `hyper` are seen by adapters only.
pub(crate) fn http_types(file: &File) -> Vec<Finding> {
    if lives_in(file, HTTP_ADAPTERS) {
        return Vec::new();
    }
    let paths = scan::paths(&scan::blank(file.shipped()));
    let outside = paths.iter().filter(|path| HTTP.iter().any(|name| path.is_within(name) && !is_ours(&paths, name)));
    let told = |path: &scan::NamedPath| format!("`{}` outside an adapter", path.segments.join("::"));
    outside.map(|path| file.finding(path.line, told(path))).collect()
}

/// Whether `name` is a module of this crate here: brought in by `use super::http` or its like.
fn is_ours(paths: &[scan::NamedPath], name: &str) -> bool {
    let brings = |path: &scan::NamedPath| {
        let ours = path.segments.first().is_some_and(|first| ["crate", "super", "self"].contains(&first.as_str()));
        ours && path.segments.last().is_some_and(|last| last == name)
    };
    paths.iter().any(brings)
}

fn lives_in(file: &File, places: &[&str]) -> bool {
    places.iter().any(|place| file.path.starts_with(place))
}

fn is_socket(path: &scan::NamedPath) -> bool {
    path.leads_into("std::net") && path.segments.get(2).is_none_or(|name| !ADDRESSES.contains(&name.as_str()))
}

fn waits(file: &File, code: &str) -> Vec<Finding> {
    let lines =
        code.lines().enumerate().filter(|(_, line)| scan::names(line).any(|name| name == "async" || name == "await"));
    lines.map(|(at, _)| file.finding(at + 1, "the pure half never waits")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objections(rule: fn(&File) -> Vec<Finding>, path: &str, text: &str) -> usize {
        rule(&File::new(path, text)).len()
    }

    #[test]
    fn every_way_out_of_the_pure_half_is_found() {
        for text in [
            "use tokio::time;",
            "use std::{fmt, fs};",
            "use std::net::TcpStream;",
            "use std::net::{IpAddr, UdpSocket};",
            "use std::net;",
            "fn f() { std::env::var(\"X\"); }",
            "use std::time::{Duration, SystemTime};",
            "use crate::{clock, sig};",
            "async fn f() {}",
            "#[derive(serde::Serialize)] struct S;",
            "use http::HeaderMap;",
        ] {
            assert_eq!(objections(pure_half, "src/sig/mac.rs", text), 1, "{text}");
        }
    }

    #[test]
    fn what_is_pure_or_elsewhere_is_left_alone() {
        for (path, text) in [
            ("src/sig/mac.rs", "use std::net::{IpAddr, SocketAddr}; // tokio::spawn"),
            ("src/sig/mac.rs", "const NAME: &str = \"tokio::time\";"),
            ("src/policy/mod.rs", "use crate::sig::key::Key; use std::time::Duration;"),
            ("src/proxy/body.rs", "use tokio::time;"),
            ("src/reject.rs", "fn f() {}\n#[cfg(test)]\nmod tests { use std::fs; }"),
        ] {
            assert_eq!(objections(pure_half, path, text), 0, "{text}");
        }
    }

    #[test]
    fn strangers_that_meet_are_found_in_both_directions() {
        assert_eq!(objections(strangers, "src/config/mod.rs", "use crate::proxy::held::Held;"), 1);
        assert_eq!(objections(strangers, "src/proxy/server.rs", "use crate::{clock, config};"), 1);
        assert_eq!(objections(strangers, "src/app.rs", "use crate::config; use crate::proxy;"), 0);
    }

    #[test]
    fn http_types_outside_adapters_are_found() {
        assert_eq!(objections(http_types, "src/proxy/journey.rs", "use hyper::Request;"), 1);
        assert_eq!(objections(http_types, "src/proxy/body.rs", "fn f(h: &http::HeaderMap) {}"), 1);
        assert_eq!(objections(http_types, "src/proxy/http/h1.rs", "use hyper::Request;"), 0);
        assert_eq!(objections(http_types, "src/proxy/server.rs", "use super::http::serve; mod http; let http = 1;"), 0);
        assert_eq!(objections(http_types, "src/proxy/server.rs", "use super::http; fn f() { http::exchange() }"), 0);
        assert_eq!(objections(http_types, "src/proxy/server.rs", "use super::tls; fn f() { http::exchange() }"), 1);
    }
}
