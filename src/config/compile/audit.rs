//! What is written of requests, what is looked for in the traffic, and what is kept of refused requests.

use std::path::PathBuf;

use super::super::field::Many;
use super::super::raw::File;
use super::super::raw::process as raw;
use super::super::report::Spot;
use super::super::suggest;
use super::super::values::Of;
use super::Scope;
use crate::policy::listen::Address;
use crate::policy::operations::{Anomalies, Audit, AuditSink, Capture, OnFull};

/// Where syslog and the journal listen on nearly every Linux.
const SYSLOG: &str = "/dev/log";
const JOURNAL: &str = "/run/systemd/journal/socket";

/// Most kept requests, and most bytes of a kept body.
const CAPTURED_MAX: u32 = 1000;
const BODY_MAX: u64 = 1 << 20;

/// The audit log.
pub(super) fn audit(raw: &File, scope: &Scope<'_>) -> Audit {
    let Some((short, at)) = raw.audit.found() else { return Audit::to(AuditSink::Stdout) };
    let raw = &short.0;
    Audit {
        sink: sink(raw, at, scope),
        sample: raw.sample.get().map_or(Audit::ALL, |share| share.0),
        digest: raw.digest.or(false),
        on_full: match raw.on_full.get() {
            None | Some(raw::OnFull::Drop) => OnFull::Drop,
            Some(raw::OnFull::Block) => OnFull::Block,
        },
    }
}

fn sink(raw: &raw::Audit, at: Spot, scope: &Scope<'_>) -> AuditSink {
    let sink = raw.sink.get();
    if let (Some(raw::Sink::Off | raw::Sink::Stdout | raw::Sink::Syslog | raw::Sink::Journald), Some(at)) =
        (sink, raw.path.spot)
    {
        scope.report.error(at, "this sink has no path", Some("write `sink: file`, or remove `path`"));
    }
    if let (None | Some(raw::Sink::Off | raw::Sink::Stdout | raw::Sink::File), Some(at)) = (sink, raw.address.spot) {
        let fix = "write `sink: syslog` or `sink: journald`, or remove `address`";
        scope.report.error(at, "this sink has no address", Some(fix));
    }
    let path = raw.path.found().map(|(path, at)| scope.files.resolve(path, at));
    match (sink, path) {
        (None | Some(raw::Sink::File), Some(path)) => AuditSink::File(path),
        (Some(raw::Sink::File), None) => {
            let fix = "write `audit: {sink: file, path: /var/log/…}`";
            scope.report.error_in(at, "path", "`path` is missing", Some(fix));
            AuditSink::Off
        }
        (Some(raw::Sink::Off), _) => AuditSink::Off,
        (None | Some(raw::Sink::Stdout), _) => AuditSink::Stdout,
        (Some(raw::Sink::Syslog), _) => AuditSink::Syslog(address(raw, SYSLOG)),
        (Some(raw::Sink::Journald), _) => AuditSink::Journald(journal(raw, scope)),
    }
}

fn address(raw: &raw::Audit, usual: &str) -> Address {
    raw.address.get().map_or_else(|| Address::Unix(usual.into()), |Of(address)| address.clone())
}

fn journal(raw: &raw::Audit, scope: &Scope<'_>) -> PathBuf {
    match (address(raw, JOURNAL), raw.address.spot) {
        (Address::Unix(path), _) => path,
        (Address::Socket(_), at) => {
            if let Some(at) = at {
                scope.report.error(at, "the journal has a unix socket", Some("leave it out, or write `unix:/path`"));
            }
            JOURNAL.into()
        }
    }
}

/// What is unusual in the traffic; nothing is looked for with `anomalies: off`.
pub(super) fn anomalies(raw: &File) -> Option<Anomalies> {
    let usual = Anomalies::default();
    let Some(short) = raw.anomalies.get() else { return Some(usual) };
    let raw = &short.0;
    if raw.mode.get() == Some(&raw::Switch::Off) {
        return None;
    }
    Some(Anomalies {
        factor: raw.factor.or(usual.factor).max(1),
        key_refusals: raw.key_refusals.or(usual.key_refusals),
        source_refusals: raw.source_refusals.or(usual.source_refusals),
        unknown_keys: raw.unknown_keys.or(usual.unknown_keys),
        replays: raw.replays.or(usual.replays),
        skew: raw.skew.get().map_or(usual.skew, |share| share.0 / (Audit::ALL / 100)),
        learn: raw.learn.get().map_or(usual.learn, |Of(learn)| *learn),
        new_networks: raw.new_networks.or(usual.new_networks),
        retiring_keys: raw.retiring_keys.or(usual.retiring_keys),
    })
}

/// Which refused requests are kept; none where nothing is said.
pub(super) fn capture(raw: &File, scope: &Scope<'_>) -> Option<Capture> {
    let (raw_capture, at) = raw.capture.found()?;
    let fix = Some("write more, or leave `capture` out");
    let nothing = raw_capture.keep.found().filter(|(Of(keep), _)| keep.is_zero()).map(|(_, at)| at);
    let nothing = nothing.or(raw_capture.refused.found().filter(|(count, _)| **count == 0).map(|(_, at)| at));
    if let Some(at) = nothing {
        scope.report.error(at, "nothing would be kept", fix);
    }
    let refused = raw_capture.refused.or(50);
    if refused > CAPTURED_MAX {
        scope.report.error(raw_capture.refused.spot_or(at), "expected at most 1000 requests", None);
    }
    let body = raw_capture.body.get().map_or(64 << 10, |Of(size)| size.0);
    if body > BODY_MAX {
        scope.report.error(raw_capture.body.spot_or(at), "expected at most 1MiB of a body", None);
    }
    let routes = raw_capture.routes.get().into_iter().flat_map(Many::iter);
    Some(Capture {
        refused: usize::try_from(refused).unwrap_or(usize::MAX),
        body: usize::try_from(body).unwrap_or(usize::MAX),
        keep: raw_capture.keep.get().map_or(std::time::Duration::from_hours(1), |Of(keep)| *keep),
        routes: routes.map(|(name, _)| name.clone()).collect(),
    })
}

/// Captured routes are named as everywhere else that operators see them.
pub(super) fn check_routes(raw: &File, names: &[&str], scope: &Scope<'_>) {
    let captured = raw.capture.get().and_then(|capture| capture.routes.get()).into_iter().flat_map(Many::iter);
    for (name, at) in captured.filter(|(name, _)| !names.contains(&name.as_str())) {
        let fix = suggest::fix(name, names.iter().copied());
        scope.report.error(at, &format!("unknown route {}", suggest::quoted(name)), fix.as_deref());
    }
}
