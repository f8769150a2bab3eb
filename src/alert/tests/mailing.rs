//! E-mail to a mail server that speaks SMTP over TLS, from the start or after STARTTLS.

use std::sync::{Arc, Mutex};

use base64::Engine;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::{Post, alert, sink};
use crate::api::vendor_contract::AlertSink;
use crate::evidence::MessageKind;

#[derive(Clone, Debug, Default)]
struct Mail {
    login: String,
    recipients: Vec<String>,
    text: String,
}

/// A mail server that takes everything it is offered over TLS.
struct MailServer {
    port: u16,
    authority: Vec<u8>,
    mails: Arc<Mutex<Vec<Mail>>>,
    /// Commands that came before TLS.
    in_the_clear: Arc<Mutex<Vec<String>>>,
}

impl MailServer {
    /// `starts_plain`: begins without TLS; `offers_tls`: and can turn to it.
    async fn start(starts_plain: bool, offers_tls: bool) -> Self {
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
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, taken, heard) = (acceptor.clone(), taken.clone(), heard.clone());
                tokio::spawn(async move {
                    let stream =
                        if starts_plain { turn_to_tls(stream, offers_tls, &heard).await } else { Some(stream) };
                    let Some(stream) = stream else { return };
                    if let Ok(secured) = acceptor.accept(stream).await {
                        serve(secured, !starts_plain, &taken).await;
                    }
                });
            }
        });
        Self { port, authority, mails, in_the_clear }
    }

    fn mails(&self) -> Vec<Mail> {
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

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, greets: bool, taken: &Mutex<Vec<Mail>>) -> Option<()> {
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

fn mailbox(scheme: &str, server: &MailServer) -> AlertSink {
    let login = |key: &str| json!({"name": "mail", "key": key});
    let email = json!({
        "server": format!("{scheme}://localhost:{}", server.port), "from": "sla@client.example",
        "usernameSecretRef": login("user"), "passwordSecretRef": login("password"),
    });
    sink("mail", json!({"email": email}))
}

fn post(server: &MailServer) -> Post {
    let post = Post { authority: Some(server.authority.clone()), ..Post::new() };
    let hosts = format!("localhost:{}", server.port);
    post.secrets.put("care", "mail", &hosts, &[("user", "operator"), ("password", "canary-password")]);
    post
}

#[tokio::test]
async fn a_mail_arrives_over_tls_and_no_text_makes_a_header_of_itself() {
    for (scheme, starts_plain) in [("smtps", false), ("smtp", true)] {
        let server = MailServer::start(starts_plain, true).await;
        let post = post(&server);
        let sink = mailbox(scheme, &server);
        let evil = "speed: missed\r\nBcc: evil@x.example\r\n\r\nClick here \u{202e}";
        post.write(&sink, MessageKind::Fired, "a", alert(evil)).await;
        let _running = post.run(vec![sink]);
        post.settled().await;
        let mails = server.mails();
        assert_eq!(mails.len(), 1, "{scheme}");
        assert_eq!(mails[0].login.trim(), "operator canary-password");
        assert_eq!(mails[0].recipients, ["TO:<sam@client.example>"]);
        let (head, body) = mails[0].text.split_once("\r\n\r\n").unwrap();
        let names: Vec<String> = head
            .lines()
            .filter(|line| !line.starts_with([' ', '\t']))
            .map(|line| line.split(':').next().unwrap().to_lowercase())
            .collect();
        assert!(names.contains(&"message-id".to_owned()) && !names.contains(&"bcc".to_owned()), "{head}");
        assert!(!body.contains("\r\nClick"), "{body}");
        assert!(!mails[0].text.contains('\u{202e}'));
        let clear = server.in_the_clear.lock().unwrap().join(" ");
        assert_eq!(clear, if starts_plain { "EHLO STARTTLS" } else { "" });
    }
}

#[tokio::test]
async fn neither_mail_nor_login_goes_to_a_server_without_tls_or_with_a_certificate_that_nobody_vouches_for() {
    let without = MailServer::start(true, false).await;
    let unknown = MailServer::start(false, true).await;
    let mut distrusting = post(&unknown);
    distrusting.authority = None;
    for (scheme, server, post) in [("smtp", &without, post(&without)), ("smtps", &unknown, distrusting)] {
        let sink = mailbox(scheme, server);
        post.write(&sink, MessageKind::Fired, "a", alert("x")).await;
        let running = post.run(vec![sink.clone()]);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let failure = loop {
            if let [status] = running.dispatcher.status_of("uid-1", std::slice::from_ref(&sink)).as_slice() {
                break status.failure.clone().unwrap();
            }
            assert!(std::time::Instant::now() < deadline);
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        };
        assert!(!failure.contains("canary"), "{failure}");
        assert!(server.mails().is_empty(), "{failure}");
        assert!(!server.in_the_clear.lock().unwrap().contains(&"AUTH".to_owned()));
    }
}
