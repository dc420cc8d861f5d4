//! One check, and checks that go on.

use tokio::net::UnixListener;

use super::http2::{Seen, speak};
use super::*;
use crate::policy::upstream::{Active, Health};
use crate::proxy::upstream::health::checks::Checks;
use crate::proxy::upstream::health::{Symptom, probe};
use crate::proxy::upstream::resolve;
use crate::proxy::upstream::shared::{Common, Dial, Target};

/// Asked often, and believed late.
pub(super) fn active() -> Active {
    Active {
        path: "/healthz?full=1".into(),
        method: Method::GET,
        host: None,
        statuses: Vec::new(),
        interval: Duration::from_millis(20),
        timeout: Duration::from_millis(20),
        passes: 2,
        fails: 3,
    }
}

/// What is shared under these settings alone.
pub(super) fn common(settings: &Arc<Upstream>) -> Arc<Common> {
    Shared::new().common(settings).ok().unwrap()
}

/// What one check of `settings` finds while `server` serves it.
pub(super) async fn checked<F: Future>(settings: Upstream, active: &Active, server: F) -> Result<(), Symptom> {
    let common = common(&Arc::new(settings));
    resolve::renew(&common).await;
    let target = Arc::clone(&common.targets.load()[0]);
    tokio::join!(probe::ask(&common, &target, active), server).0
}

#[test]
fn a_check_is_one_question_on_a_connection_of_its_own() {
    worker(async {
        let peer = Peer::new().await;
        let server = async {
            let mut stream = peer.accept().await;
            let seen = read_head(&mut stream).await;
            write(&mut stream, OK).await;
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "it is closed");
            let agent = concat!("countersign/", env!("CARGO_PKG_VERSION"), " (health check)");
            let host = peer.address();
            assert_eq!(
                seen,
                format!("GET /healthz?full=1 HTTP/1.1\r\nhost: {host}\r\nuser-agent: {agent}\r\naccept: */*\r\n\r\n")
            );
        };
        assert_eq!(checked(peer.settings(), &active(), server).await, Ok(()));
    });
}

#[test]
fn a_check_passes_by_its_status_and_a_whole_answer() {
    let cases: [(&str, &[u16], Result<(), Symptom>); 8] = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", &[], Ok(())),
        ("HTTP/1.1 204 No Content\r\n\r\n", &[], Ok(())),
        ("HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n", &[], Err(Symptom::Status(302))),
        ("HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n", &[], Err(Symptom::Status(503))),
        ("HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n", &[401], Ok(())),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", &[401], Err(Symptom::Status(200))),
        ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf", &[], Err(Symptom::Fault(Code::UpstreamClosed))),
        ("SSH-2.0-x\r\n\r\n", &[], Err(Symptom::Fault(Code::UpstreamInvalid))),
    ];
    for (answer, statuses, expected) in cases {
        worker(async {
            let peer = Peer::new().await;
            let server = async {
                let mut stream = peer.accept().await;
                read_head(&mut stream).await;
                write(&mut stream, answer.as_bytes()).await;
            };
            let active = Active { statuses: statuses.to_vec(), host: Some("app.test".into()), ..active() };
            assert_eq!(checked(peer.settings(), &active, server).await, expected, "{answer}");
        });
    }
}

#[test]
fn a_body_without_end_ends_a_check_well() {
    worker(async {
        let peer = Peer::new().await;
        let server = async {
            let mut stream = peer.accept().await;
            read_head(&mut stream).await;
            write(&mut stream, b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
            let chunk = [b"400\r\n".as_slice(), &[b'x'; 1024], b"\r\n"].concat();
            while AsyncWriteExt::write_all(&mut stream, &chunk).await.is_ok() {}
        };
        assert_eq!(checked(peer.settings(), &active(), server).await, Ok(()));
    });
}

#[test]
fn a_check_goes_over_a_unix_socket_and_over_http2() {
    worker(async {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("app.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let server = async {
            let mut stream = listener.accept().await.unwrap().0;
            assert!(read_head(&mut stream).await.contains("\r\nhost: localhost\r\n"));
            write(&mut stream, OK).await;
        };
        assert_eq!(checked(settings(vec![Endpoint::Unix(path)]), &active(), server).await, Ok(()));

        let (peer, seen) = (Peer::new().await, Seen::default());
        let server = async {
            speak(peer.accept().await, Rc::clone(&seen)).await;
        };
        let http2 = Upstream { protocol: Protocol::Http2, ..peer.settings() };
        assert_eq!(checked(http2, &active(), server).await, Ok(()));
        let uri = format!("HTTP/2.0 GET http://{}/healthz?full=1 None", peer.address());
        assert_eq!(*seen.borrow(), [(uri, Some(Vec::new()))]);
    });
}

#[test]
fn checks_go_on_until_they_are_dropped() {
    worker(async {
        let (peer, shared) = (Peer::new().await, Shared::new());
        let health = Health { active: Some(active()), passive: None, refuse: false };
        let settings = Arc::new(Upstream { health: Some(health), ..peer.settings() });
        let checks = Checks::start(&shared, vec![Arc::clone(&settings)]).unwrap();
        let healthy =
            || shared.health(std::slice::from_ref(&settings))[0].addresses.first().map(|(_, healthy)| *healthy);
        for expected in [false, true] {
            let answer: &[u8] = if expected { OK } else { b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n" };
            while healthy() != Some(expected) {
                let mut stream = peer.accept().await;
                read_head(&mut stream).await;
                write(&mut stream, answer).await;
                assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
            }
        }
        let reading = &shared.health(std::slice::from_ref(&settings))[0];
        assert!(reading.checks[0] >= 2 && reading.checks[1] >= 1 && reading.outages == [1, 0], "{reading:?}");
        // A silent address fails, too.
        let mut silent = Vec::new();
        while healthy() == Some(true) {
            silent.push(peer.accept().await);
        }
        drop(checks);
        let before = shared.health(std::slice::from_ref(&settings));
        assert_eq!(before, shared.health(std::slice::from_ref(&settings)), "the thread has ended");
    });
}

#[test]
fn addresses_that_come_are_asked_and_those_that_have_gone_are_not() {
    worker(async {
        let (gone, come, shared) = (Peer::new().await, Peer::new().await, Shared::new());
        let health = Health { active: Some(active()), passive: None, refuse: false };
        let settings = Arc::new(Upstream { health: Some(health), ..gone.settings() });
        let _checks = Checks::start(&shared, vec![Arc::clone(&settings)]).unwrap();
        drop(gone.accept().await);
        let common = shared.known(&settings).unwrap();
        common.targets.store(Arc::new(vec![Target::new(0, Dial::Tcp(come.address()))]));
        // Two rounds of it: the round that was on its way is over.
        for _ in 0..2 {
            drop(come.accept().await);
        }
        while let Ok(late) = tokio::time::timeout(Duration::ZERO, gone.accept()).await {
            drop(late);
        }
        drop(come.accept().await);
        assert!(tokio::time::timeout(Duration::ZERO, gone.accept()).await.is_err(), "nobody asks it any more");
    });
}

#[test]
fn a_change_is_told_in_one_line_and_nothing_else_is() {
    let common = common(&Arc::new(settings(vec![Endpoint::Unix("/nowhere".into())])));
    let target = Target::new(0, Dial::Unix("/nowhere".into()));
    common.targets.store(Arc::new(vec![Arc::clone(&target)]));
    let failed = Err(Symptom::Status(500));
    let mut told = Vec::new();
    for found in [Ok(()), failed, failed, failed, failed, Ok(()), Ok(()), Ok(())] {
        told.push(lines(|| common.checked(&target, &active(), found)));
    }
    let counts: Vec<usize> = told.iter().map(|text| text.lines().count()).collect();
    assert_eq!(counts, [0, 0, 0, 1, 0, 0, 1, 0]);
    assert!(
        told[3].contains("WARN") && told[3].contains("status 500") && told[3].contains("unix:/nowhere"),
        "{}",
        told[3]
    );
    assert!(told[6].contains("INFO") && told[6].contains("healthy again"), "{}", told[6]);
}

/// What is logged meanwhile.
fn lines(work: impl FnOnce()) -> String {
    let (read, write) = std::io::pipe().unwrap();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(std::sync::Mutex::new(write)).finish();
    tracing::subscriber::with_default(subscriber, work);
    std::io::read_to_string(read).unwrap()
}
