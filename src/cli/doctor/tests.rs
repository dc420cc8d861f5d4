//! Planted faults: each is found, in its group, and a sound gateway has none.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rcgen::{CertificateParams, CertifiedIssuer, DistinguishedName, DnType, KeyPair};

use super::*;
use crate::sig::stamp::Format;

/// 2026-11-22.
const NOW: Moment = Moment::from_secs(1_795_305_600);

/// An upstream whose clock is so many seconds ahead; it serves as long as the test runs.
fn upstream(bind: &str, ahead: i64) -> SocketAddr {
    let listener = TcpListener::bind(bind).unwrap();
    let address = listener.local_addr().unwrap();
    let date = Format::HttpDate.print(Moment::from_secs(NOW.secs().saturating_add(ahead)));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut request) = (stream.unwrap(), [0; 512]);
            let _hung_up = stream.read(&mut request);
            let _hung_up = write!(stream, "HTTP/1.1 200 OK\r\nDate: {date}\r\n\r\n");
        }
    });
    address
}

fn params(name: &str, end: i32) -> CertificateParams {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(end, 12, 1);
    params
}

/// A sound gateway's files, to be broken.
struct Ward {
    directory: tempfile::TempDir,
    upstream: String,
    more: String,
    keys: String,
}

impl Ward {
    fn sound() -> Self {
        let ward = Self {
            directory: tempfile::tempdir().unwrap(),
            upstream: format!("http://{}", upstream("127.0.0.1:0", 0)),
            more: String::new(),
            keys: "{keys: [{id: k, secret: \"env:HOME\"}]}".to_owned(),
        };
        let key = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
        let ward = Self { keys: "{directory: keys}".to_owned(), ..ward };
        ward.write("keys/k", key).certificate(2030);
        ward
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> &Self {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        self
    }

    /// A certificate and its key, good to the December of a year.
    fn certificate(&self, end: i32) -> &Self {
        let key = KeyPair::generate().unwrap();
        let leaf = params("localhost", end).self_signed(&key).unwrap();
        self.write("tls.crt", &leaf.pem()).write("tls.key", &key.serialize_pem())
    }

    fn examine(&self) -> Vec<Finding> {
        let text = format!(
            "version: 1\nlisteners: {{main: {{address: \"127.0.0.1:0\", tls: {{certificate: tls.crt, key: tls.key}}}}}}\n\
             upstreams: {{app: {{url: \"{}\"}}}}\nkeyrings: {{k: {}}}\n\
             routes: [{{path: /**, verify: timestamp-body, keys: k, replay: {{by: signature}}, upstream: app}}]\n{}\n",
            self.upstream, self.keys, self.more
        );
        self.write("c.yaml", &text);
        Doctor { config: self.path("c.yaml"), output: Output::Text }.examine(NOW)
    }

    /// Fails unless something in `group` is as bad as `state` and says `words`.
    fn suffers(&self, state: State, group: &str, words: &str) {
        let findings = self.examine();
        let found = |finding: &Finding| {
            finding.state == state && finding.group == group && finding.what.contains(words) && finding.hint.is_some()
        };
        assert!(findings.iter().any(found), "{words}: {}", text(&findings));
    }
}

#[test]
fn a_sound_gateway_has_nothing() {
    let findings = Ward::sound().examine();
    let ailing: Vec<_> = findings.iter().filter(|finding| finding.state == State::Wrong).collect();
    assert!(ailing.is_empty(), "{ailing:?}");
    for group in ["configuration", "keys", "certificates", "upstreams", "clock", "listeners", "storage", "machine"] {
        assert!(findings.iter().any(|finding| finding.group == group), "{group}");
    }
    let json = in_json(&findings);
    assert_eq!(json["checks"].as_array().unwrap().len(), findings.len());
}

#[test]
fn what_is_wrong_with_configuration_and_keys_is_found() {
    let ward = Ward { more: "nonsense: 1".to_owned(), ..Ward::sound() };
    ward.suffers(State::Wrong, "configuration", "nonsense");
    let ward = Ward::sound();
    ward.write("keys/k", "short-secret");
    ward.suffers(State::Doubtful, "keys", "short_key");
    let ward = Ward::sound();
    std::fs::set_permissions(ward.path("keys/k"), std::fs::Permissions::from_mode(0o644)).unwrap();
    ward.suffers(State::Doubtful, "keys", "key_file_exposed");
    let ward = Ward { keys: "{file: k.yaml}".to_owned(), ..Ward::sound() };
    let old = "version: 1\nkeys: [{id: a, secret: BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc, not_after: 2020-01-01T00:00:00Z}]\n";
    ward.write("k.yaml", old).suffers(State::Wrong, "keys", "none of its 1 keys");
}

#[test]
fn what_is_wrong_with_certificates_is_found() {
    let ward = Ward::sound();
    ward.certificate(2025).suffers(State::Wrong, "certificates", "expired");
    ward.certificate(2026).suffers(State::Doubtful, "certificates", "ends in 9 days");
    ward.certificate(2030).write("tls.key", &KeyPair::generate().unwrap().serialize_pem());
    ward.suffers(State::Wrong, "certificates", "does not belong");
    let issuer = CertifiedIssuer::self_signed(params("issuer", 2030), KeyPair::generate().unwrap()).unwrap();
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let leaf = params("localhost", 2030).signed_by(&key, &issuer).unwrap();
    let stranger = params("stranger", 2030).self_signed(&other).unwrap();
    ward.write("tls.crt", &(leaf.pem() + &stranger.pem())).write("tls.key", &key.serialize_pem());
    ward.suffers(State::Wrong, "certificates", "chain is broken");
}

#[test]
fn what_is_wrong_with_upstreams_is_found() {
    let to = |url: String| Ward { upstream: url, ..Ward::sound() };
    to(format!("http://{}", upstream("127.0.0.1:0", 90))).suffers(State::Wrong, "clock", "90 s apart");
    to("unix:/nonexistent/app.sock".to_owned()).suffers(State::Wrong, "upstreams", "No such file");
    let everywhere = upstream("0.0.0.0:0", 0).port();
    to(format!("http://127.0.0.1:{everywhere}")).suffers(State::Doubtful, "upstreams", "every address");
    let plain = upstream("127.0.0.1:0", 0);
    to(format!("https://localhost:{}", plain.port())).suffers(State::Wrong, "upstreams", "`app`");
}

#[test]
fn what_is_wrong_with_the_machine_is_found() {
    let with = |more: &str| Ward { more: more.to_owned(), ..Ward::sound() };
    with("spool: {directory: /nonexistent/spool}").suffers(State::Wrong, "storage", "/nonexistent/spool");
    with("audit: {sink: file, path: /nonexistent/audit.jsonl}").suffers(State::Wrong, "storage", "/nonexistent");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let away = format!("replay: {{redis: {{urls: \"redis://{nobody}\"}}}}");
    with(&away).suffers(State::Wrong, "storage", "refused");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    with(&format!("health: \"{}\"", taken.local_addr().unwrap())).suffers(State::Doubtful, "listeners", "taken");
    assert_eq!(machine::judge_descriptors(10_000, Some(1024)).state, State::Doubtful);
    assert_eq!(machine::judge_descriptors(400, Some(1024)).state, State::Good);
    assert_eq!(machine::judge_memory(Some(96 << 20), Some(128 << 20)).state, State::Wrong);
    assert_eq!(machine::judge_memory(Some(32 << 20), Some(128 << 20)).state, State::Good);
    assert!(!places::look(&config::load(&file(&with(""))).unwrap().policy).is_empty());
}

fn file(ward: &Ward) -> PathBuf {
    ward.examine();
    Path::new(&ward.path("c.yaml")).to_owned()
}
