//! The operator and `kubectl bpo evaluate` say the same of the same figures: whole statuses and every report, for
//! contracts that are made up by a generator with a fixed seed, and for the examples.
//!
//! `BPO_GENERATED=200 BPO_EXAMPLES=all cargo test --test cluster -- differential::` compares more of both.

mod examples;
mod generated;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::{StatusCode, Uri, header};
use axum::response::IntoResponse;
use jiff::Timestamp;
use serde_json::{Value, json};

use futures::StreamExt;

use self::generated::generated;
use crate::harness::{DEADLINE, Hand, Place, path};
use crate::statuses::{evaluated, lasting_differences};

/// Objects and the body that each feed answers with, by contract and feed.
#[derive(Default)]
pub(crate) struct Case {
    /// Objects as they are applied.
    pub documents: Vec<Value>,
    /// Bodies.
    pub feeds: BTreeMap<(String, String), String>,
}

/// A body, with the instant at which each of its rows starts; a row by date is in every window.
struct Answer {
    body: Value,
    starts: Vec<Option<Timestamp>>,
}

impl Answer {
    fn of(body: &str) -> Answer {
        let body: Value = serde_json::from_str(body).unwrap();
        let starts = body["rows"].as_array().unwrap().iter().map(|row| row["start"].as_str().unwrap().parse().ok());
        Answer { starts: starts.collect(), body }
    }

    /// The rows that start in the window that is asked for: all of them at once may be more than an answer may hold.
    fn within(&self, query: &str) -> String {
        let asked: BTreeMap<String, Timestamp> = url::form_urlencoded::parse(query.as_bytes())
            .filter_map(|(name, value)| Some((name.into_owned(), value.parse().ok()?)))
            .collect();
        let is_asked = |start: &Timestamp| {
            asked.get("since").is_none_or(|since| since <= start)
                && asked.get("until").is_none_or(|until| start < until)
        };
        let rows = self.body["rows"].as_array().unwrap().iter().zip(&self.starts);
        let rows: Vec<&Value> =
            rows.filter(|(_, start)| start.as_ref().is_none_or(is_asked)).map(|(row, _)| row).collect();
        json!({"schema": self.body["schema"], "rows": rows, "next": null}).to_string()
    }
}

/// A server that answers `/CONTRACT/FEED` with a body.
async fn serve(feeds: &BTreeMap<(String, String), String>) -> String {
    let feeds = feeds.iter().map(|((contract, feed), body)| (format!("/{contract}/{feed}"), Answer::of(body)));
    let feeds: Arc<BTreeMap<String, Answer>> = Arc::new(feeds.collect());
    let answer = async move |uri: Uri| match feeds.get(uri.path()) {
        Some(answer) => {
            let body = answer.within(uri.query().unwrap_or_default());
            (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await.unwrap() });
    format!("http://{address}")
}

/// Lets an operator and `evaluate` judge the same at an instant, in a namespace of their own. Returns how many objects there are, and
/// how they differ once the operator is done.
async fn compare(mut case: Case, now: &str) -> (usize, Vec<String>) {
    let place = Place::fresh().await;
    let url = serve(&case.feeds).await;
    for document in case.documents.iter_mut().filter(|document| document["kind"] == "VendorContract") {
        let name = document["metadata"]["name"].as_str().unwrap().to_owned();
        // Files have no first judgement: here the past closes with it.
        document["spec"]["firstCloseAfter"] = json!("0h");
        for feed in document["spec"]["feeds"].as_array_mut().into_iter().flatten() {
            feed["url"] = json!(format!("{url}/{name}/{}", feed["name"].as_str().unwrap()));
            feed.as_object_mut().unwrap().remove("auth");
        }
    }
    let text: String = case.documents.iter().map(|document| format!("---\n{document}\n")).collect();
    let file = |name: &str, content: &str| {
        let file = place.folder.path().join(name);
        std::fs::write(&file, content).unwrap();
        path(&file).to_owned()
    };
    let mut arguments = vec!["-f".to_owned(), file("manifests.yaml", &text)];
    for (number, ((contract, feed), body)) in case.feeds.iter().enumerate() {
        let file = file(&format!("feed-{number}.json"), body);
        arguments.extend(["--feed".to_owned(), format!("{contract}/{feed}={file}")]);
    }
    let offline = evaluated(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), now);
    place.kubectl_with(&["apply", "--server-side", "-f", "-"], &text).await;
    let hand = Hand::at(&place, now);
    let operator = place.operator_with(&[&hand.flags()[..], &["--settle-seconds", "0"]].concat());
    // Several operators share the machine.
    let found = lasting_differences(&place, &offline, DEADLINE * 2).await;
    operator.stop().await;
    (offline.len(), found)
}

/// How many contracts are made up, unless `BPO_GENERATED` says so.
const MADE_UP: u64 = 24;

/// Made-up contracts of one namespace. Reports are written at a pace by namespace and operator, so that more of them at once take longer.
const TOGETHER: u64 = 25;

/// Operators at the same time.
const AT_ONCE: usize = 4;

/// Compares cases at instants, several at a time, each with its description; returns how many objects there were, and all differences.
async fn compare_all(cases: Vec<(String, Case, String)>) -> (usize, Vec<String>) {
    let compared = cases.into_iter().map(async |(what, case, now)| {
        let (objects, found) = compare(case, &now).await;
        (objects, found.into_iter().map(|found| format!("{what} at {now}: {found}")).collect::<Vec<_>>())
    });
    let all: Vec<(usize, Vec<String>)> = futures::stream::iter(compared).buffer_unordered(AT_ONCE).collect().await;
    (all.iter().map(|(objects, _)| objects).sum(), all.into_iter().flat_map(|(_, found)| found).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_and_evaluate_give_the_same_statuses_and_reports_for_generated_contracts() {
    let count = std::env::var("BPO_GENERATED").map_or(MADE_UP, |number| number.parse().unwrap());
    let groups = (0..count).step_by(TOGETHER as usize).map(|first| first..count.min(first + TOGETHER));
    let cases = groups.map(|group| (format!("{group:?}"), generated(group), generated::NOW.to_owned())).collect();
    let (objects, found) = compare_all(cases).await;
    assert!(objects > 3 * count as usize, "{objects} objects of {count} contracts");
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_and_evaluate_give_the_same_statuses_and_reports_for_the_examples() {
    assert!(examples::all().len() >= 17, "{:?}", examples::all());
    let at = |folder: String| {
        let instants = examples::instants(&folder).into_iter();
        instants.map(move |now| (folder.clone(), examples::example(&folder, &now), now)).collect::<Vec<_>>()
    };
    let cases: Vec<_> = examples::folders().into_iter().flat_map(at).collect();
    let count = cases.len();
    let (objects, found) = compare_all(cases).await;
    assert!(objects > 4 * count, "{objects} objects of {count} comparisons");
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}
