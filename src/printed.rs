//! Files of the documentation that are printed from the code.

use std::path::Path;

/// Set, they are written instead of compared.
const WRITE: &str = "COUNTERSIGN_WRITE_DOCS";

/// The file says what `source` says; or is written so.
///
/// # Panics
/// Where it does not.
#[track_caller]
pub(crate) fn is_current(name: &str, text: &str, source: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "{name} differs from {source}: run this test with {WRITE}=1");
}
