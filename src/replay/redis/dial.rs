//! From configured addresses to a connection with the primary that holds the claims.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

use super::info::Info;
use super::resp::{self, Reply};
use super::talk::{Talk, Wire, addresses, said, shown};
use super::{Remote, names};
use crate::keys::read;
use crate::policy::operations::{Account, Sentinel};
use crate::policy::upstream::Endpoint;

/// For everything that comes before the first claim.
const PATIENCE: Duration = Duration::from_secs(1);
/// More than a cluster needs to say where the claims are.
const REDIRECTS: usize = 5;
/// Largest file of a password.
const PASSWORD: u64 = 4 << 10;
/// How long the mark of a primary stays that nobody asks for any more.
pub(super) const MARKED: Duration = Duration::from_hours(30 * 24);

/// A connection with the primary.
pub(super) struct Dialed {
    pub(super) wire: Box<dyn Wire>,
    pub(super) mark: Mark,
    /// For how long it is: what was claimed before may be lost.
    pub(super) age: Duration,
}

/// What says since when a primary is known.
pub(super) struct Mark {
    pub(super) name: Vec<u8>,
    pub(super) identity: String,
}

/// Asks a server who it is.
pub(super) const INFO: [&[u8]; 4] = [b"INFO", b"server", b"replication", b"memory"];

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
pub(super) async fn probe(remote: &Remote, counts: bool) -> Result<String, String> {
    let mut why = "no address".to_owned();
    for candidate in candidates(remote).await? {
        let found = addresses(&candidate).await?;
        let met = tokio::time::timeout(PATIENCE, try_out(remote, (&candidate, &found), counts)).await;
        match met.unwrap_or_else(|_late| Err("it does not answer".to_owned())) {
            Ok(()) => return Ok(shown(&candidate)),
            Err(reason) => why = format!("{}: {reason}", shown(&candidate)),
        }
    }
    Err(why)
}

async fn try_out(remote: &Remote, (place, found): (&Endpoint, &[SocketAddr]), counts: bool) -> Result<(), String> {
    let (mut talk, _) = meet(remote, place, found).await?;
    if counts { talk.done(&[b"EVAL", b"return 1", b"0"]).await } else { Ok(()) }
}

async fn candidates(remote: &Remote) -> Result<Vec<Endpoint>, String> {
    match &remote.settings.sentinel {
        None => Ok(remote.settings.endpoints.clone()),
        Some(sentinel) => primaries(remote, sentinel).await,
    }
}

/// The primary behind one address, which may be another node of a cluster.
async fn reach(remote: &Remote, mut place: Endpoint) -> Result<Dialed, String> {
    for _ in 0..REDIRECTS {
        let found = addresses(&place).await?;
        let greeted = tokio::time::timeout(PATIENCE, greet(remote, &place, &found)).await;
        match greeted.unwrap_or_else(|_late| Err("it does not answer".to_owned().into())) {
            Ok(dialed) => return Ok(dialed),
            Err(Refusal::Moved(next)) => place = next,
            Err(Refusal::Because(reason)) => return Err(format!("{}: {reason}", shown(&place))),
        }
    }
    Err(format!("{}: it sends from one node to the next", shown(&place)))
}

/// Makes a connection on which claims can be made.
async fn greet(remote: &Remote, place: &Endpoint, found: &[SocketAddr]) -> Result<Dialed, Refusal> {
    let (mut talk, info) = meet(remote, place, found).await?;
    let mark = Mark { name: names::mark(&remote.settings.namespace, &info.identity), identity: info.identity };
    let age = age(&mut talk, &mark.name).await?;
    // A right that is missing is better told now than by a claim.
    let nothing = names::claim(&remote.settings.namespace, &[0; 32]);
    for command in [&[b"GETEX", &*nothing, b"PX", b"1"][..], &[b"DEL", &nothing], &[b"MULTI"], &[b"EXEC"]] {
        talk.done(command).await?;
    }
    Ok(Dialed { wire: talk.wire, mark, age })
}

/// Logs in, and makes sure that claims can be trusted to this server.
async fn meet(remote: &Remote, place: &Endpoint, found: &[SocketAddr]) -> Result<(Talk, Info), String> {
    let settings = &remote.settings;
    let mut talk = Talk::open(remote, place, found).await?;
    log_in(&mut talk, &settings.account).await?;
    if settings.database != 0 {
        talk.done(&[b"SELECT", settings.database.to_string().as_bytes()]).await?;
    }
    let Reply::Text(info) = talk.ask(&INFO).await? else {
        return Err("INFO has no answer".to_owned());
    };
    Ok((talk, Info::of(&info, settings.wants_cluster())?))
}

async fn log_in(talk: &mut Talk, account: &Account) -> Result<(), String> {
    let Some(path) = &account.password else { return Ok(()) };
    let password = secret(path)?;
    let mut parts: Vec<&[u8]> = vec![b"AUTH"];
    parts.extend(account.user.as_ref().map(String::as_bytes));
    parts.push(&password);
    match talk.exchange(&parts).await? {
        // **Threat:** some servers repeat what they were sent.
        Reply::Error(error) => Err(said(error.split(|byte| *byte == b' ').next().unwrap_or_default())),
        _ => Ok(()),
    }
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

/// What the sentinels say of the primary, each of them asked until one knows.
async fn primaries(remote: &Remote, sentinel: &Sentinel) -> Result<Vec<Endpoint>, String> {
    let mut why = "no sentinel".to_owned();
    for place in &remote.settings.endpoints {
        let asked = match addresses(place).await {
            Ok(found) => tokio::time::timeout(PATIENCE, ask_sentinel(remote, (place, &found), sentinel)).await,
            Err(reason) => Ok(Err(reason)),
        };
        match asked.unwrap_or_else(|_late| Err("it does not answer".to_owned())) {
            Ok(primary) => return Ok(vec![primary]),
            Err(reason) => why = format!("sentinel {}: {reason}", shown(place)),
        }
    }
    Err(why)
}

async fn ask_sentinel(
    remote: &Remote,
    (place, found): (&Endpoint, &[SocketAddr]),
    Sentinel { name, account }: &Sentinel,
) -> Result<Endpoint, String> {
    let mut talk = Talk::open(remote, place, found).await?;
    log_in(&mut talk, account).await?;
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
}
