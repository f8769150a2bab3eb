//! Samples of platforms that make reports on request, through the fetcher.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::platforms::{Sample, Wrongs, ask_in, check_body, method, must, sample, source};
use super::server::{Asked, Reply, Server};
use crate::outbound::error::FailureKind;

const ARCHIVE: &[u8] = include_bytes!("../../../tests/data/platforms/qualtrics/answer-3.zip");

pub(super) fn qualtrics() -> Sample {
    sample!(
        "qualtrics",
        "answer-1-start.json",
        "answer-2-progress.json",
        "answer-2-complete.json",
        "answer-2-failed.json"
    )
}

/// The first lines of the requests that `request.txt` shows, in order, without the host.
fn shown_requests(sample: &Sample) -> Vec<String> {
    let line = |line: &str| {
        let (method, address) = line.split_once(" https://")?;
        let (_, path) = address.split_once('/')?;
        matches!(method, "GET" | "POST").then(|| format!("{method} /{path}"))
    };
    sample.request.lines().filter_map(line).collect()
}

/// Which of the requests one is.
fn step(shown: &[String], asked: &Asked) -> Option<usize> {
    shown.iter().position(|known| *known == format!("{} {}", method(asked), asked.target))
}

/// A server that answers like Qualtrics and checks what it is asked; it answers questions after the report in order.
async fn qualtrics_server(wrongs: &Wrongs, states: Vec<&'static str>) -> Server {
    let (sample, log, questions) = (qualtrics(), wrongs.clone(), AtomicUsize::new(0));
    let shown = shown_requests(&sample);
    let body: Value = sample
        .request
        .lines()
        .find(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .unwrap();
    Server::start(move |asked| {
        must(&log, "token", &asked.header("x-api-token"), &Some("canary-token".to_owned()));
        match step(&shown, asked) {
            Some(0) => {
                must(&log, "media type", &asked.header("content-type"), &Some("application/json".to_owned()));
                must(&log, "body", &serde_json::from_str(&asked.body).unwrap_or_default(), &body);
                Reply::json(sample.answers[0])
            }
            Some(1) => Reply::json(states.get(questions.fetch_add(1, Ordering::SeqCst)).copied().unwrap_or("{}")),
            Some(_) => Reply::answer("200 OK", &[("Content-Type", "application/zip")], ARCHIVE),
            None => {
                must(&log, "address", &asked.target, &shown.join(" or "));
                Reply::answer("404 Not Found", &[], "")
            }
        }
    })
    .await
}

#[tokio::test]
async fn qualtrics_returns_the_expected_rows_of_an_export_that_is_started_asked_for_fetched_and_unpacked() {
    let (sample, wrongs) = (qualtrics(), Wrongs::default());
    let server = qualtrics_server(&wrongs, vec![sample.answers[1], sample.answers[1], sample.answers[2]]).await;
    let body = ask_in("UTC", &sample.feed_at(&server), &source(&server), sample.window()).await;
    check_body(&sample, body, &wrongs);
    let shown = shown_requests(&sample);
    let steps: Vec<Option<usize>> = server.asked().iter().map(|asked| step(&shown, asked)).collect();
    assert_eq!(steps, [Some(0), Some(1), Some(1), Some(1), Some(2)], "one export is started, and one file is fetched");
}

#[tokio::test]
async fn an_export_of_qualtrics_that_failed_is_a_failed_job_and_no_file_is_fetched() {
    let (sample, wrongs) = (qualtrics(), Wrongs::default());
    let server = qualtrics_server(&wrongs, vec![sample.answers[1], sample.answers[3]]).await;
    let error = ask_in("UTC", &sample.feed_at(&server), &source(&server), sample.window()).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::JobFailed, "{}", error.message);
    assert!(error.message.contains("\"failed\"") && !error.message.contains("canary"), "{}", error.message);
    assert_eq!((server.asked().len(), wrongs.lock().unwrap().clone()), (3, vec![]));
}
