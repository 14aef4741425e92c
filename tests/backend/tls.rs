//! Backends over TLS: HTTP/2 where it is offered, and certificates that are not good.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use shardwire::backend::Failure;
use shardwire::settings;
use tokio_rustls::TlsAcceptor;

use super::caller::{Caller, MS, get, spec, text};
use super::support::backend::{Backend, Fault, Reply};
use super::support::wait_for;

/// Who signs, for one test.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    file: PathBuf,
}

impl Authority {
    fn new(test: &str) -> Authority {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        let name = format!("backend-{test}-{}.pem", std::process::id());
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&file, pem).expect("a file");
        Authority { issuer: Issuer::new(params, key), file }
    }

    /// A server's configuration with a certificate for this name.
    fn server(&self, name: &str, protocols: &[&str], is_expired: bool) -> ServerConfig {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec![name.into()]).expect("parameters");
        if is_expired {
            params.not_before = date_time_ymd(2001, 1, 1);
            params.not_after = date_time_ymd(2002, 1, 1);
        }
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .expect("a certificate");
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        config
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.file));
    }
}

/// An HTTPS server, a thread per connection; it lives as long as the test program.
struct Server {
    address: SocketAddr,
    seen: Arc<Seen>,
}

#[derive(Default)]
struct Seen {
    connections: AtomicUsize,
    versions: Mutex<Vec<Version>>,
}

impl Server {
    fn start(config: ServerConfig) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::<Seen>::default();
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || accept(&listener, config, &shared));
        Server { address, seen }
    }

    fn spec(&self, authority: &Authority) -> settings::Backend {
        let url = format!("https://{}", self.address);
        settings::Backend { ca_file: Some(authority.file.clone()), ..spec(&url) }
    }

    fn versions(&self) -> Vec<Version> {
        self.seen.versions.lock().expect("versions").clone()
    }
}

fn accept(listener: &TcpListener, config: ServerConfig, seen: &Arc<Seen>) {
    let acceptor = TlsAcceptor::from(Arc::new(config));
    while let Ok((stream, _)) = listener.accept() {
        seen.connections.fetch_add(1, Ordering::SeqCst);
        stream.set_nonblocking(true).expect("a socket option");
        let (acceptor, seen) = (acceptor.clone(), Arc::clone(seen));
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(serve(acceptor, stream, seen));
        });
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, seen: Arc<Seen>) {
    let stream = tokio::net::TcpStream::from_std(stream).expect("a stream");
    let Ok(stream) = acceptor.accept(stream).await else { return };
    let is_h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let service = service_fn(move |request| answer(request, Arc::clone(&seen)));
    let io = TokioIo::new(stream);
    // A caller that is gone is no trouble of the server's.
    if is_h2 {
        let http2 = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        drop(http2.serve_connection(io, service).await);
    } else {
        let http1 = hyper::server::conn::http1::Builder::new();
        drop(http1.serve_connection(io, service).await);
    }
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Seen>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    seen.versions.lock().expect("versions").push(request.version());
    let body = match request.uri().path() {
        "/hang" => std::future::pending().await,
        // The whole connection.
        "/freeze" => loop {
            std::thread::park();
        },
        "/huge" => "x".repeat(1 << 20),
        path => format!("hello {path}"),
    };
    Ok(Response::new(Full::from(body)))
}

#[test]
fn http_2_carries_many_calls_on_one_connection() {
    let authority = Authority::new("h2");
    let server = Server::start(authority.server("127.0.0.1", &["h2", "http/1.1"], false));
    let mut caller = Caller::of(&[server.spec(&authority)]);
    caller.ask(get("/first")).expect("a reply");
    let results = caller.all((0..50).map(|number| get(&format!("/{number}"))));
    for (number, result) in results.into_iter().enumerate() {
        assert_eq!(text(&result.expect("a reply")), format!("hello /{number}"));
    }
    assert_eq!(server.versions(), [Version::HTTP_2; 51]);
    assert_eq!(server.seen.connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_stream_that_hangs_or_floods_does_not_disturb_the_others() {
    let authority = Authority::new("h2-faults");
    let server = Server::start(authority.server("127.0.0.1", &["h2"], false));
    let mut caller = Caller::of(&[server.spec(&authority)]);
    for _ in 0..20 {
        let mut hanging = get("/hang");
        hanging.timeout_ns = Some(100 * MS);
        let results = caller.all([hanging, get("/huge"), get("/good")]);
        assert_eq!(results[0], Err(Failure::Timeout));
        assert_eq!(results[1], Err(Failure::TooLarge));
        assert!(results[2].is_ok());
    }
}

/// Pings find it out.
#[test]
fn a_connection_that_has_gone_silent_is_replaced() {
    let authority = Authority::new("h2-silent");
    let server = Server::start(authority.server("127.0.0.1", &["h2"], false));
    let mut caller = Caller::of(&[server.spec(&authority)]);
    let mut ask = |target| {
        let timeout_ns = Some(2_000 * MS);
        caller.ask(shardwire::backend::Call { timeout_ns, ..get(target) })
    };
    assert!(ask("/a").is_ok());
    assert_eq!(ask("/freeze"), Err(Failure::Timeout));
    assert_eq!(ask("/a"), Err(Failure::Timeout));
    wait_for("another connection", || ask("/a").ok());
    assert_eq!(server.seen.connections.load(Ordering::SeqCst), 2);
}

#[test]
fn http_1_is_spoken_where_nothing_else_is_offered() {
    for protocols in [&["http/1.1"][..], &[]] {
        let authority = Authority::new("h1");
        let server = Server::start(authority.server("127.0.0.1", protocols, false));
        let mut caller = Caller::of(&[server.spec(&authority)]);
        assert_eq!(text(&caller.ask(get("/a")).expect("a reply")), "hello /a");
        assert_eq!(server.versions(), [Version::HTTP_11]);
    }
}

#[test]
fn a_certificate_that_is_not_good_is_not_believed() {
    let (authority, stranger) = (Authority::new("known"), Authority::new("stranger"));
    let cases = [
        ("another's name", authority.server("other.example", &[], false)),
        ("expired", authority.server("127.0.0.1", &[], true)),
        ("an authority nobody knows", stranger.server("127.0.0.1", &[], false)),
    ];
    for (what, config) in cases {
        let server = Server::start(config);
        let mut caller = Caller::of(&[server.spec(&authority)]);
        assert_eq!(caller.ask(get("/a")), Err(Failure::Unreachable), "{what}");
        assert!(server.versions().is_empty(), "{what}");
    }
}

#[test]
fn well_known_authorities_did_not_sign_a_test() {
    let authority = Authority::new("unknown");
    let server = Server::start(authority.server("127.0.0.1", &[], false));
    let spec = settings::Backend { ca_file: None, ..server.spec(&authority) };
    assert_eq!(Caller::of(&[spec]).ask(get("/a")), Err(Failure::Unreachable));
}

#[test]
fn a_peer_that_speaks_no_tls_is_unreachable() {
    let backend = Backend::start();
    backend.on("GET", "/a", Reply::fault(Fault::Hang));
    let url = format!("https://{}", backend.address);
    let spec = settings::Backend { connect_timeout_ns: 200 * MS, ..spec(&url) };
    assert_eq!(Caller::of(&[spec]).ask(get("/a")), Err(Failure::Unreachable));
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://{}", silent.local_addr().expect("an address"));
    let spec = settings::Backend { connect_timeout_ns: 200 * MS, ..super::caller::spec(&url) };
    assert_eq!(Caller::of(&[spec]).ask(get("/a")), Err(Failure::Unreachable));
}
