//! The endpoint: `GET /v1/FEED?since=…&until=…[&cursor=…]`.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::form_urlencoded;

use super::fault::Fault;
use super::row::{FeedRow, FeedRows};
use super::{Dataset, Outage};
use crate::ports::bind_free_port;

/// How many rows one page has at most.
const PAGE: usize = 2_000;

/// A running endpoint; it ends when this is dropped.
#[derive(Debug)]
pub struct VendorServer {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    serving: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    dataset: Dataset,
    faults: BTreeMap<String, Fault>,
    counts: BTreeMap<String, FeedCount>,
}

/// What was asked of one feed so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedCount {
    /// Requests, the failed ones and further pages included.
    pub requests: u64,
    /// Requests that were refused for their token.
    pub unauthorised: u64,
    /// Requests that met a fault.
    pub failed: u64,
    /// How many rows it has sent.
    pub rows: u64,
    /// The latest `until` that was asked for: the client's present.
    pub latest_until: Option<Timestamp>,
}

impl VendorServer {
    /// Serves a dataset on a free port of 127.0.0.1.
    pub async fn start(dataset: Dataset) -> io::Result<Self> {
        // It may refuse connections for a while, and its port must be free when it accepts them again.
        let listener = bind_free_port()?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Mutex::new(Shared { dataset, ..Shared::default() }));
        let serving = Some(serve(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of a feed, for `feeds[].url`.
    pub fn url(&self, feed: &str) -> String {
        format!("http://{}/v1/{feed}", self.address)
    }

    /// Makes a feed fail in this way from now on; `None` heals it.
    pub fn fail(&self, feed: &str, fault: Option<Fault>) {
        let mut shared = lock(&self.shared);
        match fault {
            Some(fault) => shared.faults.insert(feed.to_owned(), fault),
            None => shared.faults.remove(feed),
        };
    }

    /// Replaces the spans of the vendor's time in which feeds fail.
    pub fn set_outages(&self, outages: Vec<Outage>) {
        lock(&self.shared).dataset.outages = outages;
    }

    /// Replaces the rows of a feed, or adds one.
    pub fn publish(&self, feed: &str, rows: Vec<FeedRow>) {
        lock(&self.shared).dataset.feeds.insert(feed.to_owned(), FeedRows::new(rows));
    }

    /// Changes the bearer token that is asked for.
    pub fn expect_token(&self, token: Option<&str>) {
        lock(&self.shared).dataset.token = token.map(str::to_owned);
    }

    /// What was asked of a feed so far.
    pub fn count(&self, feed: &str) -> FeedCount {
        lock(&self.shared).counts.get(feed).copied().unwrap_or_default()
    }

    /// Stops listening, so that connections are refused. The port stays free for [`Self::accept_connections`] as long as
    /// nobody else takes it.
    pub async fn refuse_connections(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
            // The listener is closed when the task is gone; how the task ended does not matter.
            let _ = serving.await;
        }
    }

    /// Listens again on the same port.
    pub async fn accept_connections(&mut self) -> io::Result<()> {
        if self.serving.is_none() {
            self.serving = Some(serve(TcpListener::bind(self.address).await?, Arc::clone(&self.shared)));
        }
        Ok(())
    }
}

impl Drop for VendorServer {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn serve(listener: TcpListener, shared: Arc<Mutex<Shared>>) -> JoinHandle<()> {
    let router = Router::new().fallback(answer).with_state(shared);
    tokio::spawn(async move {
        // It ends only when its task is aborted.
        let _ = axum::serve(listener, router).await;
    })
}

/// What is asked for.
struct Question {
    feed: String,
    since: Timestamp,
    until: Timestamp,
    offset: usize,
}

impl Question {
    /// Reads the path and the query. A cursor holds the whole question, since a client may send it alone.
    fn parse(uri: &Uri) -> Result<Self, String> {
        let feed = uri.path().strip_prefix("/v1/").ok_or("the path is /v1/FEED")?.to_owned();
        let query: BTreeMap<String, String> =
            form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let instant = |text: &str, name: &str| -> Result<Timestamp, String> {
            text.parse().map_err(|error| format!("{name} is not an instant: {error}"))
        };
        if let Some(cursor) = query.get("cursor") {
            let [since, until, offset] = cursor.split('/').collect::<Vec<_>>()[..] else {
                return Err("the cursor is not one of ours".to_owned());
            };
            let offset = offset.parse().map_err(|error| format!("cursor: {error}"))?;
            return Ok(Self { feed, since: instant(since, "cursor")?, until: instant(until, "cursor")?, offset });
        }
        let parameter = |name: &str| -> Result<Timestamp, String> {
            instant(query.get(name).ok_or_else(|| format!("the parameter {name} is missing"))?, name)
        };
        Ok(Self { feed, since: parameter("since")?, until: parameter("until")?, offset: 0 })
    }
}

async fn answer(State(shared): State<Arc<Mutex<Shared>>>, request: Request) -> Response {
    let mut response = match prepare(&shared, request.uri(), request.headers()) {
        Prepared::Refused(status, why) => text(status, why),
        Prepared::Answer { body, fault: None } => with_type("application/json", Body::from(body)),
        Prepared::Answer { body, fault: Some(fault) } => fail(fault, body).await,
    };
    // A connection for each request: a client that is refused later must not have an old one.
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

enum Prepared {
    Refused(StatusCode, String),
    Answer { body: String, fault: Option<Fault> },
}

fn prepare(shared: &Mutex<Shared>, uri: &Uri, headers: &HeaderMap) -> Prepared {
    let mut shared = lock(shared);
    let Shared { dataset, faults, counts } = &mut *shared;
    let question = match Question::parse(uri) {
        Ok(question) => question,
        Err(why) => return Prepared::Refused(StatusCode::BAD_REQUEST, why),
    };
    let Some(rows) = dataset.feeds.get(&question.feed) else {
        return Prepared::Refused(StatusCode::NOT_FOUND, format!("no feed has the name {:?}", question.feed));
    };

    let count = counts.entry(question.feed.clone()).or_default();
    count.requests += 1;
    let expected = dataset.token.as_ref().map(|token| format!("Bearer {token}"));
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if !dataset.open.contains(&question.feed) && expected.is_some() && given != expected.as_deref() {
        count.unauthorised += 1;
        return Prepared::Refused(StatusCode::UNAUTHORIZED, "the bearer token is not the one".to_owned());
    }

    count.latest_until = count.latest_until.max(Some(question.until));
    let outage = dataset
        .outages
        .iter()
        .find(|outage| outage.feed == question.feed && (outage.from..outage.to).contains(&question.until));
    let fault = faults.get(&question.feed).or(outage.map(|outage| &outage.fault)).cloned();
    let published = rows.between(question.since, question.until);
    let page = published.get(question.offset..).unwrap_or_default();
    let page = page.get(..PAGE).unwrap_or(page);
    let reached = question.offset + page.len();
    let next = (reached < published.len()).then(|| format!("{}/{}/{reached}", question.since, question.until));
    match fault {
        Some(_) => count.failed += 1,
        None => count.rows += page.len() as u64,
    }
    let page: Vec<Value> = page.iter().map(|row| row.as_json()).collect();
    Prepared::Answer { body: json!({"schema": "bpo-feed/v1", "rows": page, "next": next}).to_string(), fault }
}

/// What is answered instead of the right body.
async fn fail(fault: Fault, body: String) -> Response {
    const JSON: &str = "application/json";
    let half = body.get(..body.len() / 2).unwrap_or_default().to_owned();
    match fault {
        Fault::Status(status, retry_after) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = text(status, "something is wrong here".to_owned());
            if let Some(value) = retry_after.and_then(|text| HeaderValue::from_str(&text).ok()) {
                response.headers_mut().insert(header::RETRY_AFTER, value);
            }
            response
        }
        Fault::Html => with_type("text/html", Body::from("<!doctype html><title>Sign in</title><p>Please sign in.")),
        Fault::Empty => with_type(JSON, Body::empty()),
        Fault::Truncated => {
            let broken = io::Error::new(io::ErrorKind::ConnectionReset, "the vendor broke off");
            with_type(JSON, Body::from_stream(stream::iter([Ok(half), Err(broken)])))
        }
        Fault::CutOff => with_type(JSON, Body::from(half)),
        Fault::Stalled => std::future::pending().await,
        Fault::Dripping => {
            let first = stream::iter([Ok::<_, Infallible>("{".to_owned())]);
            with_type(JSON, Body::from_stream(first.chain(stream::pending())))
        }
        Fault::Redirect(place) => {
            let mut response = text(StatusCode::FOUND, String::new());
            if let Ok(place) = HeaderValue::from_str(&place) {
                response.headers_mut().insert(header::LOCATION, place);
            }
            response
        }
        Fault::OtherSchema => with_type(JSON, Body::from(body.replace("bpo-feed/v1", "bpo-feed/v9"))),
        Fault::NotANumber => with_type(JSON, Body::from(body.replacen("\"offered\":", "\"offered\":NaN,\"was\":", 1))),
        Fault::Huge(bytes) => with_type(JSON, Body::from(" ".repeat(bytes))),
    }
}

fn text(status: StatusCode, text: String) -> Response {
    let mut response = with_type("text/plain; charset=utf-8", Body::from(text));
    *response.status_mut() = status;
    response
}

fn with_type(content_type: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
