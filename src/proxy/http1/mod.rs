//! HTTP/1.1 framing in our own words, for both sides: what a message is made of, and where it ends (RFC 9112).
//!
//! **Invariant:** one reading of every byte. What can be read in two ways is refused, never guessed.

mod blocks;
mod body;
mod chunked;
#[cfg(test)]
mod differential;
mod request;
mod response;
mod stream;
mod text;
mod turn;

pub(in crate::proxy) use body::{Body, Framing};
pub(in crate::proxy) use request::{Reader, Refused, Request};
pub(in crate::proxy) use response::{Follows, Form, chunk_size, last_chunk, write_answer};
pub(in crate::proxy) use stream::{SMALL, Stream};
pub(in crate::proxy) use text::{is_plain_target, is_text, is_token, length};
pub(in crate::proxy) use turn::Turn;
