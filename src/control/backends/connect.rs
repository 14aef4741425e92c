//! New connections to one backend: name, socket, TLS, all within the connect timeout.
//!
//! Invariants: the address comes from the backend's own URL; a name server that hangs holds at most
//! `LOOKUPS_MAX` threads per backend, however many calls give up on it. Called by `client`.

use std::error::Error;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use rustls::pki_types::ServerName;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tower_service::Service;

use super::stream::Stream;

const LOOKUPS_MAX: usize = 2;

/// A silent peer is noticed after a while even where nobody waits for it.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

type Trouble = Box<dyn Error + Send + Sync>;
type Promise<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

#[derive(Clone)]
pub(super) struct Connector {
    tcp: HttpConnector<Resolver>,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    within: Duration,
}

impl Connector {
    pub(super) fn new(
        tls: Option<(TlsConnector, ServerName<'static>)>,
        within: Duration,
    ) -> Connector {
        let lookups = Arc::new(Semaphore::new(LOOKUPS_MAX));
        let mut tcp = HttpConnector::new_with_resolver(Resolver { lookups });
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(TCP_KEEPALIVE));
        Connector { tcp, tls, within }
    }

    async fn connect(mut self, to: Uri) -> Result<Stream, Trouble> {
        let tcp = self.tcp.call(to).await?;
        let Some((tls, name)) = self.tls else { return Ok(Stream::plain(tcp)) };
        Ok(Stream::tls(tls.connect(name, tcp.into_inner()).await?))
    }
}

impl Service<Uri> for Connector {
    type Response = Stream;
    type Error = Trouble;
    type Future = Promise<Stream, Trouble>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Trouble>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let (within, connector) = (self.within, self.clone());
        Box::pin(async move { tokio::time::timeout(within, connector.connect(to)).await? })
    }
}

/// The system's, a few lookups at a time.
#[derive(Clone)]
struct Resolver {
    lookups: Arc<Semaphore>,
}

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Promise<Self::Response, io::Error>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let lookups = Arc::clone(&self.lookups);
        Box::pin(async move {
            let place = lookups.acquire_owned().await.map_err(io::Error::other)?;
            let lookup = tokio::task::spawn_blocking(move || {
                // Held by the thread, not by the call, which may be given up before it ends.
                let _place = place;
                (name.as_str(), 0).to_socket_addrs()
            });
            lookup.await.map_err(io::Error::other)?
        })
    }
}
