//! A server on loopback that answers each request as a script says, correct or broken, with or without TLS.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// What a request said.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Path with query.
    pub target: String,
    /// The whole head.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<String> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
        })
    }
}

/// What the server does.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Sends these bytes one by one, with a pause before each.
    Drip(Vec<u8>, Duration),
    /// Sends these bytes, then nothing more, and keeps the connection.
    Stall(Vec<u8>),
    /// Sends these bytes and resets the connection.
    Reset(Vec<u8>),
}

impl Reply {
    /// A whole answer of HTTP/1.1.
    pub(super) fn answer(status: &str, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Self {
        let body = body.as_ref();
        let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        Reply::Bytes([format!("{head}\r\n").as_bytes(), body].concat())
    }

    /// 200 with JSON.
    pub(super) fn json(body: impl AsRef<[u8]>) -> Self {
        Reply::answer("200 OK", &[("Content-Type", "application/json")], body)
    }
}

pub(super) fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

type Script = dyn Fn(&Asked) -> Reply + Send + Sync;

/// Ends when it is dropped.
pub(super) struct Server {
    pub address: SocketAddr,
    /// Connections that were opened.
    pub connections: Arc<AtomicUsize>,
    asked: Arc<Mutex<Vec<Asked>>>,
    worker: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

impl Server {
    pub(super) async fn start(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(None, script).await
    }

    /// A server that sees what is sent to any address of this machine.
    pub(super) async fn start_everywhere(script: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        // Where there is no IPv6, there is nothing of it to be seen.
        let listener = match TcpListener::bind("[::]:0").await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind("0.0.0.0:0").await.unwrap(),
        };
        Self::serve_on(listener, None, script)
    }

    pub(super) async fn start_with(
        tls: Option<Arc<rustls::ServerConfig>>,
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::serve_on(TcpListener::bind("127.0.0.1:0").await.unwrap(), tls, script)
    }

    fn serve_on(
        listener: TcpListener,
        tls: Option<Arc<rustls::ServerConfig>>,
        script: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let (connections, asked) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let script: Arc<Script> = Arc::new(script);
        let worker = tokio::spawn({
            let (connections, asked) = (connections.clone(), asked.clone());
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    connections.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(serve(stream, tls.clone(), script.clone(), asked.clone()));
                }
            }
        });
        Server { address, connections, asked, worker }
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(
    stream: TcpStream,
    tls: Option<Arc<rustls::ServerConfig>>,
    script: Arc<Script>,
    asked: Arc<Mutex<Vec<Asked>>>,
) {
    match tls {
        None => {
            if let Some(stream) = converse(stream, script, asked).await {
                // With nothing to linger for, closing means a reset.
                let _ = stream.set_zero_linger();
            }
        }
        Some(configuration) => {
            if let Ok(stream) = TlsAcceptor::from(configuration).accept(stream).await {
                converse(stream, script, asked).await;
            }
        }
    }
}

/// Reads one request and answers it; returns the stream where it is to be reset.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    script: Arc<Script>,
    asked: Arc<Mutex<Vec<Asked>>>,
) -> Option<S> {
    let request = read_request(&mut stream).await?;
    asked.lock().unwrap().push(request.clone());
    match script(&request) {
        Reply::Bytes(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
            None
        }
        Reply::Drip(bytes, pause) => {
            for byte in bytes {
                tokio::time::sleep(pause).await;
                stream.write_all(&[byte]).await.ok()?;
            }
            None
        }
        Reply::Stall(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let mut rest = [0; 64];
            while stream.read(&mut rest).await.is_ok_and(|count| count > 0) {}
            None
        }
        Reply::Reset(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
            Some(stream)
        }
    }
}

async fn read_request<S: AsyncRead + Unpin>(stream: &mut S) -> Option<Asked> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        let count = stream.read(&mut piece).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let target = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let asked = Asked { target, head: head.to_owned(), body: body.to_owned() };
        let length = asked.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        if body.len() >= length {
            return Some(asked);
        }
    }
}
