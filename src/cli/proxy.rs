//! `countersign proxy`: the gateway without a configuration file, which it writes itself and can print.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;

use super::sketch::{Does, Sketch, placed, url};
use super::{RUNTIME, fail, run, say};
use crate::app::App;

/// Arguments of `proxy`.
#[derive(Args)]
pub(super) struct Proxy {
    /// Where permitted requests go: `HOST:PORT` or a URL
    #[arg(long, value_name = "ADDRESS", value_parser = url)]
    upstream: String,
    /// The scheme, see `countersign schemes list`
    #[arg(long, value_name = "NAME")]
    scheme: String,
    /// Environment variable with the secret; several make several keys, each with the name of its variable as its id
    #[arg(long, value_name = "VARIABLE", required = true)]
    key_env: Vec<String>,
    /// Where to listen: `ADDRESS:PORT` or `unix:/PATH`
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    listen: String,
    /// Sign what passes instead of verifying it
    #[arg(long)]
    sign: bool,
    /// Forward everything, and only say what would have been refused
    #[arg(long, conflicts_with = "sign")]
    observe: bool,
    /// What callers ask for, where the scheme signs a URL: `https://HOST[:PORT]`
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Certificate chain in PEM; with `--tls-key` clients are served over TLS
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<String>,
    /// Its private key in PEM
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<String>,
    /// Print the configuration and end: the start of a file of one's own
    #[arg(long)]
    print: bool,
}

impl Proxy {
    /// Serves until asked to end, as `run` does.
    pub(super) fn run(self) -> ExitCode {
        let text = self.configuration();
        if self.print {
            say(&text);
            return ExitCode::SUCCESS;
        }
        match place(&text) {
            Ok(file) => run::serve(file.path(), |app| self.announce(app), |problem| placed(problem, "--upstream")),
            Err(cause) => fail(RUNTIME, format_args!("cannot write a configuration: {cause}")),
        }
    }

    fn configuration(&self) -> String {
        let certificate = self.tls_certificate.as_ref().zip(self.tls_key.as_ref());
        Sketch {
            listen: &self.listen,
            certificate: certificate.map(|(chain, key)| [chain.as_str(), key]),
            public_url: self.public_url.as_deref(),
            upstream: &self.upstream,
            scheme: &self.scheme,
            key_env: &self.key_env,
            does: if self.sign {
                Does::Sign
            } else if self.observe {
                Does::Observe
            } else {
                Does::Verify
            },
        }
        .text()
    }

    fn announce(&self, app: &App) {
        let places: Vec<_> = app.addresses().iter().map(|(_, address)| address.to_string()).collect();
        let does = if self.sign { "signs" } else { "verifies" };
        let text = format!("{} -> {}: {does} {}\n", places.join(", "), self.upstream, self.scheme);
        // Whoever closed stdout does not want to know.
        let _closed = std::io::stdout().lock().write_all(text.as_bytes());
    }
}

/// For this user only, and gone when the gateway ends; a file, so that a reload finds it.
fn place(text: &str) -> std::io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix("countersign-").suffix(".yaml").tempfile()?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use clap::{Args as _, Command, FromArgMatches};
    use serde_json::json;

    use super::*;
    use crate::config;

    fn configuration(line: &str) -> String {
        let command = Proxy::augment_args(Command::new("proxy"));
        let words = ["proxy"].into_iter().chain(line.split(' '));
        Proxy::from_arg_matches(&command.try_get_matches_from(words).unwrap()).unwrap().configuration()
    }

    #[test]
    fn what_is_asked_for_on_the_command_line_is_a_configuration() {
        let cases = [
            "--upstream 127.0.0.1:1 --scheme github --key-env HOME",
            "--upstream https://app.example --scheme stripe --key-env HOME --key-env PATH --observe",
            "--upstream 127.0.0.1:1 --scheme timestamp-body --key-env HOME --sign --listen 127.0.0.1:0",
            "--upstream 127.0.0.1:1 --scheme twilio --key-env HOME --public-url https://hooks.example --listen unix:/run/a",
        ];
        for line in cases {
            let file = place(&configuration(line)).unwrap();
            let loaded = config::load(file.path()).unwrap_or_else(|problems| panic!("{line}: {problems:?}"));
            assert_eq!(loaded.policy.routes.all().len(), 1, "{line}");
        }
    }

    #[test]
    fn text_stays_text_whatever_it_says() {
        let text = configuration("--upstream 127.0.0.1:1 --scheme x\"\n},routes:[] --key-env A\\");
        let value: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(value["routes"][0]["verify"], "x\"\n},routes:[]");
        assert_eq!(value["keyrings"]["keys"]["env"], json!({"A\\": "A\\"}));
        assert_eq!(value.as_object().unwrap().len(), 5);
    }
}
