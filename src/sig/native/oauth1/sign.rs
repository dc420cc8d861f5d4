//! The same request, signed by us: fresh stamp and nonce, the body by its fields or its hash.

use std::sync::Arc;

use super::params::{self, Pair};
use super::{Coverage, Oauth1, base, is_form};
use crate::reject::{Code, Rejection};
use crate::sig::declared::parts;
use crate::sig::encoding::Encoding;
use crate::sig::form::{percent_decode, percent_encode};
use crate::sig::message::Head;
use crate::sig::native::{Outgoing, carrier};
use crate::sig::ring::Prepared;
use crate::sig::template::Source;

/// Writes the protocol parameters into their carrier, made with the newest key.
pub(super) fn sign(
    scheme: &Oauth1,
    head: &mut Head,
    keys: &[Arc<Prepared>],
    outgoing: &Outgoing<'_>,
) -> Result<(), Rejection> {
    let signer = keys.first().ok_or(Code::SigningFailed)?;
    let mut own = credentials(scheme, signer)?;
    own.extend(fresh(scheme, outgoing));
    let others = others(scheme, head, outgoing, &mut own)?;
    let message = base::string(head, outgoing.site.public_url, own.iter().chain(&others))?;
    let mut mac = signer.mac.clone();
    mac.update(&message);
    own.push(pair("oauth_signature", &Encoding::Base64.encode(&mac.tag()?)));
    write(scheme, head, &own);
    Ok(())
}

/// Who signs.
fn credentials(scheme: &Oauth1, signer: &Prepared) -> Result<Vec<Pair>, Rejection> {
    let key = signer.key.as_ref().ok_or(Code::SigningFailed)?;
    match scheme.pair {
        parts::Pair::Alone => Ok(vec![pair("oauth_consumer_key", &key.id)]),
        parts::Pair::Joined => {
            let halves = key.id.split_once('&').ok_or_else(|| failed("its key id is not `consumer&token`"))?;
            let decoded = |name: &str, half: &str| {
                (name.as_bytes().to_vec(), percent_decode(half.as_bytes(), false).into_owned())
            };
            let token = Some(decoded("oauth_token", halves.1)).filter(|(_, token)| !token.is_empty());
            Ok(std::iter::once(decoded("oauth_consumer_key", halves.0)).chain(token).collect())
        }
    }
}

fn fresh(scheme: &Oauth1, outgoing: &Outgoing<'_>) -> [Pair; 4] {
    [
        pair("oauth_nonce", &Encoding::Hex.encode(&outgoing.entropy)),
        pair("oauth_signature_method", scheme.method.name()),
        pair("oauth_timestamp", &outgoing.now.secs().max(0).to_string()),
        pair("oauth_version", "1.0"),
    ]
}

/// The parameters of the rest of the request; where the body is no form, its hash becomes one of ours.
fn others(scheme: &Oauth1, head: &Head, outgoing: &Outgoing<'_>, own: &mut Vec<Pair>) -> Result<Vec<Pair>, Rejection> {
    let unreadable = |_| failed("the outgoing query or form cannot be read in one way only");
    let mut others = params::pairs(head.query().unwrap_or_default()).map_err(unreadable)?;
    let is_form = is_form(head).map_err(unreadable)?;
    match (scheme.body, outgoing.has_body) {
        (_, false) | (Coverage::Nothing, _) => {}
        (Coverage::Form | Coverage::Either, true) if is_form => {
            others.extend(params::pairs(outgoing.body.unwrap_or_default()).map_err(unreadable)?);
        }
        (Coverage::Hash | Coverage::Either, true) if !is_form => {
            let digest = outgoing.digests.iter().find(|(algorithm, _)| *algorithm == scheme.method.hash());
            let (_, digest) = digest.ok_or(Code::SigningFailed)?;
            own.push(pair("oauth_body_hash", &Encoding::Base64.encode(digest)));
        }
        (Coverage::Form | Coverage::Hash | Coverage::Either, true) => {
            return Err(failed("this kind of body is not covered: see `body`"));
        }
    }
    if others.iter().any(|(name, _)| params::is_protocol(name)) {
        return Err(failed("the body names a parameter of the protocol"));
    }
    Ok(others)
}

fn write(scheme: &Oauth1, head: &mut Head, own: &[Pair]) {
    match &scheme.carrier.source {
        Source::Query(_) => {
            let pairs: Vec<_> = own.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
            carrier::add_query(head, &pairs);
        }
        Source::Header(_) | Source::Cookie(_) | Source::Param(_) | Source::Form(_) | Source::Json(_) => {
            let realm = scheme.realm.iter().map(|realm| format!("realm=\"{realm}\""));
            let entry = |(name, value): &Pair| format!("{}=\"{}\"", percent_encode(name), percent_encode(value));
            let list: Vec<String> = realm.chain(own.iter().map(entry)).collect();
            scheme.carrier.write(head, &list.join(", "));
        }
    }
}

fn pair(name: &str, value: &str) -> Pair {
    (name.as_bytes().to_vec(), value.as_bytes().to_vec())
}

fn failed(note: &'static str) -> Rejection {
    Rejection::from(Code::SigningFailed).because(note)
}
