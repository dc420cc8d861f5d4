//! What is written of refused requests, minute by minute, by a clock that the test moves.

use std::time::Duration;

use super::super::fixture::{key, record};
use super::super::record::{Noted, Record, Verdict};
use super::*;
use crate::policy::gate::Named;
use crate::reject::Code;

/// The beginning of a minute.
const BEGIN: i64 = 1_760_000_040;

fn clerk(anomalies: Option<Anomalies>) -> Clerk {
    Clerk::new(true, anomalies, Arc::default())
}

fn refused(code: Code, peer: &str, second: i64) -> Record {
    let mut told = record();
    (told.verdict, told.rejection) = (Verdict::Refused, Some(code.into()));
    told.peer = Some(peer.parse().unwrap());
    (told.started, told.total) = (Moment::from_secs(BEGIN.saturating_add(second)), Duration::ZERO);
    told
}

fn take(clerk: &mut Clerk, mut told: Record, batch: &mut Batch) {
    let line = b"{\"v\":1}\n".to_vec();
    match Aside::of(&mut told, true) {
        Some(aside) => clerk.take(Told::Judged(Box::new((line, aside))), batch),
        None => clerk.take(Told::Line(line), batch),
    }
}

fn lines(batch: &Batch) -> Vec<serde_json::Value> {
    let text = String::from_utf8(batch.bytes.clone()).unwrap();
    assert_eq!(u64::try_from(text.lines().count()).unwrap(), batch.lines);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_scan_costs_a_hundred_lines_a_minute_and_one_with_the_exact_count() {
    let (mut clerk, mut batch) = (clerk(None), Batch::default());
    for minute in 0..3 {
        for number in 0..1000_u32 {
            let peer = format!("203.0.113.{}", number % 250);
            take(&mut clerk, refused(Code::SignatureMissing, &peer, minute * 60 + 59), &mut batch);
        }
    }
    assert!(!clerk.is_settled());
    clerk.turn(Moment::from_secs(BEGIN + 180), &mut batch);
    assert!(clerk.is_settled());
    let (summaries, full): (Vec<_>, Vec<_>) = lines(&batch).into_iter().partition(|line| line["event"] == "refusals");
    assert_eq!((full.len(), summaries.len()), (300, 3));
    for (minute, summary) in summaries.iter().enumerate() {
        assert_eq!((&summary["count"], &summary["network"]), (&900.into(), &"203.0.113.0/24".into()));
        assert_eq!((&summary["code"], &summary["seconds"]), (&"signature_missing".into(), &60.into()));
        assert_eq!(summary["time"], format!("2025-10-09T08:{:02}:00.000Z", 54 + minute));
    }
    assert_eq!(clerk.counts.limited.load(Ordering::Relaxed), 2700);
}

#[test]
fn refusals_of_authentic_keys_are_always_written() {
    let (mut clerk, mut batch) = (clerk(None), Batch::default());
    for _ in 0..500 {
        let mut told = refused(Code::Replayed, "203.0.113.1", 0);
        told.key = Some(key("k"));
        take(&mut clerk, told, &mut batch);
    }
    assert_eq!(batch.lines, 500);
}

#[test]
fn what_was_counted_is_written_at_the_end() {
    let (mut clerk, mut batch) = (clerk(None), Batch::default());
    (0..101).for_each(|_| take(&mut clerk, refused(Code::BadRequest, "2001:db8::1", 0), &mut batch));
    clerk.take(Told::Close, &mut batch);
    let last = lines(&batch).pop().unwrap();
    assert_eq!((&last["count"], &last["network"]), (&1.into(), &"2001:db8::/56".into()));
}

#[test]
fn a_failed_proof_says_its_cause_and_nothing_else_does() {
    let cause = |code, noted: Option<Cause>| {
        let (mut clerk, mut batch) = (clerk(None), Batch::default());
        let mut told = refused(code, "203.0.113.1", 0);
        told.noted = noted.map(|cause| Box::new(Noted { named: Named::Nobody, cause: Some(cause) }));
        take(&mut clerk, told, &mut batch);
        lines(&batch).remove(0)["cause"].as_str().map(str::to_owned)
    };
    assert_eq!(cause(Code::RouteNotFound, None), None);
    assert_eq!(cause(Code::SignatureMissing, None).as_deref(), Some("signature-missing"));
    assert_eq!(cause(Code::SignatureInvalid, None).as_deref(), Some("unexamined"));
    let late = Cause::Late(Box::new(|| "milliseconds"));
    assert_eq!(cause(Code::TimestampInvalid, Some(late)).as_deref(), Some("milliseconds"));
    let failing = Cause::Late(Box::new(|| panic!("a defect")));
    assert_eq!(cause(Code::SignatureInvalid, Some(failing)).as_deref(), Some("unexamined"));
}

#[test]
fn nobody_looks_for_the_cause_of_what_is_not_written() {
    let (mut clerk, mut batch) = (clerk(None), Batch::default());
    for number in 0..150 {
        let mut told = refused(Code::SignatureInvalid, "203.0.113.1", 0);
        let look: Box<dyn FnOnce() -> &'static str + Send> =
            Box::new(move || if number < 100 { "milliseconds" } else { panic!("looked at {number}") });
        told.noted = Some(Box::new(Noted { named: Named::Nobody, cause: Some(Cause::Late(look)) }));
        take(&mut clerk, told, &mut batch);
    }
    assert!(lines(&batch).iter().all(|line| line["cause"] == "milliseconds"));
}

#[test]
fn an_anomaly_is_a_line_and_a_count() {
    let (mut clerk, mut batch) = (clerk(Some(Anomalies::default())), Batch::default());
    for _ in 0..150 {
        take(&mut clerk, refused(Code::SignatureMissing, "203.0.113.1", 0), &mut batch);
    }
    let found: Vec<_> = lines(&batch).into_iter().filter(|line| line["event"] == "anomaly").collect();
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0]["kind"], &found[0]["count"]), (&"source_refusals".into(), &100.into()));
    let counted: Vec<u64> = clerk.counts.anomalies.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    assert_eq!(counted, [0, 1, 0, 0, 0, 0, 0]);
}

#[test]
fn without_a_sink_anomalies_are_counted_all_the_same() {
    let (mut clerk, mut batch) = (Clerk::new(false, Some(Anomalies::default()), Arc::default()), Batch::default());
    for _ in 0..150 {
        let aside = Aside::of(&mut refused(Code::SignatureMissing, "203.0.113.1", 0), false).unwrap();
        clerk.take(Told::Judged(Box::new((Vec::new(), aside))), &mut batch);
    }
    assert_eq!((batch.lines, clerk.counts.anomalies[1].load(Ordering::Relaxed)), (0, 1));
}
