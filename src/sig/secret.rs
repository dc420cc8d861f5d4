//! A secret that cannot be printed and does not outlive its owner in memory.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::held::HeldKey;

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
pub struct Secret {
    bytes: Zeroizing<Vec<u8>>,
    held: Option<Arc<dyn HeldKey>>,
}

impl Secret {
    /// Takes ownership of the bytes; they are wiped when the last owner lets go.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes: Zeroizing::new(bytes), held: None }
    }

    /// A secret that somebody else holds. `stand_in` is all that is ever exposed of it: bytes that nobody can guess and that sign for nobody, the same ones
    /// for as long as the key is the same.
    pub fn held(by: Arc<dyn HeldKey>, stand_in: [u8; 32]) -> Self {
        Self { bytes: Zeroizing::new(stand_in.to_vec()), held: Some(by) }
    }

    /// Who holds it, where that is not us.
    pub fn holder(&self) -> Option<&Arc<dyn HeldKey>> {
        self.held.as_ref()
    }

    /// The bytes. Every caller is a place to review.
    pub fn expose(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether there is nothing in it. An empty secret is never usable.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}
