//! What a collector is sent: a real socket takes it and answers.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::Receiver;

use serde_json::Value;

use super::super::fixture::{key, record};
use super::*;
use crate::reject::Code;
use crate::sig::message::Method;
use crate::sig::time::Moment;
use crate::telemetry::record::Verdict;

const LONG: Duration = Duration::from_secs(30);

/// One message: its head and its body.
fn read(stream: &TcpStream) -> (String, Value) {
    let (mut reader, mut head) = (BufReader::new(stream), String::new());
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(reader.read_line(&mut head).unwrap(), 0, "{head}");
    }
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap()];
    reader.read_exact(&mut body).unwrap();
    (head, serde_json::from_slice(&body).unwrap())
}

/// Answers every message with `status` and hands it on.
fn collector(status: &'static str) -> (SocketAddr, Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            if sender.send(read(&stream)).is_err() {
                return;
            }
            let _gone = write!(&stream, "HTTP/1.1 {status}\r\nContent-Length: 2\r\n\r\n{{}}");
        }
    });
    (address, receiver)
}

fn traces(address: SocketAddr) -> Traces {
    let collector = Collector::at(&format!("http://{address}/v1/traces"), "shop".to_owned());
    Traces::to(collector.unwrap()).unwrap()
}

fn traced() -> Record {
    let mut told = record();
    (told.trace_id, told.parent) = (Some("0af7651916cd43dd8448eb211c80319c".into()), Some("b7ad6b7169203331".into()));
    told
}

/// The value of an attribute.
fn attribute<'a>(span: &'a Value, name: &str) -> Option<&'a str> {
    let attributes = span["attributes"].as_array().unwrap();
    let value = &attributes.iter().find(|attribute| attribute["key"] == name)?["value"];
    value["stringValue"].as_str().or_else(|| value["intValue"].as_str())
}

#[test]
fn a_request_of_a_sampled_trace_is_a_span_below_that_of_its_sender() {
    let (address, messages) = collector("200 OK");
    let traces = traces(address);
    let mut told = traced();
    (told.key, told.judged) = (Some(key("k1")), Some(Duration::from_micros(34)));
    traces.spans().offer(&told);
    assert!(traces.flush(LONG));

    let (head, message) = messages.recv().unwrap();
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n") && head.contains("content-type: application/json\r\n"));
    let resource = &message["resourceSpans"][0];
    assert_eq!(resource["resource"]["attributes"][0]["value"]["stringValue"], "shop");
    let spans = resource["scopeSpans"][0]["spans"].as_array().unwrap();
    let [span] = &spans[..] else { panic!("{spans:?}") };
    for (name, value) in [
        ("traceId", "0af7651916cd43dd8448eb211c80319c"),
        ("parentSpanId", "b7ad6b7169203331"),
        ("name", "POST /orders"),
        ("startTimeUnixNano", "1795321800250000000"),
        ("endTimeUnixNano", "1795321800262034000"),
    ] {
        assert_eq!(span[name], value, "{name}");
    }
    assert_eq!((&span["kind"], span["spanId"].as_str().unwrap().len()), (&2.into(), 16));
    assert_eq!(span["events"][0]["timeUnixNano"], "1795321800250034000");
    for (name, value) in [
        ("http.request.method", Some("POST")),
        ("http.route", Some("/orders")),
        ("http.response.status_code", Some("200")),
        ("countersign.verdict", Some("verified")),
        ("countersign.key", Some("k1")),
        ("error.type", None),
    ] {
        assert_eq!(attribute(span, name), value, "{name}");
    }
    assert!(!message.to_string().contains("id=7") && !message.to_string().contains("shop.example"));
}

#[test]
fn a_refusal_has_its_code_and_a_strangers_method_has_no_name() {
    let mut told = traced();
    (told.verdict, told.status) = (Verdict::Refused, 503);
    (told.rejection, told.method) = (Some(Code::Overloaded.into()), Method::new("CANARY"));
    let span = Span::of(&told).unwrap().json();
    assert_eq!((attribute(&span, "error.type"), &span["status"]["code"]), (Some("overloaded"), &2.into()));
    assert_eq!((attribute(&span, "http.request.method"), &span["name"]), (Some("_OTHER"), &"_OTHER /orders".into()));
    told.started = Moment::from_secs(-5);
    assert_eq!(Span::of(&told).unwrap().json()["startTimeUnixNano"], "0");
}

#[test]
fn a_request_without_a_sampled_trace_is_no_span() {
    let mut told = traced();
    told.parent = None;
    assert!(Span::of(&told).is_none() && Span::of(&record()).is_none());
}

#[test]
fn many_spans_go_in_batches_and_more_than_fit_are_lost() {
    let (address, messages) = collector("200 OK");
    let traces = traces(address);
    let spans = Spans(Arc::default());
    (0..WAITING + 7).for_each(|_| spans.offer(&traced()));
    assert_eq!(spans.0.lost.load(Ordering::Relaxed), 7);
    traces.workers.lock().unwrap().push(spans);
    assert!(traces.flush(LONG));
    let sizes: Vec<usize> = messages.try_iter().map(|(_, message)| spans_of(&message)).collect();
    assert_eq!((sizes.iter().sum(), sizes.iter().max()), (WAITING, Some(&BATCH)));
}

fn spans_of(message: &Value) -> usize {
    message["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap().len()
}

#[test]
fn a_collector_that_is_away_or_says_no_costs_its_spans_and_nothing_else() {
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (refusing, _messages) = collector("503 Service Unavailable");
    for address in [nobody, refusing] {
        let traces = traces(address);
        let spans = traces.spans();
        spans.offer(&traced());
        assert!(traces.flush(LONG), "the round is over");
        assert!(spans.take().0.is_empty());
    }
}

#[test]
fn what_waits_is_sent_when_the_exporter_ends() {
    let (address, messages) = collector("200 OK");
    let traces = traces(address);
    traces.spans().offer(&traced());
    drop(traces);
    assert_eq!(messages.recv().map(|(_, message)| spans_of(&message)), Ok(1));
}

#[test]
fn an_endpoint_is_a_plain_http_address() {
    let place = |endpoint: &str| Collector::at(endpoint, String::new()).map(|collector| collector.place);
    for (endpoint, expected) in [
        ("http://collector:4318/v1/traces", Some(("collector", 4318))),
        ("http://collector", Some(("collector", 80))),
        ("http://[::1]:4318/", Some(("::1", 4318))),
        ("https://collector:4318", None),
        ("collector:4318", None),
        ("http://user:secret@collector", None),
        ("", None),
    ] {
        let expected = expected.map(|(host, port)| (host.to_owned(), port));
        assert_eq!(place(endpoint), expected, "{endpoint}");
    }
}
