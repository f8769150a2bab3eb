//! A mail server on loopback that speaks SMTP over TLS, from the start or after STARTTLS, and remembers what it took.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A mail that was taken.
#[derive(Clone, Debug, Default)]
pub struct Mail {
    /// User name and password.
    pub login: String,
    /// Whom it goes to.
    pub recipients: Vec<String>,
    /// Headers and body, as they came.
    pub text: String,
}

/// One part of a mail.
#[derive(Clone, Debug)]
pub struct Part {
    /// Its headers, unfolded, with names in small letters.
    pub headers: Vec<(String, String)>,
    /// Its content, decoded.
    pub content: Vec<u8>,
}

impl Part {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The name of its file.
    pub fn file(&self) -> Option<String> {
        let (_, name) = self.header("content-disposition")?.split_once("filename=")?;
        Some(name.trim_matches('"').to_owned())
    }

    /// Its content as text.
    pub fn text(&self) -> String {
        String::from_utf8(self.content.clone()).unwrap()
    }
}

impl Mail {
    /// Its own headers, and its content, which is a whole of parts where it has several.
    pub fn whole(&self) -> Part {
        part(self.text.trim_end_matches(".\r\n"))
    }

    /// Its parts.
    pub fn parts(&self) -> Vec<Part> {
        let whole = self.whole();
        let (_, boundary) = whole.header("content-type").unwrap().split_once("boundary=").unwrap();
        let boundary = format!("--{}", boundary.trim_matches('"'));
        let body = whole.text();
        let pieces: Vec<&str> = body.split(boundary.as_str()).collect();
        pieces[1..pieces.len() - 1].iter().map(|piece| part(piece.trim_start_matches("\r\n"))).collect()
    }
}

fn part(text: &str) -> Part {
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let unfolded = head.replace("\r\n ", " ").replace("\r\n\t", " ");
    let headers: Vec<(String, String)> = unfolded
        .lines()
        .map(|line| line.split_once(':').unwrap())
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let encoding =
        headers.iter().find(|(name, _)| name == "content-transfer-encoding").map(|(_, value)| value.as_str());
    let content = match encoding {
        Some("base64") => {
            let joined: String = body.split_whitespace().collect();
            base64::engine::general_purpose::STANDARD.decode(joined).unwrap()
        }
        Some("quoted-printable") => unquoted(body),
        _ => body.as_bytes().to_vec(),
    };
    Part { headers, content }
}

fn unquoted(text: &str) -> Vec<u8> {
    let joined = text.replace("=\r\n", "");
    let bytes = joined.as_bytes();
    let (mut out, mut place) = (Vec::new(), 0);
    while place < bytes.len() {
        if bytes[place] == b'=' {
            out.push(u8::from_str_radix(&joined[place + 1..place + 3], 16).unwrap());
            place += 3;
        } else {
            out.push(bytes[place]);
            place += 1;
        }
    }
    out
}

/// A mail server over TLS that accepts every message, unless a test makes it refuse them.
pub struct MailServer {
    /// Where it listens.
    pub port: u16,
    /// The authority (PEM) that vouches for it.
    pub authority: Vec<u8>,
    mails: Arc<Mutex<Vec<Mail>>>,
    /// Commands that came before TLS.
    pub in_the_clear: Arc<Mutex<Vec<String>>>,
    turned_away: Arc<AtomicUsize>,
    turns_away: Arc<std::sync::atomic::AtomicBool>,
}

impl MailServer {
    /// `starts_plain`: begins without TLS; `offers_tls`: and can turn to it.
    pub async fn start(starts_plain: bool, offers_tls: bool) -> Self {
        let generated = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let authority = generated.cert.pem().into_bytes();
        let key = rustls::pki_types::PrivateKeyDer::Pkcs8(generated.signing_key.serialize_der().into());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let configuration = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![generated.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(configuration));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (mails, in_the_clear) = (Arc::<Mutex<Vec<Mail>>>::default(), Arc::<Mutex<Vec<String>>>::default());
        let (taken, heard) = (mails.clone(), in_the_clear.clone());
        let (turned_away, turns_away) =
            (Arc::<AtomicUsize>::default(), Arc::<std::sync::atomic::AtomicBool>::default());
        let (count, flag) = (turned_away.clone(), turns_away.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, taken, heard) = (acceptor.clone(), taken.clone(), heard.clone());
                let (count, flag) = (count.clone(), flag.clone());
                tokio::spawn(async move {
                    let stream =
                        if starts_plain { turn_to_tls(stream, offers_tls, &heard).await } else { Some(stream) };
                    let Some(stream) = stream else { return };
                    if let Ok(secured) = acceptor.accept(stream).await {
                        serve(secured, !starts_plain, &taken, (&count, &flag)).await;
                    }
                });
            }
        });
        Self { port, authority, mails, in_the_clear, turned_away, turns_away }
    }

    /// Turns every mail away for now, or takes them again.
    pub fn turn_away(&self, away: bool) {
        self.turns_away.store(away, Ordering::SeqCst);
    }

    /// How many mails it has turned away.
    pub fn turned_away(&self) -> usize {
        self.turned_away.load(Ordering::SeqCst)
    }

    /// The mails that it took, in the order in which they came.
    pub fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }
}

async fn turn_to_tls(stream: TcpStream, offers_tls: bool, heard: &Mutex<Vec<String>>) -> Option<TcpStream> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 localhost\r\n").await.ok()?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        heard.lock().unwrap().push(line.split_whitespace().next().unwrap_or_default().to_uppercase());
        let answer: &[u8] = match (line.split_whitespace().next(), offers_tls) {
            (Some("EHLO"), true) => b"250-localhost\r\n250 STARTTLS\r\n",
            (Some("STARTTLS"), true) => b"220 go ahead\r\n",
            (Some("EHLO"), false) => b"250-localhost\r\n250 AUTH PLAIN\r\n",
            _ => b"502 no\r\n",
        };
        stream.write_all(answer).await.ok()?;
        if line.starts_with("STARTTLS") && offers_tls {
            return Some(stream.into_inner());
        }
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    greets: bool,
    taken: &Mutex<Vec<Mail>>,
    (turned_away, turns_away): (&AtomicUsize, &std::sync::atomic::AtomicBool),
) -> Option<()> {
    let mut stream = BufReader::new(stream);
    if greets {
        stream.write_all(b"220 localhost\r\n").await.ok()?;
    }
    let mut mail = Mail::default();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer: &[u8] = match words.first().copied() {
            Some("EHLO") => b"250-localhost\r\n250 AUTH PLAIN LOGIN\r\n",
            Some("AUTH") => {
                let decoded = base64::engine::general_purpose::STANDARD.decode(words[2]).unwrap();
                mail.login = String::from_utf8(decoded).unwrap().replace('\0', " ");
                b"235 welcome\r\n"
            }
            Some("RCPT") => {
                mail.recipients.push(words[1].to_owned());
                b"250 ok\r\n"
            }
            Some("MAIL") if turns_away.load(Ordering::SeqCst) => {
                turned_away.fetch_add(1, Ordering::SeqCst);
                b"451 later\r\n"
            }
            Some("DATA") => {
                stream.write_all(b"354 go\r\n").await.ok()?;
                while !mail.text.ends_with("\r\n.\r\n") {
                    stream.read_line(&mut mail.text).await.ok()?;
                }
                taken.lock().unwrap().push(std::mem::take(&mut mail));
                b"250 taken\r\n"
            }
            Some("QUIT") => return stream.write_all(b"221 bye\r\n").await.ok(),
            _ => b"250 ok\r\n",
        };
        stream.write_all(answer).await.ok()?;
    }
}
