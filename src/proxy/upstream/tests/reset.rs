//! What an HTTP/2 upstream sees of a request that is given up: frames, read by hand.

use super::*;

const SETTINGS: u8 = 4;
const HEADERS: u8 = 1;
const DATA: u8 = 0;
const RST_STREAM: u8 = 3;
const END_STREAM: u8 = 1;

/// A frame: type, flags, stream, payload (RFC 9113 §4.1).
async fn frame(stream: &mut TcpStream) -> (u8, u8, u32, Vec<u8>) {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await.unwrap();
    (head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload)
}

async fn until(stream: &mut TcpStream, kind: u8) -> (u8, u32, Vec<u8>) {
    loop {
        let (seen, flags, id, payload) = frame(stream).await;
        assert!(seen != DATA || flags & END_STREAM == 0, "the message was completed");
        if seen == kind {
            return (flags, id, payload);
        }
    }
}

#[test]
fn a_provisional_request_that_is_given_up_is_reset_on_its_stream_and_not_completed() {
    for length in [None, Some(4)] {
        worker(async {
            let (peer, upstreams) = (Peer::new().await, upstreams());
            let settings = Arc::new(Upstream { protocol: Protocol::Http2, ..peer.settings() });
            let client = async {
                let line = upstreams.line(&settings, 0).await.ok().unwrap();
                line.begin(head("POST", "/"), length, &Departed::default()).await.ok().unwrap()
            };
            let server = async {
                let mut stream = peer.accept().await;
                let mut preface = [0; 24];
                stream.read_exact(&mut preface).await.unwrap();
                write(&mut stream, &[0, 0, 0, SETTINGS, 0, 0, 0, 0, 0]).await;
                let (flags, id, _) = until(&mut stream, HEADERS).await;
                assert_eq!(flags & END_STREAM, 0);
                (stream, id)
            };
            let (mut provisional, (mut stream, id)) = tokio::join!(client, server);
            provisional.send(Bytes::from_static(b"ab")).await.unwrap();
            assert_eq!(until(&mut stream, DATA).await.2, b"ab");
            drop(provisional);
            assert_eq!(until(&mut stream, RST_STREAM).await.1, id);
        });
    }
}
