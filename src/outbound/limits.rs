//! How hard one host is asked: requests in flight, and a breaker that leaves a failing host alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::error::{FailureKind, FetchError};

/// Permits for requests in flight: some per host, more in all.
#[derive(Debug)]
pub(crate) struct Permits {
    all: Arc<Semaphore>,
    per_host: usize,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

/// The right to have one request in flight.
#[derive(Debug)]
pub(crate) struct Permit {
    _host: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

/// Hosts remembered before idle ones are forgotten.
const MOST_HOSTS: usize = 1_024;

impl Permits {
    pub(crate) fn new(per_host: usize, all: usize) -> Self {
        Permits { all: Arc::new(Semaphore::new(all)), per_host, hosts: Mutex::default() }
    }

    /// Waits for a permit. The wait ends when requests before it do, and each of those has a deadline.
    pub(crate) async fn acquire(&self, host: &str) -> Option<Permit> {
        // The host's permit first: who waits for a slow host must not hold what others could use.
        let host = self.host(host).acquire_owned().await.ok()?;
        let all = self.all.clone().acquire_owned().await.ok()?;
        Some(Permit { _host: host, _all: all })
    }

    fn host(&self, host: &str) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= MOST_HOSTS {
            hosts.retain(|_, permits| Arc::strong_count(permits) > 1);
        }
        hosts.entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.per_host))).clone()
    }
}

/// Where paces read the time, and wait.
pub(crate) trait PaceClock: Send + Sync {
    /// The present instant.
    fn now(&self) -> Instant;

    /// Waits until an instant.
    fn wait_until(&self, due: Instant) -> BoxFuture<'_, ()>;
}

/// The machine's own time.
#[derive(Debug)]
pub(crate) struct MachineTime;

impl PaceClock for MachineTime {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn wait_until(&self, due: Instant) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep_until(due.into()))
    }
}

/// Spreads the requests of a namespace to a host over the minute, where the vendor limits their number.
#[derive(Debug, Default)]
pub(crate) struct Paces(Mutex<HashMap<(String, String), Instant>>);

impl Paces {
    /// When the next request may go out; it then counts as sent.
    pub(crate) fn next(&self, tenant: &str, host: &str, per_minute: u32, now: Instant) -> Instant {
        let mut paces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if paces.len() >= MOST_HOSTS {
            paces.retain(|_, next| *next > now);
        }
        let next = paces.entry((tenant.to_owned(), host.to_owned())).or_insert(now);
        let due = (*next).max(now);
        *next = due + Duration::from_secs(60) / per_minute.max(1);
        due
    }
}

/// Leaves a host alone after failures in a row, then lets one request try.
///
/// Kept per namespace and host, so that one tenant's failures do not stop another's feeds.
#[derive(Debug)]
pub(crate) struct Breakers {
    failures_to_open: u32,
    pause: Duration,
    states: Mutex<HashMap<(String, String), Breaker>>,
}

#[derive(Debug)]
struct Breaker {
    failures: u32,
    last: FetchError,
    /// When a request may try again; set while open.
    open_until: Option<Instant>,
    touched: Instant,
}

/// How long a breaker is remembered without a request.
const FORGET_AFTER: Duration = Duration::from_secs(3_600);

impl Breakers {
    pub(crate) fn new(failures_to_open: u32, pause: Duration) -> Self {
        Breakers { failures_to_open, pause, states: Mutex::default() }
    }

    /// Whether the host may be asked at `now`.
    ///
    /// # Errors
    /// The failure that opened the breaker.
    pub(crate) fn check(&self, tenant: &str, host: &str, now: Instant) -> Result<(), FetchError> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(breaker) = states.get_mut(&(tenant.to_owned(), host.to_owned())) else { return Ok(()) };
        match breaker.open_until {
            Some(until) if now < until => {
                let left = until.duration_since(now).as_secs() + 1;
                let message = format!(
                    "not asked for {left} s after {} failures in a row: {}",
                    breaker.failures, breaker.last.message
                );
                Err(FetchError::new(breaker.last.kind, message))
            }
            // Half-open: this request tries, and others wait for what happens to it.
            Some(_) => {
                breaker.open_until = Some(now + self.pause);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Learns from a request's end at `now`.
    pub(crate) fn record(&self, tenant: &str, host: &str, outcome: Result<(), &FetchError>, now: Instant) {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant.to_owned(), host.to_owned());
        let Err(error) = outcome else {
            states.remove(&key);
            return;
        };
        if !counts(error.kind) {
            return;
        }
        if states.len() >= MOST_HOSTS {
            states.retain(|_, breaker| now.duration_since(breaker.touched) < FORGET_AFTER);
        }
        let breaker = states.entry(key).or_insert_with(|| Breaker {
            failures: 0,
            last: error.clone(),
            open_until: None,
            touched: now,
        });
        breaker.failures = breaker.failures.saturating_add(1);
        breaker.last = error.clone();
        breaker.touched = now;
        if breaker.failures >= self.failures_to_open {
            breaker.open_until = Some(now + self.pause);
        }
    }
}

/// Whether a failure says that the host is ill, rather than that one feed is written wrongly.
fn counts(kind: FailureKind) -> bool {
    matches!(kind, FailureKind::Connect | FailureKind::Timeout | FailureKind::Status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_breaker_opens_after_failures_in_a_row_and_lets_one_request_try() {
        let breakers = Breakers::new(3, Duration::from_secs(15));
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let refused = FetchError::new(FailureKind::Connect, "connection refused");
        let fail = |seconds| breakers.record("a", "host:443", Err(&refused), at(seconds));
        let open = |seconds| breakers.check("a", "host:443", at(seconds)).is_err();
        fail(0);
        fail(1);
        breakers.record("a", "host:443", Ok(()), at(2));
        fail(3);
        fail(4);
        assert!(!open(4), "two failures in a row after a success");
        fail(5);
        assert!(open(6) && open(19));
        assert_eq!(breakers.check("a", "host:443", at(6)).unwrap_err().kind, FailureKind::Connect);
        assert!(breakers.check("b", "host:443", at(6)).is_ok(), "another namespace is not concerned");
        assert!(!open(20), "one request tries");
        assert!(open(20), "and only one");
        fail(21);
        assert!(open(35) && !open(36));
        breakers.record("a", "host:443", Ok(()), at(37));
        assert!(!open(37));
    }

    #[test]
    fn requests_are_spread_over_the_minute_for_each_namespace_and_host() {
        let (paces, start) = (Paces::default(), Instant::now());
        let due = |tenant: &str, host: &str, after: u64| {
            paces.next(tenant, host, 60, start + Duration::from_secs(after)).duration_since(start).as_secs()
        };
        let found = [due("a", "h", 0), due("a", "h", 0), due("a", "h", 0), due("b", "h", 0), due("a", "i", 0)];
        assert_eq!(found, [0, 1, 2, 0, 0]);
        assert_eq!((due("a", "h", 10), due("a", "h", 10)), (10, 11), "what was not used is not saved up");
    }

    #[test]
    fn failures_of_one_feed_do_not_open_a_breaker() {
        let breakers = Breakers::new(1, Duration::from_secs(15));
        let now = Instant::now();
        for kind in [FailureKind::Auth, FailureKind::Malformed, FailureKind::Denied, FailureKind::Tls] {
            breakers.record("a", "host:443", Err(&FetchError::new(kind, "no")), now);
            assert!(breakers.check("a", "host:443", now).is_ok(), "{kind}");
        }
    }

    #[tokio::test]
    async fn one_host_never_holds_the_permits_of_all() {
        let permits = Arc::new(Permits::new(2, 3));
        let first = permits.acquire("slow").await.unwrap();
        let _second = permits.acquire("slow").await.unwrap();
        let waiting = tokio::spawn({
            let permits = permits.clone();
            async move { permits.acquire("slow").await.is_some() }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        assert!(permits.acquire("quick").await.is_some());
        drop(first);
        assert!(waiting.await.unwrap());
    }
}
