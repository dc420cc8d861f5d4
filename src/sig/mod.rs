//! Does the signature hold? The pure core: values in, values out.
//!
//! **Invariant:** nothing here does I/O, logs, spawns, reads a clock or knows that there is a network. Whoever holds a key that is not ours is asked through
//! [`held::HeldKey`].

pub mod canonical;
pub mod challenge;
pub mod check;
pub(crate) mod date;
pub mod declared;
pub mod encoding;
pub mod filter;
pub mod form;
pub mod held;
pub mod json;
pub mod key;
pub mod key_use;
pub mod keyring;
pub mod mac;
pub mod message;
pub mod native;
mod nobody;
pub mod params;
pub mod permit;
pub mod places;
pub mod public;
pub mod ring;
pub mod scheme;
pub mod secret;
pub mod signing;
mod source;
pub mod stamp;
mod stated;
pub mod template;
pub mod time;

/// What a scheme needs of the body; decided when the scheme is loaded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Need {
    /// The signature is on the head; a covered digest, if any, is checked on the body as it streams.
    Head,
    /// Evidence is in the head and the body is used once, raw or hashed: fed as it arrives.
    Feed,
    /// The contiguous body is needed at the end: JSON pointers, form fields, a body used twice, a signature under a public key.
    Whole,
}

/// What a scheme may need to know beside the head.
#[derive(Clone, Copy, Debug, Default)]
pub struct Site<'a> {
    /// `scheme://host[:port]` as clients see it, from configuration only.
    pub public_url: Option<&'a str>,
    /// Path captures of the route by name, raw bytes.
    pub captures: &'a [(std::sync::Arc<str>, bytes::Bytes)],
}

/// What an answer answers. Its head has the request's method, target and authority, and the answer's own fields.
#[derive(Clone, Copy, Debug)]
pub struct Answering<'a> {
    /// Its status.
    pub status: u16,
    /// The request.
    pub request: &'a message::Head,
}
