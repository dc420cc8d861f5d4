//! Which HTTP is spoken on a plain connection: HTTP/2 with prior knowledge says so in its first bytes (RFC 9113 §3.4).

use std::io;

use bytes::BytesMut;
use tokio::io::AsyncReadExt;

use super::io::Guarded;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Reads until it is certain, then puts everything back.
pub(super) async fn is_http2(socket: &mut Guarded) -> io::Result<bool> {
    let mut seen = BytesMut::with_capacity(PREFACE.len());
    let verdict = loop {
        if !PREFACE.starts_with(&seen) {
            break seen.starts_with(PREFACE);
        }
        if seen.len() == PREFACE.len() {
            break true;
        }
        let room = PREFACE.len().saturating_sub(seen.len());
        if socket.take(u64::try_from(room).unwrap_or(0)).read_buf(&mut seen).await? == 0 {
            break false;
        }
    };
    socket.rewind(seen.freeze());
    Ok(verdict)
}
