use std::path::{Path, PathBuf};

use super::*;
use crate::policy::route::{Guard, ReplayBy};

/// A directory with a certificate, keys and configuration files.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = Self { directory };
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        place.write("tls/tls.crt", &made.cert.pem());
        place.write("tls/tls.key", &made.signing_key.serialize_pem());
        place.write("keys/partners/one", "0123456789abcdef0123456789abcdef");
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn load(&self, text: &str) -> Result<Loaded, Vec<Problem>> {
        load_at(&self.write("config.yaml", text))
    }
}

fn load_at(path: &Path) -> Result<Loaded, Vec<Problem>> {
    let environment = |name: &str| match name {
        "UPSTREAM" => Some("http://127.0.0.1:8000".to_owned()),
        "INJECTED" => Some("x\nroutes: []\n".to_owned()),
        "CANARY" => Some("canary-in-the-environment".to_owned()),
        "COUNT" => Some("7".to_owned()),
        _ => None,
    };
    load_with(path, &environment, Moment::from_secs(1_790_000_000))
}

fn shown(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn a_legacy_service_loads() {
    let place = Place::new();
    let text = include_str!("../../docs/examples/legacy-service.yaml");
    let text = text.replace("/tls/", "tls/").replace("/keys", "keys/partners");
    let loaded = place.load(&text).unwrap_or_else(|problems| panic!("{}", shown(&problems)));
    let [health, all] = loaded.policy.routes.all() else { panic!() };
    assert!(matches!(health.guard, Guard::Public) && matches!(all.guard, Guard::Verify(_)));
    assert_eq!(all.replay.by, ReplayBy::Signature);
    println!("{}", shown(&loaded.warnings));
    for watched in ["config.yaml", "tls/tls.crt", "tls/tls.key", "keys/partners"] {
        assert!(loaded.watched.contains(&place.path(watched)), "{watched}");
    }
}

#[test]
fn scratch() {
    let place = Place::new();
    let text = std::fs::read_to_string("/tmp/bad.yaml").unwrap();
    let Err(problems) = place.load(&text) else { panic!() };
    println!("{}", shown(&problems).replace(place.directory.path().to_str().unwrap(), ""));
    panic!();
}
