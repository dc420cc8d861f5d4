//! Upstreams: whether they are there, what their clock says, and who else could reach them.

use std::io::{Error, Read, Write};
use std::net::{IpAddr, TcpStream, ToSocketAddrs as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustls::{ClientConnection, StreamOwned};

use super::Finding;
use crate::policy::Policy;
use crate::policy::upstream::{Endpoint, Protocol, Upstream};
use crate::proxy::upstream::tls;
use crate::sig::stamp::Format;
use crate::sig::time::Moment;

/// For connecting, and for each step afterwards.
const PATIENCE: Duration = Duration::from_secs(3);

/// Seconds between the clocks that are worth a word, and that refuse honest requests.
const APART: (u64, u64) = (5, 60);

/// Bytes of an answer that are looked at.
const HEAD: u64 = 16 << 10;

pub(super) fn look(policy: &Policy, now: Moment) -> Vec<Finding> {
    let each = policy.upstreams.iter().flat_map(|upstream| upstream.endpoints.iter().map(move |at| (upstream, at)));
    each.flat_map(|(upstream, endpoint)| examine(upstream, endpoint, now)).collect()
}

fn examine(upstream: &Upstream, endpoint: &Endpoint, now: Moment) -> Vec<Finding> {
    let name = format!("`{}` at {}", upstream.name, place(endpoint));
    let mut findings = Vec::new();
    match ask(upstream, endpoint) {
        Err(cause) => findings.push(Finding::wrong(
            "upstreams",
            format!("{name}: {cause}"),
            "is it running, and is `upstreams` right? Until then requests end with 502",
        )),
        Ok(answer) => {
            findings.push(Finding::good("upstreams", format!("{name}: reachable")));
            findings.extend(date(&answer).map(|theirs| clock(&name, theirs, now)));
        }
    }
    findings.extend(exposed(endpoint).map(|why| {
        let hint = "bind it to loopback or a unix socket, or let a firewall or NetworkPolicy admit the gateway alone";
        Finding::doubtful("upstreams", format!("{name}: {why}"), hint)
    }));
    findings
}

fn place(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Tcp { host, port } => format!("{host}:{port}"),
        Endpoint::Unix(path) => format!("unix:{}", path.display()),
    }
}

/// Connects, over TLS where the upstream says so, and asks for the head of an answer; one that speaks only HTTP/2 is not asked.
fn ask(upstream: &Upstream, endpoint: &Endpoint) -> Result<Vec<u8>, Error> {
    match endpoint {
        Endpoint::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            speak(upstream, endpoint, stream)
        }
        Endpoint::Tcp { host, port } => {
            let mut last = Error::other("the name has no address");
            for address in (&**host, *port).to_socket_addrs()? {
                match TcpStream::connect_timeout(&address, PATIENCE) {
                    Ok(stream) => {
                        stream.set_read_timeout(Some(PATIENCE))?;
                        return speak(upstream, endpoint, stream);
                    }
                    Err(cause) => last = cause,
                }
            }
            Err(last)
        }
    }
}

fn speak(upstream: &Upstream, endpoint: &Endpoint, mut stream: impl Read + Write) -> Result<Vec<u8>, Error> {
    let Some(config) = tls::client_config(upstream).map_err(Error::other)? else {
        return Ok(if upstream.protocol == Protocol::Http2 { Vec::new() } else { head(endpoint, stream) });
    };
    let name = tls::server_name(upstream, endpoint).map_err(Error::other)?;
    let mut client = ClientConnection::new(tls::without_http2(&config), name).map_err(Error::other)?;
    while client.is_handshaking() {
        client.complete_io(&mut stream)?;
    }
    Ok(head(endpoint, StreamOwned::new(client, stream)))
}

/// What it answers, if anything: having let us in is all that it owes.
fn head(endpoint: &Endpoint, mut stream: impl Read + Write) -> Vec<u8> {
    let host = if matches!(endpoint, Endpoint::Unix(_)) { "localhost".to_owned() } else { place(endpoint) };
    let request = format!("HEAD / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    let asked = stream.write_all(request.as_bytes()).and_then(|()| stream.flush());
    let mut answer = Vec::new();
    // What came before it broke off may hold the date.
    let _cut = asked.and_then(|()| stream.take(HEAD).read_to_end(&mut answer));
    answer
}

fn date(answer: &[u8]) -> Option<Moment> {
    let text = std::str::from_utf8(answer).ok()?;
    let line = text.lines().find(|line| line.get(..5).is_some_and(|name| name.eq_ignore_ascii_case("date:")))?;
    Format::HttpDate.parse(line.get(5..)?.trim().as_bytes())
}

fn clock(name: &str, theirs: Moment, now: Moment) -> Finding {
    let apart = theirs.secs().abs_diff(now.secs());
    let what = format!("{name}: its clock and ours are {apart} s apart");
    let hint = "let both follow one NTP server: requests with a stamp are judged by our clock";
    match apart {
        apart if apart >= APART.1 => Finding::wrong("clock", what, hint),
        apart if apart >= APART.0 => Finding::doubtful("clock", what, hint),
        _ => Finding::good("clock", what),
    }
}

/// Why others might reach it without passing here, as far as this machine can tell.
fn exposed(endpoint: &Endpoint) -> Option<String> {
    let Endpoint::Tcp { host, port } = endpoint else { return None };
    let loopback = &**host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if !loopback {
        return Some("not on this host: whoever reaches it passes by the gateway".to_owned());
    }
    let listens = |file: &str, anywhere: &str| {
        let table = std::fs::read_to_string(file).unwrap_or_default();
        table.lines().skip(1).any(|line| listens_on(line, anywhere, *port))
    };
    let open = listens("/proc/net/tcp", "00000000") || listens("/proc/net/tcp6", "00000000000000000000000000000000");
    open.then(|| "it listens on every address of this host, not on loopback alone".to_owned())
}

/// A line of proc(5) `/proc/net/tcp`: `sl local_address rem_address st …`, state 0A is LISTEN.
fn listens_on(line: &str, anywhere: &str, port: u16) -> bool {
    let mut words = line.split_whitespace().skip(1);
    let local = words.next().and_then(|local| local.rsplit_once(':'));
    local.is_some_and(|(address, hex)| address == anywhere && u16::from_str_radix(hex, 16) == Ok(port))
        && words.nth(1) == Some("0A")
}
