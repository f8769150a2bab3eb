//! The inbox: who may push to which feed, how much and how often, and how a push is read.
//!
//! Every refusal of a token is the same, whatever it is refused for; nothing of a body is read before the token is known.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::{Stream, StreamExt};
use hyper::body::Bytes;
use ring::hmac;
use ring::rand::SystemRandom;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::scheduler::{FeedTask, Pushed, Scheduler};
use super::time_window::Window;
use crate::api::INBOX_ANNOTATION;
use crate::outbound::body::{BodyReader, Encoding};
use crate::outbound::client::{FeedClient, Page, SMALL_BODY, Validators};
use crate::outbound::credentials::CredentialSource;
use crate::outbound::error::{FailureKind, FetchError};
use crate::outbound::secret::{Redactor, SecretValue};

/// Pushes in flight, over all feeds.
const IN_FLIGHT: usize = 8;
/// For how long a Secret is used as it was read.
const KNOWN_FOR: Duration = Duration::from_secs(15);
/// Secrets remembered.
const MOST_KNOWN: usize = 1_024;
/// A shorter token could be guessed.
const SHORTEST_TOKEN: usize = 16;
/// Pushes of one feed, and how many of them may come at once.
const PER_FEED: Rate = Rate { per_minute: 30, at_once: 10 };
/// Pushes of all feeds of a namespace.
const PER_NAMESPACE: Rate = Rate { per_minute: 120, at_once: 40 };
/// How long a body may take.
const LONGEST_BODY: Duration = Duration::from_secs(60);

/// Why a push is not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such inbox, or the token is not its.
    Unauthorised,
    /// The contract is suspended.
    Suspended,
    /// There are too many: again after so long.
    TooMany(Duration),
    /// The inbox has no place at the moment.
    Busy,
    /// The body cannot be taken in.
    Body(FetchError),
}

/// A push that may come.
#[derive(Debug)]
pub struct Admitted {
    task: FeedTask,
    token: SecretValue,
    _place: OwnedSemaphorePermit,
}

/// Takes what is pushed.
pub struct Inbox {
    scheduler: Scheduler,
    source: Arc<dyn CredentialSource>,
    known: Mutex<HashMap<(String, String, String), Known>>,
    feeds: Mutex<Turns>,
    namespaces: Mutex<Turns>,
    places: Arc<Semaphore>,
    /// Of this process alone: by it texts are compared in a time that says nothing of them.
    key: hmac::Key,
}

/// A token as it was read.
#[derive(Clone)]
struct Known {
    token: Option<SecretValue>,
    read: Instant,
}

/// How often something may happen.
#[derive(Clone, Copy, Debug)]
struct Rate {
    per_minute: u32,
    at_once: u32,
}

/// By name, when the next turn would be due if none came early.
type Turns = HashMap<String, Instant>;

/// Takes a turn, or says how long to wait for the next one.
fn turn(turns: &mut Turns, name: &str, rate: Rate, now: Instant) -> Result<(), Duration> {
    let pause = Duration::from_secs(60) / rate.per_minute.max(1);
    let early = pause * rate.at_once.saturating_sub(1);
    turns.retain(|_, due| *due > now);
    let due = turns.get(name).copied().unwrap_or(now).max(now);
    match due.duration_since(now).checked_sub(early) {
        Some(wait) if !wait.is_zero() => Err(wait),
        _ => {
            turns.insert(name.to_owned(), due + pause);
            Ok(())
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inbox {
    /// An inbox for the feeds of a scheduler. `None` where the machine has no random numbers.
    pub fn new(scheduler: Scheduler, source: Arc<dyn CredentialSource>) -> Option<Self> {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).ok()?;
        Some(Inbox {
            scheduler,
            source,
            known: Mutex::default(),
            feeds: Mutex::default(),
            namespaces: Mutex::default(),
            places: Arc::new(Semaphore::new(IN_FLIGHT)),
            key,
        })
    }

    /// Lets a push in, by the token that it carries.
    ///
    /// # Errors
    /// Why it may not come.
    pub async fn admit(
        &self,
        (namespace, contract, feed): (&str, &str, &str),
        token: Option<&[u8]>,
    ) -> Result<Admitted, Refusal> {
        let task = self.scheduler.inbox_of(namespace, contract, feed);
        let expected = match &task {
            Some(task) => self.token_of(task).await,
            None => None,
        };
        let is_it = self.is_same(token.unwrap_or_default(), expected.as_ref().map_or(&[], SecretValue::reveal_line));
        let (Some(task), Some(token), true) = (task, expected, is_it && token.is_some()) else {
            return Err(Refusal::Unauthorised);
        };
        if task.suspended {
            return Err(Refusal::Suspended);
        }
        let now = Instant::now();
        let name = format!("{namespace}/{contract}/{feed}");
        turn(&mut lock(&self.feeds), &name, PER_FEED, now).map_err(Refusal::TooMany)?;
        turn(&mut lock(&self.namespaces), namespace, PER_NAMESPACE, now).map_err(Refusal::TooMany)?;
        let place = self.places.clone().try_acquire_owned().map_err(|_| Refusal::Busy)?;
        Ok(Admitted { task, token, _place: place })
    }

    /// Whether two texts are the same, in a time that says nothing of either.
    fn is_same(&self, given: &[u8], expected: &[u8]) -> bool {
        let tag = hmac::sign(&self.key, given);
        hmac::verify(&self.key, expected, tag.as_ref()).is_ok() && expected.len() >= SHORTEST_TOKEN
    }

    /// The token of a feed's inbox; `None` where its Secret has none, or its owner did not mean it for one.
    async fn token_of(&self, task: &FeedTask) -> Option<SecretValue> {
        let reference = &task.feed.inbox.as_ref()?.token_secret_ref;
        let key = (task.namespace.clone(), reference.name.clone(), reference.key.clone());
        let known = lock(&self.known).get(&key).filter(|known| known.read.elapsed() < KNOWN_FOR).cloned();
        if let Some(known) = known {
            return known.token;
        }
        let read = self.source.secret(&task.namespace, &reference.name).await;
        let meant = |annotations: &std::collections::BTreeMap<String, String>| {
            annotations.get(INBOX_ANNOTATION).is_some_and(|value| value == "true")
        };
        let secret = read.ok().filter(|secret| meant(&secret.annotations));
        let token = secret.and_then(|secret| secret.data.get(&reference.key).cloned());
        let mut known = lock(&self.known);
        if known.len() >= MOST_KNOWN {
            known.clear();
        }
        known.insert(key, Known { token: token.clone(), read: Instant::now() });
        token
    }

    /// Takes a body in, reads it and commits it. `about` is the stretch of time that it says it is about.
    ///
    /// # Errors
    /// Why the body cannot be taken in; what is wrong with what it says is in the outcome.
    pub async fn take<E>(
        &self,
        admitted: Admitted,
        about: Option<Window>,
        encoding: Encoding,
        media_type: Option<String>,
        body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<Pushed, Refusal> {
        let client = self.scheduler.client();
        let reading = receive(&client, &admitted.task.namespace, encoding, media_type, body);
        let page = tokio::time::timeout(LONGEST_BODY, reading).await.unwrap_or_else(|_| {
            let message = format!("the body took more than {} s to come", LONGEST_BODY.as_secs());
            Err(FetchError::new(FailureKind::Timeout, message))
        });
        let page = page.map_err(Refusal::Body)?;
        let mut redactor = Redactor::default();
        redactor.add(admitted.token.clone());
        self.scheduler.push(&admitted.task, about, page, redactor).await.ok_or(Refusal::Busy)
    }
}

/// Reads a body within the bounds of every answer.
async fn receive<E>(
    client: &FeedClient,
    namespace: &str,
    encoding: Encoding,
    media_type: Option<String>,
    mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
) -> Result<Page, FetchError> {
    let mut reader = BodyReader::new(client.body_limits(), encoding);
    let mut reserved = None;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|_| FetchError::new(FailureKind::Connect, "the body broke off"))?;
        reader.push(&piece)?;
        if reserved.is_none() && reader.kept() > SMALL_BODY {
            reserved = client.room_for_a_body(namespace).await;
        }
    }
    let body = reader.finish()?;
    Ok(Page { body, media_type, links: Vec::new(), validators: Validators::default(), date: None, reserved })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_pushes_may_come_at_once_and_then_one_each_pause_of_each_name() {
        let (mut turns, start) = (Turns::new(), Instant::now());
        let rate = Rate { per_minute: 30, at_once: 3 };
        let mut at = |name: &str, seconds: f64| {
            turn(&mut turns, name, rate, start + Duration::from_secs_f64(seconds)).map_err(|wait| wait.as_secs_f64())
        };
        for (name, seconds, expected) in [
            ("a", 0.0, Ok(())),
            ("a", 0.0, Ok(())),
            ("a", 0.0, Ok(())),
            ("a", 0.0, Err(2.0)),
            ("a", 1.5, Err(0.5)),
            ("b", 1.5, Ok(())),
            ("a", 2.0, Ok(())),
            ("a", 2.0, Err(2.0)),
            ("a", 60.0, Ok(())),
            ("a", 60.0, Ok(())),
            ("a", 60.0, Ok(())),
            ("a", 60.0, Err(2.0)),
        ] {
            assert_eq!(at(name, seconds), expected, "{name} at {seconds}");
        }
    }
}
