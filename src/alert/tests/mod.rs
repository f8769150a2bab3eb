//! Alerts from the outbox to receivers: what each is sent, and what happens to it when a receiver is down, slow or refuses.

mod alertmanager;
mod delivery;
mod mailing;
mod rendering;
mod reports;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::dispatcher::{Dispatcher, Pace, Parts, ReportNow, SinkNow, Sinks, Turn};
use super::envelope::Envelope;
use super::mail::Mailer;
use crate::api::vendor_contract::AlertSink;
use crate::clock::Clock;
use crate::domain::decision::alerts::Alert;
use crate::domain::governance::scheduled_reports::ReportOrder;
use crate::evidence::sqlite::SqliteStore;
use crate::evidence::{EvidenceStore, MessageKind, NewMessage};
use crate::outbound::client::{ClientLimits, FeedClient};
use crate::outbound::credentials::tests::MemorySource;
use crate::outbound::guard::{AddressPolicy, SystemLookup};

/// Sinks that stay as they are.
pub(super) struct Fixed(pub Vec<AlertSink>);

impl Sinks for Fixed {
    fn sink(&self, _: &str, name: &str) -> SinkNow {
        let found = self.0.iter().find(|sink| sink.name == name);
        found.map_or(SinkNow::Removed, |sink| SinkNow::Known(Box::new(sink.clone())))
    }

    fn namespace(&self, contract_uid: &str) -> Option<String> {
        Some(contract_uid.to_owned())
    }

    fn works_in(&self, namespace: &str) -> bool {
        !namespace.starts_with("elsewhere")
    }

    fn changed(&self, _: &str) {}

    fn report(&self, _: &str, order: &ReportOrder) -> ReportNow {
        reports::report_now(order)
    }
}

/// A store with an outbox, and what a dispatcher needs.
pub(super) struct Post {
    pub store: Arc<dyn EvidenceStore>,
    pub secrets: Arc<MemorySource>,
    pub counts: Arc<Mutex<Vec<String>>>,
    pub opened: Vec<crate::outbound::guard::OpenedNetwork>,
    pub pace: Pace,
    pub authority: Option<Vec<u8>>,
    /// Whether this process holds its lease.
    pub leads: Arc<AtomicBool>,
    /// How often the dispatcher asked.
    pub asked: Arc<AtomicUsize>,
    _directory: tempfile::TempDir,
}

pub(super) fn sink(name: &str, target: serde_json::Value) -> AlertSink {
    let mut sink = json!({"name": name});
    sink.as_object_mut().unwrap().extend(target.as_object().unwrap().clone());
    serde_json::from_value(sink).unwrap()
}

pub(super) fn alert(summary: &str) -> Alert {
    let labels = [
        ("alertname", "TargetMissed"),
        ("severity", "critical"),
        ("namespace", "care"),
        ("contract", "acme-care"),
        ("vendor", "Acme"),
        ("kpi_target", "speed"),
    ];
    Alert {
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        summary: summary.to_owned(),
        details: [("period".to_owned(), "2026-05".to_owned())].into(),
        starts_at: "2026-06-01T00:00:00Z".parse().unwrap(),
        occurrence: "2026-05".to_owned(),
        reminds: false,
        contacts: vec!["sam".to_owned()],
    }
}

fn envelope(sink: &AlertSink, alert: Alert) -> Envelope {
    Envelope {
        namespace: "care".to_owned(),
        contract: "acme-care".to_owned(),
        sink: sink.clone(),
        mail_to: vec![("sam".to_owned(), "sam@client.example".to_owned())],
        fired_at: Clock::real().now(),
        alert,
        report: None,
    }
}

impl Post {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        Post {
            store: Arc::new(SqliteStore::open(directory.path()).unwrap()),
            secrets: Arc::default(),
            counts: Arc::default(),
            opened: vec!["127.0.0.0/8".parse().unwrap()],
            pace: Pace {
                group_wait: Duration::ZERO,
                first_pause: Duration::from_millis(20),
                longest_pause: Duration::from_millis(100),
                timeout: Duration::from_secs(20),
                ..Pace::default()
            },
            authority: None,
            leads: Arc::new(true.into()),
            asked: Arc::default(),
            _directory: directory,
        }
    }

    pub(super) async fn write(&self, sink: &AlertSink, kind: MessageKind, fingerprint: &str, alert: Alert) {
        self.write_of("uid-1", sink, kind, &[fingerprint.to_owned()], alert).await;
    }

    /// Writes messages about a contract, one for each fingerprint.
    pub(super) async fn write_of(
        &self,
        uid: &str,
        sink: &AlertSink,
        kind: MessageKind,
        fingerprints: &[String],
        alert: Alert,
    ) {
        let content = serde_json::to_string(&envelope(sink, alert)).unwrap();
        let message = |fingerprint: &String| {
            let (sink, fingerprint, content) = (sink.name.clone(), fingerprint.clone(), content.clone());
            NewMessage { sink, fingerprint, kind, content }
        };
        let messages = fingerprints.iter().map(message).collect();
        self.store.record_alerts(uid.to_owned(), messages, Clock::real().now()).await.unwrap();
    }

    /// Writes a report, with a message of its own.
    pub(super) async fn write_report(&self, sink: &AlertSink, order: ReportOrder) {
        let fingerprint = order.report.clone();
        let envelope = Envelope { report: Some(order), ..envelope(sink, alert("a report")) };
        let content = serde_json::to_string(&envelope).unwrap();
        let kind = MessageKind::Report;
        let message = NewMessage { sink: sink.name.clone(), fingerprint, kind, content };
        self.store.record_alerts("uid-1".to_owned(), vec![message], Clock::real().now()).await.unwrap();
    }

    pub(super) fn dispatcher(&self) -> Dispatcher {
        let policy = AddressPolicy::for_alerts(self.opened.clone());
        let mailer = Mailer::new(policy.clone(), Arc::new(SystemLookup));
        let (counts, leads, asked) = (self.counts.clone(), self.leads.clone(), self.asked.clone());
        Dispatcher::new(Parts {
            store: self.store.clone(),
            client: FeedClient::with(
                policy,
                Arc::new(SystemLookup),
                ClientLimits { breaker_failures: u32::MAX, ..ClientLimits::default() },
            ),
            mailer: match &self.authority {
                Some(authority) => mailer.trusting(authority.clone()),
                None => mailer,
            },
            credentials: self.secrets.clone(),
            count: Box::new(move |kind, outcome| counts.lock().unwrap().push(format!("{kind} {outcome}"))),
            show_waiting: Box::new(|_| ()),
            may_send: Box::new(move |_| {
                asked.fetch_add(1, Ordering::SeqCst);
                leads.load(Ordering::SeqCst).then(|| Box::new(()) as Turn)
            }),
            pace: self.pace.clone(),
        })
    }

    /// Runs a dispatcher for these sinks; dropping the guard ends it as a kill would: between any two steps.
    pub(super) fn run(&self, sinks: Vec<AlertSink>) -> Running {
        let dispatcher = self.dispatcher();
        let task = tokio::spawn(dispatcher.clone().run(Arc::new(Fixed(sinks)), CancellationToken::new()));
        Running { dispatcher, task }
    }

    /// Waits until the dispatcher has asked this often whether it may send.
    pub(super) async fn until_asked(&self, times: usize) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.asked.load(Ordering::SeqCst) < times {
            assert!(Instant::now() < deadline, "the dispatcher is not at work");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until nothing waits.
    pub(super) async fn settled(&self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let waiting = self.store.waiting_messages(100).await.unwrap();
            if waiting.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "{waiting:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until nothing waits, and what became of this number of messages is counted and shown, which follows.
    pub(super) async fn counted(&self, messages: usize) {
        self.settled().await;
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.counts.lock().unwrap().len() < messages {
            assert!(Instant::now() < deadline, "{:?}", self.counts);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The messages in the order in which they were written: kind, fingerprint, what became of them.
    pub(super) async fn ends(&self) -> Vec<String> {
        let mut messages = self.store.latest_messages(Some("uid-1"), 1_000).await.unwrap();
        messages.reverse();
        let end = |delivered: bool, settled: bool| match (delivered, settled) {
            (true, _) => "delivered",
            (false, true) => "given up",
            (false, false) => "waiting",
        };
        messages
            .iter()
            .map(|message| {
                let end = end(message.delivered, message.settled_at.is_some());
                format!("{} {} {end}", message.kind.as_str(), message.fingerprint)
            })
            .collect()
    }
}

pub(super) struct Running {
    pub dispatcher: Dispatcher,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
