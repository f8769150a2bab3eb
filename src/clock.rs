//! The only reader of the system's clock: the real one, or a rehearsal clock that starts at a chosen instant and runs
//! faster, so that months of a contract can be rehearsed in a minute.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// Tells the time to everything that acts. Decisions get `now` as a parameter and never see this.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    rehearsal: Option<Rehearsal>,
}

#[derive(Clone, Debug)]
struct Rehearsal {
    start: Timestamp,
    speed: f64,
    anchor: Instant,
}

/// Why a rehearsal clock cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the rehearsal clock's speed must be above 0 and at most 10000000 times the real one, not {0}")]
pub struct SpeedError(f64);

impl Clock {
    /// The system's clock.
    pub fn real() -> Self {
        Clock { rehearsal: None }
    }

    /// A clock that shows `start` now and runs `speed` times as fast as the system's.
    ///
    /// # Errors
    /// When `speed` is not above 0 and at most ten million.
    pub fn rehearsal(start: Timestamp, speed: f64) -> Result<Self, SpeedError> {
        if !(speed > 0.0 && speed <= 10_000_000.0) {
            return Err(SpeedError(speed));
        }
        Ok(Clock { rehearsal: Some(Rehearsal { start, speed, anchor: Instant::now() }) })
    }

    /// The present instant, to the microsecond.
    pub fn now(&self) -> Timestamp {
        let instant = match &self.rehearsal {
            None => Timestamp::now(),
            Some(rehearsal) => {
                let elapsed = rehearsal.anchor.elapsed().as_secs_f64() * rehearsal.speed;
                SignedDuration::try_from_secs_f64(elapsed)
                    .ok()
                    .and_then(|elapsed| rehearsal.start.checked_add(elapsed).ok())
                    .unwrap_or(Timestamp::MAX)
            }
        };
        Timestamp::from_microsecond(instant.as_microsecond()).unwrap_or(instant)
    }

    /// How much real time passes until `instant`; zero if it is past.
    pub fn real_time_until(&self, instant: Timestamp) -> Duration {
        let ahead = instant.duration_since(self.now()).as_secs_f64();
        let speed = self.rehearsal.as_ref().map_or(1.0, |rehearsal| rehearsal.speed);
        Duration::try_from_secs_f64(ahead.max(0.0) / speed).unwrap_or(Duration::MAX)
    }

    /// Waits until this clock shows `instant`.
    pub async fn sleep_until(&self, instant: Timestamp) {
        // A machine that was suspended, or a system clock that was set, must not make a long wait longer: look again hourly.
        const LONGEST: Duration = Duration::from_secs(3_600);
        loop {
            let wait = self.real_time_until(instant);
            if wait.is_zero() {
                return;
            }
            tokio::time::sleep(wait.min(LONGEST)).await;
        }
    }

    /// Whether this is a rehearsal clock.
    pub fn is_rehearsal(&self) -> bool {
        self.rehearsal.is_some()
    }

    /// How many times as fast as the system's clock this one runs.
    pub fn speed(&self) -> f64 {
        self.rehearsal.as_ref().map_or(1.0, |rehearsal| rehearsal.speed)
    }
}

/// An instant of a clock that only goes forward, and goes on while the machine sleeps.
///
/// `std::time::Instant` stands still in a machine that is suspended: a lease would look fresh after a night.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootInstant(Duration);

impl BootInstant {
    /// The present instant.
    pub fn now() -> Self {
        #[cfg(target_os = "linux")]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
        // Elsewhere, as on macOS, the monotonic clock is the best there is.
        #[cfg(not(target_os = "linux"))]
        const CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
        let now = rustix::time::clock_gettime(CLOCK);
        let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
        let nanoseconds = u32::try_from(now.tv_nsec).unwrap_or_default();
        BootInstant(Duration::new(seconds, nanoseconds))
    }

    /// The instant this long after the machine's start.
    pub const fn after_boot(time: Duration) -> Self {
        BootInstant(time)
    }

    /// Time since the machine's start.
    pub const fn since_boot(self) -> Duration {
        self.0
    }

    /// Time since `earlier`; zero where that is later.
    pub fn since(self, earlier: BootInstant) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_boot_clock_is_the_one_that_counts_the_time_asleep() {
        // The kernel writes /proc/uptime from CLOCK_BOOTTIME, sleep included; CLOCK_MONOTONIC is behind it after a suspend.
        let uptime = || {
            let text = std::fs::read_to_string("/proc/uptime").unwrap();
            Duration::from_secs_f64(text.split(' ').next().unwrap().parse().unwrap())
        };
        let (before, found, after) = (uptime(), BootInstant::now().since_boot(), uptime());
        let tick = Duration::from_millis(20);
        assert!(before <= found + tick && found <= after + tick, "{before:?} {found:?} {after:?}");
    }

    #[test]
    fn a_rehearsal_clock_starts_where_it_is_told_and_runs_faster() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let clock = Clock::rehearsal(start, 1_000_000.0).unwrap();
        let first = clock.now();
        while Instant::now().duration_since(clock.rehearsal.as_ref().unwrap().anchor) < Duration::from_millis(2) {}
        assert!(first >= start && clock.now().duration_since(start).as_secs() >= 2_000);
        assert!(clock.real_time_until(start).is_zero());
    }

    #[test]
    fn impossible_speeds_are_refused() {
        for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Clock::rehearsal(Timestamp::UNIX_EPOCH, speed).is_err(), "{speed}");
        }
    }
}
