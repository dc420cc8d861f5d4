//! Mistakes about the head: a path, a host or a URL that was signed as it is somewhere else.

use bytes::Bytes;

use super::body::recased;
use super::{Candidate, Cause};
use crate::sig::declared::trace::Whole;
use crate::sig::form;
use crate::sig::message::{Head, Method};

/// The same request, seen from somewhere else.
pub(super) fn candidates(whole: Whole<'_>) -> Vec<Candidate> {
    let mut all = targets(whole.head);
    all.extend(hosts(whole.head));
    all.extend(methods(whole.head));
    all.extend(urls(whole));
    all
}

fn targets(head: &Head) -> Vec<Candidate> {
    let (path, query) = (head.path(), head.target.get(head.path().len()..).unwrap_or_default());
    let decoded = form::percent_decode(path, false);
    let slashed = path.strip_suffix(b"/").map_or_else(|| [path, b"/"].concat(), <[u8]>::to_vec);
    let rest = path.iter().skip(1).position(|byte| *byte == b'/').map(|place| place.saturating_add(1));
    let shorter = rest.and_then(|place| path.get(place..)).unwrap_or(path);
    let all_decoded = form::percent_decode(&head.target, false);
    let variants = [
        (Cause::QueryNotSigned, path.to_vec()),
        (Cause::PathDecoded, [&decoded, query].concat()),
        (Cause::PathDecoded, all_decoded.to_vec()),
        (Cause::PathDecoded, decoded.to_vec()),
        (Cause::PathDecoded, recased(&head.target, false)),
        (Cause::PathDecoded, recased(&head.target, true)),
        (Cause::PathSlash, [&slashed, query].concat()),
        (Cause::PathPrefix, [shorter, query].concat()),
    ];
    let changed = variants.into_iter().filter(|(_, target)| *target != head.target);
    changed
        .map(|(cause, target)| Candidate {
            head: Some(Head { target: Bytes::from(target), ..head.clone() }),
            ..Candidate::new(cause, "")
        })
        .collect()
}

fn hosts(head: &Head) -> Vec<Candidate> {
    let host = &head.authority;
    let name = host.iter().rposition(|byte| *byte == b':').and_then(|colon| host.get(..colon)).unwrap_or(host);
    let variants = [
        (Cause::HostPort, name.to_vec()),
        (Cause::HostPort, [name, b":443"].concat()),
        (Cause::HostPort, [name, b":80"].concat()),
        (Cause::HostCase, host.to_ascii_lowercase()),
    ];
    let changed = variants.into_iter().filter(|(_, host)| *host != head.authority);
    changed
        .map(|(cause, host)| {
            let told = format!("signed as `{}`", String::from_utf8_lossy(&host));
            Candidate { head: Some(Head { authority: host.into(), ..head.clone() }), ..Candidate::new(cause, told) }
        })
        .collect()
}

fn methods(head: &Head) -> Vec<Candidate> {
    let method = head.method.as_str();
    let variants = [method.to_ascii_lowercase(), method.to_ascii_uppercase()];
    let changed = variants.iter().filter(|other| other.as_str() != method);
    changed
        .map(|other| Candidate {
            head: Some(Head { method: Method::new(other), ..head.clone() }),
            ..Candidate::new(Cause::MethodCase, "")
        })
        .collect()
}

/// Other ways to write the public URL, and the one that the request itself names.
fn urls(whole: Whole<'_>) -> Vec<Candidate> {
    let host = String::from_utf8_lossy(&whole.head.authority).into_owned();
    let bare = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
    let mut variants =
        vec![format!("https://{host}"), format!("http://{host}"), format!("https://{bare}"), format!("http://{bare}")];
    if let Some(own) = whole.site.public_url {
        let swapped = own.strip_prefix("https://").map(|rest| format!("http://{rest}"));
        variants.extend(swapped.or_else(|| own.strip_prefix("http://").map(|rest| format!("https://{rest}"))));
        variants.extend([format!("{own}/"), format!("{own}:443"), format!("{own}:80")]);
        variants
            .extend(own.rsplit_once(':').filter(|(_, port)| !port.starts_with('/')).map(|(name, _)| name.to_owned()));
        variants.retain(|other| other != own);
    }
    let told = |url: &str| format!("signed as `{url}`");
    variants
        .into_iter()
        .map(|url| Candidate { public_url: Some(url.clone()), ..Candidate::new(Cause::PublicUrl, told(&url)) })
        .collect()
}
