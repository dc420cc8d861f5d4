//! `countersign sign` and `countersign verify`: inverse to each other, and right by signatures that others made.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use countersign::config::named::built_in;
use countersign::config::scheme::builtins;

/// Exit code, standard output and error. The environment holds one secret.
fn run(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_countersign"))
        .args(arguments)
        .env("SECRET", "c2VjcmV0IG9mIHRoaXJ0eS10d28gYnl0ZXMsIHRydWx5")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// From tests/vectors: the first case of each file, made by OpenSSL and by the vendor's library.
#[test]
fn what_is_signed_is_what_others_sign() {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret");
    let keys = format!("file:{}", secret.display());
    for (file, scheme, header) in [
        ("plain-timestamp-body", "timestamp-body", "X-HMAC-Signature"),
        ("stripe", "stripe", "Stripe-Signature"),
        ("github", "github", "X-Hub-Signature-256"),
        ("slack", "slack", "X-Slack-Signature"),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/vectors/{file}.jsonl"));
        let line = std::fs::read_to_string(path).unwrap().lines().next().unwrap().to_owned();
        let case: serde_json::Value = serde_json::from_str(&line).unwrap();
        std::fs::write(&secret, format!("{}\n", case["keys"][0]["secret"].as_str().unwrap())).unwrap();
        let body = data_encoding::BASE64.decode(case["body_b64"].as_str().unwrap().as_bytes()).unwrap();
        let body_file = directory.path().join("body");
        std::fs::write(&body_file, body).unwrap();
        let headers = case["headers"].as_array().unwrap();
        let sent = headers.iter().find(|line| line[0] == header).and_then(|line| line[1].as_str()).unwrap();
        // The stamp is the one that was signed.
        let stamp = headers.iter().filter_map(|line| line[1].as_str()).find(|value| value.starts_with("17"));
        let stamp = stamp.map(str::to_owned).or_else(|| Some(sent.split(['=', ',']).nth(1)?.to_owned()));
        let stamp = stamp.filter(|stamp| stamp.len() == 10).unwrap_or_else(|| "1760000000".to_owned());
        let (method, target) = (case["method"].as_str().unwrap(), case["target"].as_str().unwrap());
        let url = format!("https://api.example.com{target}");
        let body_file = body_file.to_str().unwrap();
        let (code, out, error) = run(
            &[
                "sign",
                "--scheme",
                scheme,
                "--keys",
                &keys,
                "-X",
                method,
                "--data-file",
                body_file,
                "--now",
                &stamp,
                &url,
            ],
            "",
        );
        assert_eq!((code, out.contains(&format!("{header}: {sent}\n"))), (0, true), "{scheme}: {out}{error}");
    }
}

#[test]
fn every_built_in_that_signs_is_verified_again() {
    let body = "{\"it's\": \"signed\"}";
    for (name, _) in builtins() {
        let scheme = built_in(name).unwrap();
        let able = scheme.facts().can_sign.is_ok();
        let covered = scheme.facts().covers.body || scheme.has_payload();
        let keys = ["--scheme", name, "--keys", "env:SECRET", "--public-url", "https://api.example.com"];
        // Tyk leaves the query open, so that we refuse one, and signs the decoded path.
        let url = if *name == "tyk" { "https://api.example.com/a" } else { "https://api.example.com/a%20b?c=d" };
        let sign = [
            &["sign", "--curl", "-d", body, "-H", "Content-Type: application/json", "-H", "X-BAPI-RECV-WINDOW: 5000"],
            &keys[..],
            &[url],
        ]
        .concat();
        let (code, curl, error) = run(&sign, "");
        assert_eq!(code, i32::from(!able), "{name}: {error}");
        if able {
            let verify = [&["verify"], &keys[..], &["-"]].concat();
            let (code, out, _) = run(&verify, &curl);
            assert_eq!((code, out.as_str()), (0, "verified, key `key`\n"), "{name}: {curl}");
            let (code, out, _) = run(&verify, &curl.replace("signed", "singed"));
            assert_eq!((code, out.starts_with("refused: ")), (i32::from(covered), covered), "{name}: {out}");
        }
    }
}

#[test]
fn a_route_says_how_and_with_which_key() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("config.yaml");
    std::fs::create_dir_all(directory.path().join("keys/partners")).unwrap();
    std::fs::write(directory.path().join("keys/partners/k1"), "a secret that nobody else has, ever\n").unwrap();
    std::fs::write(
        &config,
        "version: 1\nlisteners: {public: {address: \"127.0.0.1:0\"}}\nupstreams: {app: {url: \"http://127.0.0.1:1\"}}\n\
         keyrings: {directory: keys}\nroutes:\n  - {path: /hooks/**, verify: {scheme: slack, keys: partners}, upstream: app}\n  \
         - {path: /open, public: true, upstream: app}\n",
    )
    .unwrap();
    let config = config.to_str().unwrap();
    let (code, curl, error) = run(&["sign", "-c", config, "--curl", "-d", "hello", "http://h.example/hooks/a"], "");
    assert_eq!(code, 0, "{error}");
    assert_eq!(run(&["verify", "-c", config, "-"], &curl).1, "verified, key `k1`\n");
    assert_eq!(run(&["explain", "-c", config, "-"], &curl).0, 0);
    let elsewhere = curl.replace("/hooks/a", "/elsewhere");
    assert_eq!(run(&["verify", "-c", config, "-"], &elsewhere).1, "refused: route_not_found\n");
    let open = curl.replace("/hooks/a", "/open");
    assert_eq!(run(&["verify", "-c", config, "-"], &open).0, 1);
    let (code, out, _) = run(&["sign", "-c", config, "--route", "/hooks/x", "-d", "hello", "http://h.example/y"], "");
    assert_eq!((code, out.lines().count()), (0, 2), "{out}");
    let (code, out, _) = run(&["explain", "-c", config, "--json", "-"], &curl.replace("hello", "hello\n"));
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (code, &report["code"], &report["cause"]["id"]),
        (1, &"signature_invalid".into(), &"body-newline".into())
    );
}

#[test]
fn a_secret_is_never_an_argument_and_what_is_missing_is_said() {
    for (arguments, code) in [
        (&["sign", "http://h/"][..], 2),
        (&["sign", "--scheme", "stripe", "http://h/"], 2),
        (&["sign", "--scheme", "stripe", "--keys", "open-sesame", "http://h/"], 2),
        (&["sign", "--scheme", "nobody", "--keys", "env:SECRET", "http://h/"], 2),
        (&["sign", "--scheme", "stripe", "--keys", "env:NO_SUCH_SECRET", "http://h/"], 2),
        (&["sign", "--scheme", "stripe", "--keys", "file:/nowhere", "http://h/"], 2),
        (&["sign", "--scheme", "stripe", "--keys", "env:SECRET", "-H", "nothing", "http://h/"], 2),
        (&["sign", "--scheme", "stripe", "--keys", "env:SECRET", "/path"], 2),
        (&["verify", "--scheme", "stripe", "--keys", "env:SECRET", "/nowhere"], 2),
        (&["sign", "-c", "/nowhere", "http://h/"], 78),
    ] {
        let (found, out, error) = run(arguments, "");
        assert_eq!((found, out.as_str(), error.is_empty()), (code, "", false), "{arguments:?} {error}");
    }
}

/// The link of the case `key-named` in tests/vectors/signed-link.jsonl, which OpenSSL signed.
#[test]
fn a_link_is_what_others_make_of_it_and_nothing_else_is_printed() {
    let directory = tempfile::tempdir().unwrap();
    let secret = directory.path().join("secret");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/signed-link.jsonl");
    let lines = std::fs::read_to_string(path).unwrap();
    let line = lines.lines().find(|line| line.contains("\"key-named\"")).unwrap();
    let case: serde_json::Value = serde_json::from_str(line).unwrap();
    std::fs::write(&secret, case["keys"][0]["secret"].as_str().unwrap()).unwrap();
    let (keys, now) = (format!("file:{}", secret.display()), case["now"].to_string());
    let url = "https://app.example.com/reset/a%20b?token=abc";
    let arguments = ["sign", "--link", url, "--expires", "1h", "--keys", &keys, "--key-id", "k1", "--now", &now];
    let whole = format!("https://app.example.com{}\n", case["target"].as_str().unwrap());
    assert_eq!(run(&arguments, ""), (0, whole.clone(), String::new()));
    let request = format!("curl '{}'", whole.trim_end());
    let verify = ["verify", "--scheme", "signed-link", "--keys", &keys, "--now", &now];
    let verify = [&verify[..], &["--key-id", "k1", "--public-url", "https://app.example.com", "-"]].concat();
    assert_eq!(run(&verify, &request), (0, "verified, key `k1`\n".to_owned(), String::new()));
}

#[test]
fn options_of_a_link_are_for_links() {
    let url = "https://app.example.com/";
    for (arguments, why) in [
        (&["sign", "--scheme", "github", "--keys", "env:SECRET", "--expires", "1h", url][..], "--link"),
        (&["sign", "--scheme", "github", "--keys", "env:SECRET", "--purpose", "reset", url], "--link"),
        (&["sign", "--link", "--expires", "1h", "--keys", "env:SECRET", "--curl", url], "--curl"),
        (&["sign", "--link", "--expires", "1h", "--keys", "env:SECRET", "-d", "x", url], "--body"),
        (&["sign", "--keys", "env:SECRET", url], "`--keys` needs `--scheme`"),
        (&["verify", "--keys", "env:SECRET", "-"], "`--keys` needs `--scheme`"),
    ] {
        let (code, out, error) = run(arguments, "curl https://app.example.com/");
        assert_eq!((code, out.as_str(), error.contains(why)), (2, "", true), "{arguments:?}: {error}");
    }
}
