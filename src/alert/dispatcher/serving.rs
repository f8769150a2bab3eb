//! Serving one sink: its messages are read, sent in their order, and what became of them is kept.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{Inner, LONGEST_SLEEP, Pace, ReportNow, SinkKey, SinkNow, SinkState, Sinks};
use crate::alert::envelope::{Envelope, Message};
use crate::alert::sinks::{self, MOST_MESSAGES};
use crate::api::vendor_contract::AlertSink;
use crate::clock::Clock;
use crate::evidence::{Delivery, OutboxMessage};
use crate::outbound::error::{FetchError, presentable};

impl Inner {
    pub(super) async fn serve(&self, key: &SinkKey, known: &dyn Sinks) {
        let namespace = match known.namespace(&key.0) {
            Some(namespace) => namespace,
            None => self.messages_of(key, 1).await.iter().find_map(namespace_of).unwrap_or_default(),
        };
        // Held before the messages are read: another process may have delivered those that were read before.
        let Some(_turn) = (self.parts.may_send)(&namespace) else { return self.wait_a_moment(key) };
        let messages = self.messages_of(key, MOST_MESSAGES).await;
        let ids: Vec<i64> = messages.iter().map(|message| message.id).collect();
        let (mut opened, mut unreadable) = (Vec::new(), Vec::new());
        for message in &messages {
            match Message::open(message) {
                Ok(message) => opened.push(message),
                Err(_) => unreadable.push(message.id),
            }
        }
        self.settle(key, unreadable, Delivery::Withdrawn("the message cannot be read".to_owned()), "none", known).await;
        let Some(first) = opened.first() else { return };
        let sink = match known.sink(&key.0, &key.1) {
            SinkNow::Known(sink) => *sink,
            SinkNow::ContractGone => first.envelope.sink.clone(),
            SinkNow::Removed => return self.withdraw(ids).await,
        };
        self.serve_opened(key, &sink, opened, known).await;
    }

    /// The messages that wait for a sink; none, and the sink is left alone, where they cannot be read.
    async fn messages_of(&self, key: &SinkKey, limit: usize) -> Vec<OutboxMessage> {
        self.parts.store.waiting_messages_of(&key.0, &key.1, limit).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "the messages for a sink cannot be read; trying again");
            self.states().entry(key.clone()).or_default().not_before = Some(Instant::now() + LONGEST_SLEEP);
            Vec::new()
        })
    }

    /// Withdraws what was meant for an alert that was taken out of its contract. That is its owner's will and not a failure.
    async fn withdraw(&self, ids: Vec<i64>) {
        let why = Delivery::Withdrawn("the contract no longer has this alert".to_owned());
        if let Err(error) = self.parts.store.settle_messages(ids, why, Clock::real().now()).await {
            tracing::warn!(%error, "messages for an alert that is gone could not be struck out");
        }
    }

    async fn serve_opened(&self, key: &SinkKey, sink: &AlertSink, group: Vec<Message>, known: &dyn Sinks) {
        let kind = sinks::kind_of(sink);
        let mut groups = VecDeque::from(in_turn(group));
        while let Some(group) = groups.pop_front() {
            let tenant = group.first().map(|message| message.envelope.namespace.as_str()).unwrap_or_default();
            if (self.parts.may_send)(tenant).is_none() {
                return self.wait_a_moment(key);
            }
            let order = group.first().and_then(|first| first.envelope.report.as_ref());
            let report = order.map(|order| known.report(&key.0, order));
            if report == Some(ReportNow::Soon) {
                return self.wait_a_moment(key);
            }
            for (ids, result) in self.send(sink, &group, report).await {
                match result {
                    Ok(()) => {
                        say(&group, &ids, "an alert was delivered");
                        self.settle(key, ids, Delivery::Delivered, kind, known).await;
                    }
                    Err(failure) if failure.refused && ids.len() > 1 => {
                        // One message that is refused must not take the others with it.
                        groups.extend(group.iter().filter(|one| ids.contains(&one.id)).map(|one| vec![one.clone()]));
                    }
                    Err(failure) if failure.refused => {
                        say(&group, &ids, "an alert was refused by its receiver, and is given up");
                        self.settle(key, ids, Delivery::GivenUp(failure.error.message), kind, known).await;
                    }
                    Err(failure) => return self.fail(key, ids, &group, failure.error, kind, known).await,
                }
            }
        }
    }

    /// Leaves a sink alone for a moment: its messages wait until this process may send, or go out from the one that may; and a report
    /// until its contract was judged.
    fn wait_a_moment(&self, key: &SinkKey) {
        self.states().entry(key.clone()).or_default().not_before = Some(Instant::now() + Duration::from_secs(1));
    }

    /// A delivery that failed: the messages wait, but for those that have waited too long.
    async fn fail(
        &self,
        key: &SinkKey,
        ids: Vec<i64>,
        group: &[Message],
        error: FetchError,
        kind: &'static str,
        known: &dyn Sinks,
    ) {
        let oldest = Clock::real().now().checked_sub(self.parts.pace.patience).unwrap_or(Timestamp::MIN);
        let written = |id: &i64| group.iter().find(|message| message.id == *id).map(|message| message.written_at);
        let (given_up, waiting): (Vec<i64>, Vec<i64>) =
            ids.into_iter().partition(|id| written(id).is_some_and(|written| written < oldest));
        let pause = {
            let mut states = self.states();
            let state = states.entry(key.clone()).or_default();
            state.failures = state.failures.saturating_add(1);
            let Pace { first_pause, longest_pause, .. } = self.parts.pace;
            let pause = first_pause.saturating_mul(1 << (state.failures - 1).min(16)).min(longest_pause);
            let pause = error.retry_after.unwrap_or_default().max(pause);
            state.not_before = Some(Instant::now() + pause.mul_f64(0.75 + 0.5 * fastrand::f64()));
            pause
        };
        let (uid, sink) = key;
        tracing::warn!(contract_uid = uid, sink, %error, wait_seconds = pause.as_secs_f64(), "alerts could not be delivered and are tried again");
        say(group, &given_up, "an alert is given up: it has waited for too long");
        self.settle(key, given_up, Delivery::GivenUp(error.message.clone()), kind, known).await;
        self.settle(key, waiting, Delivery::Failed(error.message), kind, known).await;
    }

    /// Keeps what became of messages, and shows it.
    async fn settle(&self, key: &SinkKey, ids: Vec<i64>, delivery: Delivery, kind: &'static str, known: &dyn Sinks) {
        if ids.is_empty() {
            return;
        }
        let count = ids.len();
        let settled = self.parts.store.settle_messages(ids, delivery.clone(), Clock::real().now()).await;
        if let Err(error) = settled {
            // They are still in the outbox and go out again, under the same names.
            tracing::warn!(%error, "what became of alerts could not be kept");
            self.states().entry(key.clone()).or_default().not_before = Some(Instant::now() + LONGEST_SLEEP);
            return;
        }
        let outcome = match &delivery {
            Delivery::Delivered => "delivered",
            Delivery::Failed(_) => "failed",
            Delivery::GivenUp(_) | Delivery::Withdrawn(_) => "given_up",
        };
        (0..count).for_each(|_| (self.parts.count)(kind, outcome));
        if self.note(key, &delivery, count) {
            known.changed(&key.0);
        }
    }

    /// Takes note of a sink's state; returns whether what a status shows of it has changed.
    fn note(&self, key: &SinkKey, delivery: &Delivery, count: usize) -> bool {
        let mut states = self.states();
        let state = states.entry(key.clone()).or_default();
        let before = (state.failure.clone(), state.given_up);
        match delivery {
            Delivery::Delivered => {
                let given_up = state.given_up;
                *state = SinkState { given_up, ..SinkState::default() };
            }
            Delivery::Failed(why) => state.failure = Some(presentable(why, 240)),
            Delivery::GivenUp(_) | Delivery::Withdrawn(_) => {
                state.given_up = state.given_up.saturating_add(i64::try_from(count).unwrap_or(i64::MAX));
            }
        }
        before != (state.failure.clone(), state.given_up)
    }
}

/// The messages in the deliveries in which they go, in order: alerts together, each report by itself.
fn in_turn(messages: Vec<Message>) -> Vec<Vec<Message>> {
    let mut groups: Vec<Vec<Message>> = Vec::new();
    for message in messages {
        let is_report = message.envelope.report.is_some();
        match groups.last_mut() {
            Some(group) if !is_report && group.iter().all(|other| other.envelope.report.is_none()) => {
                group.push(message)
            }
            _ => groups.push(vec![message]),
        }
    }
    groups
}

fn namespace_of(message: &OutboxMessage) -> Option<String> {
    Message::open(message).ok().map(|message| message.envelope.namespace)
}

/// A line of the log for each of these messages.
fn say(group: &[Message], ids: &[i64], what: &str) {
    for message in group.iter().filter(|message| ids.contains(&message.id)) {
        let Envelope { namespace, contract, sink, alert, .. } = &message.envelope;
        let (summary, says) = (presentable(&alert.summary, 240), message.kind.as_str());
        tracing::info!(namespace, contract, alert = sink.name, says, summary, "{what}");
    }
}
