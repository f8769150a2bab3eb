//! HTTP/1.1 on a bare connection: a server that can break off at any byte needs to hold the bytes itself.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A request, read whole.
#[derive(Debug)]
pub(crate) struct Request {
    /// Such as `PATCH`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in small letters, and values.
    pub headers: Vec<(String, String)>,
    /// Its body; empty where it has none.
    pub body: Vec<u8>,
}

/// A connection from a client, with what was read ahead.
pub(crate) struct Connection {
    stream: TcpStream,
    ahead: Vec<u8>,
}

impl Connection {
    /// Takes over a connection. Closing it before its end resets it.
    pub(crate) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Connection { stream, ahead: Vec::new() })
    }

    /// The next request; `None` when the client has closed.
    pub(crate) async fn request(&mut self) -> io::Result<Option<Request>> {
        let end = loop {
            if let Some(found) = self.ahead.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break found;
            }
            if !self.read_more().await? {
                return Ok(None);
            }
        };
        let head: Vec<u8> = self.ahead.drain(..end + 4).collect();
        let mut request = parse(&String::from_utf8_lossy(&head)).ok_or_else(|| invalid("no request of HTTP/1.1"))?;
        if request.header("transfer-encoding").is_some() {
            return Err(invalid("a body in chunks"));
        }
        let length: usize = request.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        while self.ahead.len() < length {
            if !self.read_more().await? {
                return Ok(None);
            }
        }
        request.body = self.ahead.drain(..length).collect();
        Ok(Some(request))
    }

    async fn read_more(&mut self) -> io::Result<bool> {
        Ok(self.stream.read_buf(&mut self.ahead).await? > 0)
    }

    /// Writes a whole answer.
    pub(crate) async fn answer(&mut self, status: u16, headers: &[(String, String)], body: &[u8]) -> io::Result<()> {
        self.head(status, headers, &format!("content-length: {}", body.len())).await?;
        self.stream.write_all(body).await
    }

    /// Writes the head of an answer whose body comes in chunks.
    pub(crate) async fn begin_chunks(&mut self, status: u16, headers: &[(String, String)]) -> io::Result<()> {
        self.head(status, headers, "transfer-encoding: chunked").await
    }

    /// Writes a chunk.
    pub(crate) async fn chunk(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.stream.write_all(format!("{:x}\r\n", bytes.len()).as_bytes()).await?;
        self.stream.write_all(bytes).await?;
        self.stream.write_all(b"\r\n").await
    }

    /// Ends a body of chunks.
    pub(crate) async fn end_chunks(&mut self) -> io::Result<()> {
        self.stream.write_all(b"0\r\n\r\n").await
    }

    async fn head(&mut self, status: u16, headers: &[(String, String)], length: &str) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {status} X\r\n{length}\r\n");
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.stream.write_all(head.as_bytes()).await
    }

    /// Writes the first half of an answer of a whole length.
    pub(crate) async fn half(&mut self, status: u16, headers: &[(String, String)], body: &[u8]) -> io::Result<()> {
        self.head(status, headers, &format!("content-length: {}", body.len())).await?;
        self.stream.write_all(&body[..body.len() / 2]).await
    }

    /// Breaks the connection off, so that the client reads an error and no end.
    pub(crate) fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }

    /// Says nothing until the client goes.
    pub(crate) async fn until_it_goes(&mut self) {
        let mut ignored = [0; 1_024];
        while self.stream.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
    }
}

impl Request {
    /// A header by its name in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn parse(head: &str) -> Option<Request> {
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Some(Request { method, target, headers, body: Vec::new() })
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
