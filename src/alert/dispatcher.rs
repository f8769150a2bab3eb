//! The dispatcher: takes waiting messages from the outbox, groups them, and delivers them until their sinks have them.
//!
//! One delivery a sink at a time, in the order in which the messages were written. A sink that fails is left alone for longer and longer,
//! and no other sink waits for it. Namespaces are served in turn, and none takes the places that others need.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use lettre::Message as Mail;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::envelope::{Envelope, Message};
use super::mail::{MailLogin, Mailer};
use super::sinks::{self, MOST_MESSAGES, Outgoing};
use crate::api::vendor_contract::{AlertSink, AlertSinkStatus, EmailSink};
use crate::clock::Clock;
use crate::domain::governance::scheduled_reports::ReportOrder;
use crate::domain::terms::mail_server::MailServer;
use crate::evidence::{Delivery, EvidenceStore, OutboxMessage, WaitingSink};
use crate::outbound::client::{FeedClient, PostError, PostRequest};
use crate::outbound::credentials::{CredentialSource, SecretReader};
use crate::outbound::error::{FailureKind, FetchError, presentable};
use crate::outbound::secret::SecretValue;
use crate::view::package::Package;

/// What is known of a sink now, besides what its messages say.
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

    /// Told when what is known of a contract's sinks has changed: a failure began, changed or ended, or messages were given up.
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
    /// How often Alertmanagers are told again of what stands. Default 1 min.
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
    /// Whether this process may send what belongs to a namespace now: one whose lease ran out may not. What it gives is held as long as
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

/// How many contracts of one namespace have their Alertmanagers refreshed at a time.
const REFRESHED_AT_ONCE: usize = 4;

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

    /// How it stands with the sinks of a contract: those alone that fail, or have given messages up.
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
    /// places. Gives how long to wait for the next that will be due.
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

    /// Refreshes Alertmanagers, since they forget what nobody repeats. Each namespace for itself: an Alertmanager that hangs must
    /// not let others' alerts end.
    async fn refresh(&self, known: &Arc<dyn Sinks>) {
        let mut under_way: JoinSet<String> = JoinSet::new();
        let mut busy = BTreeSet::new();
        loop {
            tokio::time::sleep(self.0.parts.pace.refresh).await;
            while let Some(ended) = under_way.try_join_next() {
                if let Ok(namespace) = ended {
                    busy.remove(&namespace);
                }
            }
            let contracts = match self.0.parts.store.contracts_with_alerts().await {
                Ok(contracts) => contracts,
                Err(error) => {
                    tracing::warn!(%error, "the active alerts cannot be read; trying again");
                    continue;
                }
            };
            let mut by_namespace: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for uid in contracts {
                let namespace = known.namespace(&uid);
                if namespace.as_ref().is_none_or(|namespace| known.works_in(namespace)) {
                    by_namespace.entry(namespace.unwrap_or_else(|| uid.clone())).or_default().push(uid);
                }
            }
            for (namespace, uids) in by_namespace {
                if busy.insert(namespace.clone()) {
                    let (inner, known) = (self.0.clone(), known.clone());
                    under_way.spawn(async move {
                        inner.refresh_namespace(uids, &*known).await;
                        namespace
                    });
                }
            }
        }
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

    async fn serve(&self, key: &SinkKey, known: &dyn Sinks) {
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

    /// Gives up what was meant for an alert that was taken out of its contract. That is its owner's will and no failure.
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

    /// Takes note of a sink's state; gives whether what a status shows of it has changed.
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

    async fn send(
        &self,
        sink: &AlertSink,
        group: &[Message],
        report: Option<ReportNow>,
    ) -> Vec<(Vec<i64>, Result<(), PostError>)> {
        let all = || group.iter().map(|message| message.id).collect::<Vec<_>>();
        let Some(first) = group.first() else { return Vec::new() };
        let tenant = first.envelope.namespace.as_str();
        if let Some(report) = report {
            return vec![(all(), self.send_report(sink, first, report).await)];
        }
        if let Some(email) = &sink.email {
            let mail = sinks::mail::render(email, group).map_err(PostError::from);
            return vec![(all(), self.send_mail(email, mail, tenant).await)];
        }
        let secret = match self.secret(sink, tenant).await {
            Ok(secret) => secret,
            Err(error) => return vec![(all(), Err(error.into()))],
        };
        let url = match sinks::address_of(sink, secret.as_ref()) {
            Ok(url) => url,
            Err(error) => return vec![(all(), Err(error.into()))],
        };
        let mut results = Vec::new();
        for outgoing in sinks::render(sink, group, secret.as_ref(), Clock::real().now()) {
            // A Secret was read since the last look, which may have taken its time.
            if (self.parts.may_send)(tenant).is_none() {
                break;
            }
            let ids = outgoing.messages.clone();
            let result = self.post(&url, outgoing, tenant).await;
            let failed = matches!(&result, Err(failure) if !failure.refused);
            results.push((ids, result));
            if failed {
                break;
            }
        }
        results
    }

    async fn send_report(&self, sink: &AlertSink, message: &Message, report: ReportNow) -> Result<(), PostError> {
        let never = |why: &str| PostError { error: FetchError::new(FailureKind::Mapping, why), refused: true };
        let tenant = message.envelope.namespace.as_str();
        let package = match report {
            ReportNow::Ready(package) => package,
            ReportNow::Soon => return Err(FetchError::new(FailureKind::Mapping, "the report is not there").into()),
            ReportNow::NotYet(why) => return Err(FetchError::new(FailureKind::Mapping, why).into()),
            ReportNow::Never(why) => return Err(never(&why)),
        };
        if let Some(email) = &sink.email {
            return self
                .send_mail(email, sinks::mail::report(email, message, &package).map_err(PostError::from), tenant)
                .await;
        }
        if sink.webhook.is_none() {
            return Err(never("a report goes to email and webhooks, and the alert is neither"));
        }
        let secret = self.secret(sink, tenant).await?;
        let url = sinks::address_of(sink, secret.as_ref())?;
        if (self.parts.may_send)(tenant).is_none() {
            return Err(
                FetchError::new(FailureKind::Timeout, "the lease ran out before the report could be sent").into()
            );
        }
        self.post(&url, sinks::report(message, &package, secret.as_ref(), Clock::real().now()), tenant).await
    }

    async fn post(&self, url: &Url, outgoing: Outgoing, tenant: &str) -> Result<(), PostError> {
        let Outgoing { messages: _, headers, body } = outgoing;
        let request = PostRequest { url: url.clone(), headers, body, tenant, timeout: self.parts.pace.timeout };
        self.parts.client.post(&request).await
    }

    async fn send_mail(&self, email: &EmailSink, mail: Result<Mail, PostError>, tenant: &str) -> Result<(), PostError> {
        let server = MailServer::parse(&email.server)
            .ok_or_else(|| FetchError::new(FailureKind::Denied, "the mail server's address cannot be read"))?;
        let login = self.login(email, &server, tenant).await?;
        let mail = mail?;
        if (self.parts.may_send)(tenant).is_none() {
            return Err(FetchError::new(FailureKind::Timeout, "the lease ran out before the mail could be sent").into());
        }
        self.parts.mailer.send(&server, login.as_ref(), mail, tenant, self.parts.pace.timeout).await
    }

    async fn login(
        &self,
        email: &EmailSink,
        server: &MailServer,
        tenant: &str,
    ) -> Result<Option<MailLogin>, FetchError> {
        let (Some(username), Some(password)) = (&email.username_secret_ref, &email.password_secret_ref) else {
            return Ok(None);
        };
        // The annotation of the Secret lists hosts; the scheme says nothing there.
        let url =
            crate::outbound::credentials::parse_url(&format!("https://{}:{}/", bracketed(&server.host), server.port))?;
        let mut reader = SecretReader::new(tenant, &*self.parts.credentials);
        Ok(Some((reader.referred(username, &url).await?, reader.referred(password, &url).await?)))
    }

    /// The secret of a sink, if it has one, and whether it may go where the sink's messages go.
    async fn secret(&self, sink: &AlertSink, tenant: &str) -> Result<Option<SecretValue>, FetchError> {
        let Some(reference) = sinks::secret_of(sink) else { return Ok(None) };
        let mut reader = SecretReader::new(tenant, &*self.parts.credentials);
        let value = reader.kept(&reference.name, &reference.key).await?;
        // A signing key never leaves, but what it signs does: its owner says to whom, as with an address or a routing key.
        reader.referred(reference, &sinks::address_of(sink, Some(&value))?).await?;
        Ok(Some(value))
    }

    async fn refresh_namespace(&self, uids: Vec<String>, known: &dyn Sinks) {
        for some in uids.chunks(REFRESHED_AT_ONCE) {
            futures::future::join_all(some.iter().map(|uid| self.refresh_of(uid, known))).await;
        }
    }

    async fn refresh_of(&self, uid: &str, known: &dyn Sinks) {
        let standing = match self.parts.store.standing_alerts(uid).await {
            Ok(standing) => standing,
            Err(error) => {
                tracing::warn!(%error, "the active alerts of a contract cannot be read; trying again");
                return;
            }
        };
        let mut by_sink: BTreeMap<String, Vec<Envelope>> = BTreeMap::new();
        for alert in standing {
            if let Ok(envelope) = serde_json::from_str(&alert.content) {
                by_sink.entry(alert.sink).or_default().push(envelope);
            }
        }
        for (name, standing) in &by_sink {
            self.refresh_sink(uid, name, standing, known).await;
        }
    }

    async fn refresh_sink(&self, uid: &str, name: &str, standing: &[Envelope], known: &dyn Sinks) {
        let failing = self.states().get(&(uid.to_owned(), name.to_owned())).is_some_and(|state| state.failures > 0);
        let SinkNow::Known(sink) = known.sink(uid, name) else { return };
        let (Some(first), false, true) = (standing.first(), failing, sink.alertmanager.is_some()) else { return };
        let Ok(url) = sinks::address_of(&sink, None) else { return };
        let Some(_turn) = (self.parts.may_send)(&first.namespace) else { return };
        let outgoing = sinks::refresh(standing, Clock::real().now());
        if let Err(error) = self.post(&url, outgoing, &first.namespace).await {
            tracing::debug!(%error, sink = name, "active alerts could not be refreshed");
        }
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

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// A line of the log for each of these messages.
fn say(group: &[Message], ids: &[i64], what: &str) {
    for message in group.iter().filter(|message| ids.contains(&message.id)) {
        let Envelope { namespace, contract, sink, alert, .. } = &message.envelope;
        let (summary, says) = (presentable(&alert.summary, 240), message.kind.as_str());
        tracing::info!(namespace, contract, alert = sink.name, says, summary, "{what}");
    }
}
