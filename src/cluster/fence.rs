//! The fence: nothing is written to the API server, and no alert is sent, by a process whose lease may have run out.
//!
//! A process can stop at any place (SIGSTOP, a paused virtual machine, a laptop's lid), so a task that renews a lease proves nothing
//! to the others. Each write looks at the deadline itself, by a clock that goes on while the machine sleeps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::BootInstant;

/// Says whether this process may write now. Cheap to clone; all clones are the same fence.
#[derive(Clone, Debug)]
pub struct Fence(Option<Arc<AtomicU64>>);

impl Fence {
    /// A fence that never closes, for what needs no lease.
    pub fn open() -> Self {
        Fence(None)
    }

    /// A fence that is closed until the lease is held.
    pub fn closed() -> Self {
        Fence(Some(Arc::default()))
    }

    /// Opens the fence until the deadline of a lease that was asked for, or renewed, at `asked`.
    pub fn renewed(&self, asked: BootInstant) {
        if let Some(until) = &self.0 {
            until.store(nanoseconds(asked.since_boot() + RENEW_DEADLINE), Ordering::SeqCst);
        }
    }

    /// Closes the fence at once.
    pub fn close(&self) {
        if let Some(until) = &self.0 {
            until.store(0, Ordering::SeqCst);
        }
    }

    /// How long a call that begins now may take, so that it ends before another process can hold the lease. `None`: it must not begin.
    pub fn time_for_a_call(&self) -> Option<Duration> {
        self.time_for_a_call_at(BootInstant::now())
    }

    /// Whether a write may begin now.
    pub fn is_open(&self) -> bool {
        self.time_for_a_call().is_some()
    }

    fn time_for_a_call_at(&self, now: BootInstant) -> Option<Duration> {
        let Some(until) = &self.0 else { return Some(Duration::MAX) };
        let until = Duration::from_nanos(until.load(Ordering::SeqCst));
        let left = until.checked_sub(now.since_boot()).filter(|left| !left.is_zero())?;
        Some(left + LEASE_DURATION.saturating_sub(RENEW_DEADLINE))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// How long a leader is the leader without a renewal.
pub const LEASE_DURATION: Duration = Duration::from_secs(15);

/// How long a leader may fail to renew before it must stop: shorter than the lease, so that it stops before another starts.
pub const RENEW_DEADLINE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_begins_only_within_the_deadline_and_ends_before_the_lease_does() {
        let at = |seconds| BootInstant::after_boot(Duration::from_secs(seconds));
        let fence = Fence::closed();
        let left = |seconds| fence.time_for_a_call_at(at(seconds)).map(|left| left.as_secs());
        assert_eq!(left(100), None, "the lease was never held");
        fence.renewed(at(100));
        // The lease of 15 s runs out at 115; the last write begins before 110.
        for (now, expected) in [(100, Some(15)), (109, Some(6)), (110, None), (130, None)] {
            assert_eq!(left(now), expected, "{now}");
        }
        fence.renewed(at(108));
        assert_eq!(left(110), Some(13));
        fence.close();
        assert_eq!(left(110), None);
        assert!(Fence::open().is_open());
    }
}
