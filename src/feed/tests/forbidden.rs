//! No way leads to an address of the inside: neither the URL nor a name, a redirect, a next page or a token endpoint.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use url::{Host, Url};

use super::fetching::{feed, impatient, native, opened, try_fetch};
use super::server::{Reply, Server};
use crate::outbound::client::FeedClient;
use crate::outbound::credentials::tests::MemorySource;
use crate::outbound::error::FailureKind::{Denied, Status};
use crate::outbound::guard::tests::SPELLINGS;
use crate::outbound::guard::{AddressPolicy, NameLookup, SystemLookup};

/// Answers every name as it was last set to.
#[derive(Default)]
struct Answering(Arc<Mutex<Vec<IpAddr>>>);

impl NameLookup for Answering {
    fn lookup(&self, _: String) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let addresses = self.0.lock().unwrap().clone();
        Box::pin(async move { Ok(addresses) })
    }
}

/// A server that must not be reached, on every address of this machine.
async fn sink() -> Server {
    Server::start_everywhere(|_| Reply::json(native(0, 1, None))).await
}

fn client(policy: AddressPolicy) -> FeedClient {
    FeedClient::with(policy, Arc::new(SystemLookup), impatient())
}

/// The address that a URL's parser makes of a spelling.
fn address_of(spelling: &str) -> IpAddr {
    match Url::parse(&format!("https://{spelling}/")).unwrap().host() {
        Some(Host::Ipv4(address)) => address.into(),
        Some(Host::Ipv6(address)) => address.into(),
        other => panic!("{spelling} is not an address: {other:?}"),
    }
}

#[tokio::test]
async fn no_spelling_in_a_url_leads_to_the_inside_by_http_or_https() {
    let (sink, closed) = (sink().await, client(AddressPolicy::default()));
    assert!(SPELLINGS.len() >= 60);
    for (host, _) in SPELLINGS {
        for scheme in ["http", "https"] {
            let feed = feed(&format!("{scheme}://{host}:{}/v1", sink.address.port()), "");
            let error = try_fetch(&closed, &feed, &MemorySource::default()).await.unwrap_err();
            assert_eq!(error.kind, Denied, "{scheme}://{host}: {error}");
        }
    }
    assert_eq!(sink.connections(), 0);
}

#[tokio::test]
async fn no_name_that_resolves_to_the_inside_is_connected_to() {
    let (sink, answers) = (sink().await, Arc::<Mutex<Vec<IpAddr>>>::default());
    let closed = FeedClient::with(AddressPolicy::default(), Arc::new(Answering(answers.clone())), impatient());
    for (host, _) in SPELLINGS {
        *answers.lock().unwrap() = vec![address_of(host)];
        for scheme in ["http", "https"] {
            let feed = feed(&format!("{scheme}://feeds.acme.example:{}/v1", sink.address.port()), "");
            let error = try_fetch(&closed, &feed, &MemorySource::default()).await.unwrap_err();
            assert_eq!(error.kind, Denied, "{scheme}, {host}: {error}");
        }
    }
    assert_eq!(sink.connections(), 0);
}

#[tokio::test]
async fn neither_a_redirect_nor_a_next_page_leads_anywhere_else_even_where_the_network_is_open() {
    let sink = sink().await;
    let target = Arc::new(Mutex::new(String::new()));
    let server = Server::start({
        let target = target.clone();
        move |asked| {
            let target = target.lock().unwrap();
            if asked.target.starts_with("/redirect") {
                return Reply::answer("302 Found", &[("Location", target.as_str())], "");
            }
            Reply::json(native(0, 1, Some(target.as_str())))
        }
    })
    .await;
    let open = client(opened());
    for (host, _) in SPELLINGS.iter().filter(|(host, _)| host.is_ascii()) {
        *target.lock().unwrap() = format!("http://{host}:{}/v1", sink.address.port());
        let by_page = r#","pagination":{"nextUrl":{"path":"$.next"}}"#;
        for (path, extra, kind) in [("/redirect", "", Status), ("/pages", by_page, Denied)] {
            let feed = feed(&server.url(path), extra);
            let error = try_fetch(&open, &feed, &MemorySource::default()).await.unwrap_err();
            assert_eq!(error.kind, kind, "{path} to {host}: {error}");
        }
    }
    assert_eq!(sink.connections(), 0);
}

#[tokio::test]
async fn no_secret_goes_to_a_token_endpoint_of_the_inside() {
    let (sink, closed) = (sink().await, client(AddressPolicy::default()));
    let reference = r#"{"name":"acme","key":"token"}"#;
    for (host, _) in SPELLINGS {
        let place = format!("{host}:{}", sink.address.port());
        let source = MemorySource::default();
        source.put("team", "acme", &format!("{place}, feeds.acme.example"), &[("token", "canary")]);
        let oauth = format!(
            r#","auth":{{"oauth2":{{"tokenUrl":"https://{place}/token","clientIdSecretRef":{reference},"clientSecretSecretRef":{reference}}}}}"#
        );
        let error = try_fetch(&closed, &feed("https://feeds.acme.example/v1", &oauth), &source).await.unwrap_err();
        assert_eq!(error.kind, Denied, "{host}: {error}");
        assert!(error.message.starts_with("token endpoint") && !error.message.contains("canary"), "{error}");
    }
    assert_eq!(sink.connections(), 0);
}

/// Without this, the tests above would pass with a sink that nobody could reach.
#[tokio::test]
async fn the_sink_is_reached_by_every_spelling_of_its_address_once_the_network_is_open() {
    let (sink, open) = (sink().await, client(opened()));
    let mut reached = 0;
    for (host, _) in SPELLINGS.iter().filter(|(host, _)| address_of(host).to_canonical() == Ipv4Addr::LOCALHOST) {
        let feed = feed(&format!("http://{host}:{}/v1", sink.address.port()), "");
        try_fetch(&open, &feed, &MemorySource::default()).await.unwrap_or_else(|error| panic!("{host}: {error}"));
        reached += 1;
    }
    assert!(reached >= 15, "{reached}");
    assert!(sink.connections() >= reached, "{} of {reached}", sink.connections());
}
