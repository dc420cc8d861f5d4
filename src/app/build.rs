//! A generation from a loaded configuration: what is still to be checked is checked here, before anything is swapped.

use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;

use super::Generation;
use crate::config::{Loaded, Problem};
use crate::policy::Policy;
use crate::policy::listen::Listener;
use crate::policy::operations::Operations;
use crate::proxy::server::Door;
use crate::proxy::{tls, upstream};
use crate::sig::time::Moment;

/// The generation after `old`, still without its meters, or every mistake in it. Warnings that are new go to the log.
pub(super) fn generation(
    source: &Path,
    loaded: Loaded,
    old: Option<&Generation>,
    now: Moment,
) -> Result<Generation, Vec<Problem>> {
    let Loaded { policy, warnings, watched, began, notes: _, allowed: _ } = loaded;
    let doors = doors(source, &policy, old)?;
    for warning in unsaid(&warnings, old.map(|old| old.warnings.as_slice()).unwrap_or_default()) {
        let code = warning.code.map(|code| code.row().code);
        let file = warning.file.display();
        tracing::warn!(%file, path = warning.path, code, "{}", warning.message);
    }
    let number = old.map_or(1, |old| old.number.saturating_add(1));
    let meters = Vec::new();
    Ok(Generation { number, loaded: now, policy, meters, doors, warnings, watched, began })
}

/// Warnings that were not said before, were it of another line: a reload that changes something else is no reason to repeat them.
fn unsaid<'a>(warnings: &'a [Problem], before: &[Problem]) -> impl Iterator<Item = &'a Problem> {
    let said = |warning: &Problem| before.iter().any(|known| Problem { at: warning.at, ..known.clone() } == *warning);
    warnings.iter().filter(move |warning| !said(warning))
}

/// The listeners with their TLS settings, or everything that does not fit: a key of another certificate, a name that is none.
pub(super) fn doors(source: &Path, policy: &Policy, old: Option<&Generation>) -> Result<Vec<Arc<Door>>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut doors = Vec::with_capacity(policy.listeners.len());
    for listener in &policy.listeners {
        match door(listener, old) {
            Ok(door) => doors.push(Arc::new(door)),
            Err(message) => problems.push(problem(source, format!("listeners.{}.tls", listener.name), message)),
        }
    }
    for upstream in &policy.upstreams {
        if let Err(message) = upstream::tls::client_config(upstream) {
            problems.push(problem(source, format!("upstreams.{}.tls", upstream.name), message));
        }
    }
    if let Err(message) = store_tls(&policy.operations) {
        problems.push(problem(source, "replay.redis.tls".to_owned(), message));
    }
    if problems.is_empty() { Ok(doors) } else { Err(problems) }
}

/// The settings for connections to a shared replay store.
pub(crate) fn store_tls(operations: &Operations) -> Result<Option<Arc<ClientConfig>>, String> {
    let trust = operations.replay.redis.as_ref().and_then(|redis| redis.tls.as_ref());
    trust.map(upstream::tls::store_config).transpose()
}

fn door(listener: &Arc<Listener>, old: Option<&Generation>) -> Result<Door, String> {
    let before = old.and_then(|old| old.doors.iter().find(|door| door.listener.name == listener.name));
    let before = before.and_then(|door| door.tls.as_deref());
    let tls = listener.tls.as_ref().map(|tls| tls::server_config(tls, listener.http2, before));
    Ok(Door { listener: Arc::clone(listener), tls: tls.transpose()?.map(Arc::new) })
}

fn problem(source: &Path, path: String, message: String) -> Problem {
    Problem { file: source.into(), at: None, path, message, fix: None, code: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_said_once_wherever_it_moves() {
        let warning = |line: u32, message: &str| Problem {
            at: Some((line, 1)),
            ..problem(Path::new("f"), "routes[0]".to_owned(), message.to_owned())
        };
        let before = [warning(1, "one"), warning(2, "two")];
        let now = [warning(5, "two"), warning(6, "three")];
        let said = |before: &[Problem]| unsaid(&now, before).map(|one| one.message.clone()).collect::<Vec<_>>();
        assert_eq!((said(&[]), said(&before)), (vec!["two".to_owned(), "three".to_owned()], vec!["three".to_owned()]));
    }
}
