//! The operator and `kubectl bpo evaluate` say the same of the same figures: whole statuses and every report, for
//! contracts that are made up by a generator with a fixed seed.

mod generated;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::http::{StatusCode, Uri, header};
use axum::response::IntoResponse;
use serde_json::{Value, json};

use self::generated::generated;
use crate::harness::{Hand, Place, path};
use crate::statuses::{differences, evaluated};

/// Objects and the body that each feed answers with, by contract and feed.
#[derive(Default)]
pub struct Case {
    /// Objects as they are applied.
    pub documents: Vec<Value>,
    /// Bodies.
    pub feeds: BTreeMap<(String, String), String>,
}

/// A server that answers `/CONTRACT/FEED` with a body, whatever the window.
async fn serve(feeds: BTreeMap<(String, String), String>) -> String {
    let feeds = Arc::new(feeds);
    let answer = async move |uri: Uri| {
        let found = uri.path().trim_start_matches('/').split_once('/');
        let body = found.and_then(|(contract, feed)| feeds.get(&(contract.to_owned(), feed.to_owned())).cloned());
        match body {
            Some(body) => (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], body).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, axum::Router::new().fallback(answer)).await.unwrap() });
    format!("http://{address}")
}

/// Lets an operator and `evaluate` judge the same at an instant, and gives in what they differ once the operator is done.
async fn compare(mut case: Case, now: &str) -> (usize, Vec<String>) {
    let place = Place::fresh().await;
    let url = serve(case.feeds.clone()).await;
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
    let deadline = crate::harness::DEADLINE * u32::try_from(1 + case.documents.len() / 300).unwrap();
    let started = std::time::Instant::now();
    let found = loop {
        let found = differences(&place, &offline).await;
        if found.is_empty() || started.elapsed() > deadline {
            break found;
        }
    };
    operator.stop().await;
    (offline.len(), found)
}

/// How many contracts are made up: `BPO_GENERATED=200` takes some minutes.
fn count() -> u64 {
    std::env::var("BPO_GENERATED").map_or(24, |number| number.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_and_evaluate_give_the_same_statuses_and_reports_for_generated_contracts() {
    let case = generated(count());
    let contracts = case.documents.iter().filter(|document| document["kind"] == "VendorContract").count();
    let (objects, found) = compare(case, generated::NOW).await;
    assert!(objects > 3 * contracts, "{objects} objects of {contracts} contracts");
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}
