//! Who may say, and has to say, where a connection really comes from.

use ipnet::IpNet;

use super::super::field::Field;
use super::super::raw::listeners::ProxyProtocol;
use super::super::values::Of;
use super::Scope;
use crate::policy::listen::{Address, ListenAt};

/// The networks that send PROXY headers to a listener at `address`; `None` where none are expected.
pub(super) fn compile(raw: &Field<ProxyProtocol>, address: &ListenAt, scope: &Scope<'_>) -> Option<Vec<IpNet>> {
    let (raw, at) = raw.found()?;
    let named = raw.from.get().is_some_and(|many| !many.0.is_empty());
    let unix = matches!(address, ListenAt::Address(Address::Unix(_)));
    match unix {
        false if !raw.from.is_written() => {
            let fix = "name the load balancers: `from: [10.0.0.0/8]`";
            scope.report.error_in(at, "from", "`from` is missing", Some(fix));
        }
        true if raw.from.is_written() => {
            let fix = "write `proxy_protocol: {}`: whoever can open the socket sends the header";
            scope.report.error(raw.from.spot_or(at), "a unix socket knows no addresses", Some(fix));
        }
        false if raw.from.get().is_some() && !named => {
            scope.report.error(raw.from.spot_or(at), "an empty list lets nobody in", Some("name the load balancers"));
        }
        _ => {}
    }
    for (Of(net), at) in raw.from.each().filter(|(Of(net), _)| net.prefix_len() == 0) {
        let message = format!("with {net} everybody could say where they come from");
        scope.report.error(at, &message, Some("name the networks of the load balancers"));
    }
    Some(raw.from.each().map(|(Of(net), _)| *net).collect())
}
