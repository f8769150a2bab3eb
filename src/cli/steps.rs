//! A rehearsal clock that a file moves: it is stopped at the instant in the file until the file holds a later one.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::{Clock, Hand};
use crate::outbound::error::presentable;

/// How often the file is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// The clock that a file moves. The file is followed as long as the process lives.
///
/// # Errors
/// When the file does not hold an instant now; the message says what to write.
pub(super) fn clock_in(file: &Path) -> Result<Clock, String> {
    let (clock, hand) = Clock::stepped(read(file)?);
    tokio::spawn(follow(file.to_owned(), hand));
    Ok(clock)
}

fn read(file: &Path) -> Result<Timestamp, String> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| format!("--clock-steps {shown}: {error}"))?;
    text.trim().parse().map_err(|_| {
        let found = presentable(text.trim(), 40);
        format!("--clock-steps {shown}: {found:?} is not an instant; write one, such as 2026-03-01T07:00:00Z")
    })
}

async fn follow(file: PathBuf, hand: Hand) {
    let mut looks = tokio::time::interval(LOOK);
    let mut last_error = None;
    loop {
        looks.tick().await;
        match read(&file) {
            Ok(instant) => {
                if hand.move_to(instant) {
                    tracing::info!(%instant, "REHEARSAL: the clock has moved");
                }
                last_error = None;
            }
            // A file that is being written holds nothing for a moment; what stays wrong is reported once.
            Err(why) if last_error.as_ref() != Some(&why) => {
                tracing::warn!(why, "REHEARSAL: the clock is stopped");
                last_error = Some(why);
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_clock_follows_the_file_forward_and_stops_where_the_file_says_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("now");
        assert!(clock_in(&file).unwrap_err().starts_with("--clock-steps "));
        std::fs::write(&file, "tomorrow\n").unwrap();
        let refused = clock_in(&file).unwrap_err();
        assert!(
            refused.ends_with("\"tomorrow\" is not an instant; write one, such as 2026-03-01T07:00:00Z"),
            "{refused}"
        );
        std::fs::write(&file, "2026-03-01T07:00:00Z\n").unwrap();
        let clock = clock_in(&file).unwrap();
        let mut seen = clock.now();
        for text in ["", "2026-02-01T00:00:00Z", "2026-03-02T07:00:00Z"] {
            std::fs::write(&file, text).unwrap();
        }
        tokio::time::timeout(Duration::from_secs(30), clock.next_step(&mut seen)).await.unwrap();
        assert_eq!(seen.to_string(), "2026-03-02T07:00:00Z");
    }
}
