//! Listeners: address, TLS with its files, bounds.

use std::sync::Arc;
use std::time::Duration;

use super::super::field::Field;
use super::super::raw::File;
use super::super::raw::listeners as raw;
use super::super::report::Spot;
use super::super::values::{Of, Origin, Size};
use super::{Scope, bounds, forward_auth, proxied};
use crate::policy::limits::Connection;
use crate::policy::lint::Code;
use crate::policy::listen::{Address, Certificate, Clients, ListenAt, Listener, Tls};

/// A listener and where it stands.
pub(crate) struct Placed {
    pub(crate) value: Listener,
    pub(crate) spot: Spot,
    /// `signing_hosts` as written.
    pub(crate) signing_hosts: Option<Vec<Arc<str>>>,
}

/// Every listener that is right.
pub(crate) fn compile(raw: &File, root: Spot, scope: &Scope<'_>) -> Vec<Placed> {
    let named = raw.listeners.get().map(|named| named.0.as_slice()).unwrap_or_default();
    if named.is_empty() && (!raw.listeners.is_written() || raw.listeners.get().is_some()) {
        let fix = "write `listeners: {public: {address: \"0.0.0.0:8443\"}}`";
        scope.report.error_in(root, "listeners", "there is no listener", Some(fix));
    }
    let mut made: Vec<Placed> = Vec::new();
    for (name, raw, spot) in named.iter().filter_map(|(name, raw)| raw.found().map(|(raw, spot)| (name, raw, spot))) {
        let Some(listener) = listener(name, raw, spot, scope) else { continue };
        let address = &listener.value.address;
        let taken = made.iter().find(|other| other.value.address == *address && !is_any_port(address));
        if let Some(other) = taken {
            let message = format!("`{}` has the same address", other.value.name);
            scope.report.error(raw.address.spot_or(spot), &message, Some("give every listener an address of its own"));
        }
        made.push(listener);
    }
    made
}

/// Who holds an inherited socket open decides who reaches it: nothing is known of it here.
pub(crate) fn is_private(address: &ListenAt) -> bool {
    matches!(address, ListenAt::Address(address) if is_local(address))
}

/// Whether only this machine can connect.
pub(crate) fn is_local(address: &Address) -> bool {
    match address {
        Address::Socket(address) => address.ip().to_canonical().is_loopback(),
        Address::Unix(_) => true,
    }
}

fn is_any_port(address: &ListenAt) -> bool {
    matches!(address, ListenAt::Address(Address::Socket(address)) if address.port() == 0)
}

fn listener(name: &str, raw: &raw::Listener, spot: Spot, scope: &Scope<'_>) -> Option<Placed> {
    if !raw.address.is_written() {
        let fix = "write `address: \"0.0.0.0:8443\"` or `address: \"unix:/run/countersign/in.sock\"`";
        scope.report.error_in(spot, "address", "`address` is missing", Some(fix));
    }
    let tls = raw.tls.found().map(|(tls, at)| tls_of(tls, at, scope));
    let Of(address) = raw.address.get()?.clone();
    if !raw.tls.is_written() && !is_private(&address) {
        let message = "a plain listener can be reached from other machines";
        scope.report.warn(raw.address.spot_or(spot), Code::PlainListener, message);
    }
    let proxied = proxied::compile(&raw.proxy_protocol, &address, scope);
    let hosts = raw
        .signing_hosts
        .get()
        .map(|hosts| hosts.iter().filter_map(Field::get).map(|host| host.to_ascii_lowercase().into()).collect());
    Some(Placed {
        value: Listener {
            name: name.into(),
            address,
            tls: tls.flatten(),
            public_url: raw.public_url.get().map(|Of(Origin(url))| url.as_str().into()),
            trusted: raw.trusted.get().map(|many| many.iter().map(|(Of(net), _)| *net).collect()).unwrap_or_default(),
            proxied,
            limits: limits(raw, scope),
            http2: raw.http2.or(true),
            signing_hosts: None,
            forward_auth: forward_auth::compile(&raw.forward_auth, scope),
        },
        spot,
        signing_hosts: hosts,
    })
}

fn check_bounds(raw: &raw::Listener, scope: &Scope<'_>) {
    if let Some(limits) = raw.limits.get() {
        bounds::positive([&limits.head, &limits.target], scope);
        let counts = [&limits.fields, &limits.connections, &limits.connections_per_source, &limits.h2_streams];
        bounds::positive(counts, scope);
    }
    if let Some(times) = raw.timeouts.get() {
        bounds::positive([&times.handshake, &times.head, &times.idle, &times.write], scope);
    }
}

fn limits(raw: &raw::Listener, scope: &Scope<'_>) -> Connection {
    let mut limits = Connection::default();
    let size = |field: &Field<Of<Size>>, default: usize| {
        field.get().map_or(default, |Of(size)| usize::try_from(size.0).unwrap_or(usize::MAX))
    };
    let count = |field: &Field<u32>, default: usize| {
        field.get().map_or(default, |count| usize::try_from(*count).unwrap_or(usize::MAX))
    };
    let time = |field: &Field<Of<Duration>>, default: Duration| field.get().map_or(default, |Of(time)| *time);
    check_bounds(raw, scope);
    if let Some(raw) = raw.limits.get() {
        limits.head_max = size(&raw.head, limits.head_max);
        limits.fields_max = count(&raw.fields, limits.fields_max);
        limits.target_max = size(&raw.target, limits.target_max);
        limits.connections = count(&raw.connections, limits.connections);
        limits.per_source = count(&raw.connections_per_source, limits.per_source);
        limits.h2_streams = raw.h2_streams.or(limits.h2_streams);
    }
    if let Some(raw) = raw.timeouts.get() {
        limits.handshake = time(&raw.handshake, limits.handshake);
        limits.head = time(&raw.head, limits.head);
        limits.idle = time(&raw.idle, limits.idle);
        limits.write = time(&raw.write, limits.write);
    }
    limits
}

fn tls_of(raw: &raw::Tls, spot: Spot, scope: &Scope<'_>) -> Option<Tls> {
    let certificates = certificates(raw, spot, scope);
    let clients = match raw.clients.found() {
        Some((clients, at)) => clients_of(clients, at, scope)?,
        None => Clients::Ignored,
    };
    let named = raw.hosts.get().map(|named| named.0.as_slice()).unwrap_or_default();
    let hosts = named.iter().filter_map(|(host, clients)| {
        let (clients, at) = clients.found()?;
        Some((Arc::from(host.to_ascii_lowercase()), clients_of(clients, at, scope)?))
    });
    let hosts = hosts.collect();
    let only_tls13 = raw.minimum.get() == Some(&raw::TlsVersion::Tls13);
    Some(Tls { certificates: certificates?, clients, hosts, only_tls13 })
}

fn certificates(raw: &raw::Tls, spot: Spot, scope: &Scope<'_>) -> Option<Vec<Certificate>> {
    let own =
        raw::Certificate { chain: raw.certificate.clone(), key: raw.key.clone(), directory: raw.directory.clone() };
    let own_is_written = own.chain.is_written() || own.key.is_written() || own.directory.is_written();
    let mut made: Vec<Option<Certificate>> = Vec::new();
    if own_is_written {
        made.push(certificate(&own, spot, scope));
    }
    for (one, at) in raw.certificates.get().into_iter().flatten().filter_map(Field::found) {
        made.push(certificate(one, at, scope));
    }
    if made.is_empty() {
        let fix = "write `certificate:` and `key:`, or `directory:` (tls.crt, tls.key), or a list `certificates:`";
        scope.report.error(spot, "there is no certificate", Some(fix));
        return None;
    }
    made.into_iter().collect()
}

fn certificate(raw: &raw::Certificate, spot: Spot, scope: &Scope<'_>) -> Option<Certificate> {
    let pair = (raw.chain.is_written(), raw.key.is_written(), raw.directory.is_written());
    match pair {
        (true, true, false) => {
            let ((chain, at), (key, key_at)) = (raw.chain.found()?, raw.key.found()?);
            scope.files.certificate((chain, at), (key, key_at))
        }
        (false, false, true) => {
            let (directory, at) = raw.directory.found()?;
            scope.files.directory(directory, at)
        }
        _ => {
            let fix = "write both `certificate:` and `key:`, or `directory:` alone";
            scope.report.error(spot, "a certificate and its key belong together", Some(fix));
            None
        }
    }
}

fn clients_of(raw: &raw::Clients, spot: Spot, scope: &Scope<'_>) -> Option<Clients> {
    let mode = raw.mode.or(raw::ClientMode::Required);
    if mode == raw::ClientMode::Ignored {
        return Some(Clients::Ignored);
    }
    let Some((path, at)) = raw.ca.found() else {
        if !raw.ca.is_written() {
            scope.report.error_in(spot, "ca", "`ca` is missing", Some("name the PEM file of the accepted authorities"));
        }
        return None;
    };
    let ca = scope.files.authorities(path, at)?;
    Some(if mode == raw::ClientMode::Optional { Clients::Optional { ca } } else { Clients::Required { ca } })
}
