//! Bodies that are made ready at the same time, and written together.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::join_all;

use super::server::{Database, shared};
use super::support::{Backend, Fixture, Place, body, feed, revision, row, verify};
use crate::evidence::postgres::{PostgresStore, WhenInUse};
use crate::evidence::{Batch, EvidenceStore, FeedKey};

/// Feeds that bring rows at the same time.
const FEEDS: [&str; 6] = ["acd", "crm", "quality", "sales", "survey", "wfm"];

/// Three bodies of a feed: rows, then half of them corrected and as many more, then the same again.
fn bodies(number: i64) -> [Batch; 3] {
    let rows = |from: i64, until: i64, revised: i64| {
        (from..until).map(|slot| revision(row(slot * 30, number + slot % 7 + revised), 1 + revised)).collect::<Vec<_>>()
    };
    [body(9_000, rows(0, 300, 0)), body(9_001, rows(150, 450, 1)), body(9_002, rows(150, 450, 1))]
}

/// A store with a row of each feed, so that none of them is new.
async fn with_feeds(backend: Backend) -> Fixture {
    let fixture = Fixture::new(backend);
    for name in FEEDS {
        fixture.store.commit(feed(name), body(0, vec![row(-30, 1)])).await.unwrap();
    }
    fixture
}

#[tokio::test]
async fn bodies_of_many_feeds_at_the_same_time_leave_the_same_as_one_after_the_other_in_both_stores() {
    let (one_by_one, together) = (with_feeds(Backend::Sqlite).await, with_feeds(Backend::Postgres).await);
    let mut expected = Vec::new();
    for (number, name) in (0..).zip(FEEDS) {
        for body in bodies(number) {
            expected.push(one_by_one.store.commit(feed(name), body).await.unwrap());
        }
    }
    let all = (0..).zip(FEEDS).map(|(number, name)| {
        let store = together.store.clone();
        async move {
            let mut reports = Vec::new();
            for body in bodies(number) {
                reports.push(store.commit(feed(name), body).await.unwrap());
            }
            reports
        }
    });
    assert_eq!(join_all(all).await.concat(), expected);
    let [first, second, third] = expected.first_chunk().unwrap();
    assert_eq!((first.added, second.added, second.revised, third.unchanged), (300, 150, 150, 300));
    assert_eq!(together.store.heads("uid-1").await.unwrap(), one_by_one.store.heads("uid-1").await.unwrap());
    for name in FEEDS {
        let rows = |fixture: &Fixture| {
            let store = fixture.store.clone();
            async move { store.rows("uid-1", name, 0).await.unwrap() }
        };
        assert_eq!(rows(&together).await, rows(&one_by_one).await, "{name}");
    }
    assert!(together.verify().await.whole());
}

#[tokio::test]
async fn bodies_that_wait_are_written_in_one_transaction_as_far_as_they_fit() {
    let database = Database::new();
    let store = Arc::new(PostgresStore::open(&database.url(), WhenInUse::Refuse).unwrap());
    let (small, large) = ((0..5).zip(&FEEDS[..5]), ["wfm", "bot"]);
    for name in FEEDS.iter().chain(&large) {
        store.commit(feed(name), body(0, vec![row(-30, 1)])).await.unwrap();
    }
    let large = large.map(|name| (name, body(9_000, (0..9_000).map(|slot| row(slot * 30, 1)).collect())));
    let all = small.map(|(number, name)| (*name, bodies(number)[0].clone())).chain(large);
    let callers = blocked(&database.name, || {
        let mut callers = Vec::new();
        // The first is under way, and the others wait.
        for (waiting, (name, body)) in all.enumerate() {
            let caller = on_a_thread({
                let store = store.clone();
                async move { store.commit(feed(name), body).await.unwrap().added }
            });
            callers.push(caller);
            until(|| if waiting == 0 { is_blocked(&database.name) } else { store.bodies_that_wait() == waiting });
        }
        callers
    });
    let added: Vec<u64> = callers.into_iter().map(|caller| caller.join().unwrap()).collect();
    assert_eq!(added, [300, 300, 300, 300, 300, 9_000, 9_000]);
    let together = shared().session(&database.name, |client| {
        let found =
            client.query("SELECT count(*) FROM bpo_evidence.heads GROUP BY xmin::text ORDER BY 1", &[]).unwrap();
        found.iter().map(|row| row.get(0)).collect::<Vec<i64>>()
    });
    assert_eq!(together, [1, 1, 5], "the first, the other large one, and four with a large one");
    assert!(verify(&*store).await.whole());
}

#[tokio::test]
async fn a_quota_that_one_of_them_exceeds_does_not_concern_the_others() {
    let fixture = with_feeds(Backend::Postgres).await;
    let all = (0..).zip(FEEDS).map(|(number, name)| {
        let [first, ..] = bodies(number);
        fixture.store.commit_within(feed(name), first, if name == "crm" { 299 } else { 300 })
    });
    let written: Vec<bool> = join_all(all).await.iter().map(Result::is_ok).collect();
    assert_eq!(written, FEEDS.map(|name| name != "crm"));
    let heads = fixture.store.heads("uid-1").await.unwrap();
    assert_eq!((heads["crm"].sequence, heads["acd"].sequence), (1, 301));
    assert!(fixture.store.healthy() && fixture.verify().await.whole());
}

/// Does something while the writer waits where it moves the head.
fn blocked<T: Send>(database: &str, work: impl FnOnce() -> T + Send) -> T {
    shared().session(database, |client| {
        let mut other = client.transaction().unwrap();
        other.batch_execute("LOCK TABLE bpo_evidence.heads IN EXCLUSIVE MODE").unwrap();
        let done = work();
        other.commit().unwrap();
        done
    })
}

fn is_blocked(database: &str) -> bool {
    let waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted
                   AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))";
    shared().session(database, |client| client.query_one(waiting, &[]).unwrap().get(0))
}

fn until(condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition() {
        assert!(Instant::now() < deadline, "it has not come to that");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The client of the tests is one that may not be used within a runtime.
fn on_a_thread<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> std::thread::JoinHandle<T> {
    std::thread::spawn(|| tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work))
}

#[tokio::test]
async fn a_body_whose_caller_went_away_is_written_before_the_next_one_of_its_feed_is_read_for() {
    let database = Database::new();
    let store = Arc::new(PostgresStore::open(&database.url(), WhenInUse::Refuse).unwrap());
    for name in ["acd", "crm"] {
        store.commit(feed(name), body(0, vec![row(-30, 1)])).await.unwrap();
    }
    let [first, second, _] = bodies(0);
    let commit = |name: &'static str, body: Batch| {
        let store = store.clone();
        async move { store.commit(feed(name), body).await }
    };
    let (go, gone) = tokio::sync::oneshot::channel::<()>();
    let [next, other] = blocked(&database.name, || {
        let written = commit("acd", first.clone());
        let caller = on_a_thread(async move {
            tokio::select! {
                written = written => panic!("written before: {written:?}"),
                _ = gone => {}
            }
        });
        until(|| is_blocked(&database.name));
        go.send(()).unwrap();
        caller.join().unwrap();
        let callers = [on_a_thread(commit("acd", second)), on_a_thread(commit("crm", first))];
        until(|| store.bodies_that_wait() > 0);
        assert_eq!(store.bodies_that_wait(), 1, "only the one of the other feed is ready");
        callers
    });
    let report = next.join().unwrap().unwrap();
    assert_eq!((report.added, report.revised), (150, 150), "the rows of the first one are there");
    assert_eq!(other.join().unwrap().unwrap().added, 300);
    assert!(store.healthy() && verify(&*store).await.whole());
}

#[tokio::test]
async fn a_body_of_a_store_that_another_has_taken_over_is_refused_and_nothing_of_it_is_there() {
    let fixture = with_feeds(Backend::Postgres).await;
    let Place::Database(database) = &fixture.place else { panic!("not in a database") };
    let url = shared().address("127.0.0.1", &database.name).parse().unwrap();
    let successor = PostgresStore::open(&url, WhenInUse::TakeOver).unwrap();
    let key: FeedKey = feed("acd");
    let [first, ..] = bodies(0);
    assert!(fixture.store.commit(key.clone(), first.clone()).await.is_err() && !fixture.store.healthy());
    assert_eq!(successor.heads("uid-1").await.unwrap()["acd"].sequence, 1);
    assert_eq!(successor.commit(key, first).await.unwrap().added, 300);
    assert!(verify(&successor).await.whole());
}
