//! Whether a route answers the handshakes of its vendors, and the ring that holds their tokens.

use super::super::raw::routes as raw;
use super::super::scheme;
use super::Scope;
use super::guard::Verified;
use crate::policy::route::{BodyMode, Challenge};
use crate::policy::routes::Match;
use crate::sig::challenge::Challenge as Asked;

/// The rule of one route.
pub(crate) fn compile(
    raw: &raw::Route,
    (matches, body): (&[Match], BodyMode),
    verified: Option<&Verified>,
    scope: &Scope<'_>,
) -> Option<Challenge> {
    let (short, at) = raw.challenge.found()?;
    let settings = &short.0;
    if !settings.enabled.or(true) {
        return None;
    }
    let Some(verified) = verified else {
        if !raw.verify.is_written() {
            let fix = "add `verify` with the vendor's scheme, or remove `challenge`";
            scope.report.error(at, "without `verify` nothing says how the vendor asks", Some(fix));
        }
        return None;
    };
    let asked: Vec<&Asked> = verified.gate.schemes().filter_map(|scheme| scheme.challenge()).collect();
    let say = |message: &str, fix: &str| scope.report.error(at, message, Some(fix));
    if asked.is_empty() {
        say("no scheme of this route has a challenge", &format!("built-in ones with it are {}", known().join(", ")));
    }
    if body == BodyMode::Stream && asked.iter().any(|one| one.unsigned.is_none()) {
        say("a challenge is looked for in the whole body, so it cannot be streamed", "write `body: hold`");
    }
    let taken = |one: &Asked| {
        let allowed = |method| matches.iter().all(|taken| taken.methods.is_empty() || taken.methods.contains(method));
        one.unsigned.as_ref().is_none_or(allowed)
    };
    if let Some(method) = asked.iter().find(|one| !taken(one)).and_then(|one| one.unsigned.as_ref()) {
        let fix = format!("add {} to `methods`", method.as_str());
        say(&format!("the vendor asks with {}, which this route does not take", method.as_str()), &fix);
    }
    tokens(raw, &asked, scope)
}

fn tokens(raw: &raw::Route, asked: &[&Asked], scope: &Scope<'_>) -> Option<Challenge> {
    let (short, at) = raw.challenge.found()?;
    let needed = asked.iter().any(|one| one.token.is_some());
    let Some((name, spot)) = short.0.keys.found() else {
        if needed {
            let fix = "write `challenge: {keys: …}`: the ring whose secret is the verify token";
            scope.report.error(at, "the vendor proves itself by a token, which must be known", Some(fix));
        }
        return Some(Challenge { tokens: None });
    };
    if !needed && !asked.is_empty() {
        scope.report.error(spot, "no scheme of this route asks with a token", Some("remove `keys`"));
    }
    if name.contains('{') {
        scope.report.error(spot, "the ring of a token cannot depend on the path", Some("name one ring"));
        return None;
    }
    let ring = scope.keyrings.find(name, spot)?;
    if ring.is_held() {
        let fix = "keep a verify token in a file: it is compared, which takes its bytes";
        scope.report.error(spot, "a key in a PKCS#11 token shows itself to nobody", Some(fix));
    }
    Some(Challenge { tokens: Some(ring) })
}

fn known() -> Vec<&'static str> {
    let with = |(name, yaml): &(&'static str, &str)| yaml.contains("\nchallenge:").then_some(*name);
    scheme::builtins().iter().filter_map(with).collect()
}
