//! TLS with real certificates: what is wrong with one is always found, and a rotation needs no restart.

use std::net::SocketAddr;
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::fetching::{feed, impatient, native, opened, try_fetch};
use super::server::{Reply, Server};
use crate::outbound::client::FeedClient;
use crate::outbound::credentials::tests::MemorySource;
use crate::outbound::error::FailureKind;
use crate::outbound::guard::SystemLookup;

pub(super) type Authority = CertifiedIssuer<'static, KeyPair>;

pub(super) fn authority() -> Authority {
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap()
}

/// Certificate and key (PEM) for `name`, which end at the end of `year`.
pub(super) fn leaf(issuer: Option<&Authority>, name: &str, year: i32) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(year, 12, 31);
    let certificate = match issuer {
        Some(issuer) => parameters.signed_by(&key, issuer).unwrap(),
        None => parameters.self_signed(&key).unwrap(),
    };
    (certificate.pem(), key.serialize_pem())
}

pub(super) fn server_configuration((chain, key): &(String, String), clients: Option<&Authority>) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions().unwrap();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der().clone()).unwrap();
            builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap(),
            )
        }
    };
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>().unwrap();
    Arc::new(builder.with_single_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap()).unwrap())
}

pub(super) fn trusting(source: &MemorySource, pem: &str) {
    let bundle = [("ca.crt".to_owned(), pem.to_owned())].into();
    source.config_maps.lock().unwrap().insert(("team".into(), "ca".into()), bundle);
}

pub(super) const WITH_CA: &str = r#","tls":{"caRef":{"configMapRef":{"name":"ca","key":"ca.crt"}}}"#;
const WITH_BOTH: &str =
    r#","tls":{"caRef":{"configMapRef":{"name":"ca","key":"ca.crt"}},"clientCertificateSecretRef":{"name":"mtls"}}"#;

fn client() -> FeedClient {
    FeedClient::with(opened(), Arc::new(SystemLookup), impatient())
}

/// A certificate and key, more of the feed, and what happens to it.
type Certificate = (&'static str, (String, String), &'static str, Option<FailureKind>);

/// Certificates of `localhost`, of which the first alone is right, for feeds that trust `ours`.
pub(super) fn certificates(ours: &Authority, strangers: &Authority) -> [Certificate; 6] {
    [
        ("right", leaf(Some(ours), "localhost", 2099), WITH_CA, None),
        ("expired", leaf(Some(ours), "localhost", 2021), WITH_CA, Some(FailureKind::Tls)),
        ("another host's", leaf(Some(ours), "other.example", 2099), WITH_CA, Some(FailureKind::Tls)),
        ("a stranger's", leaf(Some(strangers), "localhost", 2099), WITH_CA, Some(FailureKind::Tls)),
        ("self-signed", leaf(None, "localhost", 2099), WITH_CA, Some(FailureKind::Tls)),
        ("unknown to the system", leaf(Some(ours), "localhost", 2099), "", Some(FailureKind::Tls)),
    ]
}

pub(super) async fn secure(configuration: Arc<ServerConfig>) -> (Server, String) {
    let server = Server::start_with(Some(configuration), |_| Reply::json(native(0, 1, None))).await;
    let url = format!("https://localhost:{}/", server.address.port());
    (server, url)
}

#[tokio::test]
async fn a_certificate_counts_only_if_everything_about_it_is_right() {
    let (ours, strangers) = (authority(), authority());
    let source = MemorySource::default();
    trusting(&source, &ours.pem());
    for (name, certificate, extra, expected) in certificates(&ours, &strangers) {
        let (server, url) = secure(server_configuration(&certificate, None)).await;
        let outcome = try_fetch(&client(), &feed(&url, extra), &source).await;
        assert_eq!(outcome.as_ref().err().map(|error| error.kind), expected, "{name}: {outcome:?}");
        assert_eq!(server.asked().is_empty(), expected.is_some(), "{name}: nothing is sent to whom is not trusted");
    }
    for wrong in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        trusting(&source, wrong);
        let error = try_fetch(&client(), &feed("https://localhost:1/", WITH_CA), &source).await.unwrap_err();
        assert_eq!(error.kind, FailureKind::Tls, "{wrong:?}: {error}");
    }
}

/// An endpoint that answers every greeting with HTTP, for as long as the task runs.
pub(super) async fn speaking_plainly() -> (SocketAddr, JoinHandle<()>) {
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = plain.local_addr().unwrap();
    let worker = tokio::spawn(async move {
        while let Ok((mut stream, _)) = plain.accept().await {
            let _ = stream.read(&mut [0; 16]).await;
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    (address, worker)
}

#[tokio::test]
async fn plain_http_on_the_port_of_https_is_a_tls_failure() {
    let (address, worker) = speaking_plainly().await;
    let source = MemorySource::default();
    let error = try_fetch(&client(), &feed(&format!("https://{address}/"), ""), &source).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Tls, "{error}");
    worker.abort();
}

#[tokio::test]
async fn a_handshake_that_stalls_ends_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", silent.local_addr().unwrap());
    let error = try_fetch(&client(), &feed(&url, ""), &MemorySource::default()).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Timeout, "{error}");
}

#[tokio::test]
async fn mutual_tls_needs_the_certificate_that_the_secret_holds() {
    let (ours, strangers) = (authority(), authority());
    let configuration = server_configuration(&leaf(Some(&ours), "localhost", 2099), Some(&ours));
    let (server, url) = secure(configuration).await;
    let source = MemorySource::default();
    trusting(&source, &ours.pem());
    let hosts = format!("localhost:{}", server.address.port());
    let put = |(certificate, key): (String, String)| {
        source.put("team", "mtls", &hosts, &[("tls.crt", &certificate), ("tls.key", &key)]);
    };
    let client = client();
    let error = try_fetch(&client, &feed(&url, WITH_CA), &source).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Tls, "without a certificate: {error}");
    put(leaf(Some(&strangers), "operator", 2099));
    let error = try_fetch(&client, &feed(&url, WITH_BOTH), &source).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Tls, "with a stranger's: {error}");
    put(leaf(Some(&ours), "operator", 2099));
    try_fetch(&client, &feed(&url, WITH_BOTH), &source).await.unwrap();
    put((leaf(Some(&ours), "operator", 2099).0, leaf(Some(&ours), "operator", 2099).1));
    let error = try_fetch(&client, &feed(&url, WITH_BOTH), &source).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Tls, "with another's key: {error}");
    put((leaf(Some(&ours), "operator", 2099).0, "canary, no key".into()));
    let error = try_fetch(&client, &feed(&url, WITH_BOTH), &source).await.unwrap_err();
    assert!(error.kind == FailureKind::Tls && !format!("{error:?}").contains("canary"), "{error}");
}

#[tokio::test]
async fn a_rotated_authority_is_taken_up_by_the_next_fetch() {
    let (old, new) = (authority(), authority());
    let client = client();
    let source = MemorySource::default();
    let before = secure(server_configuration(&leaf(Some(&old), "localhost", 2099), None)).await;
    let after = secure(server_configuration(&leaf(Some(&new), "localhost", 2099), None)).await;
    let mut outcomes = Vec::new();
    for trusted in [&old, &new] {
        trusting(&source, &trusted.pem());
        for (_, url) in [&before, &after] {
            outcomes.push(try_fetch(&client, &feed(url, WITH_CA), &source).await.is_ok());
        }
    }
    assert_eq!(outcomes, [true, false, false, true]);
}
