//! A sender that makes one mistake, with a fresh secret and a fresh body every time.

use std::cell::Cell;
use std::sync::LazyLock;

use countersign::sig::encoding::Encoding;
use countersign::sig::mac::{Algorithm, Mac};

/// Three schemes that look nothing alike, and one that covers the head.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Scheme {
    TimestampBody,
    Stripe,
    GitHub,
    Head,
}

/// Stamp and body to what is signed.
pub(crate) type Composed = fn(stamp: &str, body: &[u8]) -> Vec<u8>;

/// What is sent, and what was signed.
pub(crate) struct Sender {
    pub(crate) scheme: Scheme,
    /// The secret in the configuration.
    pub(crate) configured: Vec<u8>,
    /// The key that the sender signs with.
    pub(crate) key: Vec<u8>,
    /// What else stands beside the key in the configuration.
    pub(crate) lifetime: &'static str,
    pub(crate) target: String,
    pub(crate) host: String,
    pub(crate) stamp: String,
    pub(crate) body: Vec<u8>,
    /// What was signed, where it is not what is sent.
    pub(crate) signed_stamp: Option<String>,
    pub(crate) signed_body: Option<Vec<u8>>,
    pub(crate) signed_target: Option<String>,
    pub(crate) signed_host: Option<String>,
    pub(crate) message: Option<Composed>,
    pub(crate) mac: fn(key: &[u8], message: &[u8]) -> Vec<u8>,
    pub(crate) spelled: fn(mac: &[u8]) -> String,
    /// Another header than the scheme's; empty for none.
    pub(crate) header: Option<&'static str>,
    /// The header is there twice.
    pub(crate) twice: bool,
    pub(crate) prefix: Option<&'static str>,
    /// The request is that of this scheme, sent to the route of `scheme`.
    pub(crate) instead: Option<Scheme>,
}

/// Where all chance of this run comes from; `COUNTERSIGN_SEED=… cargo test` has the same again.
pub(crate) static SEED: LazyLock<String> = LazyLock::new(|| {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).unwrap();
    option_env!("COUNTERSIGN_SEED").map_or_else(|| hex(&bytes), str::to_owned)
});

thread_local! {
    /// How much of it this test has used.
    static USED: Cell<u64> = const { Cell::new(0) };
}

/// Text that nobody has seen before.
pub(crate) fn fresh() -> String {
    let used = USED.replace(USED.get() + 1);
    hex(&Algorithm::Sha256.digest(format!("{} {used}", *SEED).as_bytes()))
}

pub(crate) fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    with(Algorithm::Sha256, key, message)
}

pub(crate) fn with(algorithm: Algorithm, key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Mac::keyed(algorithm, key);
    mac.update(message);
    mac.finish()
}

pub(crate) fn hex(mac: &[u8]) -> String {
    Encoding::Hex.encode(mac)
}

impl Sender {
    /// One that makes no mistake.
    pub(crate) fn new(scheme: Scheme, now: i64) -> Self {
        let secret = fresh().into_bytes();
        let body = format!(
            "{{\"zeta\": \"{}\", \"alpha\": {{\"x\": 1, \"c\": [1, 2.50]}}, \"name\": \"Zoë\", \"ok\": true}}",
            fresh()
        );
        Self {
            scheme,
            configured: secret.clone(),
            key: secret,
            lifetime: "",
            target: format!("/{}/a%20b/c?q=1&r=%2F", scheme.path()),
            host: "api.example.com:8443".to_owned(),
            stamp: now.to_string(),
            body: body.into_bytes(),
            signed_stamp: None,
            signed_body: None,
            signed_target: None,
            signed_host: None,
            message: None,
            mac: hmac,
            spelled: hex,
            header: None,
            twice: false,
            prefix: None,
            instead: None,
        }
    }

    fn signed(&self, scheme: Scheme) -> Vec<u8> {
        let body = self.signed_body.as_ref().unwrap_or(&self.body);
        let stamp = self.signed_stamp.as_ref().unwrap_or(&self.stamp);
        if let Some(message) = self.message {
            return message(stamp, body);
        }
        let target = self.signed_target.as_ref().unwrap_or(&self.target);
        let host = self.signed_host.as_ref().unwrap_or(&self.host);
        match scheme {
            Scheme::TimestampBody | Scheme::Stripe => [stamp.as_bytes(), b".", body].concat(),
            Scheme::GitHub => body.clone(),
            Scheme::Head => [format!("POST\n{target}\n{host}\n{stamp}\n").as_bytes(), body].concat(),
        }
    }

    /// As it is on the wire.
    pub(crate) fn request(&self) -> Vec<u8> {
        let scheme = self.instead.unwrap_or(self.scheme);
        let signature = (self.spelled)(&(self.mac)(&self.key, &self.signed(scheme)));
        let stamp = &self.stamp;
        let (header, prefix) = match scheme {
            Scheme::TimestampBody | Scheme::Head => ("X-HMAC-Signature", String::new()),
            Scheme::Stripe => ("Stripe-Signature", format!("t={stamp},v1=")),
            Scheme::GitHub => ("X-Hub-Signature-256", "sha256=".to_owned()),
        };
        let prefix = match (self.prefix, scheme) {
            (Some(own), Scheme::Stripe) => format!("{prefix}{own}"),
            (Some(own), _) => own.to_owned(),
            (None, _) => prefix,
        };
        let header = self.header.unwrap_or(header);
        let dated = matches!(scheme, Scheme::TimestampBody | Scheme::Head);
        let dated = if dated { format!("X-HMAC-Timestamp: {stamp}\r\n") } else { String::new() };
        let times = usize::from(!header.is_empty()) + usize::from(self.twice);
        let signed = format!("{header}: {prefix}{signature}\r\n").repeat(times);
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\n{signed}{dated}Content-Length: {}\r\n\r\n",
            self.target,
            self.host,
            self.body.len()
        );
        [head.as_bytes(), &self.body].concat()
    }
}

impl Scheme {
    pub(crate) const ALL: [Self; 3] = [Self::TimestampBody, Self::Stripe, Self::GitHub];

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::TimestampBody => "t",
            Self::Stripe => "s",
            Self::GitHub => "g",
            Self::Head => "h",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::TimestampBody => "timestamp-body",
            Self::Stripe => "stripe",
            Self::GitHub => "github",
            Self::Head => "head",
        }
    }
}
