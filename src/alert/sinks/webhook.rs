//! A webhook that takes CloudEvents 1.0 as JSON (structured mode), signed where the contract names a secret.

use jiff::Timestamp;
use reqwest::header::HeaderValue;
use ring::hmac;
use serde_json::{Value, json};

use super::{LONGEST_TEXT, Outgoing, numbers, shown, texts};
use crate::alert::envelope::{Envelope, Message};
use crate::domain::numbers::hexadecimal::hexadecimal;
use crate::outbound::secret::SecretValue;
use crate::view::package::Package;

/// The header with the signature: `t=SECONDS,v1=HEX`, HEX being the HMAC-SHA-256 of `SECONDS.BODY`.
pub const SIGNATURE_HEADER: &str = "bpo-signature";

/// The type of the event.
const EVENT_TYPE: &str = "io.bpo-operator.alerts.v1";

/// The media type of an event in structured mode.
const MEDIA_TYPE: &str = "application/cloudevents+json";

/// The type of the event that carries a report.
const REPORT_TYPE: &str = "io.bpo-operator.reports.v1";

/// One report as an event: each SlaReport as it is and in words, and the scorecard where it goes along.
pub fn report(message: &Message, package: &Package, secret: Option<&SecretValue>, now: Timestamp) -> Outgoing {
    let envelope = &message.envelope;
    let order = envelope.report.as_ref();
    let data = json!({
        "namespace": envelope.namespace,
        "contract": envelope.contract,
        "report": order.map(|order| order.report.as_str()),
        "period": order.map(|order| &order.period),
        "rehearsal": envelope.alert.label("rehearsal") == "true",
        "subject": shown(&package.subject, LONGEST_TEXT),
        "documents": package.json,
    });
    event(vec![message.id], &message.message_id, envelope, REPORT_TYPE, data, secret, now)
}

pub(super) fn render(group: &[Message], secret: Option<&SecretValue>, now: Timestamp) -> Outgoing {
    let alerts: Vec<Value> = group.iter().map(alert).collect();
    let (Some(first), Some(last)) = (group.first(), group.last()) else {
        return super::json(Vec::new(), MEDIA_TYPE, &Value::Null);
    };
    let Envelope { namespace, contract, .. } = &first.envelope;
    let data = json!({"namespace": namespace, "contract": contract, "alerts": alerts});
    let id = format!("{}/{}", first.message_id, last.message_id);
    event(numbers(group), &id, &first.envelope, EVENT_TYPE, data, secret, now)
}

/// An event in structured mode, signed where there is a secret.
fn event(
    messages: Vec<i64>,
    id: &str,
    envelope: &Envelope,
    of_type: &str,
    data: Value,
    secret: Option<&SecretValue>,
    now: Timestamp,
) -> Outgoing {
    let Envelope { namespace, contract, .. } = envelope;
    let mut outgoing = super::json(
        messages,
        MEDIA_TYPE,
        &json!({
            "specversion": "1.0",
            "id": id,
            "source": format!("/namespaces/{namespace}/vendorcontracts/{contract}"),
            "type": of_type,
            "time": now.to_string(),
            "datacontenttype": "application/json",
            "data": data,
        }),
    );
    if let Some(secret) = secret {
        let seconds = now.as_second();
        if let Ok(mut value) =
            HeaderValue::from_str(&format!("t={seconds},v1={}", sign(secret, seconds, &outgoing.body)))
        {
            value.set_sensitive(true);
            outgoing.headers.insert(SIGNATURE_HEADER, value);
        }
    }
    outgoing
}

fn sign(secret: &SecretValue, seconds: i64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal_line());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{seconds}.").as_bytes());
    context.update(body);
    hexadecimal(context.sign().as_ref())
}

fn alert(message: &Message) -> Value {
    let alert = &message.envelope.alert;
    json!({
        "id": message.message_id,
        "fingerprint": message.fingerprint,
        "status": message.kind.as_str(),
        "labels": texts(&alert.labels),
        "summary": shown(&alert.summary, LONGEST_TEXT),
        "details": texts(&alert.details),
        "contacts": alert.contacts,
        "startsAt": alert.starts_at.to_string(),
        "writtenAt": message.written_at.to_string(),
    })
}
