//! Instants a while apart, up to the ends of time.

use jiff::{SignedDuration, Timestamp};

/// The instant that is `duration` after another one, at most the last one there is.
pub fn later(instant: Timestamp, duration: SignedDuration) -> Timestamp {
    instant.checked_add(duration).unwrap_or(Timestamp::MAX)
}

/// The instant that is `duration` before another one, at least the first one there is.
pub fn earlier(instant: Timestamp, duration: SignedDuration) -> Timestamp {
    instant.checked_sub(duration).unwrap_or(Timestamp::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_beyond_the_ends_of_time_is_the_end() {
        let (hour, noon) = (SignedDuration::from_hours(1), "2026-01-05T12:00:00Z".parse().unwrap());
        assert_eq!(later(noon, hour).to_string(), "2026-01-05T13:00:00Z");
        assert_eq!(earlier(noon, hour).to_string(), "2026-01-05T11:00:00Z");
        assert_eq!(later(Timestamp::MAX, hour), Timestamp::MAX);
        assert_eq!(earlier(Timestamp::MIN, hour), Timestamp::MIN);
    }
}
