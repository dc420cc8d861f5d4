//! How long a connection lasts: until it is done, late, idle, or the server closes.

use std::pin::{Pin, pin};

use hyper::server::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

use super::accept::Site;
use super::watch::{Activity, Advice};
use crate::policy::limits;
use crate::proxy::http::{Screened, Seam};

/// Both versions of a hyper connection.
pub(super) trait Graceful: Future<Output = hyper::Result<()>> + Unpin {
    /// No further requests; those in flight are answered.
    fn finish(self: Pin<&mut Self>);
}

impl<I, B, S> Graceful for http1::UpgradeableConnection<TokioIo<Screened<I>>, S>
where
    Self: Unpin,
    S: hyper::service::HttpService<hyper::body::Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, B, S, E> Graceful for http2::Connection<I, S, E>
where
    Self: Unpin,
    S: hyper::service::HttpService<hyper::body::Incoming, ResBody = B>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    B: http_body::Body + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    E: hyper::rt::bounds::Http2ServerConnExec<S::Future, B>,
{
    fn finish(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// What can end a connection beside itself.
pub(super) struct Lasting<'a, S> {
    /// Where it was accepted.
    pub(super) site: &'a Site<S>,
    /// Its requests.
    pub(super) activity: &'a Activity,
    /// Its bounds.
    pub(super) limits: &'a limits::Connection,
    /// Whether bytes without a request are a head that began.
    pub(super) heads: bool,
    /// Where a head is given up.
    pub(super) seam: &'a Seam,
}

impl<S> Lasting<'_, S> {
    /// Drives `connection` until it is over, it is idle or late, or the server closes.
    pub(super) async fn until_done(&self, mut connection: impl Graceful) -> hyper::Result<()> {
        let mut closing = pin!(self.site.closing.cancelled());
        let mut finishing = false;
        let mut alarm = pin!(tokio::time::sleep(self.limits.head.min(self.limits.idle)));
        loop {
            tokio::select! {
                ended = &mut connection => return ended,
                () = closing.as_mut(), if !finishing => {
                    finishing = true;
                    Pin::new(&mut connection).finish();
                }
                () = alarm.as_mut() => match self.activity.advice(Instant::now(), self.limits, self.heads) {
                    Advice::Wait(until) => alarm.as_mut().reset(until),
                    // Who has not said anything yet did not ask anything.
                    Advice::Late if finishing || !self.seam.give_up() => return Ok(()),
                    Advice::Late => {
                        finishing = true;
                        alarm.set(tokio::time::sleep(self.limits.write));
                    }
                    Advice::Idle if finishing => return Ok(()),
                    Advice::Idle => {
                        finishing = true;
                        Pin::new(&mut connection).finish();
                        alarm.set(tokio::time::sleep(self.limits.head));
                    }
                },
            }
        }
    }
}
