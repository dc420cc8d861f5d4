//! `countersign sign`: a signature for one request, as headers or as a whole curl command.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use bytes::Bytes;
use clap::Args;

use super::explain::moment;
use super::link::{self, Link};
use super::means::Means;
use super::{RUNTIME, USAGE, fail, say};
use crate::clock::Clock;
use crate::explain::request::{self, Captured, Pieces};
use crate::policy::route::Guard;
use crate::policy::seal::With;
use crate::policy::{Policy, Seal};
use crate::reject::Rejection;
use crate::sig::keyring::Keyring;
use crate::sig::message::Head;
use crate::sig::scheme::Scheme;
use crate::sig::time::Moment;
use crate::sig::{Need, Site};

/// Arguments of `sign`.
#[derive(Args)]
pub(super) struct Sign {
    #[command(flatten)]
    means: Means,
    /// Sign for the route that takes this path, with its first scheme; where it verifies nothing, as it signs [default: the URL's path]
    #[arg(long, value_name = "PATH", conflicts_with = "scheme")]
    route: Option<String>,
    /// The method [default: POST with a body, GET without]
    #[arg(short = 'X', long)]
    method: Option<String>,
    /// A header line, `Name: value`; may be given several times
    #[arg(short = 'H', long = "header", value_name = "LINE")]
    headers: Vec<String>,
    /// The body
    #[arg(short = 'd', long, visible_alias = "data", value_name = "TEXT", conflicts_with = "data_file")]
    body: Option<String>,
    /// A file that holds the body; `-` is standard input
    #[arg(long, value_name = "FILE")]
    data_file: Option<PathBuf>,
    /// When it is signed, in Unix seconds or as 2026-11-22T10:00:00Z [default: now]
    #[arg(long, value_parser = moment)]
    now: Option<Moment>,
    /// Print a curl command instead of headers
    #[arg(long)]
    curl: bool,
    #[command(flatten)]
    link: Link,
    /// Where it goes
    url: String,
}

/// How it is signed, and what the URL is to be.
pub(super) type Signer = (Arc<Scheme>, Arc<Keyring>, Option<String>);

impl Sign {
    /// 0, 1 where it cannot be signed, 2 where the arguments make no request, 78 where the configuration is wrong.
    pub(super) fn run(mut self) -> ExitCode {
        if self.link.asked {
            self.means.assume(link::SCHEME);
        }
        self.signed().unwrap_or_else(|code| code)
    }

    fn signed(&self) -> Result<ExitCode, ExitCode> {
        let now = self.now.unwrap_or_else(|| Clock::system().now());
        let Captured { head, body, .. } = self.request()?;
        let (scheme, ring, public_url) = self.signer(&head, now)?;
        if self.link.asked {
            let (origin, by_route) = (origin(&self.url), self.means.scheme.is_none());
            let terms = link::Terms { url: &self.url, origin: &origin, now, by_route };
            return self.link.print(&head, (scheme, ring, public_url), &terms);
        }
        if let Err(why) = &scheme.facts().can_sign {
            return Err(fail(RUNTIME, format_args!("scheme `{}` cannot sign: {why}", scheme.name())));
        }
        let public_url = public_url.unwrap_or_else(|| origin(&self.url));
        let seal = Seal::new(scheme, ring, With::All);
        if let Some(misfit) = seal.misfits().first() {
            return Err(fail(RUNTIME, misfit));
        }
        let mut signed = head.clone();
        let wrapped = sealed(&seal, &mut signed, &body, (&public_url, now)).map_err(|rejection| {
            fail(
                RUNTIME,
                format_args!(
                    "{}: {}",
                    rejection.code().reason().detail,
                    rejection.note().unwrap_or("no more is known")
                ),
            )
        })?;
        let url = format!("{}{}", origin(&self.url), String::from_utf8_lossy(&signed.target));
        if self.curl {
            say(&self.command(&url, &signed, (&body, wrapped.as_ref()))?);
        } else {
            say(&with_body(added(&seal, (&head, &signed), &url), wrapped.as_ref()));
        }
        Ok(ExitCode::SUCCESS)
    }

    /// The request as the gateway would read it.
    fn request(&self) -> Result<Captured, ExitCode> {
        if let Some(other) = other_scheme(&self.url) {
            return Err(fail(USAGE, format_args!("`{other}://` is not signed: a URL begins with http:// or https://")));
        }
        let told = |path: &Path, error: std::io::Error| fail(USAGE, format_args!("{}: {error}", path.display()));
        let body = match (&self.body, &self.data_file) {
            (Some(text), _) => text.clone().into_bytes(),
            (None, Some(path)) => super::input(path).map_err(|error| told(path, error))?,
            (None, None) => Vec::new(),
        };
        let usual = if self.body.is_some() || self.data_file.is_some() { "POST" } else { "GET" };
        let line = |line: &String| {
            let (name, value) =
                line.split_once(':').ok_or_else(|| fail(USAGE, format_args!("`{line}` is not `Name: value`")))?;
            Ok((name.trim().to_owned(), value.trim().as_bytes().to_vec()))
        };
        let headers = self.headers.iter().map(line).collect::<Result<_, ExitCode>>()?;
        let method = self.method.clone().unwrap_or_else(|| usual.to_owned());
        let pieces = Pieces { method, url: self.url.clone(), headers, body, notes: Vec::new() };
        let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| fail(RUNTIME, error))?;
        runtime.block_on(request::of(pieces)).map_err(|error| fail(USAGE, error))
    }

    fn signer(&self, head: &Head, now: Moment) -> Result<Signer, ExitCode> {
        if self.means.scheme.is_some() {
            let (scheme, ring) = self.means.named(now)?;
            return Ok((scheme, ring, self.means.public_url.clone()));
        }
        let loaded = self.means.loaded()?;
        let target = self.route.as_ref().map_or_else(|| head.target.clone(), |path| Bytes::from(path.clone()));
        let (scheme, ring, public_url) =
            self.by_route(&loaded.policy, &Head { target, ..head.clone() }).map_err(|why| fail(USAGE, why))?;
        Ok((scheme, ring, self.means.public_url.clone().or(public_url)))
    }

    /// The route's first scheme that can sign, with its keys; or what the route itself signs with.
    fn by_route(&self, policy: &Policy, head: &Head) -> Result<Signer, String> {
        let found = policy.listeners.iter().find_map(|listener| {
            let matched = policy.routes.find(head, &listener.name).ok()?;
            Some((matched, listener.public_url.clone()))
        });
        let (matched, listener_url) = found.ok_or("no route takes this path, host and method")?;
        let public_url = matched.route.public_url.clone().or(listener_url).map(|url| url.to_string());
        if let Guard::Verify(gate) = &matched.route.guard {
            let site = Site { public_url: public_url.as_deref(), captures: &matched.captures };
            let doors = gate.doors(site);
            let fits = |scheme: &Scheme| {
                if self.link.asked { scheme.can_issue().is_ok() } else { scheme.facts().can_sign.is_ok() }
            };
            let able = doors.iter().find(|(scheme, _)| fits(scheme)).or(doors.first());
            let (scheme, ring) = able.ok_or("the route can never be satisfied")?;
            let ring = ring.as_ref().ok_or("nobody has the keyring that this path names")?;
            return Ok((Arc::clone(scheme), Arc::clone(ring.ring()), public_url));
        }
        let seal = matched.route.seal.as_ref().ok_or("the route neither verifies nor signs")?;
        Ok((Arc::clone(seal.scheme()), Arc::clone(seal.ring()), public_url))
    }

    /// `wrapped` is the body that goes instead, where the signature sits in it.
    fn command(&self, url: &str, head: &Head, (body, wrapped): (&Bytes, Option<&Bytes>)) -> Result<String, ExitCode> {
        let mut text = match head.method.as_str() {
            "HEAD" => "curl -I".to_owned(),
            method => format!("curl -X {}", quoted(method)),
        };
        for field in head.fields.iter().filter(|field| field.name != "content-length") {
            let line = format!("{}: {}", String::from_utf8_lossy(&field.name), String::from_utf8_lossy(&field.value));
            let _infallible = write!(text, " \\\n  -H {}", quoted(&line));
        }
        if let Some(wrapped) = wrapped {
            let _infallible = write!(text, " \\\n  --data-binary {}", quoted(&String::from_utf8_lossy(wrapped)));
        } else if let Some(path) = &self.data_file {
            if path == Path::new("-") {
                return Err(fail(USAGE, "a curl command cannot hold standard input: name a file"));
            }
            let _infallible = write!(text, " \\\n  --data-binary {}", quoted(&format!("@{}", path.display())));
        } else if !body.is_empty() {
            let _infallible = write!(text, " \\\n  --data-raw {}", quoted(&String::from_utf8_lossy(body)));
        }
        if !head.fields.contains("content-type") && (self.data_file.is_some() || !body.is_empty()) {
            text.push_str(" \\\n  -H 'Content-Type:'");
        }
        let _infallible = writeln!(text, " \\\n  {}", quoted(url));
        Ok(text)
    }
}

/// Signs the head; where the signature sits in the body, the body that goes instead.
fn sealed(seal: &Seal, head: &mut Head, body: &[u8], (url, now): (&str, Moment)) -> Result<Option<Bytes>, Rejection> {
    let entropy = link::entropy()?;
    let site = Site { public_url: Some(url), captures: &[] };
    let mut signing = seal.start(head, site, now, entropy)?;
    if signing.need() == Need::Whole {
        return signing.finish(head, Some(body));
    }
    signing.feed(body);
    signing.finish(head, None)
}

/// The lines, then the body as a message has it: behind an empty line, or alone.
fn with_body(lines: String, body: Option<&Bytes>) -> String {
    let Some(body) = body else { return lines };
    let mark = if lines.is_empty() { "" } else { "\n" };
    format!("{lines}{mark}{}\n", String::from_utf8_lossy(body))
}

/// The scheme of a URL that is neither `http` nor `https`.
fn other_scheme(url: &str) -> Option<&str> {
    let (scheme, _) = url.split_once("://").filter(|(scheme, _)| !scheme.contains(['/', '?', '#']))?;
    let known = ["http", "https"].iter().any(|known| known.eq_ignore_ascii_case(scheme));
    (!known).then_some(scheme)
}

/// The lines that signing added, and the URL where it is another now.
fn added(seal: &Seal, (before, after): (&Head, &Head), url: &str) -> String {
    let mut text = String::new();
    let new = |field: &&crate::sig::message::Field| !before.fields.iter().any(|old| old == *field);
    for field in after.fields.iter().filter(new) {
        let name = String::from_utf8_lossy(&field.name);
        let spelled = seal.scheme().facts().announced.iter().find(|known| known.eq_ignore_ascii_case(&name));
        let _infallible =
            writeln!(text, "{}: {}", spelled.map_or(&*name, String::as_str), String::from_utf8_lossy(&field.value));
    }
    if before.target != after.target {
        let _infallible = writeln!(text, "{url}");
    }
    text
}

/// The URL up to its path.
fn origin(url: &str) -> String {
    let from = url.find("://").map_or(0, |place| place.saturating_add(3));
    let rest = url.get(from..).unwrap_or_default();
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    url.get(..from.saturating_add(end)).unwrap_or(url).to_owned()
}

/// One word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
