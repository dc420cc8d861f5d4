//! Which route a request belongs to: the most specific one, never the first in the file.

mod path;
mod pattern;
mod table;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::Route;
use crate::reject::{Code, Rejection};
use crate::sig::message::{Head, Method};

pub use pattern::{PathPattern, PatternError};
use table::{Entry, Found, Table};

/// Which requests a route is for.
#[derive(Clone, Debug)]
pub struct Match {
    /// `None`: every host.
    pub host: Option<HostPattern>,
    /// Which paths.
    pub path: PathPattern,
    /// Methods; empty: all.
    pub methods: Vec<Method>,
    /// Names of listeners; empty: all.
    pub listeners: Vec<Arc<str>>,
}

/// Which hosts. Lower-case, without port.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum HostPattern {
    /// This one.
    Exact(Arc<str>),
    /// `*.suffix`: every name below it, itself not among them.
    Below(Arc<str>),
}

/// All routes, ready to be searched.
pub struct Routes {
    all: Vec<Arc<Route>>,
    exact_hosts: HashMap<Arc<str>, Table>,
    host_suffixes: HashMap<Arc<str>, Table>,
    every_host: Table,
}

/// The route that was found, and what its pattern captured.
pub struct Matched {
    /// The rule to obey.
    pub route: Arc<Route>,
    /// Captured segments by name, raw bytes.
    pub captures: Vec<(Arc<str>, Bytes)>,
    /// What `**` matched, raw, without a leading slash.
    pub rest: Bytes,
}

impl Match {
    /// Whether the two are equally specific and some request is for both.
    pub fn collides(&self, other: &Self) -> bool {
        fn overlap<T: PartialEq>(left: &[T], right: &[T]) -> bool {
            left.is_empty() && right.is_empty() || left.iter().any(|one| right.contains(one))
        }
        self.host == other.host
            && self.path.is_same_as(&other.path)
            && overlap(&self.methods, &other.methods)
            && overlap(&self.listeners, &other.listeners)
    }
}

impl Routes {
    /// Routes in the order of the file, each with everything it is for. No two matches may collide.
    pub fn new(routes: Vec<(Vec<Match>, Arc<Route>)>) -> Self {
        let mut made = Self {
            all: Vec::with_capacity(routes.len()),
            exact_hosts: HashMap::new(),
            host_suffixes: HashMap::new(),
            every_host: Table::default(),
        };
        for (matches, route) in routes {
            for one in matches {
                let table = match &one.host {
                    None => &mut made.every_host,
                    Some(HostPattern::Exact(host)) => made.exact_hosts.entry(Arc::clone(host)).or_default(),
                    Some(HostPattern::Below(suffix)) => made.host_suffixes.entry(Arc::clone(suffix)).or_default(),
                };
                table.add(Entry { rule: one, route: Arc::clone(&route) });
            }
            made.all.push(route);
        }
        made.tables().for_each(Table::sort);
        made
    }

    /// The most specific route for host, path and method on this listener. The path is matched as received; one that could lead
    /// elsewhere when an upstream normalises it is refused.
    pub fn find(&self, head: &Head, listener: &str) -> Result<Matched, Rejection> {
        let path = head.path();
        let normal = path::check(path)?;
        let host = host_of(&head.authority);
        let entry = self.search(&host, path, &head.method, listener)?;
        if let Some(normal) = normal {
            let other = self.search(&host, &normal, &head.method, listener);
            if !other.is_ok_and(|other| Arc::ptr_eq(&other.route, &entry.route)) {
                return Err(Code::PathAmbiguous.into());
            }
        }
        let (captures, rest) = entry.rule.path.captures(&head.target.slice(..path.len()));
        Ok(Matched { route: Arc::clone(&entry.route), captures, rest })
    }

    /// Every route, in the order of the file.
    pub fn all(&self) -> &[Arc<Route>] {
        &self.all
    }

    /// The methods that the routes of this path take on this listener, for `Allow` (RFC 9110 §15.5.6).
    pub fn allowed(&self, authority: &[u8], path: &[u8], listener: &str) -> Vec<Method> {
        let host = host_of(authority);
        let mut methods = Vec::new();
        for table in self.tables_for(&host) {
            for method in table.methods(path, listener) {
                if !methods.contains(method) {
                    methods.push(method.clone());
                }
            }
        }
        methods
    }

    fn search(&self, host: &str, path: &[u8], method: &Method, listener: &str) -> Result<&Entry, Rejection> {
        let mut code = Code::RouteNotFound;
        for table in self.tables_for(host) {
            match table.find(path, method, listener) {
                Found::Entry(entry) => return Ok(entry),
                Found::OtherMethod => code = Code::MethodNotAllowed,
                Found::Nothing => {}
            }
        }
        Err(code.into())
    }

    /// The tables that can hold routes of `host`, most specific first.
    fn tables_for<'a>(&'a self, host: &str) -> impl Iterator<Item = &'a Table> {
        let exact = self.exact_hosts.get(host);
        let dots = host.match_indices('.');
        let below = dots.filter_map(move |(dot, _)| self.host_suffixes.get(host.get(dot.saturating_add(1)..)?));
        exact.into_iter().chain(below).chain([&self.every_host])
    }

    fn tables(&mut self) -> impl Iterator<Item = &mut Table> {
        self.exact_hosts.values_mut().chain(self.host_suffixes.values_mut()).chain([&mut self.every_host])
    }
}

/// The authority's host, lower-case, without port and final dot.
fn host_of(authority: &[u8]) -> Cow<'_, str> {
    match String::from_utf8_lossy(authority) {
        Cow::Borrowed(text) if !text.bytes().any(|byte| byte.is_ascii_uppercase()) => Cow::Borrowed(bare(text)),
        text => Cow::Owned(bare(&text.to_ascii_lowercase()).to_owned()),
    }
}

fn bare(text: &str) -> &str {
    let host = match text.rfind(']') {
        Some(end) => text.get(..=end),
        None => text.split(':').next(),
    };
    let host = host.unwrap_or_default();
    host.strip_suffix('.').unwrap_or(host)
}

#[cfg(test)]
mod tests;
