//! From configured addresses to a connection with the primary that holds the claims.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::info::Info;
use super::resp::{self, Reply};
use super::{Remote, names};
use crate::keys::read;
use crate::policy::upstream::Endpoint;

/// For everything that comes before the first claim.
const PATIENCE: Duration = Duration::from_secs(1);
/// More than a cluster needs to say where the claims are.
const REDIRECTS: usize = 5;
/// Largest file of a password.
const PASSWORD: u64 = 4 << 10;
/// How long the mark of a primary stays that nobody asks for any more.
pub(super) const MARKED: Duration = Duration::from_hours(30 * 24);

/// Bytes in both directions.
pub(super) trait Wire: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Wire for T {}

/// A connection with the primary.
pub(super) struct Dialed {
    pub(super) wire: Box<dyn Wire>,
    /// What says since when this primary is known.
    pub(super) mark: Vec<u8>,
    /// For how long it is: what was claimed before may be lost.
    pub(super) age: Duration,
}

/// Why there is no connection.
enum Refusal {
    /// The claims are elsewhere.
    Moved(Endpoint),
    /// For operators.
    Because(String),
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Because(reason)
    }
}

/// Tries every address, those first that the configuration names first.
pub(super) async fn dial(remote: &Remote) -> Result<Dialed, String> {
    let mut why = "no address".to_owned();
    for candidate in candidates(remote).await? {
        match reach(remote, candidate).await {
            Ok(dialed) => return Ok(dialed),
            Err(reason) => why = reason,
        }
    }
    Err(why)
}

/// Logs in without a trace; says where, or why not.
pub(super) async fn probe(remote: &Remote) -> Result<String, String> {
    let mut why = "no address".to_owned();
    for candidate in candidates(remote).await? {
        let met = tokio::time::timeout(PATIENCE, meet(remote, &candidate)).await;
        match met.unwrap_or_else(|_late| Err("it does not answer".to_owned())) {
            Ok(_) => return Ok(shown(&candidate)),
            Err(reason) => why = format!("{}: {reason}", shown(&candidate)),
        }
    }
    Err(why)
}

async fn candidates(remote: &Remote) -> Result<Vec<Endpoint>, String> {
    match &remote.settings.sentinel {
        None => Ok(remote.settings.endpoints.clone()),
        Some(name) => primaries(remote, name).await,
    }
}

/// The primary behind one address, which may be another node of a cluster.
async fn reach(remote: &Remote, mut place: Endpoint) -> Result<Dialed, String> {
    for _ in 0..REDIRECTS {
        let greeted = tokio::time::timeout(PATIENCE, greet(remote, &place)).await;
        match greeted.unwrap_or_else(|_late| Err("it does not answer".to_owned().into())) {
            Ok(dialed) => return Ok(dialed),
            Err(Refusal::Moved(next)) => place = next,
            Err(Refusal::Because(reason)) => return Err(format!("{}: {reason}", shown(&place))),
        }
    }
    Err(format!("{}: it sends from one node to the next", shown(&place)))
}

fn shown(place: &Endpoint) -> String {
    match place {
        Endpoint::Tcp { host, port } => format!("{host}:{port}"),
        Endpoint::Unix(path) => path.display().to_string(),
    }
}

/// Makes a connection on which claims can be made.
async fn greet(remote: &Remote, place: &Endpoint) -> Result<Dialed, Refusal> {
    let (mut talk, info) = meet(remote, place).await?;
    let mark = names::mark(&remote.settings.namespace, &info.identity);
    let age = age(&mut talk, &mark).await?;
    Ok(Dialed { wire: talk.wire, mark, age })
}

/// Logs in, and makes sure that claims can be trusted to this server.
async fn meet(remote: &Remote, place: &Endpoint) -> Result<(Talk, Info), String> {
    let settings = &remote.settings;
    let mut talk = Talk::open(remote, place).await?;
    if let Some(path) = &settings.password {
        let password = secret(path)?;
        let mut parts: Vec<&[u8]> = vec![b"AUTH"];
        parts.extend(settings.user.as_ref().map(String::as_bytes));
        parts.push(&password);
        talk.done(&parts).await?;
    }
    if settings.database != 0 {
        talk.done(&[b"SELECT", settings.database.to_string().as_bytes()]).await?;
    }
    let Reply::Text(info) = talk.ask(&[b"INFO", b"server", b"replication", b"memory"]).await? else {
        return Err("INFO has no answer".to_owned());
    };
    Ok((talk, Info::of(&info)?))
}

/// How long ago the first gateway met this primary: now, if that is us. By the clock of the server alone, as those of gateways differ.
async fn age(talk: &mut Talk, mark: &[u8]) -> Result<Duration, Refusal> {
    let now = resp::time(&talk.ask(&[b"TIME"]).await?).ok_or_else(|| "TIME has no answer".to_owned())?;
    let (moment, life) = (now.to_string(), MARKED.as_millis().to_string());
    let set: [&[u8]; 7] = [b"SET", mark, moment.as_bytes(), b"NX", b"GET", b"PX", life.as_bytes()];
    match talk.exchange(&set).await? {
        Reply::Nothing => Ok(Duration::ZERO),
        Reply::Text(told) => resp::since(&told, now).ok_or_else(|| "its mark is damaged".to_owned().into()),
        Reply::Error(error) => Err(moved(&error).map_or_else(|| said(&error).into(), Refusal::Moved)),
        Reply::Status(_) | Reply::Number(_) | Reply::List(_) => Err("SET has no answer".to_owned().into()),
    }
}

/// Where a node of a cluster says that a name is.
pub(super) fn moved(error: &[u8]) -> Option<Endpoint> {
    let mut words = std::str::from_utf8(error).ok()?.split(' ');
    let place = if words.next()? == "MOVED" { words.nth(1)? } else { return None };
    let (host, port) = place.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then_some(Endpoint::Tcp { host: host.into(), port: port.parse().ok()? })
}

/// What the sentinels say of `name`, each of them asked until one knows.
async fn primaries(remote: &Remote, name: &str) -> Result<Vec<Endpoint>, String> {
    let mut why = "no sentinel".to_owned();
    for place in &remote.settings.endpoints {
        let asked = tokio::time::timeout(PATIENCE, ask_sentinel(remote, place, name)).await;
        match asked.unwrap_or_else(|_late| Err("it does not answer".to_owned())) {
            Ok(primary) => return Ok(vec![primary]),
            Err(reason) => why = format!("sentinel {}: {reason}", shown(place)),
        }
    }
    Err(why)
}

async fn ask_sentinel(remote: &Remote, place: &Endpoint, name: &str) -> Result<Endpoint, String> {
    let mut talk = Talk::open(remote, place).await?;
    let answer = talk.ask(&[b"SENTINEL", b"get-master-addr-by-name", name.as_bytes()]).await?;
    let Reply::List(parts) = answer else { return Err(format!("it knows no primary `{name}`")) };
    let [Reply::Text(host), Reply::Text(port)] = parts.as_slice() else {
        return Err("it names no address".to_owned());
    };
    let port = std::str::from_utf8(port).ok().and_then(|port| port.parse().ok());
    let host = String::from_utf8(host.to_vec()).ok();
    let (host, port) = host.zip(port).ok_or("it names no address")?;
    Ok(Endpoint::Tcp { host: host.into(), port })
}

/// The password without the end of its line; read anew for every connection, so that it can change.
fn secret(path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    let failed = |why: String| format!("password_file {}: {why}", path.display());
    let content = read::regular(path, PASSWORD).map_err(|error| failed(error.to_string()))?;
    let password = content.bytes.trim_ascii_end();
    if password.is_empty() { Err(failed("it is empty".to_owned())) } else { Ok(Zeroizing::new(password.to_vec())) }
}

/// What an error says, short and printable.
pub(super) fn said(error: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(error).chars().filter(|char| !char.is_control()).take(120).collect();
    let hint = if text.starts_with("ERR syntax") { " (it has to be Redis 7.0, or Valkey)" } else { "" };
    format!("it says `{text}`{hint}")
}

/// A connection on which one command follows another.
struct Talk {
    wire: Box<dyn Wire>,
    read: BytesMut,
}

impl Talk {
    async fn open(remote: &Remote, place: &Endpoint) -> Result<Self, String> {
        let wire = open(remote, place).await.map_err(|error| error.to_string())?;
        Ok(Self { wire, read: BytesMut::new() })
    }

    async fn exchange(&mut self, parts: &[&[u8]]) -> Result<Reply, String> {
        let mut out = Zeroizing::new(Vec::with_capacity(256));
        resp::command(&mut out, parts);
        let cut = |_| "the connection ended".to_owned();
        self.wire.write_all(&out).await.map_err(cut)?;
        self.wire.flush().await.map_err(cut)?;
        loop {
            if let Some(reply) = resp::next(&mut self.read).map_err(|malformed| malformed.to_string())? {
                return Ok(reply);
            }
            if self.wire.read_buf(&mut self.read).await.map_err(cut)? == 0 {
                return Err("the connection ended".to_owned());
            }
        }
    }

    /// An answer that is no error.
    async fn ask(&mut self, parts: &[&[u8]]) -> Result<Reply, String> {
        match self.exchange(parts).await? {
            Reply::Error(error) => Err(said(&error)),
            other => Ok(other),
        }
    }

    async fn done(&mut self, parts: &[&[u8]]) -> Result<(), String> {
        self.ask(parts).await.map(drop)
    }
}

async fn open(remote: &Remote, place: &Endpoint) -> std::io::Result<Box<dyn Wire>> {
    let (host, stream) = match place {
        Endpoint::Unix(path) => return Ok(Box::new(UnixStream::connect(path).await?)),
        Endpoint::Tcp { host, port } => (host, TcpStream::connect((&**host, *port)).await?),
    };
    stream.set_nodelay(true)?;
    let Some(tls) = &remote.tls else { return Ok(Box::new(stream)) };
    let name = remote.settings.tls.as_ref().and_then(|tls| tls.server_name.as_deref()).unwrap_or(host);
    let name = ServerName::try_from(name.to_owned()).map_err(std::io::Error::other)?;
    Ok(Box::new(TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_says_where_a_name_is() {
        let at = |host: &str, port| Some(Endpoint::Tcp { host: host.into(), port });
        assert_eq!(moved(b"MOVED 3999 127.0.0.1:6381"), at("127.0.0.1", 6381));
        assert_eq!(moved(b"MOVED 3999 2001:db8::1:6381"), at("2001:db8::1", 6381));
        assert_eq!(moved(b"MOVED 3999 redis-2.redis:6379"), at("redis-2.redis", 6379));
        for other in [&b"MOVED 3999 :6381"[..], b"MOVED 3999", b"ASK 3999 127.0.0.1:6381", b"READONLY x y:1", b"\xff"] {
            assert_eq!(moved(other), None, "{other:?}");
        }
    }

    #[test]
    fn what_an_error_says_is_short_and_printable() {
        assert_eq!(said(b"NOAUTH\x1b[2J no"), "it says `NOAUTH[2J no`");
        assert_eq!(said(&[b'x'; 500]).len(), 120 + "it says ``".len());
        assert!(said(b"ERR syntax error").contains("Redis 7.0"));
    }
}
