//! The configuration that a command line without a file stands for.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::json;

use crate::config::Problem;

/// One listener, one scheme, keys from the environment, one upstream.
pub(super) struct Sketch<'a> {
    pub(super) listen: &'a str,
    /// Chain and private key in PEM.
    pub(super) certificate: Option<[&'a str; 2]>,
    pub(super) public_url: Option<&'a str>,
    pub(super) upstream: &'a str,
    pub(super) scheme: &'a str,
    pub(super) key_env: &'a [String],
    pub(super) does: Does,
}

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    /// It is refused unless it is signed.
    Verify,
    /// It is judged and forwarded.
    Observe,
    /// It is signed.
    Sign,
}

impl Sketch<'_> {
    /// Text of the command line stands in the file as JSON, which is YAML that nothing can end early.
    pub(super) fn text(&self) -> String {
        let mut listener = serde_json::Map::from_iter([("address".to_owned(), json!(self.listen))]);
        if let Some([certificate, key]) = self.certificate {
            listener.insert("tls".to_owned(), json!({"certificate": certificate, "key": key}));
        }
        if let Some(url) = self.public_url {
            listener.insert("public_url".to_owned(), json!(url));
        }
        let keys: serde_json::Map<_, _> = self.key_env.iter().map(|name| (name.clone(), json!(name))).collect();
        let (upstream, scheme) = (json!(self.upstream), json!(self.scheme));
        let mut text = String::from("version: 1\n");
        let _written = write!(
            text,
            "listeners:\n  main: {listener}\nupstreams:\n  app: {{url: {upstream}}}\nkeyrings:\n  keys: {{env: {keys}}}\nroutes:\n  - path: \"/**\"\n",
            listener = json!(listener),
            keys = json!(keys),
        );
        let judged = if self.does == Does::Sign { "sign" } else { "verify" };
        let _written = writeln!(text, "    {judged}: {scheme}\n    keys: keys");
        if self.does == Does::Observe {
            text.push_str("    mode: observe\n    public: true\n");
        }
        text.push_str("    upstream: app\n");
        text
    }
}

/// A mistake in the configuration is one of the option that it came from; `upstream` is the name of that one.
pub(super) fn placed(problem: Problem, upstream: &str) -> Problem {
    let options = [
        ("upstreams.", upstream),
        ("keyrings.", "--key-env"),
        ("routes[0].verify", "--scheme"),
        ("routes[0].sign", "--scheme"),
        ("listeners.main.address", "--listen"),
        ("listeners.main.public_url", "--public-url"),
        ("listeners.main.tls.certificate", "--tls-certificate"),
        ("listeners.main.tls.key", "--tls-key"),
    ];
    match options.into_iter().find(|(path, _)| problem.path.starts_with(path)) {
        Some((_, option)) => Problem { file: Path::new(option).into(), at: None, path: String::new(), ..problem },
        None => problem,
    }
}

/// `HOST:PORT` is short for a URL.
pub(super) fn url(text: &str) -> Result<String, &'static str> {
    match text {
        "" => Err("expected HOST:PORT or a URL"),
        _ if text.contains("://") || text.starts_with("unix:") => Ok(text.to_owned()),
        _ => Ok(format!("http://{text}")),
    }
}
