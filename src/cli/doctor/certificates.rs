//! Certificates of the listeners: how long they are good, and whether the chain is one.

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::Finding;
use crate::policy::Policy;
use crate::policy::listen::Certificate;
use crate::sig::time::Moment;

const GROUP: &str = "certificates";

/// Seconds before its end in which a certificate should have been renewed.
const SOON: i64 = 14 * 86_400;

const RENEW: &str = "renew it; the new files are read without a restart";

pub(super) fn look(policy: &Policy, now: Moment) -> Vec<Finding> {
    let of_listeners = policy.listeners.iter().filter_map(|listener| listener.tls.as_ref());
    let all = of_listeners.flat_map(|tls| &tls.certificates);
    let clients = policy.upstreams.iter().filter_map(|upstream| upstream.tls.as_ref()?.client.as_ref());
    all.chain(clients).map(|certificate| judge(certificate, now)).collect()
}

fn judge(certificate: &Certificate, now: Moment) -> Finding {
    let origin = &certificate.origin;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&certificate.chain).collect();
    let unreadable =
        || Finding::wrong(GROUP, format!("{origin}: not a certificate in PEM"), "put the chain there, leaf first");
    let Ok(chain) = chain else { return unreadable() };
    let parsed: Result<Vec<_>, _> =
        chain.iter().map(|der| X509Certificate::from_der(der).map(|(_, read)| read)).collect();
    let Ok(parsed) = parsed else { return unreadable() };
    let Some(end) = parsed.iter().map(|one| one.validity().not_after.timestamp()).min() else { return unreadable() };
    let begin = parsed.iter().map(|one| one.validity().not_before.timestamp()).max().unwrap_or_default();
    let left = end.saturating_sub(now.secs());
    let broken = parsed.iter().zip(parsed.iter().skip(1)).any(|(one, next)| one.issuer() != next.subject());
    match left {
        ..=0 => Finding::wrong(GROUP, format!("{origin}: expired {}", days(left)), RENEW),
        _ if begin > now.secs() => Finding::wrong(
            GROUP,
            format!("{origin}: not valid before {}", days(begin.saturating_sub(now.secs()))),
            "look at the clock, or wait",
        ),
        _ if broken => Finding::wrong(
            GROUP,
            format!("{origin}: the chain is broken, a certificate is not signed by the next"),
            "put the leaf first, then each issuer in turn",
        ),
        1..SOON => Finding::doubtful(GROUP, format!("{origin}: ends {}", days(left)), RENEW),
        _ => Finding::good(GROUP, format!("{origin}: good for {} days", left / 86_400)),
    }
}

fn days(seconds: i64) -> String {
    match seconds / 86_400 {
        0 if seconds > 0 => "within a day".to_owned(),
        0 => "today".to_owned(),
        days if days > 0 => format!("in {days} days"),
        days => format!("{} days ago", days.unsigned_abs()),
    }
}
