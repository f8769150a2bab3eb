//! A vendor whose feeds have a row each half-hour, up to an instant that the benchmark moves. It answers queries as Prometheus does too.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::Uri;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use jiff::{SignedDuration, Timestamp};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::form_urlencoded;

/// Seconds of a row.
const HALF_HOUR: i64 = 1_800;
/// Of a hundred contacts, those that were answered in time.
const WITHIN: u64 = 90;

/// The vendor; it ends with the value.
pub(crate) struct Vendor {
    address: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    /// Up to when feeds have rows.
    present: Timestamp,
    /// The rows of all feeds up to then as they are sent.
    written: Written,
    /// Feeds that have rows up to another instant, and when a row after `present` was first sent.
    ahead: Mutex<HashMap<String, (Timestamp, Option<Instant>)>>,
    requests: AtomicU64,
    rows: AtomicU64,
    queries: AtomicU64,
}

impl Vendor {
    /// Serves feeds of any name, with rows from an instant up to another.
    pub(crate) async fn start(begin: Timestamp, present: Timestamp) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Arc::new(Shared {
            present,
            written: Written::of(&rows(begin, present)),
            ahead: Mutex::default(),
            requests: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            queries: AtomicU64::new(0),
        });
        let router = Router::new().route("/api/v1/query", any(value)).fallback(answer).with_state(shared.clone());
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Vendor { address, shared, serving }
    }

    /// The address of a feed.
    pub(crate) fn url(&self, feed: &str) -> String {
        format!("http://{}/{feed}", self.address)
    }

    /// The address of its Prometheus.
    pub(crate) fn prometheus(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Lets a feed have rows up to an instant from now on.
    pub(crate) fn publish(&self, feed: &str, until: Timestamp) {
        self.shared.ahead.lock().unwrap().insert(feed.to_owned(), (until, None));
    }

    /// When the rows that were published last were first sent.
    pub(crate) fn asked_at(&self, feed: &str) -> Option<Instant> {
        self.shared.ahead.lock().unwrap().get(feed).and_then(|(_, asked_at)| *asked_at)
    }

    /// How many requests came so far, and how many rows were sent.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.shared.requests.load(Ordering::Relaxed), self.shared.rows.load(Ordering::Relaxed))
    }

    /// How many queries came so far to its Prometheus.
    pub(crate) fn queries(&self) -> u64 {
        self.shared.queries.load(Ordering::Relaxed)
    }
}

impl Drop for Vendor {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(State(shared): State<Arc<Shared>>, uri: Uri, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let asked = |name: &str| -> Timestamp {
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).expect("a window").1.parse().expect("an instant")
    };
    let (since, until) = (asked("since"), asked("until"));
    let present = {
        let mut ahead = shared.ahead.lock().unwrap();
        match ahead.get_mut(uri.path().trim_start_matches('/')) {
            Some((published, asked_at)) => {
                if until >= *published {
                    asked_at.get_or_insert_with(Instant::now);
                }
                *published
            }
            None => shared.present,
        }
    };
    let rows = rows(since, until.min(present));
    shared.requests.fetch_add(1, Ordering::Relaxed);
    shared.rows.fetch_add(rows.len() as u64, Ordering::Relaxed);
    let body = shared.written.body(&rows).unwrap_or_else(|| body(&rows));
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

/// What its Prometheus answers to each query: the service level of the rows, as one number.
async fn value(State(shared): State<Arc<Shared>>) -> Response {
    shared.queries.fetch_add(1, Ordering::Relaxed);
    let sample = format!(r#"{{"metric":{{}},"value":[{},"{WITHIN}"]}}"#, shared.present.as_second());
    let body = format!(r#"{{"status":"success","data":{{"resultType":"vector","result":[{sample}]}}}}"#);
    ([(CONTENT_TYPE, "application/json")], body).into_response()
}

/// The starts of the rows that lie in a window.
pub(crate) fn rows(since: Timestamp, until: Timestamp) -> Vec<Timestamp> {
    let first = since.as_second().div_euclid(HALF_HOUR) + i64::from(since.as_second().rem_euclid(HALF_HOUR) > 0);
    let starts = (first * HALF_HOUR..until.as_second() + 1 - HALF_HOUR).step_by(HALF_HOUR as usize);
    starts.map(|second| Timestamp::from_second(second).unwrap()).collect()
}

/// A body of `bpo-feed/v1` with these rows.
pub(crate) fn body(starts: &[Timestamp]) -> String {
    let rows: Vec<String> = starts.iter().map(|start| row(*start, WITHIN)).collect();
    body_of(&rows.join(","))
}

fn body_of(rows: &str) -> String {
    format!(r#"{{"schema":"bpo-feed/v1","rows":[{rows}],"next":null}}"#)
}

/// Rows that were written before anything is measured: a vendor has a machine of its own, and this one shares that of the operator.
struct Written {
    /// Second at which the first of them starts.
    first: i64,
    /// All of them with a comma after each. Each is as long as the others.
    text: String,
    length: usize,
}

impl Written {
    fn of(starts: &[Timestamp]) -> Self {
        let texts: Vec<String> = starts.iter().map(|start| row(*start, WITHIN) + ",").collect();
        let length = texts.first().map_or(0, String::len);
        assert!(texts.iter().all(|text| text.len() == length), "a row is longer than another");
        Written { first: starts.first().map_or(0, |start| start.as_second()), text: texts.concat(), length }
    }

    /// A body with rows in a sequence; `None` if there are none, or not all of them were written before.
    fn body(&self, starts: &[Timestamp]) -> Option<String> {
        let before = usize::try_from((starts.first()?.as_second() - self.first) / HALF_HOUR).ok()? * self.length;
        let rows = self.text.get(before..before + starts.len() * self.length)?;
        Some(body_of(rows.trim_end_matches(',')))
    }
}

/// A row of a hundred contacts, `within` of which were answered in time.
pub(crate) fn row(start: Timestamp, within: u64) -> String {
    let end = start + SignedDuration::from_secs(HALF_HOUR);
    format!(
        r#"{{"start":"{start}","end":"{end}","labels":{{"queue":"billing"}},"measures":{{"offered":100,"answered":100,"answeredWithin":{within},"abandoned":0,"abandonedWithin":0}}}}"#
    )
}
