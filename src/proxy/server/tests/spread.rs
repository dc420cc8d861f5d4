//! Connections over workers: few or many, long-lived, whatever the kernel's hash says.

use std::collections::BTreeMap;
use std::os::unix::net::UnixStream;

use super::*;

/// Sends one request and keeps the connection; the worker that answered.
fn worker_of(client: &mut (impl std::io::Read + std::io::Write)) -> String {
    client.write_all(b"GET /worker HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let mut byte = [0];
    // Its length is not known here, but how it ends.
    while !answer.windows(7).any(|end| end == b"worker-") {
        client.read_exact(&mut byte).unwrap();
        answer.extend(byte);
    }
    client.read_exact(&mut byte).unwrap();
    char::from(byte[0]).to_string()
}

/// How far the fullest and the emptiest worker are apart, in parts of their mean.
fn skew(counts: &[usize]) -> f64 {
    let counts: Vec<f64> = counts.iter().map(|count| f64::from(u32::try_from(*count).unwrap())).collect();
    let most = counts.iter().copied().fold(0.0, f64::max);
    let least = counts.iter().copied().fold(f64::MAX, f64::min);
    let workers = f64::from(u32::try_from(counts.len()).unwrap());
    (most - least) * workers / counts.iter().sum::<f64>()
}

#[test]
fn connections_are_spread_evenly_over_the_workers_that_serve_them() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sock");
    for (workers, connections, most) in [(2, 4, 0.0), (4, 4, 0.0), (2, 64, 0.2), (4, 64, 0.2), (3, 200, 0.2)] {
        for unix in [false, true] {
            let address =
                if unix { Address::Unix(path.clone()) } else { "127.0.0.1:0".parse().map(Address::Socket).unwrap() };
            let running = serve_with(&listener_at(address, limits::Connection::default()), workers);
            let mut served = BTreeMap::<_, usize>::new();
            let mut plain: Vec<TcpStream> = Vec::new();
            let mut local: Vec<UnixStream> = Vec::new();
            for _ in 0..connections {
                let worker = if unix {
                    local.push(UnixStream::connect(&path).unwrap());
                    worker_of(local.last_mut().unwrap())
                } else {
                    plain.push(connect(&running));
                    worker_of(plain.last_mut().unwrap())
                };
                *served.entry(worker).or_default() += 1;
            }
            let (served, counted) = (served.into_values().collect::<Vec<_>>(), running.census()().workers);
            assert_eq!(served, counted, "who answers is who was counted");
            assert!(served.len() == workers && skew(&served) <= most, "{workers} {connections} {unix} {served:?}");
        }
    }
}

#[test]
fn a_worker_that_lost_its_connections_gets_the_next_ones() {
    let running = serve(&listener(limits::Connection::default()));
    let mut clients: Vec<_> = (0..8).map(|_| connect(&running)).collect();
    let served: Vec<_> = clients.iter_mut().map(worker_of).collect();
    let mut kept = Vec::new();
    for (client, worker) in clients.into_iter().zip(served) {
        if worker == "0" {
            kept.push(client);
        }
    }
    let census = running.census();
    let mut looks = std::iter::repeat_with(|| {
        std::thread::yield_now();
        census().workers
    });
    assert!(looks.by_ref().take(10_000_000).any(|workers| workers == [4, 0]), "{:?}", looks.next());
    let mut more: Vec<_> = (0..4).map(|_| connect(&running)).collect();
    assert!(more.iter_mut().map(worker_of).all(|worker| worker == "1"));
}

#[test]
fn what_was_handed_over_is_served_to_its_end_while_the_server_closes() {
    let running = serve_with(&listener(limits::Connection::default()), 4);
    let mut clients: Vec<_> = (0..16).map(|_| connect(&running)).collect();
    for client in &mut clients {
        client.write_all(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n").unwrap();
    }
    running.close();
    for mut client in clients {
        client.write_all(b"ok").unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).unwrap();
        assert!(status(&text) == "200" && text.contains("body=2"), "{text}");
    }
    drop(running);
}
