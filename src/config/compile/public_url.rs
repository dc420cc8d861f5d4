//! A scheme that signs the public URL can be judged only where a setting says what that is.

use super::super::report::Report;
use super::listeners::Placed as Listener;
use super::routes::Placed as Route;
use crate::policy::Seal;
use crate::policy::lint::Code;
use crate::policy::route::Guard;

/// Refuses routes on which such a scheme can never hold, and warns of listeners on which it cannot.
pub(crate) fn check(routes: &[Route], listeners: &[Listener], report: &Report) {
    for route in routes.iter().filter(|route| route.value.public_url.is_none()) {
        let Some(name) = in_need(route) else { continue };
        let served = || listeners.iter().filter(|listener| route.is_on(&listener.value.name));
        let mut without = served().filter(|listener| listener.value.public_url.is_none()).peekable();
        if without.peek().is_some() && served().all(|listener| listener.value.public_url.is_none()) {
            let message = format!("scheme `{name}` signs the public URL, which nothing says here: it could never hold");
            let fix = "write `public_url: https://…` on the listener or on the route";
            report.error(route.spot, &message, Some(fix));
            continue;
        }
        for listener in without {
            let message = format!(
                "scheme `{name}` signs the public URL, and listener `{}` has no `public_url`: it can never hold there",
                listener.value.name
            );
            report.warn(route.spot, Code::PublicUrlMissing, &message);
        }
    }
}

/// The scheme of the route that needs to know the public URL: one that is verified, or signs answers. A request that leaves has the upstream's.
fn in_need(route: &Route) -> Option<String> {
    let verified = match &route.value.guard {
        Guard::Verify(gate) => gate.schemes().find(|scheme| scheme.needs_public_url()),
        Guard::Public | Guard::Restricted => None,
    };
    let answers = route.value.answers.seal.as_ref().filter(|seal| seal.needs_public_url()).map(Seal::scheme);
    verified.or(answers).map(|scheme| scheme.name().to_string())
}
