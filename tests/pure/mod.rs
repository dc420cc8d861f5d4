//! What every test of one scheme in the pure core begins with: keys, a scheme, a request, a verdict.

use std::sync::Arc;

use bytes::Bytes;
use countersign::config::scheme::{Declaration, SchemeProblem, compile};
use countersign::policy::gate::{Alternative, Gate, Keys};
use countersign::reject::Rejection;
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::permit::Permit;
use countersign::sig::scheme::Scheme;
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;
use countersign::sig::{Need, Site};

/// The scheme `name` of this declaration, or its mistakes.
pub(crate) fn load(name: &str, yaml: &str) -> Result<Arc<Scheme>, Vec<SchemeProblem>> {
    let declaration: Declaration = serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
    compile(name, &declaration).map(Arc::new)
}

/// Keys by id, each its own principal, good at all times.
pub(crate) fn ring<S: AsRef<[u8]>>(keys: &[(&str, S)]) -> Arc<Keyring> {
    let key = |(id, secret): &(&str, S)| Key {
        id: Arc::from(*id),
        principal: Arc::from(*id),
        secret: Secret::new(secret.as_ref().to_vec()),
        sign: Window::default(),
        verify: Window::default(),
        created: None,
        observe: false,
    };
    Arc::new(Keyring::new("ring", keys.iter().map(key).collect()).unwrap())
}

/// A request that came by TLS.
pub(crate) fn head(method: &str, (host, target): (&str, &str), headers: &[(&str, &str)]) -> Head {
    let mut fields = Fields::default();
    for (name, value) in headers {
        fields.append((*name).to_owned(), (*value).to_owned());
    }
    let (target, authority) = (Bytes::from(target.to_owned()), Bytes::from(host.to_owned()));
    Head { method: Method::new(method), target, authority, secure: true, fields }
}

/// One scheme and one ring.
pub(crate) fn gate(scheme: &Arc<Scheme>, ring: Arc<Keyring>) -> Gate {
    Gate::new(vec![Alternative { scheme: Arc::clone(scheme), keys: Keys::Ring(ring) }])
}

/// The verdict after at most eight MACs, on a body that arrives in pieces where the scheme lets it.
pub(crate) fn judge(
    gate: &Gate,
    head: &Head,
    body: &[u8],
    (site, now): (Site<'_>, Moment),
) -> Result<Permit, Rejection> {
    let mut check = gate.open(head, site, now, 8)?;
    if check.need() == Need::Whole {
        return check.close(Some(body));
    }
    body.chunks(97).for_each(|chunk| check.feed(chunk));
    check.close(None)
}
