//! A vendor that means harm: what each of its paths answers breaks one bound.

use std::convert::Infallible;
use std::io::{Cursor, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::stream;
use serde_json::json;
use tokio::task::JoinHandle;
use zip::write::SimpleFileOptions;

/// The bodies that take long to make, made once.
struct Bodies {
    /// 80 MB of spaces, packed to a thousandth.
    gzip: Bytes,
    /// A row with a list of 300,000 numbers: a path through it looks at more nodes than a row may cost.
    list: Bytes,
    /// More values than an answer may hold.
    values: Bytes,
    /// Almost as many objects as an answer may hold values: the least text for the most memory.
    objects: Bytes,
    /// As long as an answer may be, without its last bytes.
    spaces: Bytes,
    /// A file of 80 MB in a small archive.
    zip: Bytes,
    /// More rows than a feed may bring in a year.
    flood: Bytes,
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
        Bodies {
            gzip: gzip.finish().unwrap().into(),
            list: list.into(),
            values: repeated("0", 1_100_000),
            objects: repeated("{\"\":0}", 330_000),
            spaces: vec![b' '; 10 * 1_024 * 1_024 - 1_000].into(),
            zip: archive().into(),
            flood: page(0, 6_000, false).into(),
        }
    }
}

fn archive() -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let packed = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    zip.start_file("rows.json", packed).unwrap();
    for _ in 0..80 {
        zip.write_all(&vec![b' '; 1_000_000]).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// What came to one path.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Path and query.
    pub target: String,
    /// The headers.
    pub headers: HeaderMap,
}

struct Shared {
    bodies: Bodies,
    asked: Mutex<Vec<Asked>>,
}

/// The vendor, under several addresses: the operator asks one host little at a time.
pub(crate) struct Mallory {
    addresses: Vec<SocketAddr>,
    shared: Arc<Shared>,
    serving: Vec<JoinHandle<()>>,
}

impl Mallory {
    /// Serves on this number of free ports of 127.0.0.1.
    pub(crate) async fn start(hosts: usize) -> Self {
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
    pub(crate) fn url(&self, host: usize, path: &str) -> String {
        format!("http://{}/{path}", self.addresses[host % self.addresses.len()])
    }

    /// What came so far whose path begins so.
    pub(crate) fn asked(&self, path: &str) -> Vec<Asked> {
        let asked = self.shared.asked.lock().unwrap();
        asked.iter().filter(|asked| asked.target.trim_start_matches('/').starts_with(path)).cloned().collect()
    }
}

impl Drop for Mallory {
    fn drop(&mut self) {
        self.serving.iter().for_each(JoinHandle::abort);
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let target = request.uri().to_string();
    let path = request.uri().path().trim_start_matches('/').to_owned();
    shared.asked.lock().unwrap().push(Asked { target: target.clone(), headers: request.headers().clone() });
    let bodies = &shared.bodies;
    match path.as_str() {
        "drip" => json_body(dripping(Bytes::from_static(b"{"))),
        "full" => json_body(dripping(bodies.spaces.clone())),
        "objects" => json_body(bodies.objects.clone()),
        "hang" => std::future::pending().await,
        "gzip" => {
            let mut response = json_body(bodies.gzip.clone());
            response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            response
        }
        "zip" => json_body(bodies.zip.clone()),
        "list" => json_body(bodies.list.clone()),
        "values" => json_body(bodies.values.clone()),
        "flood" => json_body(bodies.flood.clone()),
        "deep" => json_body(format!("{}{}", "<a>".repeat(10_000), "</a>".repeat(10_000))),
        "pages" => {
            let cursor = target.split("cursor=").nth(1).unwrap_or_default();
            let number = cursor.split('&').next().and_then(|text| text.parse().ok()).unwrap_or_default();
            json_body(page(number, 1_000, true))
        }
        "more" => json_body(page(0, 1_000, false)),
        "none" | "steal" => json_body(r#"{"schema":"bpo-feed/v1","rows":[]}"#),
        other => panic!("nobody shall ask for {other}"),
    }
}

/// A page of minutes; with `goes_on`, its `next` leads to another, for ever.
fn page(number: u32, rows: u32, goes_on: bool) -> String {
    let begin: jiff::Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let row = |index: u32| {
        let start = begin + jiff::SignedDuration::from_mins(i64::from(number * rows + index));
        let end = start + jiff::SignedDuration::from_mins(1);
        json!({"start": start.to_string(), "end": end.to_string(), "measures": {"offered": 1}})
    };
    let rows: Vec<_> = (0..rows).map(row).collect();
    let next = goes_on.then(|| (number + 1).to_string());
    json!({"schema": "bpo-feed/v1", "rows": rows, "next": next}).to_string()
}

/// Bytes at once, and then one each half second for ever.
fn dripping(first: Bytes) -> Body {
    let drops = stream::unfold(Some(first), |first| async {
        let piece = match first {
            Some(first) => first,
            None => {
                tokio::time::sleep(Duration::from_millis(500)).await;
                Bytes::from_static(b" ")
            }
        };
        Some((Ok::<_, Infallible>(piece), None))
    });
    Body::from_stream(drops)
}

fn json_body(body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
