//! The configuration of a test's gateway, written as a file: the one place that knows the grammar's frame.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::tls;

const PLAIN: &str = "address: \"127.0.0.1:0\"";

/// A configuration in the making.
#[derive(Clone)]
pub(crate) struct Config {
    directory: PathBuf,
    listener: String,
    listeners: Vec<String>,
    upstream: String,
    upstreams: Vec<String>,
    keyrings: Vec<String>,
    schemes: Vec<String>,
    routes: Vec<String>,
    replay: String,
    limits: String,
    timeouts: String,
    admin: String,
    audit: Option<String>,
    sections: Vec<String>,
    address: SocketAddr,
}

impl Config {
    /// One plain listener `public`, an upstream `app`, a keyring `partners`, and no route yet.
    pub(crate) fn new(directory: &Path, upstream: SocketAddr) -> Self {
        Self {
            directory: directory.to_owned(),
            listener: PLAIN.to_owned(),
            listeners: Vec::new(),
            upstream: format!("url: \"http://{upstream}\""),
            upstreams: Vec::new(),
            keyrings: vec![format!("partners: {{directory: {}}}", directory.join("keys").display())],
            schemes: Vec::new(),
            routes: Vec::new(),
            replay: "restart_guard: false".to_owned(),
            limits: String::new(),
            timeouts: String::new(),
            admin: String::new(),
            audit: None,
            sections: Vec::new(),
            address: upstream,
        }
    }

    /// One more route, as the inside of a YAML flow mapping.
    pub(crate) fn route(mut self, fields: &str) -> Self {
        self.routes.push(fields.to_owned());
        self
    }

    /// Drops all routes.
    pub(crate) fn no_routes(mut self) -> Self {
        self.routes.clear();
        self
    }

    /// One more listener: `name: {…}`.
    pub(crate) fn listener(mut self, entry: &str) -> Self {
        self.listeners.push(entry.to_owned());
        self
    }

    /// More settings of the listener `public`.
    pub(crate) fn public(mut self, fields: &str) -> Self {
        self.listener = format!("{}, {fields}", self.listener);
        self
    }

    /// The listener `public` speaks TLS with a certificate for localhost, and HTTP/2.
    pub(crate) fn over_tls(self) -> Self {
        self.over_tls_with("minimum: \"1.2\"")
    }

    /// As [`Config::over_tls`], with more TLS settings.
    pub(crate) fn over_tls_with(self, more: &str) -> Self {
        tls::write_certificate(&self.directory, "tls");
        let fields = format!("tls: {{certificate: {0}/tls.crt, key: {0}/tls.key, {more}}}", self.directory.display());
        self.public(&fields)
    }

    /// Self-signed certificates that can be authorities, written as `NAME.crt`.
    pub(crate) fn authorities(self, names: &[&str]) -> Self {
        for name in names {
            tls::write_certificate(&self.directory, name);
        }
        self
    }

    /// The listener `public` as it was at first.
    pub(crate) fn without_public_settings(mut self) -> Self {
        PLAIN.clone_into(&mut self.listener);
        self
    }

    /// The upstream `app` as it was at first.
    pub(crate) fn without_app_settings(mut self) -> Self {
        self.upstream = format!("url: \"http://{}\"", self.address);
        self
    }

    /// More settings of the upstream `app`.
    pub(crate) fn app(mut self, fields: &str) -> Self {
        self.upstream = format!("{}, {fields}", self.upstream);
        self
    }

    /// One more upstream: `name: {…}`.
    pub(crate) fn upstream(mut self, entry: &str) -> Self {
        self.upstreams.push(entry.to_owned());
        self
    }

    /// One more keyring: `name: {…}`.
    pub(crate) fn keyring(mut self, entry: &str) -> Self {
        self.keyrings.push(entry.to_owned());
        self
    }

    /// One more scheme: `name: {…}`.
    pub(crate) fn scheme(mut self, entry: &str) -> Self {
        self.schemes.push(entry.to_owned());
        self
    }

    /// Settings of the replay store.
    pub(crate) fn replay(mut self, fields: &str) -> Self {
        fields.clone_into(&mut self.replay);
        self
    }

    /// Settings of the process's limits.
    pub(crate) fn limits(mut self, fields: &str) -> Self {
        fields.clone_into(&mut self.limits);
        self
    }

    /// Settings of the process's deadlines.
    pub(crate) fn timeouts(mut self, fields: &str) -> Self {
        fields.clone_into(&mut self.timeouts);
        self
    }

    /// More settings of the admin listener.
    pub(crate) fn admin(mut self, fields: &str) -> Self {
        self.admin = format!(", {fields}");
        self
    }

    /// The settings of the audit log instead of its file.
    pub(crate) fn audit_as(mut self, fields: &str) -> Self {
        self.audit = Some(fields.to_owned());
        self
    }

    /// More settings of the audit log, which is a file.
    pub(crate) fn audited(self, fields: &str) -> Self {
        let fields = format!("sink: file, path: {}, {fields}", self.audit().display());
        self.audit_as(&fields)
    }

    /// One more setting of the whole file: `name: value`.
    pub(crate) fn section(mut self, line: &str) -> Self {
        self.sections.push(line.to_owned());
        self
    }

    /// Without the settings of [`Config::section`].
    pub(crate) fn no_sections(mut self) -> Self {
        self.sections.clear();
        self
    }

    /// Where the upstream `app` is.
    pub(crate) fn upstream_address(&self) -> SocketAddr {
        self.address
    }

    /// Where the file is.
    pub(crate) fn path(&self) -> PathBuf {
        self.directory.join("countersign.yaml")
    }

    /// Where audit lines go.
    pub(crate) fn audit(&self) -> PathBuf {
        self.directory.join("audit.log")
    }

    /// Writes the file.
    pub(crate) fn write(&self) {
        std::fs::write(self.path(), self.text()).unwrap();
    }

    fn audit_settings(&self) -> String {
        self.audit.clone().unwrap_or_else(|| format!("sink: file, path: {}", self.audit().display()))
    }

    fn text(&self) -> String {
        let listeners = [&[format!("public: {{{}}}", self.listener)], self.listeners.as_slice()].concat();
        let upstreams = [&[format!("app: {{{}}}", self.upstream)], self.upstreams.as_slice()].concat();
        let routes: Vec<String> = self.routes.iter().map(|route| format!("- {{{route}}}")).collect();
        [
            "version: 1\npoll: 1h\nhealth: {address: \"127.0.0.1:0\"}\n".to_owned(),
            format!("admin: {{address: \"127.0.0.1:0\"{}}}\n", self.admin),
            format!("audit: {{{}}}\nreplay: {{{}}}\n", self.audit_settings(), self.replay),
            self.sections.join("\n") + "\n",
            format!("limits: {{{}}}\ntimeouts: {{{}}}\n", self.limits, self.timeouts),
            section("listeners", &listeners),
            section("upstreams", &upstreams),
            section("keyrings", &self.keyrings),
            section("schemes", &self.schemes),
            section("routes", &routes),
        ]
        .concat()
    }
}

fn section(name: &str, entries: &[String]) -> String {
    if entries.is_empty() { String::new() } else { format!("{name}:\n  {}\n", entries.join("\n  ")) }
}
