//! A vector before the gate that it would meet on a route.

use std::fmt;
use std::sync::Arc;

use super::options;
use super::travel::travel;
use super::vector::{KeyLine, Vector, bytes};
use crate::config::scheme::{Declaration, compile};
use crate::policy::gate::{Alternative, Gate, Keys};
use crate::policy::limits;
use crate::reject::Rejection;
use crate::sig::key::{Key, Window};
use crate::sig::keyring::{Keyring, KeyringError};
use crate::sig::scheme::Scheme;
use crate::sig::secret::Secret;
use crate::sig::time::Moment;
use crate::sig::{Need, Site};

/// Bytes of a body that are fed at a time: bodies never come whole.
const PIECE: usize = 1000;

/// The schemes that lines can name, and what parses their requests.
pub(super) struct Judge {
    declared: Vec<(String, Declaration)>,
    only: Option<String>,
    runtime: tokio::runtime::Runtime,
}

/// What became of a request.
pub(super) enum Verdict {
    /// It is signed with this key.
    Valid(Arc<str>),
    /// It is not.
    Refused(Rejection),
    /// The gateway would not start with these keys.
    Unkeyed(KeyringError),
}

impl Judge {
    /// Schemes of the user's own come before built-in ones; `only` judges every line.
    pub(super) fn new(declared: Vec<(String, Declaration)>, only: Option<String>) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        Ok(Self { declared, only, runtime })
    }

    /// The verdict of the serving code, or why the line cannot be judged.
    pub(super) fn verdict(&self, vector: &Vector) -> Result<Verdict, String> {
        let scheme = Arc::new(self.scheme(vector)?);
        let body = vector.body()?;
        let ring = match ring(&scheme, &vector.keys)? {
            Ok(ring) => Arc::new(ring),
            Err(error) => return Ok(Verdict::Unkeyed(error)),
        };
        let gate = Gate::new(vec![Alternative { scheme, keys: Keys::Ring(ring) }]);
        let judged = self.runtime.block_on(judge(&gate, vector, &body));
        Ok(match judged {
            Ok(key) => Verdict::Valid(key),
            Err(rejection) => Verdict::Refused(rejection),
        })
    }

    fn scheme(&self, vector: &Vector) -> Result<Scheme, String> {
        let name = self.only.as_deref().or(vector.scheme.as_deref()).ok_or("no scheme: give `--scheme`")?;
        let own = self.declared.iter().find(|(declared, _)| declared == name);
        let declaration = match own {
            // It says itself what a line's `config` would say.
            Some((_, declaration)) => declaration.with(options::window(vector.tolerance, false)),
            None => options::declaration(name, vector.config.as_ref(), vector.tolerance)?,
        };
        compile(name, &declaration).map_err(|problems| {
            let told = problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message));
            format!("scheme `{name}`: {}", told.collect::<Vec<_>>().join("; "))
        })
    }
}

async fn judge(gate: &Gate, vector: &Vector, body: &[u8]) -> Result<Arc<str>, Rejection> {
    let (mut head, body) = travel(vector, body).await?;
    head.secure = vector.base_url.as_deref().is_none_or(|url| url.starts_with("https://"));
    let site = Site { public_url: vector.base_url.as_deref(), captures: &[] };
    let mut check = gate.open(&head, site, Moment::from_secs(vector.now), limits::Request::default().macs)?;
    let permit = if check.need() == Need::Whole {
        check.close(Some(&body))?
    } else {
        body.chunks(PIECE).for_each(|piece| check.feed(piece));
        check.close(None)?
    };
    Ok(Arc::clone(&permit.key().id))
}

/// The line's keys, all active.
fn ring(scheme: &Scheme, keys: &[KeyLine]) -> Result<Result<Keyring, KeyringError>, String> {
    let keys = keys.iter().map(|line| Ok(key(line, secret(scheme, line)?))).collect::<Result<Vec<_>, String>>()?;
    Ok(Keyring::new("vectors", keys))
}

fn key(line: &KeyLine, secret: Vec<u8>) -> Key {
    let id: Arc<str> = line.id.as_str().into();
    Key {
        principal: Arc::clone(&id),
        id,
        secret: Secret::new(secret),
        sign: Window::default(),
        verify: Window::default(),
        created: None,
        observe: false,
    }
}

/// Key bytes are written as the scheme reads them.
fn secret(scheme: &Scheme, line: &KeyLine) -> Result<Vec<u8>, String> {
    match (&line.secret, &line.secret_b64) {
        (Some(text), None) => Ok(text.as_bytes().to_vec()),
        (None, Some(text)) => {
            let raw = bytes("secret_b64", text)?;
            let encoding = scheme.facts().key_use.form.encoding;
            Ok(encoding.map_or_else(|| raw.clone(), |encoding| encoding.encode(&raw).into_bytes()))
        }
        _ => Err(format!("key `{}` needs one of `secret` and `secret_b64`", line.id)),
    }
}

impl Verdict {
    /// Whether the request passes.
    pub(super) const fn is_valid(&self) -> bool {
        matches!(self, Self::Valid(_))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Valid(key) => write!(f, "valid, key `{key}`"),
            Self::Refused(rejection) => {
                f.write_str(rejection.code().reason().code)?;
                rejection.note().map_or(Ok(()), |note| write!(f, " ({note})"))
            }
            Self::Unkeyed(error) => write!(f, "a keyring that cannot be loaded: {error}"),
        }
    }
}
