//! Requests of one kind: signed by our own signer, sent by hyper, each answer looked at.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use countersign::config::scheme::{Declaration, builtin, compile};
use countersign::policy::seal::{Seal, With};
use countersign::sig::key::{Key, Window};
use countersign::sig::keyring::Keyring;
use countersign::sig::message::{Fields, Head, Method};
use countersign::sig::secret::Secret;
use countersign::sig::time::Moment;
use countersign::sig::{Need, Site};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use rustls::client::Resumption;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::client::Sender;
use crate::gateway::{Gateway, SECRET};

/// Which listener.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    Plain,
    Tls,
    /// The gateway that signs; what is sent there is not signed.
    Signer,
}

/// What is spoken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// How many requests of which kind.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) to: To,
    pub(crate) protocol: Protocol,
    pub(crate) scheme: &'static str,
    pub(crate) method: &'static str,
    /// Bytes.
    pub(crate) body: usize,
    pub(crate) connections: usize,
    /// Requests at a time on a connection; more than one over HTTP/2 only.
    pub(crate) lanes: usize,
    /// Of each lane, one after the other.
    pub(crate) requests: usize,
    /// How often each is sent.
    pub(crate) times: usize,
    /// Sent with another body than the signed one.
    pub(crate) forged: bool,
    /// The status of the last answer; those before it are 200.
    pub(crate) expected: u16,
}

/// Where the listeners are, and how they are trusted.
pub(crate) struct Places {
    plain: SocketAddr,
    tls: SocketAddr,
    signer: SocketAddr,
    trusted: CertificateDer<'static>,
}

impl Places {
    pub(crate) fn new(verifier: &Gateway, signer: &Gateway, directory: &Path) -> Self {
        Self {
            plain: verifier.address("plain"),
            tls: verifier.address("tls"),
            signer: signer.address("signer"),
            trusted: CertificateDer::from_pem_file(directory.join("tls.crt")).unwrap(),
        }
    }

    /// Two clients: one takes sessions up again, one never does.
    fn connectors(&self, protocol: Protocol) -> [TlsConnector; 2] {
        [Resumption::default(), Resumption::disabled()].map(|resumption| {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(self.trusted.clone()).unwrap();
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let builder = rustls::ClientConfig::builder_with_provider(provider);
            let builder = builder.with_safe_default_protocol_versions().unwrap();
            let mut config = builder.with_root_certificates(roots).with_no_client_auth();
            config.resumption = resumption;
            config.alpn_protocols =
                vec![if protocol == Protocol::Http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
            TlsConnector::from(Arc::new(config))
        })
    }
}

impl Load {
    /// Sends all of it and says how many requests that were.
    pub(crate) fn run(self, places: &Places) -> usize {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let writer = Arc::new(Writer::new(self));
        let connectors = places.connectors(self.protocol);
        let address = match self.to {
            To::Plain => places.plain,
            To::Tls => places.tls,
            To::Signer => places.signer,
        };
        runtime.block_on(async {
            let mut connections = JoinSet::new();
            for connector in connectors.iter().cycle().take(self.connections) {
                let connector = (self.to == To::Tls).then(|| connector.clone());
                connections.spawn(self.connection(address, connector, Arc::clone(&writer)));
                // A crowd that comes at once would be told to wait.
                if connections.len() >= 32 {
                    connections.join_next().await.unwrap().unwrap();
                }
            }
            while let Some(done) = connections.join_next().await {
                done.unwrap();
            }
        });
        self.connections * self.lanes * self.requests * self.times
    }

    async fn connection(self, address: SocketAddr, connector: Option<TlsConnector>, writer: Arc<Writer>) {
        let socket = TcpStream::connect(address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        let sender = match connector {
            Some(connector) => {
                let stream = connector.connect("localhost".try_into().unwrap(), socket).await.unwrap();
                Sender::open(stream, self.protocol).await
            }
            None => Sender::open(socket, self.protocol).await,
        };
        let mut lanes = JoinSet::new();
        for mut sender in sender.lanes(self.lanes) {
            let writer = Arc::clone(&writer);
            lanes.spawn(async move {
                for _ in 0..self.requests {
                    self.exchange(&mut sender, &writer.write()).await;
                }
            });
        }
        while let Some(done) = lanes.join_next().await {
            done.unwrap();
        }
    }

    async fn exchange(self, sender: &mut Sender, request: &Request<Full<Bytes>>) {
        for time in 1..=self.times {
            let answer = sender.send(request.clone()).await;
            let (head, body) = answer.into_parts();
            let text = body.collect().await.unwrap().to_bytes();
            let expected = if time == self.times { self.expected } else { 200 };
            assert_eq!(
                head.status.as_u16(),
                expected,
                "{} {}: {}",
                request.method(),
                request.uri(),
                text.escape_ascii()
            );
        }
    }
}

/// Writes requests.
struct Writer {
    load: Load,
    seal: Seal,
}

/// No two requests are alike.
static WRITTEN: AtomicUsize = AtomicUsize::new(0);

impl Writer {
    fn new(load: Load) -> Self {
        let declaration: Declaration = serde_yaml::from_str(builtin(load.scheme).unwrap()).unwrap();
        let scheme = Arc::new(compile(load.scheme, &declaration).unwrap());
        let (sign, verify) = (Window::default(), Window::default());
        let secret = Secret::new(SECRET.as_bytes().to_vec());
        let id: Arc<str> = "learned".into();
        let key = Key { principal: Arc::clone(&id), id, secret, sign, verify, created: None, observe: false };
        let ring = Arc::new(Keyring::new("learned", vec![key]).unwrap());
        Self { load, seal: Seal::new(scheme, ring, With::Newest) }
    }

    fn write(&self) -> Request<Full<Bytes>> {
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let text = format!("{{\"order\":{number},\"text\":\"{}\"}}", "abcdefghij".repeat(self.load.body.div_ceil(10)));
        let body = text.get(..text.len().min(self.load.body)).unwrap().to_owned();
        let mut head = self.head(number);
        if self.load.to != To::Signer {
            self.sign(&mut head, body.as_bytes(), number);
        }
        let authority = "http://localhost";
        let mut request =
            Request::builder().method(self.load.method).uri(format!("{authority}{}", head.target.escape_ascii()));
        if self.load.protocol == Protocol::Http1 {
            request = request.uri(format!("{}", head.target.escape_ascii())).header("host", "localhost");
        }
        for field in &head.fields {
            request = request.header(field.name.as_ref(), field.value.as_ref());
        }
        let sent = if self.load.forged { body.replace("order", "udder") } else { body };
        request.body(Full::from(sent)).unwrap()
    }

    fn head(&self, number: usize) -> Head {
        let mut fields = Fields::default();
        let own = [("content-type", "application/json"), ("user-agent", "client/1.0"), ("accept", "*/*")];
        for (name, value) in own.into_iter().skip(usize::from(self.load.body == 0)) {
            fields.append(name, value);
        }
        let target = Bytes::from(format!("/{}/orders?page={number}", self.load.scheme));
        let method = Method::new(self.load.method);
        Head { method, target, authority: Bytes::from("localhost"), secure: self.load.to == To::Tls, fields }
    }

    fn sign(&self, head: &mut Head, body: &[u8], number: usize) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let now = Moment::from_millis(i64::try_from(since.as_millis()).unwrap());
        let entropy = u128::try_from(number).unwrap().to_be_bytes();
        let site = Site { public_url: Some("http://localhost"), captures: &[] };
        let mut signing = self.seal.start(head, site, now, entropy).unwrap();
        let whole = (signing.need() == Need::Whole).then_some(body);
        if whole.is_none() {
            signing.feed(body);
        }
        signing.finish(head, whole).unwrap();
    }
}
