//! A place with files, in which configurations are loaded.

use std::path::{Path, PathBuf};

use super::*;

mod advice;
mod answers;
mod callers;
mod challenge;
mod deprecated;
mod derived;
mod examples;
mod files;
mod forward_auth;
mod health;
mod legacy;
mod lint;
mod problems;
mod process;
mod routes;
mod schema;
mod tenants;
mod tokens;
mod verified;
mod watched;

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

    fn warnings(&self, text: &str) -> String {
        shown(&good(self.load(text)).warnings)
    }

    fn load(&self, text: &str) -> Result<Loaded, Vec<Problem>> {
        let loaded = load_at(&self.write("config.yaml", text));
        if loaded.is_ok() {
            schema::fits(text);
        }
        loaded
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

fn good(loaded: Result<Loaded, Vec<Problem>>) -> Loaded {
    loaded.unwrap_or_else(|problems| panic!("{}", shown(&problems)))
}

fn bad(loaded: Result<Loaded, Vec<Problem>>) -> Vec<Problem> {
    loaded.err().expect("it loads")
}

fn shown(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
