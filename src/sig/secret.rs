//! A secret that cannot be printed and does not outlive its owner in memory.

use zeroize::Zeroizing;

/// Secret bytes: unprintable, wiped on drop, shown only by [`Secret::expose`].
///
/// ```compile_fail
/// let secret = countersign::sig::secret::Secret::new(b"s3cret".to_vec());
/// println!("{secret:?}"); // a secret has no Debug
/// ```
///
/// ```compile_fail
/// let secret = countersign::sig::secret::Secret::new(b"s3cret".to_vec());
/// println!("{secret}"); // nor Display
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes ownership of the bytes; they are wiped when the last owner lets go.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The bytes. Every caller is a place to review.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Whether there is nothing in it. An empty secret is never usable.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
