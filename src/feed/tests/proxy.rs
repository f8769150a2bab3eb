//! An egress proxy, with a real one: what it is asked to connect to, what never reaches it, and what happens to its failures.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::fetching::{CANARY, body, feed, impatient, native, opened, source_for, try_fetch};
use super::server::{Reply, Server};
use super::sshd::Sshd;
use super::tls::{WITH_CA, authority, leaf, server_configuration, trusting};
use crate::feed::fetch_request::Fetched;
use crate::outbound::client::{FeedClient, PostRequest};
use crate::outbound::credentials::tests::MemorySource;
use crate::outbound::error::FailureKind;
use crate::outbound::guard::{AddressPolicy, NameLookup};
use crate::outbound::proxy::{Proxy, ProxyUrl};

const PUBLIC: &str = "93.184.215.14";

/// How a proxy answers.
#[derive(Clone, Debug)]
enum Manner {
    /// It connects to this server, whatever address it is asked for: the public internet is not here.
    Connects(SocketAddr),
    /// It answers with these bytes and closes.
    Says(Vec<u8>),
    /// It never answers.
    Silent,
}

/// A proxy that knows CONNECT. Ends when it is dropped.
struct ConnectProxy {
    address: SocketAddr,
    /// The heads of the requests that came.
    heads: Arc<Mutex<Vec<String>>>,
    worker: JoinHandle<()>,
}

impl Drop for ConnectProxy {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

impl ConnectProxy {
    async fn start(manner: Manner) -> Self {
        Self::start_with(None, manner).await
    }

    async fn start_with(tls: Option<Arc<rustls::ServerConfig>>, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let known = heads.clone();
        let worker = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, manner, heads) = (tls.clone(), manner.clone(), known.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &manner, &heads).await,
                        Some(tls) => {
                            let stream = TlsAcceptor::from(tls).accept(stream).await?;
                            serve(stream, &manner, &heads).await
                        }
                    }
                });
            }
        });
        ConnectProxy { address, heads, worker }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked to connect to.
    fn targets(&self) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        let target = |head: &String| head.strip_prefix("CONNECT ").unwrap().split(' ').next().unwrap().to_owned();
        heads.iter().map(target).collect()
    }

    fn heads(&self) -> String {
        self.heads.lock().unwrap().concat()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    manner: &Manner,
    heads: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    heads.lock().unwrap().push(String::from_utf8_lossy(&head).into_owned());
    match manner {
        Manner::Connects(address) => {
            let mut onward = TcpStream::connect(address).await?;
            stream.write_all(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n").await?;
            tokio::io::copy_bidirectional(&mut stream, &mut onward).await?;
        }
        Manner::Says(bytes) => {
            stream.write_all(bytes).await?;
            stream.shutdown().await?;
        }
        Manner::Silent => {
            let mut rest = [0; 64];
            while stream.read(&mut rest).await? > 0 {}
        }
    }
    Ok(())
}

/// Answers each name with the same addresses.
struct Fixed(Vec<IpAddr>);

impl Fixed {
    fn new(addresses: &[&str]) -> Self {
        Fixed(addresses.iter().map(|address| address.parse().unwrap()).collect())
    }
}

impl NameLookup for Fixed {
    fn lookup(&self, _: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let addresses = self.0.clone();
        Box::pin(async move { Ok(addresses) })
    }
}

fn proxy(url: &str, resolves: bool, except: &[&str]) -> Option<Arc<Proxy>> {
    let except = except.iter().map(|network| network.parse().unwrap()).collect();
    Some(Arc::new(Proxy::new(&url.parse::<ProxyUrl>().unwrap(), resolves, except).unwrap()))
}

fn client(policy: AddressPolicy, addresses: &[&str], proxy: Option<Arc<Proxy>>) -> FeedClient {
    FeedClient::with(policy, Arc::new(Fixed::new(addresses)), impatient()).through(proxy)
}

/// A vendor with a certificate for `feeds.acme.example`, and a source that trusts its authority.
async fn vendor(name: &str) -> (Server, MemorySource) {
    let ours = authority();
    let configuration = server_configuration(&leaf(Some(&ours), name, 2099), None);
    let server = Server::start_with(Some(configuration), |_| Reply::json(native(0, 3, None))).await;
    let source = MemorySource::default();
    trusting(&source, &ours.pem());
    (server, source)
}

#[tokio::test]
async fn the_proxy_is_asked_for_the_address_that_was_judged_and_tls_is_with_the_vendor() {
    let cases: [(&[&str], &str); 4] = [
        (&[PUBLIC], "93.184.215.14:8443"),
        (&["10.0.0.1", PUBLIC], "93.184.215.14:8443"),
        (&["127.0.0.1", "169.254.169.254", PUBLIC, "1.1.1.1"], "93.184.215.14:8443"),
        (&["2606:2800:21f:cb07:6820:80da:af6b:8b2c"], "[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:8443"),
    ];
    for (addresses, target) in cases {
        let (server, source) = vendor("feeds.acme.example").await;
        let between = ConnectProxy::start(Manner::Connects(server.address)).await;
        let client = client(AddressPolicy::default(), addresses, proxy(&between.url(), false, &[]));
        let found = body(&client, &feed("https://feeds.acme.example:8443/v1", WITH_CA), &source).await;
        assert_eq!((found.rows.len(), between.targets()), (3, vec![target.to_owned()]), "{addresses:?}");
        let heads = between.heads();
        assert!(!heads.contains("feeds.acme.example") && !heads.contains("/v1"), "{heads}");
        let asked = server.asked().remove(0);
        assert!(asked.target.starts_with("/v1?"), "{asked:?}");
        assert_eq!(asked.header("host").as_deref(), Some("feeds.acme.example:8443"));
        assert!(asked.header("user-agent").unwrap().starts_with("bpo-operator/"));
    }
    // Whoever answers behind the proxy is held to the name.
    let (server, source) = vendor("other.example").await;
    let between = ConnectProxy::start(Manner::Connects(server.address)).await;
    let client = client(AddressPolicy::default(), &[PUBLIC], proxy(&between.url(), false, &[]));
    let error = try_fetch(&client, &feed("https://feeds.acme.example/v1", WITH_CA), &source).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Tls, "{error}");
    assert!(server.asked().is_empty(), "nothing is sent to whom is not trusted");
}

#[tokio::test]
async fn a_folder_of_an_ssh_server_is_reached_through_the_proxy_at_the_address_that_was_judged() {
    let server = Sshd::start().await;
    server.put("calls-20260105-0930.csv", "Start,Offered\n2026-01-05T09:00:00Z,97\n", "2026-01-05T10:00:00Z");
    let between = ConnectProxy::start(Manner::Connects(server.address)).await;
    let url = server.url().replace(&server.address.to_string(), "sftp.acme.example");
    let source = MemorySource::default();
    server.secret(&source, &[]);
    let (team, name) = ("team".to_owned(), "acme-sftp".to_owned());
    if let Some(secret) = source.secrets.lock().unwrap().get_mut(&(team, name)) {
        secret.annotations.insert("bpo-operator.io/allowed-hosts".to_owned(), "sftp.acme.example:22".to_owned());
    }
    let extra = r#","timeout":"5s","files":{"list":"Sftp","name":"calls-{made:%Y%m%d-%H%M}.csv"},"auth":{"sshKey":{"secretRef":{"name":"acme-sftp"}}},
        "format":{"csv":{"start":{"columns":["Start"]},"measures":[{"name":"offered","column":"Offered"}]}}"#;
    let client = client(AddressPolicy::default(), &[PUBLIC], proxy(&between.url(), false, &[]));
    let found = try_fetch(&client, &feed(&url, extra), &source).await.unwrap();
    let Fetched::Files { bodies, failure: None } = found else { panic!("{found:?}") };
    assert_eq!((bodies.len(), bodies[0].rows.len()), (1, 1));
    assert_eq!(between.targets(), ["93.184.215.14:22"]);
}

#[tokio::test]
async fn what_the_guard_refuses_never_reaches_the_proxy() {
    let between = ConnectProxy::start(Manner::Silent).await;
    let source = MemorySource::default();
    let names: [&[&str]; 5] =
        [&["127.0.0.1"], &["::1", "10.1.2.3"], &["169.254.169.254"], &["::ffff:127.0.0.1"], &["fd00:ec2::254"]];
    for addresses in names {
        let client = client(AddressPolicy::default(), addresses, proxy(&between.url(), false, &[]));
        for url in ["https://feeds.acme.example/", "http://feeds.acme.example/"] {
            let error = try_fetch(&client, &feed(url, ""), &source).await.unwrap_err();
            assert_eq!(error.kind, FailureKind::Denied, "{addresses:?} {url}: {error}");
        }
    }
    for resolves in [false, true] {
        let client = client(AddressPolicy::default(), &[PUBLIC], proxy(&between.url(), resolves, &[]));
        // http to the public internet, the kubelet's port, and addresses as they are written.
        for url in [
            "http://feeds.acme.example/",
            "http://93.184.215.14/",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/",
            "https://93.184.215.14:10250/",
        ] {
            let error = try_fetch(&client, &feed(url, ""), &source).await.unwrap_err();
            assert_eq!(error.kind, FailureKind::Denied, "{url} {resolves}: {error}");
        }
    }
    assert_eq!(between.targets(), Vec::<String>::new());
}

#[tokio::test]
async fn names_go_to_a_proxy_only_where_it_is_to_resolve_them() {
    let (server, source) = vendor("feeds.acme.example").await;
    let between = ConnectProxy::start(Manner::Connects(server.address)).await;
    // What the name is here does not matter, and it is not asked for.
    let client = client(AddressPolicy::default(), &["127.0.0.1"], proxy(&between.url(), true, &[]));
    let found = body(&client, &feed("https://feeds.acme.example:8443/v1", WITH_CA), &source).await;
    assert_eq!((found.rows.len(), between.targets()), (3, vec!["feeds.acme.example:8443".to_owned()]));
}

#[tokio::test]
async fn networks_that_are_spared_are_connected_to_without_the_proxy() {
    let server = Server::start(|_| Reply::json(native(0, 3, None))).await;
    let between = ConnectProxy::start(Manner::Connects(server.address)).await;
    let url = format!("http://feeds.acme.example:{}/v1", server.address.port());
    let reached = async |except: &[&str]| {
        let client = client(opened(), &["127.0.0.1"], proxy(&between.url(), false, except));
        body(&client, &feed(&url, ""), &MemorySource::default()).await.rows.len()
    };
    assert_eq!((reached(&["127.0.0.0/8"]).await, between.targets().len()), (3, 0));
    assert_eq!((reached(&["10.0.0.0/8"]).await, between.targets()), (3, vec![server.address.to_string()]));
    // What is spared from the proxy is not spared from the guard.
    let client = client(AddressPolicy::default(), &["127.0.0.1"], proxy(&between.url(), false, &["127.0.0.0/8"]));
    let error = try_fetch(&client, &feed(&url, ""), &MemorySource::default()).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Denied, "{error}");
}

#[tokio::test]
async fn tokens_and_messages_go_through_the_proxy_and_its_password_to_nobody_else() {
    let server = Server::start(|asked| match asked.target.as_str() {
        "/token" => Reply::json(r#"{"access_token":"token-1","token_type":"bearer","expires_in":3600}"#),
        _ => Reply::json(native(0, 3, None)),
    })
    .await;
    let between = ConnectProxy::start(Manner::Connects(server.address)).await;
    let with_password = format!("http://op%40erator:{CANARY}%3a@{}", between.address);
    let client = client(opened(), &["127.0.0.1"], proxy(&with_password, false, &[]));
    let secret = |key: &str| format!(r#"{{"name":"acme","key":"{key}"}}"#);
    let auth = format!(
        r#","auth":{{"oauth2":{{"tokenUrl":"{}","clientIdSecretRef":{},"clientSecretSecretRef":{}}}}}"#,
        server.url("/token"),
        secret("user"),
        secret("token")
    );
    body(&client, &feed(&server.url("/rows"), &auth), &source_for(&server)).await;
    let mut headers = HeaderMap::new();
    let mut token = HeaderValue::from_static("Bearer hook");
    token.set_sensitive(true);
    headers.insert(AUTHORIZATION, token);
    let message = PostRequest {
        url: server.url("/hook").parse().unwrap(),
        headers,
        body: b"{}".to_vec(),
        tenant: "team",
        timeout: Duration::from_secs(5),
    };
    client.post(&message).await.unwrap();
    let asked: Vec<String> =
        server.asked().into_iter().map(|asked| asked.target.split('?').next().unwrap().to_owned()).collect();
    assert_eq!(asked, ["/token", "/rows", "/hook"]);
    assert!(between.targets().iter().all(|target| *target == server.address.to_string()), "{:?}", between.targets());
    // "op@erator:canary…:", as Basic has it, in each request to the proxy and in none to the vendor.
    let pair = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("op@erator:{CANARY}:"));
    let heads = between.heads();
    assert_eq!(heads.matches(&format!("Proxy-Authorization: Basic {pair}\r\n")).count(), between.targets().len());
    assert!(!heads.contains("Bearer") && !heads.contains("acme-user"), "{heads}");
    assert!(server.asked().iter().all(|asked| !asked.head.to_lowercase().contains("proxy-authorization")));
}

#[tokio::test]
async fn a_proxy_that_fails_is_a_reason_of_its_own_without_its_password() {
    let says = |text: &str| Manner::Says(text.as_bytes().to_vec());
    let cases = [
        (says("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"), "refuses the operator's user and password"),
        (
            says("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"),
            "does not let the operator connect to this address",
        ),
        (says("HTTP/1.0 502 Bad Gateway\r\n\r\n"), "could not connect to the address (status 502)"),
        (says("SSH-2.0-OpenSSH_9.6\r\n\r\n"), "answers something else than HTTP/1"),
        (says("HTTP/1.1 "), "closed the connection before it answered"),
        (says(&format!("HTTP/1.1 200 OK\r\nX: {}", "x".repeat(20_000))), "sends a head without an end"),
        (Manner::Silent, "opened no connection within 0.4 s"),
    ];
    for (manner, expected) in cases {
        let shown = format!("{manner:.60?}");
        let between = ConnectProxy::start(manner).await;
        let url = format!("http://operator:{CANARY}@{}", between.address);
        let client = client(AddressPolicy::default(), &[PUBLIC], proxy(&url, false, &[]));
        let error =
            try_fetch(&client, &feed("https://feeds.acme.example/", ""), &MemorySource::default()).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Proxy, "{shown}: {error}");
        assert!(error.message.contains(expected) && !error.message.contains(CANARY), "{shown}: {error}");
        assert_eq!(between.targets().len(), 1, "{shown}: a proxy that refuses is not asked again and again");
    }
    // Nobody listens.
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let client = client(AddressPolicy::default(), &[PUBLIC], proxy(&format!("http://{gone}"), false, &[]));
    let error =
        try_fetch(&client, &feed("https://feeds.acme.example/", ""), &MemorySource::default()).await.unwrap_err();
    assert!(error.kind == FailureKind::Proxy && error.message.contains("cannot be reached"), "{error}");
}

#[tokio::test]
async fn a_proxy_over_tls_is_verified_before_it_is_sent_a_password() {
    let (server, source) = vendor("feeds.acme.example").await;
    let (ours, strangers) = (authority(), authority());
    for (issuer, is_right) in [(&ours, true), (&strangers, false)] {
        let tls = server_configuration(&leaf(Some(issuer), "localhost", 2099), None);
        let between = ConnectProxy::start_with(Some(tls), Manner::Connects(server.address)).await;
        let url = format!("https://operator:{CANARY}@localhost:{}", between.address.port());
        let client = client(AddressPolicy::default(), &[PUBLIC], proxy(&url, false, &[])).trusting(ours.der().clone());
        let found = try_fetch(&client, &feed("https://feeds.acme.example:8443/", WITH_CA), &source).await;
        assert_eq!(found.is_ok(), is_right, "{found:?}");
        assert_eq!(between.heads().is_empty(), !is_right);
        assert!(found.err().is_none_or(|error| error.kind == FailureKind::Proxy));
    }
}

#[test]
fn the_url_of_a_proxy_is_read_or_refused_and_never_shown() {
    for (text, shown) in [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("https://proxy.example", "https://proxy.example:443"),
        ("http://user:canary-f00d-5ecret@[::1]:8080/", "http://[::1]:8080"),
    ] {
        let url: ProxyUrl = text.parse().unwrap();
        let read = Proxy::new(&url, false, Vec::new()).unwrap();
        assert_eq!(read.shown(), shown);
        assert!(!format!("{url:?} {read:?}").contains(CANARY), "{url:?} {read:?}");
    }
    for text in [
        "",
        "proxy.example:3128",
        "ftp://proxy.example",
        "socks5://user:canary-f00d-5ecret@proxy.example",
        "http://proxy.example/path/canary-f00d-5ecret",
        "http://u:canary-f00d-5ecret@",
    ] {
        let refused = Proxy::new(&text.parse().unwrap(), false, Vec::new()).unwrap_err();
        assert!(refused.contains("http://proxy.example:3128") && !refused.contains(CANARY), "{text}: {refused}");
    }
}
