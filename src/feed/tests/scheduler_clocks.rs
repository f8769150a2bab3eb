//! What the scheduler does while its clock is not to be trusted.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio_util::sync::CancellationToken;

use super::fetching::{impatient, opened};
use super::polling::{daily, eventually, rehearsal, task, window};
use super::server::{Reply, Server};
use crate::evidence::EvidenceStore;
use crate::evidence::sqlite::SqliteStore;
use crate::feed::scheduler::{ClocksAgree, FeedOutcome, RowQuota, Scheduler};
use crate::outbound::client::FeedClient;
use crate::outbound::credentials::tests::MemorySource;
use crate::outbound::guard::SystemLookup;

/// Whether the clocks agree, and how often that was asked.
#[derive(Default)]
struct Clocks {
    agree: AtomicBool,
    asked: AtomicUsize,
}

impl Clocks {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn set(&self, agree: bool) {
        self.agree.store(agree, Ordering::SeqCst);
    }
}

struct Case {
    clocks: Arc<Clocks>,
    scheduler: Scheduler,
    store: Arc<dyn EvidenceStore>,
    stop: CancellationToken,
    _directory: tempfile::TempDir,
}

impl Drop for Case {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Case {
    /// A scheduler that runs, with a feed of this server.
    fn start(clocks: Arc<Clocks>, server: &Server) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store: Arc<dyn EvidenceStore> = Arc::new(SqliteStore::open(directory.path()).unwrap());
        let client = Arc::new(FeedClient::with(opened(), Arc::new(SystemLookup), impatient()));
        let agree: ClocksAgree = {
            let clocks = clocks.clone();
            Arc::new(move || {
                clocks.asked.fetch_add(1, Ordering::SeqCst);
                clocks.agree.load(Ordering::SeqCst)
            })
        };
        let (source, clock) = (Arc::new(MemorySource::default()), (rehearsal(1_000.0), agree));
        let scheduler = Scheduler::within(client, store.clone(), source, clock, RowQuota::default());
        let stop = CancellationToken::new();
        tokio::spawn({
            let (scheduler, stop) = (scheduler.clone(), stop.clone());
            async move { scheduler.run(stop).await }
        });
        scheduler.set_feeds_of("uid-1", vec![task("uid-1", &server.url("/"), "")]);
        Case { clocks, scheduler, store, stop, _directory: directory }
    }

    /// Waits until the scheduler has looked at the clocks so often again.
    async fn looks(&self, more: usize) {
        let before = self.clocks.asked();
        eventually("the clocks are looked at", async || {
            self.scheduler.look_at_the_clock();
            self.clocks.asked() >= before + more
        })
        .await;
    }

    async fn keeps_nothing(&self) -> bool {
        self.store.rows("uid-1", "acd", 0).await.unwrap().is_empty()
            && self.store.feed_progress("uid-1", "acd").await.unwrap().is_none()
            && self.scheduler.health_of("uid-1").is_empty()
    }
}

#[tokio::test]
async fn a_feed_is_not_asked_before_the_clocks_agree_and_then_at_once() {
    let server = Server::start(daily).await;
    let case = Case::start(Arc::default(), &server);
    case.looks(20).await;
    assert!(server.asked().is_empty() && case.keeps_nothing().await);
    let mut events = case.scheduler.events();
    case.clocks.set(true);
    case.scheduler.look_at_the_clock();
    let first = events.recv().await.unwrap();
    assert_eq!((&first.outcome, first.commit.as_ref().map(|commit| commit.added)), (&FeedOutcome::Fetched, Some(31)));
}

#[tokio::test]
async fn what_a_vendor_answers_after_the_clock_has_jumped_is_not_kept_nor_its_failure() {
    for fails in [false, true] {
        let clocks = Arc::new(Clocks { agree: AtomicBool::new(true), ..Clocks::default() });
        let server = Server::start({
            let (clocks, has_jumped) = (clocks.clone(), AtomicBool::new(false));
            move |asked| {
                let is_first = !has_jumped.swap(true, Ordering::SeqCst);
                if is_first {
                    clocks.set(false);
                }
                if is_first && fails { Reply::answer("500 Internal Server Error", &[], "") } else { daily(asked) }
            }
        })
        .await;
        let case = Case::start(clocks, &server);
        let mut events = case.scheduler.events();
        eventually("the vendor is asked", async || server.asked().len() == 1).await;
        case.looks(50).await;
        assert!(server.asked().len() == 1 && case.keeps_nothing().await, "{fails}");
        case.clocks.set(true);
        let first = events.recv().await.unwrap();
        assert_eq!(first.outcome, FeedOutcome::Fetched, "{fails}: nobody hears of the poll before");
        let asked: Vec<_> = server.asked().iter().map(|asked| window(asked).0).take(2).collect();
        assert_eq!(asked[0], asked[1], "{fails}: what was not kept is asked for again");
        assert_eq!(first.commit.as_ref().map(|commit| commit.added), Some(31), "{fails}");
    }
}
