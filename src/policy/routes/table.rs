//! The routes of one host: exact paths by hash, patterns from the most specific on.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::Match;
use crate::policy::Route;
use crate::sig::message::Method;

/// One match of one route.
pub(super) struct Entry {
    pub(super) rule: Match,
    pub(super) route: Arc<Route>,
}

/// What a search found.
pub(super) enum Found<'a> {
    Entry(&'a Entry),
    OtherMethod,
    Nothing,
}

#[derive(Default)]
pub(super) struct Table {
    exact: HashMap<Box<[u8]>, Vec<Entry>>,
    patterns: Vec<Entry>,
}

impl Table {
    pub(super) fn add(&mut self, entry: Entry) {
        match entry.rule.path.exact() {
            Some(path) => self.exact.entry(path.into()).or_default().push(entry),
            None => self.patterns.push(entry),
        }
    }

    /// Most specific first; on equal paths, those that name listeners or methods first.
    pub(super) fn sort(&mut self) {
        let narrow = |entry: &Entry| Reverse((!entry.rule.listeners.is_empty(), !entry.rule.methods.is_empty()));
        self.exact.values_mut().for_each(|entries| entries.sort_by_key(narrow));
        self.patterns.sort_by_cached_key(|entry| (entry.rule.path.rank(), narrow(entry)));
    }

    pub(super) fn find(&self, path: &[u8], method: &Method, listener: &str) -> Found<'_> {
        let exact = self.exact.get(path).into_iter().flatten();
        let patterns = self.patterns.iter().filter(|entry| entry.rule.path.matches(path));
        let mut other_method = false;
        for entry in exact.chain(patterns).filter(|entry| entry.is_on(listener)) {
            if entry.allows(method) {
                return Found::Entry(entry);
            }
            other_method = true;
        }
        if other_method { Found::OtherMethod } else { Found::Nothing }
    }

    /// Every method that some route of this path names on this listener.
    pub(super) fn methods(&self, path: &[u8], listener: &str) -> impl Iterator<Item = &Method> {
        let exact = self.exact.get(path).into_iter().flatten();
        let patterns = self.patterns.iter().filter(move |entry| entry.rule.path.matches(path));
        exact.chain(patterns).filter(move |entry| entry.is_on(listener)).flat_map(|entry| &entry.rule.methods)
    }
}

impl Entry {
    fn is_on(&self, listener: &str) -> bool {
        self.rule.listeners.is_empty() || self.rule.listeners.iter().any(|name| **name == *listener)
    }

    fn allows(&self, method: &Method) -> bool {
        self.rule.methods.is_empty() || self.rule.methods.contains(method)
    }
}
