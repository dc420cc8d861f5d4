//! A sender of the schemes that are code, written from their specifications, that makes one mistake.

use countersign::sig::encoding::Encoding;
use countersign::sig::form::{percent_decode, percent_encode};
use countersign::sig::mac::Algorithm;
use countersign::sig::stamp::Format;
use countersign::sig::time::Moment;

use crate::sender::{fresh, hex, hmac, with};

/// The schemes that are code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Rfc9421,
    SigV4,
    Jwt,
    Oauth1,
}

/// What is sent, and what was signed.
pub(crate) struct Signer {
    pub(crate) kind: Kind,
    /// The secret in the configuration.
    pub(crate) configured: Vec<u8>,
    /// The secret that the sender signs with.
    pub(crate) key: Vec<u8>,
    /// What else stands beside the key in the configuration.
    pub(crate) lifetime: &'static str,
    pub(crate) key_id: String,
    pub(crate) now: i64,
    /// The stamp as it is written.
    pub(crate) stamp: String,
    pub(crate) method: &'static str,
    pub(crate) target: String,
    pub(crate) host: String,
    pub(crate) body: Vec<u8>,
    /// What the digest of the body is taken of.
    pub(crate) signed_body: Option<Vec<u8>>,
    pub(crate) algorithm: Algorithm,
    /// The digest of the body as it is sent; `None`: nothing covers the body.
    pub(crate) digest: fn(&[u8]) -> Option<String>,
    /// From what was to be signed to what was.
    pub(crate) message: fn(Vec<u8>) -> Vec<u8>,
    pub(crate) mac: Option<MakeMac>,
    /// How the signature is spelled, where not as it should be.
    pub(crate) spelled: Option<fn(&[u8]) -> String>,
    /// Region and service.
    pub(crate) scope: (&'static str, &'static str),
    /// The key of a day, where not as it should be.
    pub(crate) derived: Option<Derive>,
    /// Signs the path as it is sent, as S3 has it.
    pub(crate) as_s3: bool,
    /// Further claims of a token.
    pub(crate) claims: &'static str,
    pub(crate) version: &'static str,
    pub(crate) public_url: &'static str,
    /// Covered components beside the digest.
    pub(crate) components: &'static [&'static str],
    /// The head as it is signed, where it is not the one that is sent.
    pub(crate) signed: Option<fn(&mut Signed)>,
    /// From the header lines that should be sent to those that are.
    pub(crate) lines: fn(Vec<Line>) -> Vec<Line>,
}

/// The head, as the sender sees it.
pub(crate) struct Signed {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) host: String,
}

/// Name and value of a header.
pub(crate) type Line = (String, String);

/// Key and message to MAC.
type MakeMac = fn(&[u8], &[u8]) -> Vec<u8>;

/// Secret and steps to the signing key.
type Derive = fn(&[u8], [&str; 4]) -> Vec<u8>;

fn line(name: &str, value: impl Into<String>) -> Line {
    (name.to_owned(), value.into())
}

impl Signer {
    /// One that makes no mistake.
    pub(crate) fn new(kind: Kind, now: i64) -> Self {
        let secret = fresh().into_bytes();
        Self {
            kind,
            configured: secret.clone(),
            key: secret,
            lifetime: "",
            key_id: "current".to_owned(),
            now,
            stamp: now.to_string(),
            method: "POST",
            target: format!("/{}/a%20b/c?q=1&r=%2F", kind.path()),
            host: "api.example.com:8443".to_owned(),
            body: format!("{{\"zeta\": \"{}\", \"ok\": true}}", fresh()).into_bytes(),
            signed_body: None,
            algorithm: if kind == Kind::Oauth1 { Algorithm::Sha1 } else { Algorithm::Sha256 },
            digest: match kind {
                Kind::Oauth1 => |digest| Some(Encoding::Base64.encode(digest)),
                Kind::Rfc9421 | Kind::SigV4 | Kind::Jwt => |digest| Some(hex(digest)),
            },
            message: |message| message,
            mac: None,
            spelled: None,
            scope: ("us-east-1", "execute-api"),
            derived: None,
            as_s3: false,
            claims: "",
            version: "1.0",
            public_url: "https://hooks.example.com",
            components: &["@method", "@authority", "@path", "@query"],
            signed: None,
            lines: |lines| lines,
        }
    }

    /// As it is on the wire.
    pub(crate) fn request(&self) -> Vec<u8> {
        let lines = match self.kind {
            Kind::Rfc9421 => self.rfc9421(),
            Kind::SigV4 => self.sigv4(),
            Kind::Jwt => self.jwt(),
            Kind::Oauth1 => self.oauth1(),
        };
        let lines: Vec<String> =
            (self.lines)(lines).into_iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("{} {} HTTP/1.1\r\nHost: {}\r\n{}", self.method, self.target, self.host, lines.concat());
        [head.as_bytes(), format!("Content-Length: {}\r\n\r\n", self.body.len()).as_bytes(), &self.body].concat()
    }

    fn head(&self) -> Signed {
        let (method, target, host) = (self.method.to_owned(), self.target.clone(), self.host.clone());
        let mut head = Signed { method, target, host };
        if let Some(signed) = self.signed {
            signed(&mut head);
        }
        head
    }

    fn body_digest(&self, algorithm: Algorithm) -> Option<String> {
        (self.digest)(&algorithm.digest(self.signed_body.as_ref().unwrap_or(&self.body)))
    }

    fn signature(&self, key: &[u8], message: Vec<u8>, encoding: Encoding) -> String {
        let message = (self.message)(message);
        let mac = self.mac.map_or_else(|| with(self.algorithm, key, &message), |mac| mac(key, &message));
        self.spelled.map_or_else(|| encoding.encode(&mac), |spelled| spelled(&mac))
    }

    /// RFC 9421 §2.5, with the digest of RFC 9530.
    fn rfc9421(&self) -> Vec<Line> {
        let Signed { method, target, host } = self.head();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let digest = self.body_digest(Algorithm::Sha256);
        let digest = digest.map(|digest| match Encoding::Hex.decode(digest.as_bytes(), false) {
            Some(bytes) => format!("sha-256=:{}:", Encoding::Base64.encode(&bytes)),
            None => format!("sha-256=:{digest}:"),
        });
        let (mut names, mut base) = (Vec::new(), Vec::new());
        for name in self.components.iter().copied().chain(digest.is_some().then_some("content-digest")) {
            let value = match name {
                "@method" => method.clone(),
                "@authority" => host.clone(),
                "@path" => path.to_owned(),
                "@query" => format!("?{query}"),
                _ => digest.clone().unwrap_or_default(),
            };
            base.push(format!("\"{name}\": {value}"));
            names.push(format!("\"{name}\""));
        }
        let params = format!("({});created={};keyid=\"{}\"", names.join(" "), self.stamp, self.key_id);
        base.push(format!("\"@signature-params\": {params}"));
        let signature = self.signature(&self.key, base.join("\n").into_bytes(), Encoding::Base64);
        let signed =
            [line("Signature-Input", format!("sig1={params}")), line("Signature", format!("sig1=:{signature}:"))];
        digest.map(|digest| line("Content-Digest", digest)).into_iter().chain(signed).collect()
    }

    /// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
    fn sigv4(&self) -> Vec<Line> {
        let Signed { method, target, host } = self.head();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let segments: Vec<_> = path.split('/').map(|segment| percent_encode(segment.as_bytes())).collect();
        let path = if self.as_s3 { path.to_owned() } else { segments.join("/") };
        let full = Format::Rfc3339.print(Moment::from_secs(self.now)).replace(['-', ':'], "");
        let date = format!("{}Z", full.trim_end_matches('Z').split('.').next().unwrap());
        let payload = self.body_digest(Algorithm::Sha256).unwrap_or_else(|| "UNSIGNED-PAYLOAD".to_owned());
        let names = "host;x-amz-content-sha256;x-amz-date";
        let canonical = format!(
            "{method}\n{path}\n{query}\nhost:{host}\nx-amz-content-sha256:{payload}\nx-amz-date:{date}\n\n{names}\n{payload}"
        );
        let (region, service) = self.scope;
        let steps = [&date[..8], region, service, "aws4_request"];
        let scope = steps.join("/");
        let hash = hex(&Algorithm::Sha256.digest(canonical.as_bytes()));
        let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{hash}").into_bytes();
        let chain = |secret: &[u8], steps: [&str; 4]| {
            steps.iter().fold([b"AWS4", secret].concat(), |key, step| hmac(&key, step.as_bytes()))
        };
        let key = self.derived.map_or_else(|| chain(&self.key, steps), |derived| derived(&self.key, steps));
        let signature = self.signature(&key, text, Encoding::Hex);
        let credential = format!("Credential={}/{scope}, SignedHeaders={names}", self.key_id);
        vec![
            line("X-Amz-Date", date),
            line("X-Amz-Content-Sha256", payload),
            line("Authorization", format!("AWS4-HMAC-SHA256 {credential}, Signature={signature}")),
        ]
    }

    /// RFC 7515 §7.1.
    fn jwt(&self) -> Vec<Line> {
        let part = |text: String| Encoding::Base64Url.encode(text.as_bytes());
        let alg = if self.algorithm == Algorithm::Sha512 { "HS512" } else { "HS256" };
        let header = part(format!("{{\"alg\":\"{alg}\",\"kid\":\"{}\"}}", self.key_id));
        let unit = self.stamp.strip_prefix(&self.now.to_string()).unwrap_or_default();
        let later = format!("{}{unit}", self.now + 60);
        let payload = part(format!("{{\"iat\":{},\"exp\":{later}{},\"x\":\"{}\"}}", self.stamp, self.claims, fresh()));
        let signed = format!("{header}.{payload}");
        let signature = self.signature(&self.key, signed.clone().into_bytes(), Encoding::Base64Url);
        vec![line("Authorization", format!("Bearer {signed}.{signature}"))]
    }

    /// RFC 5849 §3.4.1, with the body hash of the OAuth Request Body Hash draft.
    fn oauth1(&self) -> Vec<Line> {
        let Signed { method, target, .. } = self.head();
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut own = vec![
            ("oauth_consumer_key", self.key_id.clone()),
            ("oauth_nonce", fresh()),
            (
                "oauth_signature_method",
                if self.algorithm == Algorithm::Sha1 { "HMAC-SHA1" } else { "HMAC-SHA256" }.to_owned(),
            ),
            ("oauth_timestamp", self.stamp.clone()),
            ("oauth_version", self.version.to_owned()),
        ];
        own.extend(self.body_digest(self.algorithm).map(|digest| ("oauth_body_hash", digest)));
        let encoded = |name: &str, value: &str| {
            format!("{}={}", percent_encode(name.as_bytes()), percent_encode(value.as_bytes()))
        };
        let mut pairs: Vec<_> = own.iter().map(|(name, value)| encoded(name, value)).collect();
        let plain = |text: &str| String::from_utf8(percent_decode(text.as_bytes(), true).into_owned()).unwrap();
        pairs.extend(
            query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| encoded(&plain(name), &plain(value))),
        );
        pairs.sort();
        let url = format!("{}{path}", self.public_url);
        let parts = [method.as_bytes(), url.as_bytes(), pairs.join("&").as_bytes()].map(percent_encode);
        let key = match self.derived {
            Some(derived) => derived(&self.key, [""; 4]),
            None => format!("{}&", percent_encode(&self.key)).into_bytes(),
        };
        let signature = self.signature(&key, parts.join("&").into_bytes(), Encoding::Base64);
        let list: Vec<_> = own
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .chain([("oauth_signature", signature.as_str())])
            .map(|(name, value)| format!("{name}=\"{}\"", percent_encode(value.as_bytes())))
            .collect();
        vec![line("Authorization", format!("OAuth {}", list.join(", ")))]
    }
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Rfc9421, Self::SigV4, Self::Jwt, Self::Oauth1];

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Rfc9421 => "r",
            Self::SigV4 => "a",
            Self::Jwt => "j",
            Self::Oauth1 => "o",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rfc9421 => "rfc9421",
            Self::SigV4 => "aws-sigv4",
            Self::Jwt => "jwt",
            Self::Oauth1 => "oauth1",
        }
    }
}
