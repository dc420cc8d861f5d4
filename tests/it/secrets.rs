//! A secret that is planted in every place where one can be is in nothing that the process emits, whatever is asked of it and whatever goes wrong.

use std::net::SocketAddr;
use std::path::Path;

use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use self::process::{Emitted, Gateway, countersign};
use crate::world::{Connection, Keys, Request, Upstream, get, post, tls};

#[path = "secrets/process.rs"]
mod process;

const MARK: &str = "planted-7c1e4b";
const RINGS: [&str; 4] = ["mount", "file", "environment", "inline"];

fn secret(ring: &str) -> String {
    format!("{MARK}-{ring}-0123456789abcdefghijklm")
}

/// Every spelling in which a program might print the mark. In base64 the characters in the middle are its own, wherever it stands.
fn spellings() -> Vec<String> {
    let shifted = (0..3).flat_map(|shift| {
        let text = [&b"\0\0"[..shift], MARK.as_bytes()].concat();
        [BASE64.encode(&text)[4..16].to_owned(), BASE64URL_NOPAD.encode(&text)[4..16].to_owned()]
    });
    let bytes = format!("{:?}", MARK.as_bytes());
    let hex = HEXLOWER.encode(MARK.as_bytes());
    [MARK.to_owned(), hex.to_uppercase(), hex, bytes[1..bytes.len() - 1].to_owned()]
        .into_iter()
        .chain(shifted)
        .collect()
}

fn configuration(upstream: SocketAddr) -> String {
    let route = |ring: &str| {
        format!(
            "  - {{path: /{ring}, verify: {{scheme: github, keys: {ring}}}, replay: {{by: signature, keep: 1h}}, upstream: app}}\n"
        )
    };
    let routes: String = RINGS.iter().copied().map(route).collect();
    let (inline, token) = (secret("inline"), secret("token"));
    format!(
        "version: 1\nhealth: {{address: \"127.0.0.1:0\"}}\nadmin: {{address: \"127.0.0.1:0\", explain: true}}\n\
         log: {{filter: trace, format: json}}\nworkers: 1\nlisteners:\n  public: {{address: \"127.0.0.1:0\"}}\n  \
         secure: {{address: \"127.0.0.1:0\", tls: {{certificate: tls.crt, key: tls.key}}}}\n\
         upstreams: {{app: {{url: \"http://{upstream}\"}}}}\nkeyrings:\n  mount: {{directory: keys}}\n  file: {{file: keys.yaml}}\n  \
         environment: {{env: {{k: RING_SECRET}}}}\n  inline: {{keys: [{{id: k, secret: \"{inline}\"}}]}}\n\
         defaults: {{request: {{set: {{X-Token: \"{token}\"}}}}}}\nroutes:\n{routes}  \
         - {{path: /out, sign: {{scheme: timestamp-body, keys: file}}, upstream: app}}\n"
    )
}

/// A key file whose secrets are written in each of the three ways.
fn key_file() -> String {
    let secret = secret("file");
    let (hex, base64) = (HEXLOWER.encode(secret.as_bytes()), BASE64.encode(secret.as_bytes()));
    format!(
        "version: 1\nkeys:\n  - {{id: a, secret: \"{secret}\"}}\n  - {{id: b, secret_hex: {hex}}}\n  - {{id: c, secret_base64: {base64}}}\n"
    )
}

fn signed(ring: &str, body: &str) -> Request {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret(ring).as_bytes()).unwrap();
    mac.update(body.as_bytes());
    let hex = HEXLOWER.encode(&mac.finalize().into_bytes());
    post(&format!("/{ring}"), body).header("X-Hub-Signature-256", format!("sha256={hex}"))
}

/// Right, wrong and unreadable requests, some of which hold a secret themselves.
fn requests(gateway: &Gateway, emitted: &mut Emitted) {
    for ring in RINGS {
        let answer = Connection::open(gateway.address("public")).exchange(&signed(ring, "{}"));
        assert_eq!(answer.status, 200, "{ring}");
        let secret = secret(ring);
        for request in [
            signed(ring, "{}"),
            signed(ring, "{}").tampered("{} "),
            post(&format!("/{ring}"), "{}"),
            post(&format!("/{ring}?key={secret}"), &secret),
            post(&format!("/{ring}"), "{}").header("X-Hub-Signature-256", &secret).header("Authorization", &secret),
            post("/out", "{}").with("Host", "localhost"),
        ] {
            emitted.add("answer", gateway.ask("public", &request));
        }
    }
    let mut broken = Connection::open(gateway.address("public"));
    broken.write(format!("GET / HTTP/1.1\r\nHost: a\r\nX-Key {MARK}\r\n\r\n").as_bytes());
    emitted.add("answer", broken.answer().body);
    let mut clear = Connection::open(gateway.address("secure"));
    clear.write(format!("GET /{MARK} HTTP/1.1\r\n\r\n").as_bytes());
}

fn questions(gateway: &Gateway, emitted: &mut Emitted) {
    for (listener, path) in [("health", "/metrics"), ("health", "/readyz"), ("admin", "/status"), ("admin", "/keys")] {
        emitted.add(path, gateway.ask(listener, &get(path)));
    }
    for tampered in ["{}", "{} "] {
        let signature = signed("file", "{}").value("X-Hub-Signature-256");
        let question = serde_json::json!({
            "method": "POST", "target": "/file", "body_b64": BASE64.encode(tampered.as_bytes()),
            "headers": [["Host", "h"], ["X-Hub-Signature-256", signature]],
        });
        emitted.add("/explain", gateway.ask("admin", &post("/explain", question.to_string())));
    }
    let process = |name: &str| std::fs::read(format!("/proc/{}/{name}", gateway.id())).unwrap();
    emitted.add("command line", process("cmdline"));
    let limits = String::from_utf8(process("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "no core is dumped: {core}");
}

/// Each file spoilt beside its secret, with the gateway and `check` asked to read it; then whole again.
fn faults(gateway: &Gateway, directory: &Path, emitted: &mut Emitted) {
    let tab = |text: &str| text.replace("version: 1\n", "version: 1\n\t");
    let (config, keys, key) = ("countersign.yaml", "keys.yaml", "tls.key");
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    let cut = |text: &str, end: &str| text[..text.rfind(end).unwrap()].to_owned();
    let (whole_config, whole_keys, whole_key) = (read(config), read(keys), read(key));
    for (name, whole, spoilt) in [
        (config, &whole_config, cut(&whole_config, "\"}]}")),
        (config, &whole_config, tab(&whole_config)),
        (config, &whole_config, whole_config.replace("{id: k, secret:", "{id: k, secret_hex:")),
        (config, &whole_config, whole_config.replace("{id: k, secret:", "{id: k, sekret:")),
        (config, &whole_config, whole_config.replace("upstream: app}", "upstream: \"${RING_SECRET}\"}")),
        (config, &whole_config, whole_config.replace("workers: 1", "workers: \"${RING_SECRET}\"")),
        (keys, &whole_keys, cut(&whole_keys, "}")),
        (keys, &whole_keys, tab(&whole_keys)),
        (keys, &whole_keys, whole_keys.replace("secret_hex: ", "secret_hex: 0")),
        (keys, &whole_keys, whole_keys.replace("secret: \"", "not_after: \"")),
        (keys, &whole_keys, format!("{whole_keys}  - {}\n", secret("file"))),
        (keys, &whole_keys, secret("file")),
        (key, &whole_key, whole_key.replace('\n', "\n ").replace("BEGIN", MARK)),
    ] {
        std::fs::write(directory.join(name), spoilt).unwrap();
        let refusal = Connection::open(gateway.address("admin")).exchange(&post("/reload", ""));
        assert_eq!(refusal.status, 422, "{name}: {}", String::from_utf8_lossy(&refusal.body));
        emitted.add("/reload", refusal.body);
        questions(gateway, emitted);
        command(directory, emitted, &["check", "--config", config]);
        command(directory, emitted, &["check", "--print", "--config", config]);
        std::fs::write(directory.join(name), whole).unwrap();
    }
}

fn command(directory: &Path, emitted: &mut Emitted, arguments: &[&str]) {
    let output = countersign(directory, arguments).output().unwrap();
    emitted.add(&arguments.join(" "), [output.stdout, output.stderr].concat());
}

fn commands(directory: &Path, emitted: &mut Emitted) {
    let (right, wrong) = (signed("file", "{}"), signed("file", "{}").tampered("{} "));
    std::fs::write(directory.join("right.http"), right.bytes()).unwrap();
    std::fs::write(directory.join("wrong.http"), wrong.bytes()).unwrap();
    let vector = serde_json::json!({
        "scheme": "github", "method": "POST", "target": "/", "headers": [["Host", "h"]], "body_b64": "e30=",
        "keys": [{"id": "k", "secret": secret("file")}], "now": 1, "valid": true,
    });
    let broken = vector.to_string().replace("\"valid\"", "valid");
    std::fs::write(directory.join("vectors.jsonl"), format!("{vector}\n{broken}\n")).unwrap();
    let all = ["--config", "countersign.yaml"];
    for arguments in [
        &["check", "--verbose"][..],
        &["check", "--print"],
        &["check", "--deny", "warnings"],
        &["sign", "-d", "{}", "--route", "/file", "http://localhost/file"],
        &["sign", "--curl", "-d", "{}", "--route", "/inline", "http://localhost/inline"],
    ] {
        command(directory, emitted, &[arguments, &all].concat());
    }
    for file in ["right.http", "wrong.http"] {
        for judge in ["verify", "explain"] {
            command(directory, emitted, &[judge, "--config", "countersign.yaml", file]);
        }
        command(directory, emitted, &["explain", "--json", "--show-expected", "--config", "countersign.yaml", file]);
    }
    command(directory, emitted, &["test", "vectors.jsonl"]);
    command(directory, emitted, &["verify", "--scheme", "github", "--keys", "file:keys.yaml", "right.http"]);
    command(directory, emitted, &["verify", "--scheme", "github", "--keys", &secret("file"), "right.http"]);
}

#[test]
fn a_planted_secret_is_in_nothing_that_the_process_emits() {
    let (upstream, here) = (Upstream::start(), tempfile::tempdir().unwrap());
    let directory = here.path();
    Keys::in_directory(&directory.join("keys")).swap(&[("k", &secret("mount"))]);
    tls::write_certificate(directory, "tls");
    std::fs::write(directory.join("keys.yaml"), key_file()).unwrap();
    std::fs::write(directory.join("countersign.yaml"), configuration(upstream.address())).unwrap();
    let private = std::fs::read_to_string(directory.join("tls.key")).unwrap();
    let planted: Vec<String> = spellings().into_iter().chain(private.lines().nth(1).map(str::to_owned)).collect();

    let (gateway, mut emitted) = (Gateway::start(directory), Emitted::default());
    requests(&gateway, &mut emitted);
    questions(&gateway, &mut emitted);
    faults(&gateway, directory, &mut emitted);
    commands(directory, &mut emitted);
    gateway.end(&mut emitted);

    for said in [
        "signature_invalid",
        "replayed",
        "not reloaded",
        "countersign_requests_total",
        "body-white-space",
        "<redacted>",
        // A warning about a file says which.
        "\"file\":\"keys/k\"",
    ] {
        assert!(emitted.holds(said), "nothing is proved where nothing is said: {said}");
    }
    assert!(emitted.betrayals(&planted).is_empty(), "{:#?}", emitted.betrayals(&planted));
}

#[test]
fn a_secret_is_found_in_every_spelling() {
    let all = spellings();
    for text in [
        format!("the key is {}", secret("file")),
        HEXLOWER.encode(secret("file").as_bytes()),
        BASE64.encode(format!("x{}", secret("file")).as_bytes()),
        BASE64URL_NOPAD.encode(format!("xy{}", secret("file")).as_bytes()),
        format!("{:?}", secret("file").as_bytes()),
    ] {
        let mut emitted = Emitted::default();
        emitted.add("somewhere", &text);
        assert_eq!(emitted.betrayals(&all).len(), 1, "{text}");
    }
}
