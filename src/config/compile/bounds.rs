//! Bounds of which zero would refuse every request.

use std::time::Duration;

use super::super::field::Field;
use super::super::values::{Of, Size};
use super::Scope;

/// What can be nothing.
pub(crate) trait Amount {
    /// Whether it is.
    fn is_nothing(&self) -> bool;
}

impl Amount for Of<Duration> {
    fn is_nothing(&self) -> bool {
        self.0.is_zero()
    }
}

impl Amount for Of<Size> {
    fn is_nothing(&self) -> bool {
        self.0.0 == 0
    }
}

impl Amount for u32 {
    fn is_nothing(&self) -> bool {
        *self == 0
    }
}

/// Reports each of these that is zero.
pub(crate) fn positive<'a, T: Amount + 'a>(bounds: impl IntoIterator<Item = &'a Field<T>>, scope: &Scope<'_>) {
    for (_, at) in bounds.into_iter().filter_map(Field::found).filter(|(bound, _)| bound.is_nothing()) {
        scope.report.error(at, "0 would refuse everything", Some("write more, or leave it out for the default"));
    }
}
