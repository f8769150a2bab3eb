//! How far this machine's clock is from the API server's.
//!
//! A machine whose clock is a month ahead would make periods Final before their rows could come, and for ever. The API server's
//! clock is another machine's: while the two differ, nothing becomes Final, nothing is recorded, and no feed is asked.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use kube::Client;
use kube::client::Body;

use super::client::CALL_TIMEOUT;
use crate::clock::Clock;

/// By how much the clocks may differ, and how far ahead of the present an entry of the journal may be dated.
pub const MOST_APART: SignedDuration = SignedDuration::from_mins(5);
/// How often the API server is asked.
const PAUSE: Duration = Duration::from_secs(60);
/// How soon an object is looked at again of which something could not be recorded since the clocks differ: they are compared as often.
pub const CLOCKS_RETRY: Duration = PAUSE;
/// How soon after it did not answer.
const SHORT_PAUSE: Duration = Duration::from_secs(5);

/// What is known of the two clocks.
#[derive(Debug, Default)]
pub struct ApiClock(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// How far this machine's clock is ahead; `None` before the first answer.
    ahead: Option<SignedDuration>,
    /// What this machine's clock, and one that nobody sets, showed at the last comparison.
    compared: Option<(Timestamp, Instant)>,
    /// Those who were notified of this.
    announced: HashSet<String>,
}

impl Known {
    /// How far this machine's clock is ahead, where that is too much.
    fn difference(&self) -> Option<SignedDuration> {
        self.ahead.filter(|ahead| ahead.abs() > MOST_APART)
    }
}

impl ApiClock {
    /// Whether the clocks agree. Before the API server has answered once nobody knows, and nothing may rest on it; nor after this
    /// machine's clock has jumped, until they were compared again.
    pub fn agrees(&self) -> bool {
        self.agrees_at(Clock::real().now(), Instant::now())
    }

    fn agrees_at(&self, wall: Timestamp, steady: Instant) -> bool {
        let known = self.known();
        let jump = |(wall_then, steady_then): (Timestamp, Instant)| {
            let passed = SignedDuration::try_from(steady.saturating_duration_since(steady_then)).unwrap_or_default();
            (wall.duration_since(wall_then) - passed).abs()
        };
        known.ahead.is_some_and(|ahead| ahead.abs() <= MOST_APART)
            && known.compared.is_some_and(|compared| jump(compared) <= MOST_APART)
    }

    /// What to say of an object that waits for the clocks to agree, until [`ApiClock::announced`] says that it was said.
    pub fn news_for(&self, uid: &str) -> Option<String> {
        let known = self.known();
        let ahead = known.difference().filter(|_| !known.announced.contains(uid))?;
        let direction = if ahead.is_negative() { "behind" } else { "ahead of" };
        Some(format!(
            "the operator's clock is {:#} {direction} the API server's: nothing becomes Final, nothing is recorded, and no feed is asked, \
             until they agree; correct the clock of the one that is wrong",
            ahead.abs()
        ))
    }

    /// Takes note that the news was published of an object: it is not said again while the clocks differ.
    pub fn announced(&self, uid: &str) {
        let mut known = self.known();
        if known.difference().is_some() {
            known.announced.insert(uid.to_owned());
        }
    }

    /// Takes note of how far this machine's clock is ahead; returns whether it agrees now and did not before, or the other way round.
    pub fn note(&self, ahead: SignedDuration) -> bool {
        self.note_at(ahead, Clock::real().now(), Instant::now())
    }

    fn note_at(&self, ahead: SignedDuration, wall: Timestamp, steady: Instant) -> bool {
        let before = self.agrees_at(wall, steady);
        let mut known = self.known();
        known.ahead = Some(ahead);
        known.compared = Some((wall, steady));
        let agrees = ahead.abs() <= MOST_APART;
        if agrees {
            known.announced.clear();
        }
        agrees != before
    }

    /// Asks the API server again and again. `look` is called with how far this clock is ahead, and whether that changed what is allowed.
    pub async fn follow(&self, client: Client, look: impl Fn(SignedDuration, bool)) {
        loop {
            let pause = match difference(&client).await {
                Some(ahead) => {
                    let changed = self.note(ahead);
                    look(ahead, changed);
                    PAUSE
                }
                None => SHORT_PAUSE,
            };
            tokio::time::sleep(pause).await;
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How far this machine's clock is ahead of the API server's; `None` where that does not answer. A server that does not say its
/// time cannot be compared with, and is taken to agree.
async fn difference(client: &Client) -> Option<SignedDuration> {
    let request = axum::http::Request::get("/version").body(Body::empty()).ok()?;
    let response = tokio::time::timeout(CALL_TIMEOUT, client.send(request)).await.ok()?.ok()?;
    let date = response.headers().get("date").and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok());
    let Some(date) = date else { return Some(SignedDuration::ZERO) };
    Some(Clock::real().now().duration_since(Timestamp::try_from(date).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_may_become_final_before_the_clocks_are_known_to_agree_and_each_object_has_one_event() {
        let clock = ApiClock::default();
        assert!(!clock.agrees() && clock.news_for("uid-1").is_none(), "nobody knows yet");
        assert!(clock.note(SignedDuration::from_secs(2)) && clock.agrees());
        assert!(!clock.note(SignedDuration::from_mins(-5)) && clock.agrees());
        assert!(clock.note(SignedDuration::from_hours(24 * 31)) && !clock.agrees());
        let news = clock.news_for("uid-1").unwrap();
        assert!(news.contains("ahead of the API server's: nothing becomes Final, nothing is recorded"), "{news}");
        assert_eq!(clock.news_for("uid-1"), Some(news), "it was not published yet");
        clock.announced("uid-1");
        assert_eq!(clock.news_for("uid-1"), None);
        assert!(clock.news_for("uid-2").is_some());
        assert!(clock.note(SignedDuration::ZERO) && clock.agrees());
        clock.announced("uid-1");
        assert!(clock.note(SignedDuration::from_mins(-6)) && clock.news_for("uid-1").unwrap().contains("behind"));
    }

    #[test]
    fn after_a_jump_nothing_may_become_final_until_the_clocks_were_compared_again() {
        let (clock, steady) = (ApiClock::default(), Instant::now());
        let wall: Timestamp = "2026-01-30T12:00:00Z".parse().unwrap();
        assert!(clock.note_at(SignedDuration::ZERO, wall, steady));
        for (name, wall_minutes, steady_minutes, agrees) in [
            ("both go on", 3, 3, true),
            ("nobody answers for an hour", 60, 60, true),
            ("a little correction", 4, 0, true),
            ("an hour ahead", 61, 1, false),
            ("a month ahead", 31 * 24 * 60, 0, false),
            ("an hour back", -60, 1, false),
            ("the machine slept: its steady clock was still", 8 * 60, 0, false),
        ] {
            let at =
                (wall + SignedDuration::from_mins(wall_minutes), steady + Duration::from_secs(60 * steady_minutes));
            assert_eq!(clock.agrees_at(at.0, at.1), agrees, "{name}");
        }
        let awake = (wall + SignedDuration::from_hours(8), steady + Duration::from_secs(60));
        assert!(clock.note_at(SignedDuration::ZERO, awake.0, awake.1), "it is news that they agree again");
        assert!(clock.agrees_at(awake.0, awake.1));
    }

    #[tokio::test]
    async fn the_difference_is_read_from_the_answers_of_the_server() {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            for date in ["Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n", ""] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4_096];
                let _ = stream.read(&mut request).await.unwrap();
                let answer = format!("HTTP/1.1 200 OK\r\n{date}Content-Length: 2\r\nConnection: close\r\n\r\n{{}}");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
        });
        let mut config = kube::Config::new(format!("http://{address}").parse().unwrap());
        config.default_retry = false;
        let client = Client::try_from(config).unwrap();
        let ahead = difference(&client).await.unwrap();
        let expected = Clock::real().now().duration_since("2026-01-01T00:00:00Z".parse().unwrap());
        assert!((ahead - expected).abs() < SignedDuration::from_secs(60), "{ahead} {expected}");
        assert_eq!(difference(&client).await, Some(SignedDuration::ZERO), "a server that does not say its time");
        server.await.unwrap();
        assert_eq!(difference(&client).await, None, "a server that does not answer");
    }
}
