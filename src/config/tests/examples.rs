//! The configurations of the documentation mean what they say.

use std::collections::HashSet;
use std::time::Duration;

use super::*;
use crate::policy::route::{Guard, ReplayBy};

/// The example with its absolute paths turned to this place.
fn example(place: &Place, text: &str) -> Result<Loaded, Vec<Problem>> {
    place.write("tls/partner.pem", &std::fs::read_to_string(place.path("tls/tls.crt")).unwrap());
    place.write("keys/partner.yaml", "version: 1\nkeys: [{id: one, secret: 0123456789abcdef0123456789abcdef}]\n");
    for ring in ["stripe", "github", "slack", "twilio", "shopify/acme", "shopify/other", "internal", "demo"] {
        place.write(&format!("keys/{ring}/one"), "0123456789abcdef0123456789abcdef");
    }
    let text =
        text.replace(": /tls", ": tls").replace("directory: /keys, max_age", "directory: /keys/partners, max_age");
    place.load(&text.replace(": /keys", ": keys"))
}

#[test]
fn a_legacy_service_loads() {
    let place = Place::new();
    let loaded = good(example(&place, include_str!("../../../docs/examples/legacy-service.yaml")));
    let [health, all] = loaded.policy.routes.all() else { panic!() };
    assert!(matches!(health.guard, Guard::Public) && matches!(all.guard, Guard::Verify(_)));
    assert_eq!((all.replay.by, all.limits.total), (ReplayBy::Signature, Some(Duration::from_mins(1))));
    assert_eq!(loaded.policy.upstreams[0].max_connections, Some(8));
    for watched in ["config.yaml", "tls/tls.crt", "tls/tls.key", "keys/partners"] {
        assert!(loaded.watched.contains(&place.path(watched)), "{watched}");
    }
}

#[test]
fn five_vendors_load() {
    let place = Place::new();
    let loaded = good(example(&place, include_str!("../../../docs/examples/five-vendors.yaml")));
    let routes = loaded.policy.routes.all();
    assert_eq!(routes.len(), 5);
    assert!(routes.iter().all(|route| route.limits.body_max == 1 << 20 && route.replay.duplicate == Some(200)));
    assert_eq!(routes[1].replay.keep, Some(Duration::from_hours(1)));
    let Guard::Verify(gate) = &routes[4].guard else { panic!() };
    assert_eq!(gate.rings().count(), 2, "every tenant's ring is loaded");
    assert!(shown(&loaded.allowed).contains("routes[0]: a captured request can be sent again for 10m; allowed: "));
}

#[test]
fn limits_load() {
    let place = Place::new();
    let loaded = good(example(&place, include_str!("../../../docs/examples/limits.yaml")));
    let [open, orders] = loaded.policy.routes.all() else { panic!() };
    assert_eq!((open.callers.rates.source, orders.callers.rates.source), (Some(0), Some(0)), "one pool for both");
    assert!(orders.callers.rates.key.is_some() && orders.callers.rates.route.is_some());
    assert_eq!(orders.callers.allow.len(), 2);
    let listener = &loaded.policy.listeners[0];
    assert_eq!((listener.limits.per_source, listener.proxied.as_ref().map(Vec::len)), (100, Some(1)));
}

#[test]
fn an_outbound_signer_loads_and_takes_only_local_hosts() {
    let place = Place::new();
    let loaded = good(example(&place, include_str!("../../../docs/examples/outbound-signer.yaml")));
    let hosts = loaded.policy.listeners[0].signing_hosts.clone().unwrap();
    assert_eq!(hosts.iter().map(|host| &**host).collect::<Vec<_>>(), ["localhost", "127.0.0.1", "[::1]"]);
    let [route] = loaded.policy.routes.all() else { panic!() };
    assert!(route.seal.is_some() && matches!(route.guard, Guard::Restricted));
    assert_eq!((route.connect_retries, route.request.remove.len()), (1, 2));
}

#[test]
fn a_translation_loads() {
    let place = Place::new();
    let loaded = good(example(&place, include_str!("../../../docs/examples/translate.yaml")));
    let [route] = loaded.policy.routes.all() else { panic!() };
    let Guard::Verify(gate) = &route.guard else { panic!() };
    assert_eq!(gate.window(), Some((Duration::from_mins(10), Duration::from_mins(5))), "`past` is overridden");
    assert!(route.seal.is_some() && loaded.policy.listeners[0].signing_hosts.is_none());
}

#[test]
fn a_roll_out_loads() {
    let place = Place::new();
    let loaded = good(example(&place, include_str!("../../../docs/examples/roll-out.yaml")));
    assert!(loaded.policy.routes.all()[0].observe);
}

#[test]
fn the_examples_allow_what_the_linter_finds_or_give_it_nothing() {
    for text in [
        include_str!("../../../docs/examples/legacy-service.yaml"),
        include_str!("../../../docs/examples/five-vendors.yaml"),
        include_str!("../../../docs/examples/outbound-signer.yaml"),
        include_str!("../../../docs/examples/translate.yaml"),
        include_str!("../../../docs/examples/roll-out.yaml"),
    ] {
        let loaded = good(example(&Place::new(), text));
        let own =
            loaded.warnings.iter().filter(|warning| warning.code != Some(crate::policy::lint::Code::KeyFileExposed));
        assert_eq!(own.map(ToString::to_string).collect::<Vec<_>>(), [""; 0], "{text}");
        assert!(text.lines().count() <= 15, "{text}");
    }
}

#[test]
fn the_example_of_every_field_loads_without_a_warning() {
    let place = Place::new();
    let text = include_str!("../../../config.example.yaml").replace("${COUNTERSIGN_DEMO_DIR:-./demo}", ".");
    for file in ["tls/tls.key", "keys/demo/one"] {
        let path = place.write(
            file,
            &std::fs::read_to_string(place.path(file)).unwrap_or("0123456789abcdef0123456789abcdef".into()),
        );
        std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
    let loaded = good(place.load(&text));
    assert_eq!(shown(&loaded.warnings), "");
    assert_eq!(loaded.policy.routes.all().len(), 4);
}

#[test]
fn every_setting_is_documented_and_in_the_example() {
    let declared = [
        include_str!("../raw/mod.rs"),
        include_str!("../raw/listeners.rs"),
        include_str!("../raw/process.rs"),
        include_str!("../raw/routes.rs"),
        include_str!("../raw/upstreams.rs"),
    ];
    let renamed = |name: &str| if name == "chain" { "certificate" } else { name }.replace("overrides", "override");
    let fields = declared.into_iter().flat_map(str::lines).filter_map(|line| {
        let (name, kind) = line.trim().strip_prefix("pub(crate) ")?.split_once(": ")?;
        kind.starts_with("Field<").then(|| renamed(name))
    });
    let manual = include_str!("../../../docs/configuration.md");
    let example = include_str!("../../../config.example.yaml");
    let quoted: HashSet<&str> = manual.split('`').skip(1).step_by(2).flat_map(words).collect();
    let keys = example.split_inclusive(':').filter_map(|before| words(before.strip_suffix(':')?).last());
    let shown: HashSet<&str> = keys.collect();
    let missing = fields.filter(|name| !quoted.contains(&**name) || !shown.contains(&**name));
    assert_eq!(missing.collect::<Vec<_>>(), [""; 0]);
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}
