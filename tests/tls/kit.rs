//! Certificates made for one test, a folder for them, and clients that speak TLS.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use serde_json::{Value, json};
use tungstenite::{Message, WebSocket};

use crate::support::PATIENCE;

/// Who signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, as PEM.
#[derive(Clone)]
pub struct Pair {
    pub cert: String,
    pub key: String,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        Authority(CertifiedIssuer::self_signed(Self::params(name), key()).expect("a root"))
    }

    /// Another one, signed by this.
    pub fn below(&self, name: &str) -> Authority {
        let issued = CertifiedIssuer::signed_by(Self::params(name), key(), &self.0);
        Authority(issued.expect("an intermediate"))
    }

    fn params(name: &str) -> CertificateParams {
        let mut params = CertificateParams::new(Vec::new()).expect("params");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for these names, valid now.
    pub fn issue(&self, names: &[&str]) -> Pair {
        self.issue_for(names, (2020, 1, 1), (2090, 1, 1))
    }

    pub fn issue_for(&self, names: &[&str], from: (i32, u8, u8), to: (i32, u8, u8)) -> Pair {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.distinguished_name.push(rcgen::DnType::CommonName, "a server");
        params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        params.not_after = rcgen::date_time_ymd(to.0, to.1, to.2);
        let key = key();
        let cert = params.signed_by(&key, &self.0).expect("a certificate").pem();
        Pair { cert, key: key.serialize_pem() }
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// A folder of this test's own.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Folder {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{name}"));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, text).expect("a file");
        path.to_string_lossy().into_owned()
    }

    pub fn put(&self, pair: &Pair) {
        self.write("cert.pem", &pair.cert);
        self.write("key.pem", &pair.key);
    }

    /// A configuration that serves everybody; `tls` stands in `server.tls`.
    pub fn config(&self, tls: &str) -> String {
        self.write("config.yaml", config(tls))
    }
}

pub const PLAIN_TLS: &str = "cert: cert.pem, key: key.pem";

fn config(tls: &str) -> String {
    format!(
        "version: 1
auth: {{ mode: none }}
server:
  limits: {{ handshakeTimeout: 2s }}
  tls: {{ {tls} }}
transport: {{ maxMessageSize: 2MiB, outbox: {{ bytes: 64MiB }} }}
log: {{ level: debug }}
events:
  echo:
    payload: {{ text: string }}
    steps:
      - reply: {{ event: echoed, payload: {{ text: \"${{payload.text}}\" }} }}
  say:
    payload: {{ text: string }}
    steps:
      - send: {{ to: all, event: said, payload: {{ text: \"${{payload.text}}\" }} }}
"
    )
}

/// How a client speaks.
#[derive(Clone)]
pub struct Speaker {
    config: Arc<ClientConfig>,
    name: &'static str,
}

pub type Stream = StreamOwned<ClientConnection, TcpStream>;

impl Speaker {
    /// Trusts this authority and asks for this name.
    pub fn new(authority: &Authority, name: &'static str) -> Speaker {
        Self::of_versions(authority, name, rustls::DEFAULT_VERSIONS, None)
    }

    pub fn of_versions(
        authority: &Authority,
        name: &'static str,
        versions: &[&'static SupportedProtocolVersion],
        own: Option<&Pair>,
    ) -> Speaker {
        let mut roots = RootCertStore::empty();
        roots.add(authority.0.der().clone()).expect("a root");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(pair) => {
                let chain = CertificateDer::pem_slice_iter(pair.cert.as_bytes());
                let chain = chain.collect::<Result<Vec<_>, _>>().expect("PEM");
                let key = PrivateKeyDer::from_pem_slice(pair.key.as_bytes()).expect("PEM");
                builder.with_client_auth_cert(chain, key).expect("a pair")
            }
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Speaker { config: Arc::new(config), name }
    }

    /// The same, speaking other application protocols.
    pub fn speaking(&self, protocol: &str) -> Speaker {
        let mut config = (*self.config).clone();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        Speaker { config: Arc::new(config), name: self.name }
    }

    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }

    pub fn stream(&self, address: SocketAddr) -> Stream {
        let socket = TcpStream::connect(address).expect("connects");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        socket.set_nodelay(true).expect("no delay");
        let name = ServerName::try_from(self.name).expect("a name");
        let connection = ClientConnection::new(Arc::clone(&self.config), name).expect("a client");
        StreamOwned::new(connection, socket)
    }

    /// What is wrong with a handshake, if anything is.
    pub fn trial(&self, address: SocketAddr) -> Result<Stream, String> {
        let mut stream = self.stream(address);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).map_err(|error| error.to_string())?;
        }
        Ok(stream)
    }

    pub fn connect(&self, address: SocketAddr) -> Chatter {
        let request = format!("ws://{}/ws", self.name);
        let (socket, _) = tungstenite::client(request, self.stream(address)).expect("a WebSocket");
        Chatter(socket)
    }

    /// One request for a page, read to the end; the error is that of the reading.
    pub fn get(&self, address: SocketAddr, path: &str) -> (String, std::io::Result<usize>) {
        self.ask(address, "GET", path)
    }

    pub fn ask(
        &self,
        address: SocketAddr,
        method: &str,
        path: &str,
    ) -> (String, std::io::Result<usize>) {
        let mut stream = self.stream(address);
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.name);
        stream.write_all(request.as_bytes()).expect("sends");
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer);
        (String::from_utf8_lossy(&answer).into_owned(), ended)
    }
}

/// A WebSocket over TLS that speaks events.
pub struct Chatter(pub WebSocket<Stream>);

impl Chatter {
    pub fn send(&mut self, event: &str, text: &str) {
        let frame = json!({ "event": event, "payload": { "text": text } });
        self.0.send(Message::text(frame.to_string())).expect("sends");
    }

    /// The text of the next message, which must be this event.
    pub fn expect(&mut self, event: &str) -> String {
        loop {
            let Message::Text(text) = self.0.read().expect("a message") else { continue };
            let frame: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(frame["event"], event, "{frame}");
            return frame["payload"]["text"].as_str().expect("a text").to_owned();
        }
    }

    pub fn echoes(&mut self, text: &str) {
        self.send("echo", text);
        assert!(self.expect("echoed") == text, "another text of {} bytes came back", text.len());
    }

    pub fn connection(&self) -> &ClientConnection {
        &self.0.get_ref().conn
    }

    /// The certificate that the server showed.
    pub fn shown(&self) -> Vec<u8> {
        self.connection().peer_certificates().expect("a certificate")[0].to_vec()
    }
}

/// The certificate of a PEM text.
pub fn der(pair: &Pair) -> Vec<u8> {
    CertificateDer::from_pem_slice(pair.cert.as_bytes()).expect("PEM").to_vec()
}

/// Numbers from a seed, the same each time.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}
