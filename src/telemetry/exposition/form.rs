//! The two forms of the exposition: `OpenMetrics` with exemplars, and the older text of Prometheus.

use std::fmt::Write as _;

use super::super::cells::TOTAL;
use super::super::exemplar::Exemplar;
use super::float;

/// How the counters are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// `OpenMetrics` 1.0.0.
    OpenMetrics,
    /// The text format of Prometheus, version 0.0.4.
    Text,
}

impl Form {
    /// What an `Accept` header asks for; whoever takes anything gets `OpenMetrics`.
    pub fn asked(accept: &[u8]) -> Self {
        let accept = accept.to_ascii_lowercase();
        let names = |what: &[u8]| accept.windows(what.len()).any(|part| part == what);
        if names(b"text/plain") && !names(b"application/openmetrics-text") { Self::Text } else { Self::OpenMetrics }
    }

    /// The `Content-Type` of the answer.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Writes an exemplar behind each bucket of the duration that has one. `exemplars` are in the order of the buckets.
pub(super) fn with_exemplars(text: &str, exemplars: impl IntoIterator<Item = Option<Exemplar>>) -> String {
    let mut exemplars = exemplars.into_iter();
    let is_bucket = |line: &str| line.strip_prefix(TOTAL.name).is_some_and(|rest| rest.starts_with("_bucket{"));
    let mut written = String::with_capacity(text.len());
    for line in text.lines() {
        written.push_str(line);
        if is_bucket(line)
            && let Some(Exemplar { trace, value, at }) = exemplars.next().flatten()
        {
            let (value, millis) = (float(value) / f64::from(TOTAL.scale), at.millis());
            let (seconds, rest) = (millis.div_euclid(1000), millis.rem_euclid(1000));
            // Writing to a string does not fail.
            let _ = write!(written, " # {{trace_id=\"{trace}\"}} {value} {seconds}.{rest:03}");
        }
        written.push('\n');
    }
    written
}

/// The same in the older form, where a family has the name of its samples.
pub(super) fn older(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut help = None;
    for line in text.lines() {
        match line.strip_prefix("# ").and_then(|meta| meta.split_once(' ')) {
            Some(("HELP", said)) => help = said.split_once(' '),
            Some(("TYPE", said)) => {
                let (name, kind) = said.split_once(' ').unwrap_or((said, "untyped"));
                let (suffix, kind) = match kind {
                    "counter" => ("_total", kind),
                    "info" => ("_info", "gauge"),
                    other => ("", other),
                };
                if let Some((_, told)) = help.take() {
                    let _ = writeln!(written, "# HELP {name}{suffix} {told}");
                }
                let _ = writeln!(written, "# TYPE {name}{suffix} {kind}");
            }
            None if !line.starts_with('#') => written.extend([line, "\n"]),
            _ => {}
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::super::Telemetry;
    use super::super::super::fixture::{record, route};
    use super::*;
    use crate::clock::Clock;
    use crate::policy::operations::{Audit, AuditSink};
    use crate::sig::time::Moment;
    use crate::telemetry::Gauges;

    fn told(form: Form) -> String {
        let telemetry = Telemetry::new(&Audit::to(AuditSink::Off), None, &Clock::system()).unwrap();
        let (one, other) = (telemetry.shard(), telemetry.shard());
        let mut told = record();
        other.finish(&mut told);
        told.started = Moment::from_millis(1_795_321_800_000);
        (told.trace_id, told.parent) =
            (Some("0af7651916cd43dd8448eb211c80319c".into()), Some("b7ad6b7169203331".into()));
        told.total = Duration::from_micros(250);
        told.route = Some(route("/b # {trace_id=\"x\"}"));
        one.finish(&mut told);
        told.started = Moment::from_millis(1_795_321_810_000);
        other.finish(&mut told);
        telemetry.render(&Gauges::default(), form)
    }

    #[test]
    fn the_newest_traced_request_stands_behind_its_bucket_only() {
        let text = told(Form::OpenMetrics);
        let exemplars: Vec<&str> = text.lines().filter(|line| line.contains(" # {trace_id=\"0af7")).collect();
        let bucket = r#"countersign_request_duration_seconds_bucket{le="0.00025",route="/b # {trace_id=\"x\"}"} 2"#;
        let exemplar = r#" # {trace_id="0af7651916cd43dd8448eb211c80319c"} 0.00025 1795321810.000"#;
        assert_eq!(exemplars, [format!("{bucket}{exemplar}")]);
    }

    #[test]
    fn the_older_text_names_families_as_their_samples_and_has_no_exemplars() {
        let text = told(Form::Text);
        assert!(!text.contains("0af7651916cd43dd8448eb211c80319c") && !text.contains("# EOF"), "{text}");
        assert!(text.contains("# TYPE countersign_requests_total counter\ncountersign_requests_total{"), "{text}");
        assert!(text.contains("# TYPE countersign_build_info gauge\ncountersign_build_info{"), "{text}");
        assert!(text.contains("# TYPE countersign_request_duration_seconds histogram\n"), "{text}");
        assert!(
            text.lines()
                .filter(|line| line.starts_with('#'))
                .all(|line| { line.starts_with("# HELP ") || line.starts_with("# TYPE ") })
        );
    }

    #[test]
    fn who_asks_for_plain_text_only_gets_it() {
        let prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        for (accept, form) in [
            ("", Form::OpenMetrics),
            ("*/*", Form::OpenMetrics),
            ("text/html,*/*;q=0.8", Form::OpenMetrics),
            (prometheus, Form::OpenMetrics),
            ("text/plain", Form::Text),
            ("Text/Plain; version=0.0.4, */*;q=0.1", Form::Text),
        ] {
            assert_eq!(Form::asked(accept.as_bytes()), form, "{accept:?}");
        }
    }
}
