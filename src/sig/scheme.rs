//! How a signature is carried and which bytes it covers.

/// A compiled scheme; the same one verifies and signs.
pub struct Scheme {}
