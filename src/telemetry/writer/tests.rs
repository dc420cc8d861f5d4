//! Lines are lost or waited for as the operator says, and never silently.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::task::{Context, Waker};

use super::super::Telemetry;
use super::super::fixture::record;
use super::*;
use crate::policy::operations::{AuditSink, OnFull};
use crate::sig::time::Moment;

const LONG: Duration = Duration::from_secs(20);

fn clock() -> Clock {
    Clock::manual(Moment::from_secs(1_760_000_000))
}

fn piped(on_full: OnFull) -> (io::PipeReader, Arc<Telemetry>) {
    let (reader, writer) = io::pipe().unwrap();
    let file = File::from(OwnedFd::from(writer));
    let sink = Sink::File { path: "/nonexistent/audit".into(), file };
    let audit = Audit { on_full, ..Audit::to(AuditSink::Stdout) };
    (reader, Telemetry::with(Some(Writer::start(sink, &audit, None, &clock()).unwrap()), None))
}

fn dropped(telemetry: &Telemetry) -> (u64, u64) {
    let [(_, refused), (_, failed)] = telemetry.audit.as_ref().unwrap().dropped();
    (refused, failed)
}

fn lines(reader: io::PipeReader) -> u64 {
    let lines = BufReader::new(reader).lines().map(|line| line.unwrap()).filter(|line| line.ends_with('}'));
    u64::try_from(lines.count()).unwrap()
}

#[test]
fn a_reader_that_does_not_read_costs_lines_and_never_a_request() {
    let (reader, telemetry) = piped(OnFull::Drop);
    let shard = telemetry.shard();
    for _ in 0..10_000 {
        shard.finish(&mut record());
    }
    let (refused, failed) = dropped(&telemetry);
    assert!(refused > 0 && failed == 0 && !shard.is_full(), "{refused} {failed}");
    assert!(!telemetry.flush(Duration::from_millis(1)));

    drop((shard, telemetry));
    assert_eq!(lines(reader) + refused, 10_000);
}

#[test]
fn where_nothing_may_be_lost_new_requests_wait_for_room() {
    let (reader, telemetry) = piped(OnFull::Block);
    let shard = telemetry.shard();
    let mut told = 0;
    while !shard.is_full() {
        shard.finish(&mut record());
        told += 1;
    }
    // Those that are in flight already end all the same.
    (0..1000).for_each(|_| shard.finish(&mut record()));
    assert!(told >= QUEUE, "{told}");
    {
        let mut room = pin!(shard.room());
        assert!(room.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }

    let reading = std::thread::spawn(move || lines(reader));
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(shard.room());
    assert!(!shard.is_full() && telemetry.flush(LONG));
    assert_eq!(dropped(&telemetry), (0, 0));
    drop((shard, telemetry));
    assert_eq!(reading.join().unwrap(), told + 1000);
}

#[test]
fn a_closed_pipe_costs_lines_and_nothing_else() {
    let (reader, telemetry) = piped(OnFull::Drop);
    drop(reader);
    let shard = telemetry.shard();
    shard.finish(&mut record());
    assert!(telemetry.flush(LONG));
    shard.finish(&mut record());
    assert!(telemetry.flush(LONG));
    assert_eq!(dropped(&telemetry), (0, 2));
}

#[test]
fn a_rotated_file_is_written_under_its_name_again() {
    use std::os::unix::fs::PermissionsExt;
    let place = tempfile::tempdir().unwrap();
    let (path, rotated) = (place.path().join("audit"), place.path().join("audit.1"));
    let audit = Audit::to(AuditSink::File(path.clone()));
    let telemetry = Telemetry::new(&audit, None, &clock()).unwrap();
    let shard = telemetry.shard();
    shard.finish(&mut record());
    assert!(telemetry.flush(LONG));
    std::fs::rename(&path, &rotated).unwrap();
    telemetry.reopen();
    shard.finish(&mut record());
    assert!(telemetry.flush(LONG));
    for file in [&path, &rotated] {
        assert_eq!(std::fs::read_to_string(file).unwrap().lines().count(), 1, "{}", file.display());
        assert_eq!(std::fs::metadata(file).unwrap().permissions().mode() & 0o137, 0, "{}", file.display());
    }
}

#[test]
fn a_sample_of_permitted_requests_is_written_and_the_rest_is_counted() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("audit");
    let audit = Audit { sample: 200_000, ..Audit::to(AuditSink::File(path.clone())) };
    let telemetry = Telemetry::new(&audit, None, &clock()).unwrap();
    let shard = telemetry.shard();
    for number in 0..1000 {
        let mut told = record();
        told.request_id = format!("id-{number}").into();
        shard.finish(&mut told);
    }
    assert!(telemetry.flush(LONG));
    let written = u64::try_from(std::fs::read_to_string(&path).unwrap().lines().count()).unwrap();
    let [(_, sampled), (_, limited)] = telemetry.audit.as_ref().unwrap().omitted();
    assert_eq!((written + sampled, limited), (1000, 0));
    assert!((150..250).contains(&written), "{written}");
    let text = telemetry.render(&super::super::Gauges::default(), super::super::Form::OpenMetrics);
    assert!(text.contains(r#"countersign_requests_total{route="/orders",verdict="verified",code="",key=""} 1000"#));
}

#[test]
fn a_sink_that_cannot_be_opened_is_said_at_once() {
    let audit = Audit::to(AuditSink::File("/nonexistent/audit".into()));
    assert!(Telemetry::new(&audit, None, &clock()).is_err());
}
