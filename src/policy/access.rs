//! What a verified caller may do on a route: rules by key, principal, method and address.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::sig::key::Key;
use crate::sig::message::Method;

/// One rule of a route's `allow`: it lets through who fits every part that says something.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rule {
    /// Key ids; empty together with `principals`: every key.
    pub keys: HashSet<Arc<str>>,
    /// Principals; a caller fits by key or by principal.
    pub principals: HashSet<Arc<str>>,
    /// Methods; empty: all.
    pub methods: Vec<Method>,
    /// Client addresses; empty: all.
    pub sources: Vec<IpNet>,
}

/// A request whose signature holds.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    /// The key that verified it.
    pub key: &'a Key,
    /// What it asks for.
    pub method: &'a Method,
    /// Where it came from, seen through trusted proxies; `None` on a unix socket.
    pub source: Option<IpAddr>,
}

/// Whether some rule lets the caller through; what none does, otherwise. Without rules everybody is let through.
pub fn judge(rules: &[Rule], caller: Caller<'_>) -> Result<(), &'static str> {
    let mut closest = Err("no rule of `allow` is for this key");
    if rules.is_empty() {
        return Ok(());
    }
    for rule in rules.iter().filter(|rule| rule.is_for(caller.key)) {
        match (rule.takes(caller.method), rule.lists(caller.source)) {
            (true, true) => return Ok(()),
            (true, false) => closest = Err("no rule of `allow` takes this key from this address"),
            (false, _) => closest = Err("no rule of `allow` takes this key with this method"),
        }
    }
    closest
}

impl Rule {
    fn is_for(&self, key: &Key) -> bool {
        let anybody = self.keys.is_empty() && self.principals.is_empty();
        anybody || self.keys.contains(&key.id) || self.principals.contains(&key.principal)
    }

    fn takes(&self, method: &Method) -> bool {
        self.methods.is_empty() || self.methods.contains(method)
    }

    fn lists(&self, source: Option<IpAddr>) -> bool {
        let listed = |source: IpAddr| self.sources.iter().any(|net| net.contains(&source.to_canonical()));
        self.sources.is_empty() || source.is_some_and(listed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sig::key::Window;
    use crate::sig::secret::Secret;

    fn key(id: &str, principal: &str) -> Key {
        Key {
            id: id.into(),
            principal: principal.into(),
            secret: Secret::new(vec![1]),
            sign: Window::default(),
            verify: Window::default(),
            created: None,
            observe: false,
        }
    }

    fn rule(keys: &[&str], principals: &[&str], methods: &[Method], sources: &[&str]) -> Rule {
        let names = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
        Rule {
            keys: names(keys),
            principals: names(principals),
            methods: methods.to_vec(),
            sources: sources.iter().map(|net| net.parse().unwrap()).collect(),
        }
    }

    #[test]
    fn one_rule_has_to_fit_in_every_part() {
        let rules = [
            rule(&["k1"], &["shop"], &[Method::GET], &[]),
            rule(&["k1"], &[], &[Method::POST], &["192.0.2.0/24", "2001:db8::/32"]),
        ];
        for (id, principal, method, source, passes) in [
            ("k1", "k1", Method::GET, Some("203.0.113.1"), true),
            ("k1", "k1", Method::GET, None, true),
            ("k1", "k1", Method::POST, Some("192.0.2.255"), true),
            ("k1", "k1", Method::POST, Some("::ffff:192.0.2.1"), true),
            ("k1", "k1", Method::POST, Some("2001:db8::1"), true),
            ("k1", "k1", Method::POST, Some("192.0.3.0"), false),
            ("k1", "k1", Method::POST, None, false),
            ("k1", "k1", Method::new("DELETE"), Some("192.0.2.1"), false),
            ("k2", "shop", Method::GET, None, true),
            ("k2", "shop", Method::POST, Some("192.0.2.1"), false),
            ("shop", "k2", Method::GET, None, false),
            ("K1", "K1", Method::GET, None, false),
        ] {
            let key = key(id, principal);
            let source = source.map(|text| text.parse().unwrap());
            let judged = judge(&rules, Caller { key: &key, method: &method, source });
            assert_eq!(judged.is_ok(), passes, "{id} {principal} {method:?} {source:?}: {judged:?}");
        }
    }

    #[test]
    fn no_rule_lets_everybody_through_and_one_without_names_is_for_every_key() {
        let key = key("k9", "k9");
        let by = |method| Caller { key: &key, method, source: None };
        assert!(judge(&[], by(&Method::POST)).is_ok());
        let readers = [rule(&[], &[], &[Method::GET], &[])];
        assert!(judge(&readers, by(&Method::GET)).is_ok() && judge(&readers, by(&Method::POST)).is_err());
    }
}
