//! What every keyring is for: put together from the routes that name it and the terms of its owner.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::keyrings::Keyrings;
use crate::policy::route::Guard;
use crate::policy::seal::With;
use crate::policy::upkeep::{Origin, Upkeep};
use crate::policy::{Gate, Routes, Seal};

/// A key that nobody has used for so long is not used any more, where the ring does not say otherwise and no signature is good for longer.
const QUIET: Duration = Duration::from_hours(24);

#[derive(Default)]
struct Role {
    /// The longest time that a signature is good for.
    window: Option<Duration>,
    verifies: bool,
    signs: Option<With>,
}

/// One for every ring that was loaded, in their order.
pub(crate) fn compile(routes: &Routes, keyrings: &Keyrings<'_>) -> Arc<[Upkeep]> {
    let mut roles: HashMap<Arc<str>, Role> = HashMap::new();
    for route in routes.all() {
        let gate = match &route.guard {
            Guard::Verify(gate) => Some(gate),
            Guard::Public | Guard::Restricted => None,
        };
        gate.into_iter().chain(&route.answers.gate).for_each(|gate| verifies(gate, &mut roles));
        route.seal.iter().chain(&route.answers.seal).for_each(|seal| signs(seal, &mut roles));
    }
    let upkeep = |ring: Arc<_>| {
        let name: &Arc<str> = crate::sig::keyring::Keyring::name(&ring);
        let (terms, role) = (keyrings.terms(name), roles.remove(name).unwrap_or_default());
        let (origin, max_age, quiet) = terms
            .map_or((Origin::Configuration, Duration::MAX, None), |terms| (terms.origin, terms.max_age, terms.quiet));
        let quiet = quiet.unwrap_or_else(|| role.window.unwrap_or_default().max(QUIET));
        Upkeep { ring, origin, max_age, quiet, verifies: role.verifies, signs: role.signs }
    };
    keyrings.used().into_iter().map(upkeep).collect()
}

fn verifies(gate: &Gate, roles: &mut HashMap<Arc<str>, Role>) {
    let window = gate.window().map(|(past, future)| past.saturating_add(future));
    for ring in gate.rings() {
        let role = roles.entry(Arc::clone(ring.name())).or_default();
        role.verifies = true;
        role.window = role.window.max(window);
    }
}

/// Where one route signs with the newest key only, a new key waits for it.
fn signs(seal: &Seal, roles: &mut HashMap<Arc<str>, Role>) {
    let role = roles.entry(Arc::clone(seal.ring().name())).or_default();
    role.signs = match (role.signs, seal.with()) {
        (Some(With::Newest), _) | (_, With::Newest) => Some(With::Newest),
        (Some(With::All) | None, With::All) => Some(With::All),
    };
}
