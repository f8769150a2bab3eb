//! A webhook that takes CloudEvents 1.0 as JSON (structured mode), signed where the contract names a secret.

use jiff::Timestamp;
use reqwest::header::HeaderValue;
use ring::hmac;
use serde_json::{Value, json};

use super::{LONGEST_TEXT, Outgoing, numbers, shown, texts};
use crate::alert::envelope::Message;
use crate::feed::secret::SecretValue;

/// The header with the signature: `t=SECONDS,v1=HEX`, HEX being the HMAC-SHA-256 of `SECONDS.BODY`.
pub const SIGNATURE_HEADER: &str = "bpo-signature";

/// The type of the event.
const EVENT_TYPE: &str = "io.bpo-operator.alerts.v1";

pub(super) fn render(group: &[Message], secret: Option<&SecretValue>, now: Timestamp) -> Outgoing {
    let alerts: Vec<Value> = group.iter().map(alert).collect();
    let (first, last) = (group.first(), group.last());
    let place = first.map(|message| (message.envelope.namespace.as_str(), message.envelope.contract.as_str()));
    let (namespace, contract) = place.unwrap_or_default();
    let of = |message: Option<&Message>| message.map(|message| message.message_id.clone()).unwrap_or_default();
    let mut outgoing = super::json(
        numbers(group),
        "application/cloudevents+json",
        &json!({
            "specversion": "1.0",
            "id": format!("{}/{}", of(first), of(last)),
            "source": format!("/namespaces/{namespace}/vendorcontracts/{contract}"),
            "type": EVENT_TYPE,
            "time": now.to_string(),
            "datacontenttype": "application/json",
            "data": {"namespace": namespace, "contract": contract, "alerts": alerts},
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
    context.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
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
