//! `countersign test` and `countersign schemes` as a user runs them: what is printed, and the exit code.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

/// Exit code and standard output.
fn run(arguments: &[&str], input: &str) -> (i32, String) {
    let (code, out, _) = told(arguments, input);
    (code, out)
}

/// Exit code, standard output and standard error.
fn told(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("COUNTERSIGN_TEST_SECRET", "0123456789abcdef0123456789abcdef")
        .env("COUNTERSIGN_TEST_EMPTY", "")
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn vectors() -> impl Iterator<Item = std::path::PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    directory
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().unwrap() == "jsonl" && !path.ends_with("json-numbers.jsonl"))
}

/// A line that holds, to be bent: `printf 1760000000.hello | openssl dgst -sha256 -hmac open-sesame`.
fn good() -> Value {
    json!({
        "scheme": "timestamp-body", "case": "a", "method": "POST", "target": "/", "body_b64": "aGVsbG8=",
        "headers": [["Host", "h"], ["X-HMAC-Timestamp", "1760000000"],
            ["X-HMAC-Signature", "86d69b0992cac54ef0bee85255e4c5296ee4b4e066f100690cdf2e4d2ba4b382"]],
        "keys": [{"id": "k", "secret": "open-sesame"}], "now": 1_760_000_000, "valid": true,
    })
}

#[test]
fn every_published_vector_passes_and_none_is_left_out() {
    for path in vectors() {
        let text = std::fs::read_to_string(&path).unwrap();
        let must = text.lines().filter(|line| serde_json::from_str::<Value>(line).unwrap()["level"] != "may").count();
        let (code, out) = run(&["test", path.to_str().unwrap()], "");
        assert_eq!((code, out.lines().last().unwrap()), (0, format!("{must} passed, 0 failed").as_str()), "{out}");
    }
}

#[test]
fn a_wrong_verdict_fails_by_name_and_a_may_case_is_told_apart() {
    let mut line = good();
    assert_eq!(run(&["test", "-"], &line.to_string()), (0, "1 passed, 0 failed\n".to_owned()));
    line["valid"] = json!(false);
    let (code, out) = run(&["test", "-"], &format!("{line}\n{}", good()));
    assert_eq!(code, 1);
    assert!(out.starts_with("line 1: timestamp-body/a: expected refused, got valid, key `k`\n"), "{out}");
    assert!(out.ends_with("\n1 passed, 1 failed\n"), "{out}");
    line["level"] = json!("may");
    let (code, out) = run(&["test", "-"], &line.to_string());
    assert_eq!((code, out.ends_with("1 may-cases differ\n0 passed, 0 failed\n")), (0, true), "{out}");
    let mut stale = good();
    stale["now"] = json!(1_760_000_061);
    let (_, out) = run(&["test", "-"], &stale.to_string());
    assert!(out.contains("expected valid, got timestamp_outside_window"), "{out}");
    stale["tolerance"] = json!(61);
    assert_eq!(run(&["test", "-"], &stale.to_string()).0, 0);
}

#[test]
fn what_cannot_be_judged_is_a_failure_never_a_skip() {
    let bend = |name: &str, value: Value| {
        let mut line = good();
        line[name] = value;
        line.to_string()
    };
    let lines = [
        (bend("scheme", json!("nobody")), "unknown scheme"),
        (bend("colour", json!("red")), "unknown field `colour`"),
        (bend("config", json!({"x": 1})), "unknown option `config.x`"),
        (bend("body_b64", json!("!")), "`body_b64` is not base64"),
        (bend("body_repeat", json!({"b64": "", "times": 1})), "one of `body_b64` and `body_repeat`"),
        (bend("keys", json!([{"id": "k"}])), "needs one of `secret` and `secret_b64`"),
        (bend("tolerance", json!(-1)), "cannot be read"),
        (bend("level", json!("perhaps")), "cannot be read"),
        ("{".to_owned(), "cannot be read"),
    ];
    for (line, why) in lines {
        let (code, out) = run(&["test", "-"], &line);
        assert_eq!((code, out.contains(why), out.ends_with("0 passed, 1 failed\n")), (1, true, true), "{out}");
    }
    assert_eq!(run(&["test", "-"], "\n").0, 2);
    assert_eq!(run(&["test", "/nowhere"], "").0, 2);
    assert_eq!(run(&["test"], "").0, 2);
}

#[test]
fn a_request_that_http_refuses_is_refused_before_any_signature() {
    for (name, value, code) in [
        ("target", json!("/#x"), "target_invalid"),
        ("headers", json!([["Host", "h"], ["Host", "i"]]), "host_invalid"),
        ("headers", json!([["Host", "h"], ["X_HMAC_Signature", "x"]]), "field_forbidden"),
    ] {
        let mut line = good();
        line[name] = value;
        let (_, out) = run(&["test", "-"], &line.to_string());
        assert!(out.contains(&format!("got {code}")), "{out}");
    }
}

#[test]
fn a_scheme_of_ones_own_is_found_by_name_in_the_line_or_on_the_command_line() {
    let (code, text) = run(&["schemes", "show", "timestamp-body", "--as", "mine"], "");
    assert_eq!(code, 0);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text.replace("X-HMAC-Signature", "X-Mine")).unwrap();
    let config = file.path().to_str().unwrap();
    let line = good().to_string().replace("X-HMAC-Signature", "X-Mine");
    let named = line.replace("timestamp-body", "mine");
    assert_eq!(run(&["test", "-", "--config", config, "--scheme", "mine"], &line).0, 0);
    assert_eq!(run(&["test", "-", "--config", config], &named).0, 0);
    assert_eq!(run(&["test", "-", "--config", config], &line).0, 1);
    assert_eq!(run(&["test", "-"], &named).0, 1);
    std::fs::write(file.path(), "version: 1\nschemes: {mine: {algorith: sha256}}").unwrap();
    assert_eq!(run(&["test", "-", "--config", config], &named).0, 78);
}

#[test]
fn schemes_are_listed_and_shown() {
    let (code, out) = run(&["schemes", "list"], "");
    assert_eq!((code, out.lines().any(|line| line.starts_with("stripe  "))), (0, true), "{out}");
    let (code, out) = run(&["schemes", "show", "stripe"], "");
    assert_eq!((code, out.as_str()), (0, include_str!("../schemes/stripe.yaml")));
    assert_eq!(run(&["schemes", "show", "nobody"], "").0, 2);
}

#[test]
fn the_worked_example_of_the_manual_holds() {
    let manual = include_str!("../docs/schemes.md");
    let block = |mark: &str| manual.split_once(mark).unwrap().1.split_once("```").unwrap().0;
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("countersign.yaml");
    std::fs::write(&config, block("```yaml worked\n")).unwrap();
    let (code, out) = run(&["test", "-", "--config", config.to_str().unwrap()], block("```json worked\n"));
    assert_eq!((code, out.as_str()), (0, "2 passed, 0 failed\n"));
}

const MEANS: [&str; 4] = ["--keys", "env:COUNTERSIGN_TEST_SECRET", "--now", "1760000000"];

#[test]
fn a_signature_that_sits_in_the_body_is_shown_with_the_body() {
    let sign = |more: &[&str]| {
        let fixed = ["sign", "--scheme", "json-envelope", "-d", "{\"a\": \"it's\"}", "https://h/in"];
        run(&[&fixed[..], &MEANS, more].concat(), "")
    };
    let (code, body) = sign(&[]);
    let envelope: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((code, &envelope["payload"]["a"]), (0, &json!("it's")), "{body}");
    assert_eq!(envelope["signature"].as_str().map(str::len), Some(64));
    let (code, command) = sign(&["--curl"]);
    assert_eq!(code, 0);
    assert!(command.contains(&format!("--data-binary '{}'", body.trim_end().replace('\'', "'\\''"))), "{command}");
    let sent = command.replace("https://h/in", "http://h/in");
    let verify = ["verify", "--scheme", "json-envelope", "-"];
    assert_eq!(run(&[&verify[..], &MEANS].concat(), &sent), (0, "verified, key `key`\n".to_owned()), "{command}");
}

#[test]
fn headers_and_a_body_that_both_change_stand_like_in_a_message() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let both = "version: 1\nschemes: {both: {algorithm: sha256, signature: {json: /s, encoding: hex}, key_id: {header: X-Key}, message: \"{key_id}{json:/p|jcs}\"}}\n";
    std::fs::write(file.path(), both).unwrap();
    let arguments = ["sign", "--config", file.path().to_str().unwrap(), "--scheme", "both", "-d", "1", "http://h/"];
    let (code, out, error) = told(&[&arguments[..], &MEANS].concat(), "");
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(out.starts_with("X-Key: key\n\n{\"p\":1,\"s\":\""), "{out}");
}

#[test]
fn what_a_command_line_cannot_mean_is_wrong_usage_with_a_reason() {
    let github = ["sign", "--scheme", "github", "--keys"];
    for (arguments, why) in [
        (&["env:COUNTERSIGN_TEST_SECRET", "ftp://h/x"][..], "`ftp://` is not signed"),
        (&["env:COUNTERSIGN_TEST_SECRET", "ws://h/x"], "http:// or https://"),
        (&["env:COUNTERSIGN_TEST_NONE", "http://h/x"], "--keys env:COUNTERSIGN_TEST_NONE: "),
        (&["env:COUNTERSIGN_TEST_EMPTY", "http://h/x"], "--keys env:COUNTERSIGN_TEST_EMPTY: "),
    ] {
        let (code, out, error) = told(&[&github[..], arguments].concat(), "");
        assert_eq!((code, out.as_str(), error.contains(why)), (2, "", true), "{error}");
    }
    for url in ["http://h/x", "HTTPS://h/x", "/x?to=ftp://h/"] {
        let host = ["env:COUNTERSIGN_TEST_SECRET", "-H", "Host: h", url];
        let (code, _, error) = told(&[&github[..], &host].concat(), "");
        assert_eq!(code, 0, "{url}: {error}");
    }
}
