//! PagerDuty, by its Events API v2: <https://developer.pagerduty.com/docs/events-api-v2-overview>.

use serde_json::json;

use super::{Outgoing, headline, texts};
use crate::alert::envelope::Message;
use crate::evidence::MessageKind;
use crate::outbound::secret::SecretValue;

/// Where events go unless the contract says another address.
pub(super) const DEFAULT_ADDRESS: &str = "https://events.pagerduty.com/v2/enqueue";

/// One event: the API takes no groups. The fingerprint is the key by which repeats and the end belong to one incident.
pub(super) fn render(message: &Message, secret: Option<&SecretValue>) -> Outgoing {
    let alert = &message.envelope.alert;
    let key = secret.map(|secret| String::from_utf8_lossy(secret.reveal_line()).into_owned()).unwrap_or_default();
    let action = match message.kind {
        MessageKind::Fired | MessageKind::Test | MessageKind::Report => "trigger",
        MessageKind::Resolved => "resolve",
    };
    let mut details = texts(&alert.details);
    if !alert.contacts.is_empty() {
        details.insert("contacts".to_owned(), json!(alert.contacts));
    }
    let severity = match alert.label("severity") {
        "critical" => "critical",
        _ if message.kind == MessageKind::Test => "info",
        _ => "warning",
    };
    let source = format!("{}/{}", message.envelope.namespace, message.envelope.contract);
    let body = json!({
        "routing_key": key,
        "event_action": action,
        "dedup_key": message.fingerprint,
        "payload": {
            "summary": headline(message),
            "source": source,
            "severity": severity,
            "timestamp": alert.starts_at.to_string(),
            "component": alert.label("kpi_target"),
            "group": message.envelope.contract,
            "class": alert.label("alertname"),
            "custom_details": details,
        },
    });
    super::json(vec![message.id], "application/json", &body)
}
