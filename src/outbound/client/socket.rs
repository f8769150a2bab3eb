//! Connections that carry no HTTP: to addresses that were judged, or through the egress proxy, as those of HTTP.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use hyper::Uri;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tower_service::Service;
use url::{Host, Url};

use super::FeedClient;
use crate::outbound::call::{host_and_port, host_of};
use crate::outbound::error::{FailureKind, FetchError};
use crate::outbound::guard::{Purpose, permitted_addresses};
use crate::outbound::limits::Permit;
use crate::outbound::proxy::MOST_ADDRESSES;

/// What bytes are sent over.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Socket for S {}

impl FeedClient {
    /// Opens what lasts for several requests to a host, such as a session: in turn, and not while the host is left alone after failures.
    /// The permit belongs to what was opened.
    ///
    /// # Errors
    /// Those of `opening`; `Denied` for an address that may not be asked.
    pub(crate) async fn opened<T>(
        &self,
        url: &Url,
        tenant: &str,
        opening: impl Future<Output = Result<T, FetchError>>,
    ) -> Result<(T, Permit), FetchError> {
        self.policy.check_feed(url, tenant)?;
        let host = host_and_port(url);
        let Some(permit) = self.permits.acquire(&host).await else {
            return Err(FetchError::new(FailureKind::Connect, "the client is shutting down"));
        };
        self.breakers.check(tenant, &host, Instant::now())?;
        let outcome = opening.await;
        self.breakers.record(tenant, &host, outcome.as_ref().map(|_| ()), Instant::now());
        outcome.map(|opened| (opened, permit))
    }

    /// A connection to the host of `url`.
    ///
    /// # Errors
    /// Of the kinds Dns, Connect, Denied and Proxy.
    pub(crate) async fn socket(&self, url: &Url, tenant: &str) -> Result<Box<dyn Socket>, FetchError> {
        let purpose = Purpose::of(url, tenant);
        if let Some(proxy) = &self.proxy {
            let uri: Uri = format!("https://{}/", host_and_port(url))
                .parse()
                .map_err(|_| FetchError::new(FailureKind::Denied, "the URL has no host that can be read"))?;
            let connection = self.tunnels(proxy, &purpose)?.call(uri).await?;
            return Ok(Box::new(TokioIo::new(connection)));
        }
        let within = self.limits.connect_timeout;
        let connected = tokio::time::timeout(within, self.direct(url, &purpose)).await;
        let late = || FetchError::new(FailureKind::Timeout, format!("no connection within {} s", within.as_secs_f64()));
        let stream = connected.unwrap_or_else(|_| Err(late()))?;
        Ok(Box::new(stream))
    }

    async fn direct(&self, url: &Url, purpose: &Purpose<'_>) -> Result<TcpStream, FetchError> {
        let mut failure = FetchError::new(FailureKind::Connect, "the host has no address");
        for address in self.addresses(url, purpose).await?.into_iter().take(MOST_ADDRESSES) {
            let stream = TcpStream::connect(SocketAddr::new(address, purpose.port)).await;
            match stream.and_then(|stream| stream.set_nodelay(true).map(|()| stream)) {
                Ok(stream) => return Ok(stream),
                Err(error) => {
                    failure = FetchError::new(FailureKind::Connect, format!("no connection: {}", error.kind()))
                }
            }
        }
        Err(failure)
    }

    /// The addresses of a host, judged.
    async fn addresses(&self, url: &Url, purpose: &Purpose<'_>) -> Result<Vec<IpAddr>, FetchError> {
        let address: IpAddr = match host_of(url) {
            Some(Host::Domain(name)) => {
                return Ok(permitted_addresses(&self.policy, &*self.lookup, &name, purpose).await?);
            }
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            None => return Err(FetchError::new(FailureKind::Denied, "the URL has no host that can be read")),
        };
        let denied = |refused: crate::outbound::guard::Refused| {
            FetchError::new(FailureKind::Denied, refused.of(&format!("address {address}")))
        };
        self.policy.check_address(address, purpose).map_err(denied)?;
        Ok(vec![address])
    }
}
