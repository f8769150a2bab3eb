//! A vendor that means harm: what each of its paths answers breaks one bound.

use std::convert::Infallible;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream;
use tokio::task::JoinHandle;

/// The bodies that take long to make, made once.
struct Bodies {
    /// 80 MB of spaces, packed to a thousandth.
    gzip: Bytes,
    /// A row with a list of 300,000 numbers: a path through it looks at more nodes than a row may cost.
    list: Bytes,
}

impl Bodies {
    fn make() -> Self {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        for _ in 0..80 {
            gzip.write_all(&vec![b' '; 1_000_000]).unwrap();
        }
        let repeated =
            |item: &str, count: usize| Bytes::from(format!("[{}{item}]", format!("{item},").repeat(count - 1)));
        let list = [b"{\"rows\":[{\"list\":", &repeated("0", 300_000)[..], b"}]}"].concat();
        Bodies { gzip: gzip.finish().unwrap().into(), list: list.into() }
    }
}

struct Shared {
    bodies: Bodies,
    asked: Mutex<Vec<String>>,
}

/// The vendor, under several addresses: the operator asks one host little at a time.
pub struct Mallory {
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    serving: Vec<JoinHandle<()>>,
}

impl Mallory {
    /// Serves on so many free ports of 127.0.0.1.
    pub async fn start(hosts: usize) -> Self {
        let shared = Arc::new(Shared { bodies: Bodies::make(), asked: Mutex::default() });
        let (mut addresses, mut serving) = (Vec::new(), Vec::new());
        for _ in 0..hosts {
            let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            addresses.push(listener.local_addr().unwrap());
            let router = axum::Router::new().fallback(answer).with_state(shared.clone());
            serving.push(tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }));
        }
        Mallory { addresses, shared, serving }
    }

    /// The address of one of its paths, under one of its hosts.
    pub fn url(&self, host: usize, path: &str) -> String {
        format!("http://{}/{path}", self.addresses[host % self.addresses.len()])
    }

    /// How many requests came so far whose path begins so.
    pub fn asked(&self, path: &str) -> usize {
        let asked = self.shared.asked.lock().unwrap();
        asked.iter().filter(|target| target.trim_start_matches('/').starts_with(path)).count()
    }
}

impl Drop for Mallory {
    fn drop(&mut self) {
        self.serving.iter().for_each(JoinHandle::abort);
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    shared.asked.lock().unwrap().push(request.uri().to_string());
    let bodies = &shared.bodies;
    match path.split('/').next().unwrap_or_default() {
        "drip" => json_body(dripping()),
        "gzip" => {
            let mut response = json_body(Body::from(bodies.gzip.clone()));
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response
        }
        "list" => json_body(Body::from(bodies.list.clone())),
        other => panic!("nobody shall ask for {other}"),
    }
}

/// A byte each half second, for ever.
fn dripping() -> Body {
    let drops = stream::unfold((), |()| async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        Some((Ok::<_, Infallible>(Bytes::from_static(b" ")), ()))
    });
    Body::from_stream(drops)
}

fn json_body(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
