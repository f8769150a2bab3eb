//! The dispatcher: takes waiting messages from the outbox, groups them, and delivers them until their sinks have them.
//!
//! One delivery a sink at a time, in the order in which the messages were written. A sink that fails is left alone for longer and longer,
//! and no other sink waits for it. Namespaces are served in turn, and none takes the places that others need.

mod refreshing;
mod sending;
mod serving;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::SignedDuration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::mail::Mailer;
use crate::api::vendor_contract::{AlertSink, AlertSinkStatus};
use crate::domain::governance::scheduled_reports::ReportOrder;
use crate::evidence::{EvidenceStore, WaitingSink};
use crate::outbound::client::FeedClient;
use crate::outbound::credentials::CredentialSource;
use crate::view::package::Package;

/// What is known of a sink now, in addition to what its messages say.
#[derive(Clone, Debug, PartialEq)]
pub enum SinkNow {
    /// The contract has it.
    Known(Box<AlertSink>),
    /// The contract is there and no longer has it.
    Removed,
    /// The contract is gone: what the message says of the sink holds.
    ContractGone,
}

/// A report that is to be sent, as it can be made now.
#[derive(Clone, Debug, PartialEq)]
pub enum ReportNow {
    /// It is there.
    Ready(Box<Package>),
    /// It is there in a moment: the operator has just begun.
    Soon,
    /// Something of it is missing: it is tried again.
    NotYet(String),
    /// It will never be there.
    Never(String),
}

/// Knows the sinks of the contracts.
pub trait Sinks: Send + Sync {
    /// What goes out for an order of a contract's report.
    fn report(&self, contract_uid: &str, order: &ReportOrder) -> ReportNow;

    /// The sink of a contract as it is configured now.
    fn sink(&self, contract_uid: &str, sink: &str) -> SinkNow;

    /// The namespace of a contract, by which sinks are served in turn; `None` for a contract that is gone.
    fn namespace(&self, contract_uid: &str) -> Option<String>;

    /// Whether this process delivers what belongs to a namespace: another one may.
    fn works_in(&self, namespace: &str) -> bool;

    /// Called when what is known of a contract's sinks has changed: a failure began, changed or ended, or messages were given up.
    fn changed(&self, contract_uid: &str);
}

/// How the dispatcher goes about it.
#[derive(Clone, Debug)]
pub struct Pace {
    /// How long messages are collected before a group is sent. Default 1 s.
    pub group_wait: Duration,
    /// The pause after a first failure; doubled with each further one. Default 2 s.
    pub first_pause: Duration,
    /// The longest pause. Default 2 min.
    pub longest_pause: Duration,
    /// For one delivery. Default 15 s.
    pub timeout: Duration,
    /// How often active alerts are sent to Alertmanagers again. Default 1 min.
    pub refresh: Duration,
    /// How long a message is tried. Default 3 days.
    pub patience: SignedDuration,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            group_wait: Duration::from_secs(1),
            first_pause: Duration::from_secs(2),
            longest_pause: Duration::from_secs(120),
            timeout: Duration::from_secs(15),
            refresh: Duration::from_secs(60),
            patience: SignedDuration::from_hours(72),
        }
    }
}

/// The parts of a [`Dispatcher`].
pub struct Parts {
    /// Holds the outbox.
    pub store: Arc<dyn EvidenceStore>,
    /// Sends requests.
    pub client: FeedClient,
    /// Sends mail.
    pub mailer: Mailer,
    /// Reads Secrets.
    pub credentials: Arc<dyn CredentialSource>,
    /// Counts deliveries: kind of sink, outcome.
    pub count: Box<dyn Fn(&'static str, &'static str) + Send + Sync>,
    /// Shows how many messages wait.
    pub show_waiting: Box<dyn Fn(usize) + Send + Sync>,
    /// Whether this process may send what belongs to a namespace now: one whose lease ran out may not. The turn is held as long as
    /// the delivery takes.
    pub may_send: Box<dyn Fn(&str) -> Option<Turn> + Send + Sync>,
    /// How it goes about it.
    pub pace: Pace,
}

/// That this process may send, for as long as this is held.
pub type Turn = Box<dyn std::any::Any + Send + Sync>;

/// Delivers what the outbox holds. Cheap to clone.
#[derive(Clone)]
pub struct Dispatcher(Arc<Inner>);

struct Inner {
    parts: Parts,
    wake: Notify,
    states: Mutex<BTreeMap<SinkKey, SinkState>>,
}

/// UID of the contract and name of the sink.
type SinkKey = (String, String);

#[derive(Clone, Debug, Default)]
struct SinkState {
    failures: u32,
    not_before: Option<Instant>,
    failure: Option<String>,
    given_up: i64,
}

/// How many sinks are served at a time.
const CONCURRENCY: usize = 64;

/// How many sinks of one namespace are served at a time; more while half of all places are free. A sink that hangs keeps its place
/// until the deadline, and others must find one meanwhile.
const OF_A_NAMESPACE: usize = 4;

/// The outbox is read at least so often, whatever nobody has said.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

impl Dispatcher {
    /// A dispatcher of these parts; it does nothing before [`Self::run`].
    pub fn new(parts: Parts) -> Self {
        Dispatcher(Arc::new(Inner { parts, wake: Notify::new(), states: Mutex::default() }))
    }

    /// Says that messages were written.
    pub fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// The state of a contract's sinks: of those alone that fail, or have given messages up.
    pub fn status_of(&self, contract_uid: &str, sinks: &[AlertSink]) -> Vec<AlertSinkStatus> {
        let states = self.0.states();
        sinks
            .iter()
            .filter_map(|sink| {
                let state = states.get(&(contract_uid.to_owned(), sink.name.clone()))?;
                let SinkState { failure, given_up, .. } = state.clone();
                (failure.is_some() || given_up > 0).then(|| AlertSinkStatus {
                    name: sink.name.clone(),
                    failure,
                    given_up,
                })
            })
            .collect()
    }

    /// Forgets what is known of a contract's sinks.
    pub fn forget(&self, contract_uid: &str) {
        self.0.states().retain(|(uid, _), _| uid != contract_uid);
    }

    /// Delivers until `stop`. What is under way is broken off then; it stays in the outbox.
    pub async fn run(self, known: Arc<dyn Sinks>, stop: CancellationToken) {
        let work = async {
            tokio::join!(self.deliver(&known), self.refresh(&known));
        };
        tokio::select! {
            () = work => {}
            () = stop.cancelled() => {}
        }
    }

    async fn deliver(&self, known: &Arc<dyn Sinks>) {
        let mut under_way: JoinSet<SinkKey> = JoinSet::new();
        let mut busy = Busy::default();
        loop {
            let pause = match self.0.parts.store.waiting_sinks().await {
                Ok(waiting) => self.start(waiting, known, &mut under_way, &mut busy),
                Err(error) => {
                    tracing::warn!(%error, "the outbox of alerts cannot be read; trying again");
                    LONGEST_SLEEP
                }
            };
            tokio::select! {
                () = self.0.wake.notified() => tokio::time::sleep(self.0.parts.pace.group_wait).await,
                Some(ended) = under_way.join_next(), if !under_way.is_empty() => {
                    if let Ok(key) = ended {
                        busy.sinks.remove(&key);
                    }
                }
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Starts a delivery for each sink that has messages, is not being served and need not be left alone, as far as there are
    /// places. Returns how long to wait for the next that will be due.
    fn start(
        &self,
        waiting: Vec<WaitingSink>,
        known: &Arc<dyn Sinks>,
        under_way: &mut JoinSet<SinkKey>,
        busy: &mut Busy,
    ) -> Duration {
        let mut waiting = waiting;
        // Those of a contract that is gone say themselves where they belong.
        waiting.retain(|sink| known.namespace(&sink.contract_uid).is_none_or(|namespace| known.works_in(&namespace)));
        let count: i64 = waiting.iter().map(|sink| sink.messages).sum();
        (self.0.parts.show_waiting)(usize::try_from(count).unwrap_or_default());
        let now = Instant::now();
        let mut pause = LONGEST_SLEEP;
        let mut due: BTreeMap<String, VecDeque<SinkKey>> = BTreeMap::new();
        for WaitingSink { contract_uid, sink, .. } in waiting {
            let key = (contract_uid, sink);
            let left_alone = self.0.states().get(&key).and_then(|state| state.not_before).filter(|until| *until > now);
            if let Some(until) = left_alone {
                pause = pause.min(until.duration_since(now));
            } else if !busy.sinks.contains_key(&key) {
                let namespace = known.namespace(&key.0).unwrap_or_else(|| key.0.clone());
                due.entry(namespace).or_default().push_back(key);
            }
        }
        while let Some((namespace, key)) = busy.next(&mut due) {
            busy.sinks.insert(key.clone(), namespace);
            let (inner, known) = (self.0.clone(), known.clone());
            under_way.spawn(async move {
                inner.serve(&key, &*known).await;
                key
            });
        }
        pause.max(Duration::from_millis(10))
    }
}

/// The sinks that are being served, with their namespaces.
#[derive(Default)]
struct Busy {
    sinks: BTreeMap<SinkKey, String>,
}

impl Busy {
    /// The next sink to serve: of the namespace that has the fewest places, if it may have one more.
    fn next(&self, due: &mut BTreeMap<String, VecDeque<SinkKey>>) -> Option<(String, SinkKey)> {
        let total = self.sinks.len();
        let of = |namespace: &String| self.sinks.values().filter(|busy| *busy == namespace).count();
        let (count, namespace) = due.keys().map(|namespace| (of(namespace), namespace.clone())).min()?;
        let free = total < CONCURRENCY && (count < OF_A_NAMESPACE || total < CONCURRENCY / 2);
        let key = free.then(|| due.get_mut(&namespace)?.pop_front()).flatten()?;
        due.retain(|_, keys| !keys.is_empty());
        Some((namespace, key))
    }
}

impl Inner {
    fn states(&self) -> MutexGuard<'_, BTreeMap<SinkKey, SinkState>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
