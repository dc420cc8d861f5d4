//! A replay store that several gateways share.

use std::time::Duration;

use super::super::field::Field;
use super::super::raw::process as raw;
use super::super::report::Spot;
use super::super::url::Url;
use super::super::values::Of;
use super::{Scope, bounds};
use crate::policy::operations::{Account, Redis, Sentinel, Trust};
use crate::policy::upstream::Endpoint;

const DEADLINE: Duration = Duration::from_millis(50);
/// Longer, and requests would pile up behind a store that is away.
const DEADLINE_MAX: Duration = Duration::from_secs(5);
const NAMESPACE: &str = "countersign";
const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

/// The store behind `replay`, where one is shared.
pub(crate) fn compile(replay: &raw::Replay, scope: &Scope<'_>) -> Option<Redis> {
    let store = replay.store.found();
    let Some((settings, at)) = replay.redis.found() else {
        if let Some((raw::Store::Redis, at)) = store {
            let fix = "add `redis: {urls: \"redis://redis:6379\"}`";
            scope.report.error(at, "nothing says where the store is", Some(fix));
        }
        return None;
    };
    if let Some((raw::Store::Memory, at)) = store {
        scope.report.error(at, "`redis` beside it would not be used", Some("write `store: redis`, or remove `redis`"));
    }
    let sentinel = sentinel(settings, scope);
    let (endpoints, secure) = endpoints(settings, sentinel.is_some(), at, scope);
    bounds::positive([&settings.deadline], scope);
    if let Some((Of(_), at)) = settings.deadline.found().filter(|(Of(deadline), _)| *deadline > DEADLINE_MAX) {
        scope.report.error(at, "requests would wait too long for a store that is away", Some("write at most 5s"));
    }
    Some(Redis {
        endpoints,
        sentinel,
        tls: trust(settings, secure, scope),
        account: account(&settings.user, (&settings.password_file, "add `password_file:`"), scope),
        database: settings.database.get().copied().unwrap_or_default(),
        namespace: namespace(settings, scope),
        deadline: settings.deadline.get().map_or(DEADLINE, |Of(deadline)| *deadline),
        guard: replay.restart_guard.or(true),
    })
}

/// Whom to ask for the primary, where that is needed.
fn sentinel(settings: &raw::Redis, scope: &Scope<'_>) -> Option<Sentinel> {
    let (user, file) = (&settings.sentinel_user, &settings.sentinel_password_file);
    let account = account(user, (file, "add `sentinel_password_file:`"), scope);
    let name = settings.sentinel.get().cloned();
    if let (None, Some(at)) = (&name, user.spot.or(file.spot)) {
        scope.report.error(at, "there is no sentinel to log in to", Some("add `sentinel:`, or remove it"));
    }
    name.map(|name| Sentinel { name, account })
}

fn account(user: &Field<String>, (file, fix): (&Field<String>, &str), scope: &Scope<'_>) -> Account {
    if let (Some((_, at)), false) = (user.found(), file.is_written()) {
        scope.report.error(at, "a user without a password cannot log in", Some(fix));
    }
    let password = file.found().map(|(path, at)| scope.files.resolve(path, at));
    Account { user: user.get().cloned(), password }
}

/// Where to connect, and whether by TLS.
fn endpoints(settings: &raw::Redis, sentinels: bool, at: Spot, scope: &Scope<'_>) -> (Vec<Endpoint>, bool) {
    let mut found = Vec::new();
    let fix = "write `redis://host:6379`, `rediss://host:6379` for TLS, or `unix:/run/redis.sock`";
    for (text, at) in settings.urls.each() {
        match endpoint(text, if sentinels { SENTINEL_PORT } else { PORT }) {
            Some(one) => found.push((one, at)),
            None => scope.report.error(at, "not the URL of a Redis", Some(fix)),
        }
    }
    if settings.urls.each().next().is_none() {
        scope.report.error_in(at, "urls", "nothing says where the store is", Some(fix));
    }
    let secure = found.first().is_some_and(|((_, tls), _)| *tls);
    if let Some((_, at)) = found.iter().find(|((_, tls), _)| *tls != secure) {
        scope.report.error(*at, "either every URL is `rediss://` or none is", Some("TLS is for all of them"));
    }
    (found.into_iter().map(|((endpoint, _), _)| endpoint).collect(), secure)
}

fn endpoint(text: &str, port: u16) -> Option<(Endpoint, bool)> {
    if let Some(path) = text.strip_prefix("unix:") {
        return path.starts_with('/').then(|| (Endpoint::Unix(path.into()), false));
    }
    let (scheme, rest) = text.split_once("://")?;
    let tls = match scheme {
        "redis" => false,
        "rediss" => true,
        _ => return None,
    };
    let as_http = format!("http://{rest}");
    let url = Url::parse(&as_http)?;
    let host = url.host.into();
    matches!(url.rest, "" | "/").then(|| (Endpoint::Tcp { host, port: url.port.unwrap_or(port) }, tls))
}

fn trust(settings: &raw::Redis, secure: bool, scope: &Scope<'_>) -> Option<Trust> {
    let Some((tls, at)) = settings.tls.found() else { return secure.then_some(Trust { ca: None, server_name: None }) };
    if !secure {
        let fix = "write `rediss://` in the URL, or remove `tls`";
        scope.report.error(at, "`tls` with a plain URL would not be used", Some(fix));
        return None;
    }
    Some(Trust {
        ca: tls.ca.found().and_then(|(path, at)| scope.files.authorities(path, at)),
        server_name: tls.server_name.get().map(|name| name.as_str().into()),
    })
}

/// **Threat:** braces would move the hash tag, and a claim of two names would no longer be one step.
fn namespace(settings: &raw::Redis, scope: &Scope<'_>) -> String {
    let Some((name, at)) = settings.namespace.found() else { return NAMESPACE.to_owned() };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
    if name.is_empty() || name.len() > 64 || !name.bytes().all(plain) {
        let fix = "write 1 to 64 letters, digits or `-_.:`";
        scope.report.error(at, "a namespace is the beginning of every name on the store", Some(fix));
    }
    name.clone()
}
