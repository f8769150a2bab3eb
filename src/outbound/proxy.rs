//! An egress proxy: connections are opened through it by CONNECT, to the address that was judged here.
//!
//! A proxy that is sent names resolves them itself, and can be led to the inside of a network by whoever owns a name. So the name is
//! resolved and judged as without a proxy, and the proxy is sent the address. `--proxy-resolves` sends names, for networks in which
//! only the proxy can resolve: then the proxy's own rules are the guard.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use hyper::header::{ACCEPT, HeaderValue, USER_AGENT};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use ipnet::IpNet;
use percent_encoding::percent_decode_str;
use rustls::ClientConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tower_service::Service;
use url::{Host, Url};

use super::error::{FailureKind, FetchError, presentable};
use super::guard::{AddressPolicy, NameLookup, Purpose, Refused, permitted_addresses};
use super::secret::SecretValue;

/// The URL of a proxy as a flag has it. What is wrong with it is said by [`Proxy::new`]: a parser of flags would show the whole text,
/// with its password.
#[derive(Clone)]
pub struct ProxyUrl(String);

impl FromStr for ProxyUrl {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(ProxyUrl(text.to_owned()))
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ProxyUrl(…)")
    }
}

/// A proxy, and what goes through it.
#[derive(Clone, Debug)]
pub struct Proxy {
    /// Scheme, host and port alone.
    address: Uri,
    /// The value of `Proxy-Authorization`.
    authorization: Option<SecretValue>,
    /// Whether it is sent names instead of addresses.
    resolves: bool,
    /// Networks that are connected to without it.
    except: Vec<IpNet>,
}

impl Proxy {
    /// A proxy at a URL such as `http://proxy.example:3128`, whose user and password, if it has some, are percent-encoded.
    ///
    /// # Errors
    /// A sentence, without the URL: it may hold a password.
    pub fn new(url: &ProxyUrl, resolves: bool, except: Vec<IpNet>) -> Result<Proxy, String> {
        let unusable = |why: &str| {
            format!(
                "the URL of the proxy (--proxy) {why}: write one such as http://proxy.example:3128 or \
                 http://user:password@proxy.example:3128"
            )
        };
        let url = Url::parse(url.0.trim()).map_err(|_| unusable("cannot be read"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(unusable("does not begin with http:// or https://"));
        }
        if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
            return Err(unusable("has more than a host and a port"));
        }
        let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
        let address = format!("{}://{host}:{port}/", url.scheme()).parse().map_err(|_| unusable("cannot be read"))?;
        let decoded = |text: &str| percent_decode_str(text).collect::<Vec<u8>>();
        let authorization = (!url.username().is_empty() || url.password().is_some()).then(|| {
            let pair = [decoded(url.username()), decoded(url.password().unwrap_or_default())].join(&b':');
            SecretValue::new(format!("Basic {}", STANDARD.encode(pair)).into_bytes())
        });
        Ok(Proxy { address, authorization, resolves, except })
    }

    /// Scheme, host and port, for people.
    pub fn shown(&self) -> String {
        self.address.to_string().trim_end_matches('/').to_owned()
    }
}

/// What is connected to through a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Address(SocketAddr),
    /// A name that only the proxy resolves.
    Name(String, u16),
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Address(address) => address.fmt(formatter),
            Target::Name(name, port) => write!(formatter, "{name}:{port}"),
        }
    }
}

/// A connection, through the proxy or to a network that is spared from it.
type Connection = MaybeHttpsStream<TokioIo<TcpStream>>;

/// How many addresses of a name are tried.
pub(crate) const MOST_ADDRESSES: usize = 3;

/// How large the head of the proxy's answer may be.
const LONGEST_HEAD: usize = 8 * 1_024;

/// Opens connections through a proxy, for one port, one namespace and one kind of security.
#[derive(Clone)]
pub(crate) struct Tunnels {
    proxy: Arc<Proxy>,
    policy: Arc<AddressPolicy>,
    lookup: Arc<dyn NameLookup>,
    to_proxy: HttpsConnector<HttpConnector>,
    port: u16,
    tenant: Arc<str>,
    plain: bool,
    /// For the name, the proxy and its answer together.
    timeout: Duration,
}

/// What a [`Tunnels`] judges by.
pub(crate) struct Guard {
    pub policy: Arc<AddressPolicy>,
    pub lookup: Arc<dyn NameLookup>,
}

impl Tunnels {
    /// `proxy_tls` is how an https proxy itself is verified.
    pub(crate) fn new(
        proxy: Arc<Proxy>,
        guard: Guard,
        purpose: &Purpose<'_>,
        mut proxy_tls: ClientConfig,
        timeout: Duration,
    ) -> Self {
        // CONNECT is sent in HTTP/1.1.
        proxy_tls.alpn_protocols.clear();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        Tunnels {
            proxy,
            policy: guard.policy,
            lookup: guard.lookup,
            to_proxy: HttpsConnector::from((tcp, proxy_tls)),
            port: purpose.port,
            tenant: purpose.tenant.into(),
            plain: purpose.plain,
            timeout,
        }
    }

    async fn open(mut self, uri: Uri) -> Result<Connection, FetchError> {
        let mut failure = failed("has nothing to connect to");
        for target in self.targets(&uri).await?.into_iter().take(MOST_ADDRESSES) {
            let opened = match &target {
                Target::Address(address) if self.is_spared(address.ip()) => direct(*address).await,
                target => self.through_proxy(target).await,
            };
            match opened {
                Ok(connection) => return Ok(connection),
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn is_spared(&self, address: IpAddr) -> bool {
        self.proxy.except.iter().any(|network| network.contains(&address) || network.contains(&address.to_canonical()))
    }

    /// Where a connection may go: judged addresses, or the name where the proxy resolves.
    async fn targets(&self, uri: &Uri) -> Result<Vec<Target>, FetchError> {
        let purpose = Purpose { port: self.port, tenant: &self.tenant, plain: self.plain };
        let host = Host::parse(uri.host().unwrap_or_default())
            .map_err(|_| FetchError::new(FailureKind::Denied, "the URL has no host that can be read"))?;
        let address: IpAddr = match host {
            Host::Ipv4(address) => address.into(),
            Host::Ipv6(address) => address.into(),
            Host::Domain(name) => return self.targets_of(name, &purpose).await,
        };
        let refused =
            |refused: Refused| FetchError::new(FailureKind::Denied, refused.of(&format!("address {address}")));
        self.policy.check_address(address, &purpose).map_err(refused)?;
        Ok(vec![Target::Address(SocketAddr::new(address, self.port))])
    }

    async fn targets_of(&self, name: String, purpose: &Purpose<'_>) -> Result<Vec<Target>, FetchError> {
        if self.proxy.resolves {
            if self.plain {
                let message = format!(
                    "http to {} is refused: where the proxy resolves names, use https",
                    presentable(&name, 100)
                );
                return Err(FetchError::new(FailureKind::Denied, message));
            }
            return Ok(vec![Target::Name(name, self.port)]);
        }
        let permitted = permitted_addresses(&self.policy, &*self.lookup, &name, purpose).await?;
        Ok(permitted.into_iter().map(|address| Target::Address(SocketAddr::new(address, self.port))).collect())
    }

    async fn through_proxy(&mut self, target: &Target) -> Result<Connection, FetchError> {
        let connected = self.to_proxy.call(self.proxy.address.clone()).await;
        // What is wrong may be a name or a certificate of the proxy: the operator's owner sees it in full in the log.
        let connection = connected.map_err(|error| {
            tracing::debug!(proxy = self.proxy.shown(), error = %super::cause::deepest(&*error), "no connection to the proxy");
            failed("cannot be reached")
        })?;
        let mut stream = TokioIo::new(connection);
        let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n").into_bytes();
        if let Some(authorization) = &self.proxy.authorization {
            request.extend([b"Proxy-Authorization: ", authorization.reveal(), b"\r\n"].concat());
        }
        request.extend(b"\r\n");
        stream.write_all(&request).await.map_err(|_| failed("closed the connection"))?;
        stream.flush().await.map_err(|_| failed("closed the connection"))?;
        match answer(&mut stream).await? {
            200..=299 => Ok(stream.into_inner()),
            407 => Err(failed("refuses the operator's user and password (status 407)")),
            code @ (401 | 403) => {
                Err(failed(&format!("does not let the operator connect to this address (status {code})")))
            }
            code => Err(failed(&format!("could not connect to the address (status {code})"))),
        }
    }
}

async fn direct(address: SocketAddr) -> Result<Connection, FetchError> {
    let stream = TcpStream::connect(address).await;
    let stream = stream.and_then(|stream| stream.set_nodelay(true).map(|()| stream));
    let refused =
        |error: std::io::Error| FetchError::new(FailureKind::Connect, format!("no connection: {}", error.kind()));
    Ok(MaybeHttpsStream::Http(TokioIo::new(stream.map_err(refused)?)))
}

fn failed(what: &str) -> FetchError {
    FetchError::new(FailureKind::Proxy, format!("the egress proxy {what}"))
}

/// The status code of the proxy's answer. Its head is read byte by byte, since what comes after it is the vendor's.
async fn answer(stream: &mut TokioIo<Connection>) -> Result<u16, FetchError> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= LONGEST_HEAD {
            return Err(failed("sends a head without an end"));
        }
        head.push(stream.read_u8().await.map_err(|_| failed("closed the connection before it answered"))?);
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let code = line.strip_prefix(b"HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|code| str::from_utf8(code).ok());
    code.and_then(|code| code.parse().ok()).ok_or_else(|| failed("answers something else than HTTP/1"))
}

impl Service<Uri> for Tunnels {
    type Response = Connection;
    type Error = FetchError;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, FetchError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), FetchError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (tunnels, timeout) = (self.clone(), self.timeout);
        Box::pin(async move {
            let opened = tokio::time::timeout(timeout, tunnels.open(uri)).await;
            opened.unwrap_or_else(|_| Err(failed(&format!("opened no connection within {} s", timeout.as_secs_f64()))))
        })
    }
}

/// Bounds the handshake of TLS, which comes after the tunnel.
#[derive(Clone)]
pub(crate) struct Bounded {
    inner: HttpsConnector<Tunnels>,
    timeout: Duration,
}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for Bounded {
    type Response = MaybeHttpsStream<Connection>;
    type Error = AnyError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, AnyError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), AnyError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (work, timeout) = (self.inner.call(uri), self.timeout);
        Box::pin(async move {
            let late = || FetchError::new(FailureKind::Timeout, "no connection in time (name, proxy and TLS together)");
            tokio::time::timeout(timeout, work).await.unwrap_or_else(|_| Err(late().into()))
        })
    }
}

/// An HTTP client all of whose connections are opened by a [`Tunnels`].
#[derive(Clone)]
pub(crate) struct ProxiedClient(Client<Bounded, reqwest::Body>);

/// How a [`ProxiedClient`] keeps its connections.
pub(crate) struct Pooling {
    /// Idle connections to one host.
    pub per_host: usize,
    /// For how long.
    pub idle: Duration,
}

impl ProxiedClient {
    pub(crate) fn new(tunnels: Tunnels, tls: ClientConfig, pooling: &Pooling) -> Self {
        let timeout = tunnels.timeout.saturating_mul(2);
        let inner = HttpsConnector::from((tunnels, tls));
        let mut builder = Client::builder(TokioExecutor::new());
        builder.timer(TokioTimer::new()).pool_timer(TokioTimer::new());
        builder.pool_max_idle_per_host(pooling.per_host).pool_idle_timeout(pooling.idle);
        ProxiedClient(builder.build(Bounded { inner, timeout }))
    }

    /// Sends a request; returns the answer as the other client does.
    pub(crate) async fn execute(&self, request: reqwest::Request) -> Result<reqwest::Response, FetchError> {
        let unusable = |_| FetchError::new(FailureKind::Denied, "the request cannot be sent");
        let mut request = hyper::Request::<reqwest::Body>::try_from(request).map_err(unusable)?;
        // As the other client does by itself.
        let headers = request.headers_mut();
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("*/*"));
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(crate::outbound::call::USER_AGENT));
        let response = self
            .0
            .request(request)
            .await
            .map_err(|error| super::cause::explain_connecting(&error, error.is_connect()))?;
        Ok(response.map(reqwest::Body::wrap).into())
    }
}
