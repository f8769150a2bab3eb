//! The only reader of the system's clock: the real one, or a rehearsal's. A rehearsal clock starts at a chosen instant and runs faster,
//! so that months of a contract can be rehearsed in a minute, or is stopped and moved from instant to instant.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// The clock of everything that acts. Decisions get `now` as a parameter and never see this.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    source: Source,
}

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    Real,
    /// Shows `start` at `anchor`, and runs `speed` times as fast as the system's clock from there.
    Running { start: Timestamp, speed: f64, anchor: Instant },
    /// Shows the instant to which its [`Hand`] was moved last.
    Stepped(watch::Receiver<Timestamp>),
}

/// Why a rehearsal clock cannot be made.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("the rehearsal clock's speed must be above 0 and at most 10000000 times the real one, not {0}")]
pub struct SpeedError(f64);

/// Moves a stepped clock forward.
#[derive(Debug)]
pub struct Hand(watch::Sender<Timestamp>);

impl Hand {
    /// Moves the clock to an instant. `false`, and nothing happens, where that is not later than what it shows: no clock goes back.
    pub fn move_to(&self, instant: Timestamp) -> bool {
        self.0.send_if_modified(|shown| {
            let later = instant > *shown;
            if later {
                *shown = instant;
            }
            later
        })
    }
}

/// How long waits for an instant of a stepped clock last at most. A step ends such a wait by [`Clock::next_step`].
const UNTIL_A_STEP: Duration = Duration::from_secs(3_600);

impl Clock {
    /// The system's clock.
    pub fn real() -> Self {
        Clock { source: Source::Real }
    }

    /// A clock that shows `start` now and runs `speed` times as fast as the system's.
    ///
    /// # Errors
    /// When `speed` is not above 0 and at most ten million.
    pub fn rehearsal(start: Timestamp, speed: f64) -> Result<Self, SpeedError> {
        if !(speed > 0.0 && speed <= 10_000_000.0) {
            return Err(SpeedError(speed));
        }
        Ok(Clock { source: Source::Running { start, speed, anchor: Instant::now() } })
    }

    /// A rehearsal clock that is stopped at `start`, and the hand that moves it.
    pub fn stepped(start: Timestamp) -> (Self, Hand) {
        let (hand, shown) = watch::channel(start);
        (Clock { source: Source::Stepped(shown) }, Hand(hand))
    }

    /// The present instant, to the microsecond.
    pub fn now(&self) -> Timestamp {
        let instant = match &self.source {
            Source::Real => Timestamp::now(),
            Source::Running { start, speed, anchor } => {
                let elapsed = anchor.elapsed().as_secs_f64() * speed;
                SignedDuration::try_from_secs_f64(elapsed)
                    .ok()
                    .and_then(|elapsed| start.checked_add(elapsed).ok())
                    .unwrap_or(Timestamp::MAX)
            }
            Source::Stepped(shown) => *shown.borrow(),
        };
        Timestamp::from_microsecond(instant.as_microsecond()).unwrap_or(instant)
    }

    /// How much real time passes until `instant`; zero if it is past. Of a stepped clock nobody knows: an hour, or less by a step.
    pub fn real_time_until(&self, instant: Timestamp) -> Duration {
        let ahead = instant.duration_since(self.now()).as_secs_f64();
        if ahead > 0.0 && matches!(self.source, Source::Stepped(_)) {
            return UNTIL_A_STEP;
        }
        Duration::try_from_secs_f64(ahead.max(0.0) / self.speed()).unwrap_or(Duration::MAX)
    }

    /// Waits for the next step of a stepped clock after what `seen` holds, which then holds the new instant. Other clocks take none.
    pub async fn next_step(&self, seen: &mut Timestamp) {
        let before = *seen;
        if let Source::Stepped(shown) = &self.source
            && let Ok(instant) = shown.clone().wait_for(|instant| *instant > before).await.map(|instant| *instant)
        {
            *seen = instant;
            return;
        }
        std::future::pending().await
    }

    /// Whether this is a rehearsal clock.
    pub fn is_rehearsal(&self) -> bool {
        !matches!(self.source, Source::Real)
    }

    /// How many times as fast as the system's clock this one runs. Steps take no time at all: infinitely.
    pub fn speed(&self) -> f64 {
        match self.source {
            Source::Real => 1.0,
            Source::Running { speed, .. } => speed,
            Source::Stepped(_) => f64::INFINITY,
        }
    }
}

/// An instant of a clock that only goes forward, and goes on while the machine sleeps.
///
/// `std::time::Instant` stops in a machine that is suspended: a lease would look fresh after a night.
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
    fn a_rehearsal_clock_starts_at_its_instant_and_runs_faster() {
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let clock = Clock::rehearsal(start, 1_000_000.0).unwrap();
        let first = clock.now();
        while clock.now().duration_since(start).as_secs() < 2_000 {}
        assert!(first >= start && first.duration_since(start).as_secs() < 3_600_000);
        assert!(clock.real_time_until(start).is_zero());
    }

    #[test]
    fn impossible_speeds_are_refused() {
        for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Clock::rehearsal(Timestamp::UNIX_EPOCH, speed).is_err(), "{speed}");
        }
    }

    #[tokio::test]
    async fn a_stepped_clock_stops_until_its_hand_moves_and_never_goes_back() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let (clock, hand) = Clock::stepped(at("2026-01-01T00:00:00Z"));
        let (twin, mut seen) = (clock.clone(), clock.now());
        assert!(clock.is_rehearsal() && !clock.real_time_until(at("2026-01-01T00:00:01Z")).is_zero());
        // From, to, whether it moves.
        for (to, moves) in
            [("2026-02-01T00:00:00Z", true), ("2026-01-15T00:00:00Z", false), ("2026-02-01T00:00:00Z", false)]
        {
            assert_eq!(hand.move_to(at(to)), moves, "{to}");
            assert_eq!([clock.now(), twin.now()], [at("2026-02-01T00:00:00Z"); 2]);
        }
        clock.next_step(&mut seen).await;
        assert_eq!(seen, clock.now());
        assert!(clock.real_time_until(seen).is_zero());
        let again = tokio::time::timeout(Duration::from_millis(20), clock.next_step(&mut seen));
        assert!(again.await.is_err(), "one step is one step");
    }
}
