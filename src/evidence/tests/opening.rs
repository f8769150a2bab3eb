//! The opening of a PostgreSQL store whose server does not answer in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::server::{Database, shared};
use super::support::{body, feed, row};
use crate::evidence::postgres::{Opening, WhenInUse};
use crate::evidence::{EvidenceStore, StoreError};

/// The question for the writer's lock.
const LOCK: &[u8] = b"SELECT pg_try_advisory_lock($1)";

/// A way to the server on which no answer comes back from when the writer's lock is asked for, until that is allowed.
struct Way {
    port: u16,
    answers: watch::Sender<bool>,
    /// How many sessions have asked for the lock.
    asked: Arc<AtomicUsize>,
}

impl Way {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (answers, asked) = (watch::Sender::new(true), Arc::new(AtomicUsize::new(0)));
        let (mute, counter) = (answers.clone(), asked.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let (from_client, to_client) = client.into_split();
                let server = TcpStream::connect(("127.0.0.1", shared().port)).await.unwrap();
                let (from_server, to_server) = server.into_split();
                tokio::spawn(ask(from_client, to_server, mute.clone(), counter.clone()));
                tokio::spawn(answer(from_server, to_client, mute.subscribe()));
            }
        });
        Self { port, answers, asked }
    }
}

/// Passes on what a client says. Its statement for the lock is prepared first, and run by what it says next.
async fn ask(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mute: watch::Sender<bool>, asked: Arc<AtomicUsize>) {
    let (mut part, mut is_prepared) = (vec![0; 8_192], false);
    while let Ok(length @ 1..) = from.read(&mut part).await {
        if std::mem::take(&mut is_prepared) {
            asked.fetch_add(1, Ordering::SeqCst);
            mute.send_replace(false);
        }
        is_prepared = part[..length].windows(LOCK.len()).any(|words| words == LOCK);
        if to.write_all(&part[..length]).await.is_err() {
            return;
        }
    }
}

/// Passes on what the server says, while it may.
async fn answer(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut may_answer: watch::Receiver<bool>) {
    let mut part = vec![0; 8_192];
    while let Ok(length @ 1..) = from.read(&mut part).await {
        let may_answer = may_answer.wait_for(|may_answer| *may_answer).await.is_ok();
        if !may_answer || to.write_all(&part[..length]).await.is_err() {
            return;
        }
    }
}

/// How many sessions have the writer's lock.
fn holders(database: &Database) -> i64 {
    let held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = 1112559429
                AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    shared().session(&database.name, |client| client.query_one(held, &[]).unwrap().get(0))
}

#[tokio::test]
async fn a_try_whose_answer_comes_late_is_gone_on_with_and_refuses_no_other_of_its_own_process() {
    let database = Database::new();
    let way = Way::open().await;
    let direct = shared().address("127.0.0.1", &database.name);
    let url = direct.replace(&format!(":{}/", shared().port), &format!(":{}/", way.port)).parse().unwrap();
    let mut opening = Opening::new(&url, WhenInUse::Refuse).unwrap();
    let error = opening.opened().await.err().unwrap();
    assert!(matches!(error, StoreError::Unreachable { .. }), "{error}");
    assert_eq!((holders(&database), way.asked.load(Ordering::SeqCst)), (1, 1), "its session has the lock");
    way.answers.send_replace(true);
    let store = opening.opened().await.unwrap();
    store.commit(feed("acd"), body(60, vec![row(0, 41)])).await.unwrap();
    assert_eq!((holders(&database), way.asked.load(Ordering::SeqCst)), (1, 1));
}
