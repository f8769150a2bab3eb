//! What keeps replicas busy, and how nothing of it is on its way when one of them is lost.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use crate::harness::Place;
use crate::receiver::{Received, Receiver};

/// Terms change with each fifth round.
const CHANGE_TERMS: u64 = 5;

/// Rounds of changes, until they are over.
#[derive(Default)]
pub(crate) struct Busy {
    over: AtomicBool,
    rounds: AtomicU64,
    /// No alert may be asked for.
    quiet: AtomicBool,
    /// The instant of the trial that was asked for last, by namespace.
    asked: Mutex<BTreeMap<String, String>>,
}

impl Busy {
    /// Keeps changing objects of a contract `care` and a tier `gold` in these places, so that there is always something to judge, store and
    /// announce, until it is over.
    pub(crate) async fn keep(&self, places: &[Place]) {
        while !self.over.load(Ordering::SeqCst) {
            let round = self.rounds.fetch_add(1, Ordering::SeqCst);
            for place in places {
                if round.is_multiple_of(CHANGE_TERMS) {
                    let rank = format!(r#"{{"spec":{{"rank":{}}}}}"#, 1 + round / CHANGE_TERMS % 2);
                    place.kubectl(&["patch", "st", "gold", "--type=merge", "-p", &rank]).await;
                }
                if !self.quiet.load(Ordering::SeqCst) {
                    self.ask_for_a_trial(place).await;
                }
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    async fn ask_for_a_trial(&self, place: &Place) {
        let asked = Timestamp::now().to_string();
        let trial = format!("bpo-operator.io/alert-test=hook at {asked}");
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(place.namespace.clone(), asked);
        place.kubectl(&["annotate", "vc", "care", "--overwrite", &trial]).await;
    }

    /// Asks for no more alerts, and waits until the last ones that were asked for have come. Terms that have just changed hold an alert back
    /// until they have settled, and it is in no outbox before.
    pub(crate) async fn quieten(&self, patience: Duration, place: &Place, receiver: &Receiver) {
        self.quiet.store(true, Ordering::SeqCst);
        // One more round may have begun.
        let begun = self.rounds.load(Ordering::SeqCst);
        let over = async || (self.rounds.load(Ordering::SeqCst) > begun + 1).then_some(());
        place.eventually_within(patience, "the rounds that ask for alerts are over", over).await;
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let came = async || {
            let alerts: Vec<_> = receiver.taken().iter().flat_map(Received::alerts).collect();
            let has_come = |(namespace, instant): (&String, &String)| {
                let is_it =
                    |labels: &serde_json::Value| labels["namespace"] == **namespace && labels["asked_at"] == **instant;
                alerts.iter().any(|alert| is_it(&alert["labels"]))
            };
            asked.iter().all(has_come).then_some(())
        };
        place.eventually_within(patience, &format!("the alerts {asked:?} come"), came).await;
    }

    /// Asks for alerts again.
    pub(crate) fn ask_again(&self) {
        self.quiet.store(false, Ordering::SeqCst);
    }

    /// Ends the rounds.
    pub(crate) fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }
}
