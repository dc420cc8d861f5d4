//! What a route says beside the signature: who may come, from where and how often.

use crate::policy::access::{Caller, Rule, judge};
use crate::policy::rate::Per;
use crate::policy::route::Route;
use crate::reject::Code;
use crate::sig::key::Key;
use crate::sig::message::Method;

/// A sentence for each rule of `route` that may still refuse the request. Its address is not known here, and neither is what came before it.
pub(super) fn told(route: &Route, signer: Option<&Key>, method: &Method) -> Vec<String> {
    let mut told = Vec::new();
    if !route.sources.is_empty() {
        told.push(may(Code::SourceRefused, "`sources`: only clients in these networks may come"));
    }
    if route.client_certificate {
        told.push(may(Code::ClientCertificateRequired, "`client_certificate`: the connection needs one"));
    }
    if !route.callers.allow.is_empty() {
        told.push(signer.map_or_else(unsigned, |key| allowed(&route.callers.allow, key, method)));
    }
    let rates = route.callers.rates;
    for (per, place, code) in [
        (Per::Source, rates.source, Code::SourceRateExceeded),
        (Per::Key, rates.key, Code::KeyRateExceeded),
        (Per::Principal, rates.principal, Code::PrincipalRateExceeded),
        (Per::Route, rates.route, Code::RouteRateExceeded),
    ] {
        if place.is_some() {
            told.push(may(code, &format!("`rate.{}`: depends on what came before", per.name())));
        }
    }
    told
}

fn unsigned() -> String {
    "`allow`: judged once the signature holds".to_owned()
}

/// Without the address, which only a connection has.
fn allowed(rules: &[Rule], key: &Key, method: &Method) -> String {
    let caller = Caller { key, method, source: None };
    let anywhere: Vec<Rule> = rules.iter().map(|rule| Rule { sources: Vec::new(), ..rule.clone() }).collect();
    match (judge(rules, caller), judge(&anywhere, caller)) {
        (Ok(()), _) => format!("`allow`: lets key `{}` through", key.id),
        (Err(_), Ok(())) => {
            may(Code::KeyRefused, &format!("`allow`: takes key `{}` from the listed networks only", key.id))
        }
        (Err(_), Err(why)) => {
            format!("refused with {} {}: {why}", Code::KeyRefused.reason().status, Code::KeyRefused.reason().code)
        }
    }
}

fn may(code: Code, what: &str) -> String {
    format!("{what} (otherwise {} {})", code.reason().status, code.reason().code)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sig::key::Window;
    use crate::sig::secret::Secret;

    #[test]
    fn what_allow_would_do_is_told_as_far_as_it_is_known() {
        let key = Key {
            id: "k1".into(),
            principal: "shop".into(),
            secret: Secret::new(vec![1]),
            sign: Window::default(),
            verify: Window::default(),
            created: None,
            observe: false,
        };
        let rule = |key: &str, nets: &[&str]| Rule {
            keys: [key.into()].into(),
            methods: vec![Method::GET],
            sources: nets.iter().map(|net| net.parse().unwrap()).collect(),
            ..Rule::default()
        };
        for (rule, method, expected) in [
            (rule("k1", &[]), Method::GET, "`allow`: lets key `k1` through"),
            (rule("k1", &["192.0.2.0/24"]), Method::GET, "the listed networks only (otherwise 403 key_refused)"),
            (
                rule("k1", &[]),
                Method::POST,
                "refused with 403 key_refused: no rule of `allow` takes this key with this method",
            ),
            (rule("k2", &[]), Method::GET, "refused with 403 key_refused: no rule of `allow` is for this key"),
        ] {
            let told = allowed(&[rule], &key, &method);
            assert!(told.ends_with(expected), "{told}");
        }
    }
}
