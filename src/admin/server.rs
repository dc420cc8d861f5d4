//! Serving operators: one thread, one request per connection, everything bounded.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, ORIGIN,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::JoinSet;

use super::answer::{Answer, Asked, Role, answer};
use super::guard::{Caller, admit};
use super::listen::{Bound, Stream};
use super::{Ops, history};
use crate::policy::listen::Address;
use crate::telemetry::Form;

/// Most connections of one listener; further ones wait in the kernel's queue.
const CONNECTIONS: usize = 64;

/// Largest request body. It is read even where the question has none, so that its sender sees the answer.
const BODY_MAX: usize = 64 << 10;

/// Time for a request head.
const HEAD: Duration = Duration::from_secs(5);

/// Largest request head.
const HEAD_MAX: usize = 16 << 10;

/// The operations servers. Dropped, they stop.
pub struct Running {
    /// The health listener as bound; none without one or on a unix socket.
    pub health: Option<SocketAddr>,
    /// The admin listener as bound; none without one or on a unix socket.
    pub admin: Option<SocketAddr>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

pub(super) fn start(health: Option<&Address>, admin: Option<&Address>, ops: Arc<Ops>) -> io::Result<Running> {
    let health = health.map(|address| bind(Role::Health, address)).transpose()?;
    let admin = admin.map(|address| bind(Role::Admin, address)).transpose()?;
    let addresses = (health.as_ref().and_then(Bound::address), admin.as_ref().and_then(Bound::address));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(2).build()?;
    let (stop, stopped) = oneshot::channel();
    let thread = std::thread::Builder::new().name("operations".into()).spawn(move || {
        runtime.block_on(serve([health, admin], ops, stopped));
        runtime.shutdown_background();
    })?;
    Ok(Running { health: addresses.0, admin: addresses.1, stop: Some(stop), thread: Some(thread) })
}

fn bind(role: Role, address: &Address) -> io::Result<Bound> {
    let told = |cause: io::Error| io::Error::new(cause.kind(), format!("cannot listen on {address}: {cause}"));
    Bound::bind(role, address).map_err(told)
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the operations thread ended in an unexpected way");
        }
    }
}

async fn serve(bound: [Option<Bound>; 2], ops: Arc<Ops>, stopped: oneshot::Receiver<()>) {
    let mut listeners = JoinSet::new();
    listeners.spawn(remember(Arc::clone(&ops)));
    for bound in bound.into_iter().flatten() {
        listeners.spawn(accept(bound, Arc::clone(&ops)));
    }
    // Ends when the sender is dropped; whether a message came does not matter.
    let _ = stopped.await;
    listeners.shutdown().await;
}

/// Notes at the end of each step of the history what was counted.
async fn remember(ops: Arc<Ops>) {
    let mut steps = tokio::time::interval(history::STEP);
    // The first one is over at once.
    steps.tick().await;
    loop {
        steps.tick().await;
        ops.history.step(ops.telemetry.summary().verdicts);
    }
}

async fn accept(bound: Bound, ops: Arc<Ops>) {
    let role = bound.role;
    let socket = match bound.socket.accepting() {
        Ok(socket) => socket,
        Err(error) => return tracing::error!(%error, "an operations listener cannot accept"),
    };
    let (slots, unix) = (Arc::new(Semaphore::new(CONNECTIONS)), socket.is_unix());
    let mut connections = JoinSet::new();
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        while connections.try_join_next().is_some() {}
        let Ok(stream) = socket.accept().await else {
            // Out of file descriptors: trying again at once would only burn the CPU.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let ops = Arc::clone(&ops);
        connections.spawn(async move {
            connection(stream, role, unix, ops).await;
            drop(slot);
        });
    }
}

/// One request per connection, and no connection outlives its time: a slow client cannot keep probes away.
async fn connection(stream: Box<dyn Stream>, role: Role, unix: bool, ops: Arc<Ops>) {
    let life = match role {
        Role::Health => Duration::from_secs(10),
        Role::Admin => Duration::from_mins(1),
    };
    let service = service_fn(move |request| {
        let ops = Arc::clone(&ops);
        async move { Ok::<_, Infallible>(respond(request, role, unix, ops).await) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(HEAD_MAX).keep_alive(false);
    // A client that breaks off or stalls is its own affair.
    let _ = tokio::time::timeout(life, server.serve_connection(TokioIo::new(stream), service)).await;
}

async fn respond(request: Request<Incoming>, role: Role, unix: bool, ops: Arc<Ops>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    if role == Role::Admin
        && let Err(reason) = check(&head.headers, head.uri.authority().is_some(), unix)
    {
        return render(Answer::text(403, format!("{reason}\n")));
    }
    match Limited::new(body, BODY_MAX).collect().await {
        Ok(body) => {
            let (method, path) = (head.method.as_str(), head.uri.path());
            let (html, form) = (wants_html(&head.headers), form(&head.headers));
            let asked = Asked { role, method, path, html, form };
            render(answer(asked, body.to_bytes(), ops).await)
        }
        Err(_) => render(Answer::text(413, "the body is too large or broke off\n")),
    }
}

/// Browsers name it; whoever takes anything gets what scripts read.
fn wants_html(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|accept| accept.as_bytes().windows(9).any(|part| part == b"text/html"))
}

fn form(headers: &HeaderMap) -> Form {
    let accepted: Vec<_> = headers.get_all(ACCEPT).iter().map(HeaderValue::as_bytes).collect();
    Form::asked(&accepted.join(&b", "[..]))
}

fn check(headers: &HeaderMap, absolute: bool, unix: bool) -> Result<(), &'static str> {
    let hosts: Vec<_> = headers.get_all(HOST).iter().map(HeaderValue::as_bytes).collect();
    let foreign = headers.get_all("sec-fetch-site").iter().any(|site| site != "none" && site != "same-origin");
    admit(Caller { hosts: &hosts, origin: headers.contains_key(ORIGIN), absolute, foreign }, unix)
}

fn render(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("accept"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if let Some(policy) = answer.policy {
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    }
    if let Some(allow) = answer.allow {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    response
}
