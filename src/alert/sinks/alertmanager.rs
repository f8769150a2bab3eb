//! Prometheus Alertmanager, by its API v2 (`POST /api/v2/alerts`).

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use url::Url;

use super::{LONGEST_TEXT, Outgoing, numbers, shown, texts};
use crate::alert::envelope::{Envelope, Message};
use crate::evidence::MessageKind;
use crate::outbound::error::FetchError;

/// An alert that is not refreshed goes by itself after this long. Longer than an operator takes to be replaced.
const LASTS_FOR: SignedDuration = SignedDuration::from_mins(30);

/// Adds the path of the API to the address of an Alertmanager, which may lie behind a path of its own.
///
/// # Errors
/// Of kind `Denied`.
pub(super) fn address(text: &str) -> Result<Url, FetchError> {
    let mut url = crate::outbound::credentials::parse_url(text)?;
    let path = format!("{}/api/v2/alerts", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

pub(super) fn render(group: &[Message], now: Timestamp) -> Outgoing {
    let alerts: Vec<Value> = group.iter().map(|message| alert(&message.envelope, message.kind, now)).collect();
    super::json(numbers(group), "application/json", &Value::Array(alerts))
}

/// What keeps standing alerts standing: Alertmanager forgets what nobody repeats.
pub fn refresh(standing: &[Envelope], now: Timestamp) -> Outgoing {
    let alerts: Vec<Value> = standing.iter().map(|envelope| alert(envelope, MessageKind::Fired, now)).collect();
    super::json(Vec::new(), "application/json", &Value::Array(alerts))
}

fn alert(envelope: &Envelope, kind: MessageKind, now: Timestamp) -> Value {
    let alert = &envelope.alert;
    let text = |value: &str| Value::String(shown(value, LONGEST_TEXT));
    let (mut labels, mut annotations) = (texts(&alert.labels), texts(&alert.details));
    annotations.insert("summary".to_owned(), text(&alert.summary));
    annotations.insert("since".to_owned(), text(&alert.starts_at.to_string()));
    if !alert.contacts.is_empty() {
        annotations.insert("contacts".to_owned(), text(&alert.contacts.join(", ")));
    }
    if kind == MessageKind::Test {
        labels.insert("alertname".to_owned(), text("Test"));
    }
    let lasts_for = match kind {
        MessageKind::Fired => LASTS_FOR,
        MessageKind::Resolved => SignedDuration::ZERO,
        MessageKind::Test | MessageKind::Report => SignedDuration::from_mins(5),
    };
    // When it was sent, not when its cause began: an Alertmanager does not wait for the rest of a group whose alerts it takes for old,
    // and takes none that begin in the future, as causes on a rehearsal clock may.
    let starts_at = envelope.fired_at.min(now);
    let ends_at = now.checked_add(lasts_for).unwrap_or(now);
    json!({
        "labels": labels, "annotations": annotations,
        "startsAt": starts_at.to_string(), "endsAt": ends_at.to_string(),
    })
}
