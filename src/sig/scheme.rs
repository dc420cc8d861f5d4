//! How a signature is carried and which bytes it covers.
/// A compiled scheme; the same one verifies and signs.
pub struct Scheme {
    /// name
    pub name: std::sync::Arc<str>,
    /// window
    pub window: Option<(std::time::Duration, std::time::Duration)>,
    /// nonce
    pub nonce: bool,
    /// need
    pub need: super::Need,
}
