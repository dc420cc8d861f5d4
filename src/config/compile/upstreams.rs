//! Upstreams: addresses from URLs, TLS with its files, bounds.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::super::field::Field;
use super::super::raw::File;
use super::super::raw::routes::Route;
use super::super::raw::upstreams as raw;
use super::super::report::Spot;
use super::super::url::Url;
use super::super::values::Of;
use super::edits::is_plain_path;
use super::{Scope, bounds, forward_auth, health};
use crate::policy::upstream::{Endpoint, Host, Protocol, Tls, Upstream};

/// Every upstream; one that is wrong keeps its place and name, so that routes can be checked.
pub(crate) fn compile(raw: &File, root: Spot, scope: &Scope<'_>) -> Vec<Upstream> {
    let named = raw.upstreams.get().map(|named| named.0.as_slice()).unwrap_or_default();
    let is_needed = !forward_auth::is_only_asked(&Route::default(), raw);
    if is_needed && named.is_empty() && (!raw.upstreams.is_written() || raw.upstreams.get().is_some()) {
        let fix = "write `upstreams: {app: {url: \"http://127.0.0.1:8000\"}}`";
        scope.report.error_in(root, "upstreams", "there is no upstream", Some(fix));
    }
    let found = |(name, raw): &(String, Field<raw::Upstream>)| match raw.found() {
        Some((raw, spot)) => upstream(name, raw, spot, scope),
        None => blank(name),
    };
    named.iter().map(found).collect()
}

/// What one URL says.
struct Target {
    tls: bool,
    endpoint: Endpoint,
    authority: Arc<str>,
    base_path: Arc<str>,
}

fn blank(name: &str) -> Upstream {
    Upstream {
        name: name.into(),
        endpoints: Vec::new(),
        base_path: "".into(),
        host: Host::Preserve,
        tls: None,
        protocol: Protocol::Auto,
        max_connections: None,
        queue: Duration::from_secs(5),
        connect: Duration::from_secs(2),
        idle: Duration::from_mins(1),
        resolve: Duration::from_secs(10),
        health: None,
    }
}

fn upstream(name: &str, raw: &raw::Upstream, spot: Spot, scope: &Scope<'_>) -> Upstream {
    let mut made = blank(name);
    let urls = urls(raw, spot, scope);
    if let Some(first) = urls.first() {
        if urls.iter().any(|url| url.tls != first.tls || url.base_path != first.base_path) {
            let fix = "make another upstream for the others";
            scope.report.error_in(spot, "urls", "all URLs of an upstream have the same scheme and path", Some(fix));
        }
        made.base_path = Arc::clone(&first.base_path);
        if raw.host.get() == Some(&raw::Host::Upstream) {
            made.host = Host::Upstream(Arc::clone(&first.authority));
        }
        made.tls = tls(raw, first.tls, scope);
    }
    made.endpoints = urls.into_iter().map(|url| url.endpoint).collect();
    made.protocol = match raw.protocol.get() {
        None | Some(raw::Protocol::Auto) => Protocol::Auto,
        Some(raw::Protocol::Http1) => Protocol::Http1,
        Some(raw::Protocol::Http2) => Protocol::Http2,
    };
    if raw.max_connections.get() == Some(&0) {
        let fix = "write at least 1, or leave it out for no cap";
        scope.report.error_in(spot, "max_connections", "no connection would ever be allowed", Some(fix));
    }
    made.max_connections = raw.max_connections.get().and_then(|most| usize::try_from(*most).ok());
    let time = |field: &Field<Of<Duration>>, default: Duration| field.get().map_or(default, |Of(time)| *time);
    made.resolve = time(&raw.resolve, made.resolve);
    bounds::positive([&raw.resolve], scope);
    if let Some(timeouts) = raw.timeouts.get() {
        bounds::positive([&timeouts.connect], scope);
        made.queue = time(&timeouts.queue, made.queue);
        made.connect = time(&timeouts.connect, made.connect);
        made.idle = time(&timeouts.idle, made.idle);
    }
    made.health = raw.health.found().and_then(|(raw, spot)| health::compile(raw, spot, &made.endpoints, scope));
    made
}

fn urls(raw: &raw::Upstream, spot: Spot, scope: &Scope<'_>) -> Vec<Target> {
    let many = raw.urls.get().into_iter().flatten().filter_map(Field::found);
    let written: Vec<_> = raw.url.found().into_iter().chain(many).collect();
    if raw.url.is_written() == raw.urls.is_written() || raw.urls.get().is_some_and(Vec::is_empty) {
        let fix = "write `url: \"http://127.0.0.1:8000\"`, or `urls:` with several";
        scope.report.error_in(spot, "url", "an upstream has either `url` or `urls`", Some(fix));
    }
    let parsed = written.into_iter().filter_map(|(text, at)| {
        let target = target(text);
        if target.is_none() {
            let fix = "write `http://host:port/base`, `https://host` or `unix:/run/app.sock`";
            scope.report.error(at, "not the URL of an upstream", Some(fix));
        }
        target
    });
    parsed.collect()
}

fn target(text: &str) -> Option<Target> {
    if let Some(path) = text.strip_prefix("unix:") {
        let path = path.strip_prefix("//").unwrap_or(path);
        let endpoint = Endpoint::Unix(PathBuf::from(path));
        return path.starts_with('/').then(|| Target {
            tls: false,
            endpoint,
            authority: "localhost".into(),
            base_path: "".into(),
        });
    }
    let url = Url::parse(text)?;
    let base_path = url.rest.trim_end_matches('/');
    if !base_path.is_empty() && !is_plain_path(base_path) {
        return None;
    }
    let port = url.port.unwrap_or(if url.tls { 443 } else { 80 });
    Some(Target {
        tls: url.tls,
        endpoint: Endpoint::Tcp { host: url.host.into(), port },
        authority: url.authority.into(),
        base_path: base_path.into(),
    })
}

fn tls(raw: &raw::Upstream, wanted: bool, scope: &Scope<'_>) -> Option<Tls> {
    let Some((settings, at)) = raw.tls.found() else {
        return wanted.then_some(Tls { ca: None, client: None, server_name: None });
    };
    if !wanted {
        scope.report.error(
            at,
            "`tls` with a plain URL would not be used",
            Some("write `https://` in the URL, or remove `tls`"),
        );
        return None;
    }
    if settings.certificate.is_written() != settings.key.is_written() {
        let fix = "write both `certificate:` and `key:`";
        scope.report.error(at, "a certificate and its key belong together", Some(fix));
    }
    let pair = settings.certificate.found().zip(settings.key.found());
    let client = pair.and_then(|(chain, key)| scope.files.certificate((chain.0, chain.1), (key.0, key.1)));
    Some(Tls {
        ca: settings.ca.found().and_then(|(path, at)| scope.files.authorities(path, at)),
        client,
        server_name: settings.server_name.get().map(|name| name.as_str().into()),
    })
}
