//! Opening the evidence, and noticing that it has failed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::arguments::RunArguments;
use super::{RunError, Surroundings};
use crate::evidence::postgres::{Opening, WhenInUse};
use crate::evidence::sqlite::SqliteStore;
use crate::evidence::{EvidenceStore, StoreClock, StoreError};
use crate::shard::ShardCount;

/// Waits until the store has failed, and returns the fault.
pub(super) async fn fault_of(evidence: &dyn EvidenceStore) -> String {
    let mut looks = tokio::time::interval(Duration::from_secs(1));
    loop {
        looks.tick().await;
        if !evidence.healthy() {
            return evidence.fault().unwrap_or_else(|| "the store has stopped".to_owned());
        }
    }
}

/// How long the server of the evidence may be away when the operator starts: a failover takes seconds, and a restart of the pod longer.
const AWAY: Duration = Duration::from_secs(60);

/// How long another process may have the evidence. An operator that this one replaces may still be ending, and the server of a database takes
/// up to half a minute to end the session of one that is gone without a word. A second operator has it for longer.
const IN_USE: Duration = Duration::from_secs(60);

/// How soon the evidence is tried again for the first time, and how seldom at last.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(2)];

/// For how long the start has waited for its evidence, and why.
#[derive(Default)]
struct Waiting {
    away_since: Option<Instant>,
    in_use_since: Option<Instant>,
    tries: u32,
    said: String,
}

impl Waiting {
    /// The pause before the next try; `None` where waiting does not help, or has not helped for long enough.
    fn pause_after(&mut self, error: &StoreError, now: Instant) -> Option<Duration> {
        let (since, most) = match error {
            StoreError::Unreachable { .. } => (&mut self.away_since, AWAY),
            StoreError::Locked { .. } => (&mut self.in_use_since, IN_USE),
            _ => return None,
        };
        let waited = now.saturating_duration_since(*since.get_or_insert(now));
        let [first, longest] = PAUSES;
        let pause = first.saturating_mul(2_u32.saturating_pow(self.tries)).min(longest);
        self.tries = self.tries.saturating_add(1);
        (waited < most).then_some(pause)
    }

    /// Whether the log does not say yet what the start waits for.
    fn is_news(&mut self, why: &str) -> bool {
        let is_news = self.said != why;
        if is_news {
            why.clone_into(&mut self.said);
        }
        is_news
    }
}

/// An opened store, and its identity.
type Opened = (Arc<dyn EvidenceStore>, String);

/// Opens the evidence where the flags say; tries again while its server is away or another process has it. `None`: a stop came first.
///
/// A process that `has_lost` the lease by which it may end the sessions of others tries no more: the database is another one's.
pub(super) async fn open_evidence(
    arguments: &RunArguments,
    around: &Surroundings,
    has_lost: impl Fn() -> bool,
) -> Result<Option<Opened>, RunError> {
    let mut place = Place::of(arguments)?;
    let store_clock = if around.clock.is_rehearsal() { StoreClock::Rehearsal } else { StoreClock::Real };
    let mut waiting = Waiting::default();
    let lost = || RunError::LeaseLost("while this process waited for the evidence".to_owned());
    loop {
        let tried = tokio::select! {
            () = around.stop.cancelled() => return Ok(None),
            tried = place.try_to_open(arguments, store_clock) => tried,
        };
        let error = match tried {
            Ok(_) if has_lost() => return Err(lost()),
            Ok(opened) => return Ok(Some(opened)),
            Err(error) => error,
        };
        let Some(pause) = waiting.pause_after(&error, Instant::now()) else { return Err(error.into()) };
        let why = error.to_string();
        if waiting.is_news(&why) {
            tracing::warn!("waiting for the evidence: {why}");
        }
        around.progress.waits(&why);
        tokio::select! {
            () = around.stop.cancelled() => return Ok(None),
            () = tokio::time::sleep(pause) => {}
        }
        if has_lost() {
            return Err(lost());
        }
    }
}

/// Where the evidence is.
enum Place {
    File,
    Database(Box<Opening>),
}

impl Place {
    /// Where the flags say. A replica that holds the lease ends the session of one that lost it.
    fn of(arguments: &RunArguments) -> Result<Self, StoreError> {
        let Some(url) = &arguments.evidence_url else { return Ok(Self::File) };
        let when_in_use = match (arguments.shards, arguments.leader_elect) {
            (ShardCount::ONE, false) => WhenInUse::Refuse,
            (ShardCount::ONE, true) => WhenInUse::TakeOver,
            (shards, _) => WhenInUse::Share(shards),
        };
        Ok(Self::Database(Box::new(Opening::new(url, when_in_use)?)))
    }

    /// Opens the evidence once, or goes on with a try that was not answered.
    async fn try_to_open(&mut self, arguments: &RunArguments, clock: StoreClock) -> Result<Opened, StoreError> {
        match self {
            Self::File => {
                let store = SqliteStore::open(&arguments.data_dir)?;
                let identity = store.claim(clock).await?;
                Ok((Arc::new(store), identity))
            }
            Self::Database(opening) => {
                let store = opening.opened().await?;
                let identity = store.claim(clock).await.map_err(away)?;
                Ok((Arc::new(store), identity))
            }
        }
    }
}

/// A database that fails at its first write is as one that could not be reached: the next try finds out what is wrong.
fn away(error: StoreError) -> StoreError {
    match error {
        StoreError::Fault(reason) => StoreError::Unreachable { path: "of --evidence-url".to_owned(), reason },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use jiff::Timestamp;

    use super::super::{Cli, Command};
    use super::*;
    use crate::clock::Clock;
    use crate::cluster::fence::Fence;
    use crate::evidence::postgres::PostgresStore;
    use crate::postgres_server::Server;
    use crate::web::metrics::Metrics;
    use crate::web::server::Health;

    #[tokio::test]
    async fn a_store_that_fails_is_noticed_and_a_whole_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(directory.path()).unwrap();
        let patience = Duration::from_millis(1_500);
        assert!(tokio::time::timeout(patience, fault_of(&store)).await.is_err(), "a whole store was taken for failed");
        std::fs::remove_file(directory.path().join(crate::evidence::sqlite::FILE_NAME)).unwrap();
        let value = serde_json::json!("Go");
        let written = store.record_fact("uid".into(), "launch".into(), "spring".into(), value, Timestamp::UNIX_EPOCH);
        assert!(written.await.is_err());
        assert!(fault_of(&store).await.contains("deleted while in use"));
    }

    fn in_use() -> StoreError {
        StoreError::Locked { path: "evidence".to_owned(), by: "another process (session 7)".to_owned() }
    }

    fn unreachable() -> StoreError {
        StoreError::Unreachable { path: "evidence".to_owned(), reason: "refused".to_owned() }
    }

    #[test]
    fn a_start_waits_with_growing_pauses_for_a_minute_for_each_that_may_pass_and_not_at_all_for_others() {
        let newer = || StoreError::Newer { path: "evidence".to_owned(), found: 99, known: 5 };
        // Seconds since the first try, what it said, and the pause in milliseconds.
        let cases = [
            ("in use", vec![(0, in_use(), Some(250)), (1, in_use(), Some(500)), (2, in_use(), Some(1_000))]),
            ("for ever", vec![(0, in_use(), Some(250)), (59, in_use(), Some(500)), (60, in_use(), None)]),
            (
                "away for ever",
                vec![(0, unreachable(), Some(250)), (59, unreachable(), Some(500)), (60, unreachable(), None)],
            ),
            (
                "the session of a try whose connection was lost",
                vec![
                    (0, unreachable(), Some(250)),
                    (55, in_use(), Some(500)),
                    (80, in_use(), Some(1_000)),
                    (115, in_use(), None),
                ],
            ),
            (
                "one that answers again and again",
                vec![(0, in_use(), Some(250)), (30, unreachable(), Some(500)), (61, in_use(), None)],
            ),
            ("a later version", vec![(0, newer(), None)]),
            ("a later version after a while", vec![(0, in_use(), Some(250)), (1, newer(), None)]),
        ];
        let begin = Instant::now();
        for (name, tries) in cases {
            let mut waiting = Waiting::default();
            for (seconds, error, pause) in tries {
                let paused = waiting.pause_after(&error, begin + Duration::from_secs(seconds));
                assert_eq!(paused, pause.map(Duration::from_millis), "{name} after {seconds} s");
            }
        }
        let mut waiting = Waiting::default();
        let longest = (0..50).filter_map(|_| waiting.pause_after(&in_use(), begin)).max();
        assert_eq!(longest, Some(Duration::from_secs(2)));
    }

    #[test]
    fn the_log_says_once_for_whom_a_start_waits() {
        let mut waiting = Waiting::default();
        for (error, is_news) in
            [(unreachable(), true), (unreachable(), false), (in_use(), true), (in_use(), false), (in_use(), false)]
        {
            assert_eq!(waiting.is_news(&error.to_string()), is_news, "{error}");
        }
        assert!(waiting.said.contains("in use by another process (session 7)"), "{}", waiting.said);
    }

    fn arguments(place: &[&str]) -> RunArguments {
        let words = ["bpo-operator", "run"].iter().chain(place);
        let Command::Run(arguments) = Cli::parse_from(words).command else { panic!("another command") };
        *arguments
    }

    fn surroundings() -> Surroundings {
        // No cluster is asked for anything.
        let nowhere = kube::Config::new("http://127.0.0.1:9".parse().unwrap());
        Surroundings {
            clock: Clock::real(),
            client: kube::Client::try_from(nowhere).unwrap(),
            metrics: Metrics::new(false),
            progress: Arc::default(),
            fence: Fence::closed(),
            proxy: None,
            stop: tokio_util::sync::CancellationToken::new(),
        }
    }

    /// Opens the evidence while another process has it, whose store is `held`.
    async fn opens_after(name: &str, arguments: &RunArguments, held: Box<dyn EvidenceStore>) {
        let around = surroundings();
        let mut opening = std::pin::pin!(open_evidence(arguments, &around, || false));
        let is_said = || around.progress.missing().concat().contains("in use by another process");
        let waits = async {
            while !is_said() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            ended = &mut opening => panic!("{name}: {:?}", ended.map(|opened| opened.map(|(_, identity)| identity))),
            () = waits => {}
        }
        drop(held);
        let (store, _) = opening.await.unwrap().unwrap();
        assert!(store.healthy(), "{name}");
        assert!(is_said(), "{name}: it is ready only once it works");
    }

    #[tokio::test]
    async fn a_start_waits_for_the_process_before_it_to_let_go_of_the_evidence() {
        let directory = tempfile::tempdir().unwrap();
        let file = arguments(&["--data-dir", directory.path().to_str().unwrap()]);
        opens_after("a file", &file, Box::new(SqliteStore::open(directory.path()).unwrap())).await;
        let server = Server::start("", &[]);
        let url = server.address("127.0.0.1", "postgres");
        let database = arguments(&["--evidence-url", &url]);
        let held = PostgresStore::open(&url.parse().unwrap(), WhenInUse::Refuse).unwrap();
        opens_after("a database", &database, Box::new(held)).await;
    }

    #[tokio::test]
    async fn a_stop_ends_the_wait_for_the_evidence() {
        let directory = tempfile::tempdir().unwrap();
        let _held = SqliteStore::open(directory.path()).unwrap();
        let around = surroundings();
        around.stop.cancel();
        let opened =
            open_evidence(&arguments(&["--data-dir", directory.path().to_str().unwrap()]), &around, || false).await;
        assert!(opened.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_process_that_lost_its_lease_tries_no_more_to_get_the_evidence() {
        let directory = tempfile::tempdir().unwrap();
        let _held = SqliteStore::open(directory.path()).unwrap();
        let arguments = arguments(&["--data-dir", directory.path().to_str().unwrap()]);
        let opened = open_evidence(&arguments, &surroundings(), || true).await;
        assert!(matches!(opened, Err(RunError::LeaseLost(_))));
    }
}
