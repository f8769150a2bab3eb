//! A server that anybody may reach: few connections, each for one request and a short time, over TLS where it has a certificate.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Mutex, OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

/// Connections at a time.
const MOST_CONNECTIONS: usize = 64;
/// For TLS, and again for the head of the request.
const GREETING: Duration = Duration::from_secs(5);
/// For a whole connection.
const LONGEST: Duration = Duration::from_secs(120);
/// Bytes of a head, and of a piece of a body.
const LARGEST_PIECE: usize = 64 * 1_024;
/// How long a certificate is used before its files are read again.
const CERTIFICATE_KEPT: Duration = Duration::from_secs(60);

/// The files of a certificate. They are read again each minute, so that a renewed one needs no restart.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// The chain, in PEM.
    pub chain: PathBuf,
    /// The private key, in PEM.
    pub key: PathBuf,
}

/// Why the door cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {source}; choose another with --inbox-listen")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The certificate cannot be used. Nothing of its key is said.
    #[error("{}: {why}", file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

impl Certificate {
    async fn read(&self) -> Result<Arc<ServerConfig>, DoorError> {
        let wrong = |file: &PathBuf, why: String| DoorError::Certificate { file: file.clone(), why };
        let load = |file: PathBuf| async move {
            tokio::fs::read(&file).await.map_err(|error| wrong(&file, error.to_string()))
        };
        let (chain, key) = (load(self.chain.clone()).await?, load(self.key.clone()).await?);
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&chain)
            .collect::<Result<_, _>>()
            .ok()
            .filter(|chain: &Vec<_>| !chain.is_empty())
            .ok_or_else(|| wrong(&self.chain, "it holds no certificate in PEM".to_owned()))?;
        // What the parser says may quote the key.
        let key = PrivateKeyDer::from_pem_slice(&key)
            .map_err(|_| wrong(&self.key, "it holds no private key in PEM".to_owned()))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut configuration = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong(&self.chain, error.to_string()))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|_| wrong(&self.key, "the key does not belong to the certificate".to_owned()))?;
        configuration.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(configuration))
    }
}

/// A certificate as it was read last.
struct Tls {
    certificate: Certificate,
    read: Mutex<(Arc<ServerConfig>, Instant)>,
}

impl Tls {
    /// The acceptor; where the files cannot be read any more, with what they held before.
    async fn acceptor(&self) -> TlsAcceptor {
        let mut read = self.read.lock().await;
        if read.1.elapsed() > CERTIFICATE_KEPT {
            match self.certificate.read().await {
                Ok(configuration) => read.0 = configuration,
                Err(error) => tracing::warn!(%error, "the certificate of the inbox cannot be read again"),
            }
            read.1 = Instant::now();
        }
        TlsAcceptor::from(read.0.clone())
    }
}

/// Serves requests by `answer` until `stop`; returns the address that was bound (port 0 takes a free one). Without a certificate, over plain
/// HTTP.
///
/// # Errors
/// Where the address cannot be bound, or the certificate not be used.
pub async fn open<Answer, Answered>(
    address: SocketAddr,
    certificate: Option<Certificate>,
    answer: Answer,
    stop: CancellationToken,
) -> Result<(SocketAddr, tokio::task::JoinHandle<()>), DoorError>
where
    Answer: Fn(Request) -> Answered + Clone + Send + Sync + 'static,
    Answered: Future<Output = Response> + Send + 'static,
{
    let tls = match certificate {
        None => None,
        Some(certificate) => {
            let read = Mutex::new((certificate.read().await?, Instant::now()));
            Some(Arc::new(Tls { certificate, read }))
        }
    };
    let failed = |source| DoorError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let serving = async move {
        loop {
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let Ok((stream, _)) = listener.accept().await else {
                // Too many files are open, or the like: others give theirs back.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            tokio::spawn(converse(stream, tls.clone(), answer.clone(), place));
        }
    };
    let until = async move {
        tokio::select! {
            () = serving => {}
            () = stop.cancelled() => {}
        }
    };
    Ok((bound, tokio::spawn(until)))
}

/// One connection, in its time.
async fn converse<Answer, Answered>(
    stream: tokio::net::TcpStream,
    tls: Option<Arc<Tls>>,
    answer: Answer,
    _place: OwnedSemaphorePermit,
) where
    Answer: Fn(Request) -> Answered + Clone + Send + Sync + 'static,
    Answered: Future<Output = Response> + Send + 'static,
{
    let conversation = async {
        match tls {
            None => serve(stream, answer).await,
            Some(tls) => {
                let acceptor = tls.acceptor().await;
                if let Ok(Ok(stream)) = tokio::time::timeout(GREETING, acceptor.accept(stream)).await {
                    serve(stream, answer).await;
                }
            }
        }
    };
    let _ = tokio::time::timeout(LONGEST, conversation).await;
}

async fn serve<Answer, Answered>(stream: impl AsyncRead + AsyncWrite + Unpin, answer: Answer)
where
    Answer: Fn(Request) -> Answered + Clone + Send + Sync + 'static,
    Answered: Future<Output = Response> + Send + 'static,
{
    let service = service_fn(|request: hyper::Request<hyper::body::Incoming>| {
        let answered = answer(request.map(Body::new));
        async move { Ok::<_, Infallible>(answered.await) }
    });
    // Whoever breaks off is not answered; there is nobody to tell.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(GREETING)
        .max_buf_size(LARGEST_PIECE)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}
