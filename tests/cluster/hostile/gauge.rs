//! What the operator costs: its memory as the kernel counts it, and its writes as the API server does.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::harness::{OPERATOR, Place};

/// Follows the memory of a process.
pub(crate) struct Gauge {
    most: Arc<Most>,
    following: JoinHandle<()>,
}

#[derive(Default)]
struct Most {
    resident: AtomicU64,
    anonymous: AtomicU64,
}

/// The most bytes that were seen of a process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peak {
    /// Resident, the pages of the program itself included.
    pub resident: u64,
    /// Resident, without the pages that a file backs.
    pub anonymous: u64,
}

impl fmt::Display for Peak {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "at most {} MiB resident, {} MiB of them anonymous",
            self.resident >> 20,
            self.anonymous >> 20
        )
    }
}

impl Gauge {
    /// Begins to follow a process.
    pub(crate) fn of(process: u32) -> Self {
        let most = Arc::new(Most::default());
        let following = tokio::spawn({
            let most = most.clone();
            async move {
                // The kernel keeps the peak of the whole by itself; of the anonymous part it does not.
                while let Ok(status) = std::fs::read_to_string(format!("/proc/{process}/status")) {
                    most.resident.fetch_max(bytes(&status, "VmHWM"), Ordering::Relaxed);
                    most.anonymous.fetch_max(bytes(&status, "RssAnon"), Ordering::Relaxed);
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        });
        Gauge { most, following }
    }

    /// The most that was seen so far.
    pub(crate) fn peak(&self) -> Peak {
        let of = |most: &AtomicU64| most.load(Ordering::Relaxed);
        Peak { resident: of(&self.most.resident), anonymous: of(&self.most.anonymous) }
    }
}

impl Drop for Gauge {
    fn drop(&mut self) {
        self.following.abort();
    }
}

fn bytes(status: &str, name: &str) -> u64 {
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kibibytes| kibibytes.parse::<u64>().ok()).unwrap_or_default() << 10
}

/// How many writes the operator made in these namespaces within its busiest `seconds`, from the audit log.
pub(crate) fn busiest_seconds<'p>(places: impl Iterator<Item = &'p Place>, seconds: usize) -> usize {
    let places: Vec<&Place> = places.collect();
    let mut by_second: BTreeMap<i64, usize> = BTreeMap::new();
    for event in places[0].installation.plane.audit_events().unwrap() {
        let here = places.iter().any(|place| place.namespace == event.namespace);
        if here && event.user == OPERATOR && event.is_write() {
            *by_second.entry(event.received.as_second()).or_default() += 1;
        }
    }
    let until = |from: i64| from + i64::try_from(seconds).unwrap();
    let within = |from: &i64| by_second.range(*from..until(*from)).map(|(_, writes)| writes).sum::<usize>();
    by_second.keys().map(within).max().unwrap_or_default()
}
