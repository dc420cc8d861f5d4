//! One check: a connection of its own, one question that is nobody's request, one answer.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;

use super::Symptom;
use crate::policy::upstream::{Active, Endpoint, Upstream};
use crate::proxy::exchange::Piece;
use crate::proxy::held::Held;
use crate::proxy::upstream::launched::{Arrived, Fault, Source};
use crate::proxy::upstream::outflow::Outflow;
use crate::proxy::upstream::outward::Shape;
use crate::proxy::upstream::shared::{Common, Target};
use crate::proxy::upstream::socket::{self, Unopened};
use crate::proxy::upstream::wire::{self, H1, Prepared, Wire};
use crate::reject::Code;
use crate::sig::message::{Fields, Head};

/// Who asks.
const AGENT: &str = concat!("countersign/", env!("CARGO_PKG_VERSION"), " (health check)");
/// Bytes of an answer that are read: an upstream that sees its answer taken has nothing to complain of.
const MOST: usize = 64 << 10;

/// Asks `target` once. The caller bounds the time.
pub(in crate::proxy::upstream) async fn ask(
    common: &Common,
    target: &Arc<Target>,
    active: &Active,
) -> Result<(), Symptom> {
    let (socket, http2) = socket::open(common, target, false, &mut None).await?;
    let wire =
        if http2 { Wire::H2(wire::http2(socket, target).await?.seat()) } else { Wire::H1(H1::new(socket, target)) };
    let prepared = wire.prepare(&head(common, target, active), Shape { length: Some(0), upgrade: false })?;
    let flow = Outflow::held(Held::Empty);
    // The seat keeps an HTTP/2 connection alive.
    let (launched, _seat) = match (wire, prepared) {
        (Wire::H1(line), Prepared::H1(words)) => (line.launch(words, flow), None),
        (Wire::H2(seat), Prepared::H2(request)) => (seat.launch(request.map(|()| flow)), Some(seat)),
        (Wire::H1(_), Prepared::H2(_)) | (Wire::H2(_), Prepared::H1(_)) => return Err(Symptom::Fault(Code::Internal)),
    };
    let Arrived { status, source, .. } = launched.await?;
    if !is_good(status, active) {
        return Err(Symptom::Status(status));
    }
    read(source).await
}

fn is_good(status: u16, active: &Active) -> bool {
    if active.statuses.is_empty() { (200..300).contains(&status) } else { active.statuses.contains(&status) }
}

/// An answer that breaks off is none.
async fn read(mut source: Source) -> Result<(), Symptom> {
    let mut seen = 0_usize;
    while seen < MOST {
        match poll_fn(|cx| source.poll_piece(cx)).await {
            Err(_) => return Err(Symptom::Fault(Code::UpstreamClosed)),
            Ok(None | Some(Piece::Trailers(_))) => break,
            Ok(Some(Piece::Data(data))) => seen = seen.saturating_add(data.len()),
        }
    }
    Ok(())
}

fn head(common: &Common, target: &Target, active: &Active) -> Head {
    let settings = &common.settings;
    let mut fields = Fields::default();
    fields.append("user-agent", AGENT);
    fields.append("accept", "*/*");
    Head {
        method: active.method.clone(),
        target: Bytes::copy_from_slice(active.path.as_bytes()),
        authority: active.host.as_deref().map_or_else(|| authority(settings, target), str::to_owned).into(),
        secure: settings.tls.is_some(),
        fields,
    }
}

/// `host[:port]` as the URL says it.
fn authority(settings: &Upstream, target: &Target) -> String {
    let usual = if settings.tls.is_some() { 443 } else { 80 };
    match settings.endpoints.get(target.endpoint) {
        None | Some(Endpoint::Unix(_)) => "localhost".to_owned(),
        Some(Endpoint::Tcp { host, port }) => {
            let host = if host.contains(':') { format!("[{host}]") } else { host.to_string() };
            if *port == usual { host } else { format!("{host}:{port}") }
        }
    }
}

impl From<Code> for Symptom {
    fn from(code: Code) -> Self {
        Self::Fault(code)
    }
}

impl From<Fault> for Symptom {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault.code)
    }
}

impl From<Unopened> for Symptom {
    fn from(unopened: Unopened) -> Self {
        match unopened {
            Unopened::Ours => Self::Ours,
            Unopened::Theirs(code) => Self::Fault(code),
        }
    }
}
