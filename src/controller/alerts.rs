//! Alerts of a contract: those that are active are compared with those that were sent, and the difference goes into the outbox.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use kube::ResourceExt;

use super::context::{AlertMode, Context};
use crate::alert::envelope::{Envelope, mail_to};
use crate::api::condition::EventReason;
use crate::api::{ALERT_TEST_ANNOTATION, VendorContract};
use crate::clock::Clock;
use crate::cluster::write::REHEARSAL_MARK;
use crate::domain::decision::alerts::{Addressed, Alert, SentAlert, changes};
use crate::domain::governance::escalation::said_at;
use crate::evidence::{MessageKind, NewMessage, StoreError};
use crate::shard::ShardCount;

/// How old a wish for a trial may be; an annotation that stays on an object asks for nothing after that.
const TRIAL_WITHIN: SignedDuration = SignedDuration::from_mins(10);

/// Writes a message for each alert that began to stand, recurred or ended, and a trial where one was asked for.
///
/// While the past is still being fetched (`past_is_known` false) verdicts rest on parts: then alerts on failing feeds alone are sent.
pub async fn tell(
    context: &Context,
    contract: &VendorContract,
    standing: &[Addressed],
    past_is_known: bool,
) -> Result<(), StoreError> {
    let uid = contract.uid().unwrap_or_default();
    if context.alert_mode == AlertMode::Silent {
        return Ok(());
    }
    let marked: Vec<Addressed>;
    let standing = match context.alert_mode {
        AlertMode::Marked => {
            marked = standing.iter().cloned().map(marked_as_rehearsal).collect();
            &marked
        }
        AlertMode::Sent | AlertMode::Silent => standing,
    };
    let sent = sent(context, &uid).await?;
    let speaks = |alert: &Alert| past_is_known || alert.label("alertname") == EventReason::FeedFailing.as_str();
    let before = sent.iter().filter(|sent| speaks(&sent.alert));
    let changes = changes(&uid, before, standing.iter().filter(|addressed| speaks(&addressed.alert)));
    let now = Clock::real().now();
    let trial = trial(contract, &uid, context.alert_mode, now);
    if changes.is_empty() && trial.is_none() {
        return Ok(());
    }
    let mut after: Vec<SentAlert> = sent.to_vec();
    let mut messages = Vec::new();
    for (kind, changed) in [(MessageKind::Resolved, changes.resolved), (MessageKind::Fired, changes.fired)] {
        for sent in changed {
            after.retain(|known| (&known.sink, &known.fingerprint) != (&sent.sink, &sent.fingerprint));
            messages.extend(message(contract, kind, &sent, now));
            if kind == MessageKind::Fired {
                after.push(sent);
            }
        }
    }
    messages.extend(trial);
    context.evidence.record_alerts(uid.clone(), messages, now).await?;
    context.set_sent(&uid, Arc::new(after));
    context.alerts.wake();
    Ok(())
}

/// The same alert, which says that it belongs to a rehearsal: to programs by a label, to people in its first word.
fn marked_as_rehearsal(mut addressed: Addressed) -> Addressed {
    addressed.alert = marked(addressed.alert);
    addressed
}

pub(super) fn marked(mut alert: Alert) -> Alert {
    alert.labels.insert("rehearsal".to_owned(), "true".to_owned());
    alert.summary = format!("{REHEARSAL_MARK}{}", alert.summary);
    alert
}

/// The alerts that were sent: remembered, or read from the store.
async fn sent(context: &Context, uid: &str) -> Result<Arc<Vec<SentAlert>>, StoreError> {
    if let Some(sent) = context.sent(uid) {
        return Ok(sent);
    }
    let standing = context.evidence.standing_alerts(uid).await?;
    let read = standing.into_iter().filter_map(|standing| {
        let Envelope { alert, .. } = serde_json::from_str(&standing.content).ok()?;
        Some(SentAlert { sink: standing.sink, fingerprint: standing.fingerprint, alert })
    });
    let sent = Arc::new(read.collect::<Vec<SentAlert>>());
    context.set_sent(uid, sent.clone());
    Ok(sent)
}

/// The message about an alert. One whose sink has left the contract still has to be taken from the active ones.
fn message(contract: &VendorContract, kind: MessageKind, sent: &SentAlert, now: Timestamp) -> Option<NewMessage> {
    let SentAlert { sink, fingerprint, alert } = sent;
    let known = contract.spec.alerts.iter().find(|known| known.name == *sink);
    let empty = || serde_json::from_value(serde_json::json!({"name": sink})).ok();
    let envelope = Envelope {
        namespace: contract.namespace().unwrap_or_default(),
        contract: contract.name_any(),
        mail_to: known.map(|known| mail_to(&contract.spec, known, alert)).unwrap_or_default(),
        sink: known.cloned().or_else(empty)?,
        fired_at: now,
        alert: alert.clone(),
        report: None,
    };
    let content = serde_json::to_string(&envelope).ok()?;
    Some(NewMessage { sink: sink.clone(), fingerprint: fingerprint.clone(), kind, content })
}

/// The trial that the annotation asks for, where it is one and still wanted.
fn trial(contract: &VendorContract, uid: &str, mode: AlertMode, now: Timestamp) -> Option<NewMessage> {
    let text = contract.annotations().get(ALERT_TEST_ANNOTATION)?;
    let (sink, asked_at) = said_at(text)?;
    let age = now.duration_since(asked_at);
    if age > TRIAL_WITHIN || age < -TRIAL_WITHIN {
        return None;
    }
    let labels = [
        ("alertname", "Test"),
        ("severity", "warning"),
        ("namespace", &contract.namespace().unwrap_or_default()),
        ("contract", &contract.name_any()),
        ("vendor", &contract.spec.vendor.name),
        ("asked_at", &asked_at.to_string()),
    ];
    let alert = Alert {
        labels: labels.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        summary: "a test message: nothing is wrong, and alerts of this contract arrive here".to_owned(),
        details: Default::default(),
        starts_at: asked_at,
        occurrence: String::new(),
        reminds: false,
        contacts: Vec::new(),
    };
    contract.spec.alerts.iter().find(|known| known.name == sink)?;
    let alert = if mode == AlertMode::Marked { marked(alert) } else { alert };
    let sent = SentAlert { sink: sink.to_owned(), fingerprint: alert.fingerprint(uid), alert };
    message(contract, MessageKind::Test, &sent, now)
}

/// Ends the alerts of a contract that is gone.
pub async fn end(context: &Context, uid: &str) {
    if let Err(error) = try_to_end(context, uid).await {
        tracing::warn!(%error, contract_uid = uid, "the alerts of a contract that is gone could not be ended; the next start does it");
    }
}

async fn try_to_end(context: &Context, uid: &str) -> Result<(), StoreError> {
    let standing = context.evidence.standing_alerts(uid).await?;
    if standing.is_empty() {
        return Ok(());
    }
    let messages = standing.into_iter().map(|standing| NewMessage {
        sink: standing.sink,
        fingerprint: standing.fingerprint,
        kind: MessageKind::Resolved,
        content: standing.content,
    });
    context.evidence.record_alerts(uid.to_owned(), messages.collect(), Clock::real().now()).await?;
    context.alerts.wake();
    Ok(())
}

/// Ends the alerts of contracts that went while no operator looked; of those alone that lie in the namespaces looked after, and in shards
/// that this process works on.
pub async fn end_those_of_contracts_that_are_gone(context: &Context, namespaces: &[String]) {
    let uids = match context.evidence.contracts_with_alerts().await {
        Ok(uids) => uids,
        Err(error) => {
            tracing::warn!(%error, "the standing alerts cannot be read");
            return;
        }
    };
    for uid in uids {
        if context.contract_of_uid(&uid).is_some() {
            continue;
        }
        let has_everything = namespaces.is_empty() && context.shards.count() == ShardCount::ONE;
        if has_everything || is_within(context, &uid, namespaces).await {
            end(context, &uid).await;
        }
    }
}

async fn is_within(context: &Context, uid: &str, namespaces: &[String]) -> bool {
    let standing = context.evidence.standing_alerts(uid).await.unwrap_or_default();
    let first = standing.first().and_then(|standing| serde_json::from_str::<Envelope>(&standing.content).ok());
    first.is_some_and(|Envelope { namespace, .. }| {
        (namespaces.is_empty() || namespaces.contains(&namespace)) && context.shards.works_in(&namespace)
    })
}
