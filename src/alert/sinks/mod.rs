//! What each kind of sink wants to be sent. Pure: messages and secrets in, requests out.
//!
//! Names and sentences come from contracts and vendors. Every one of them passes `shown`, which escapes what could disturb a reader,
//! and the JSON library or the sink's own escaping, so that none can break out of its place.

mod alertmanager;
mod chat;
pub mod mail;
mod pagerduty;
mod webhook;

use std::collections::BTreeMap;

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde_json::{Map, Value};
use url::Url;

use super::envelope::Message;
use crate::api::scalar::SecretKeyReference;
use crate::api::vendor_contract::AlertSink;
use crate::evidence::MessageKind;
use crate::outbound::error::{FailureKind, FetchError, presentable};
use crate::outbound::secret::SecretValue;

pub use alertmanager::refresh;
pub use webhook::{SIGNATURE_HEADER, report};

/// The most messages in one delivery.
pub const MOST_MESSAGES: usize = 100;

/// The kinds of sinks, as metrics name them.
pub fn kind_of(sink: &AlertSink) -> &'static str {
    let AlertSink { name: _, alertmanager, webhook, slack, teams, pagerduty, email } = sink;
    let kinds = [
        (alertmanager.is_some(), "alertmanager"),
        (webhook.is_some(), "webhook"),
        (slack.is_some(), "slack"),
        (teams.is_some(), "teams"),
        (pagerduty.is_some(), "pagerduty"),
        (email.is_some(), "email"),
    ];
    kinds.iter().find(|(is, _)| *is).map_or("none", |(_, kind)| kind)
}

/// The Secret key that a sink needs before anything can be sent, and whether its value is the address itself.
pub fn secret_of(sink: &AlertSink) -> Option<&SecretKeyReference> {
    let webhook = sink.webhook.as_ref().and_then(|webhook| webhook.signing_secret_ref.as_ref());
    let chat = sink.slack.as_ref().or(sink.teams.as_ref()).map(|chat| &chat.url_secret_ref);
    let pagerduty = sink.pagerduty.as_ref().map(|pagerduty| &pagerduty.routing_key_secret_ref);
    webhook.or(chat).or(pagerduty)
}

/// Where a sink's messages go, once its secret is known.
///
/// # Errors
/// Of kind `Denied` for an address that cannot be read; `SecretNotFound` for a chat without one.
pub fn address_of(sink: &AlertSink, secret: Option<&SecretValue>) -> Result<Url, FetchError> {
    let text = match sink {
        AlertSink { alertmanager: Some(alertmanager), .. } => return alertmanager::address(&alertmanager.url),
        AlertSink { webhook: Some(webhook), .. } => webhook.url.as_str(),
        AlertSink { pagerduty: Some(pagerduty), .. } => pagerduty.url.as_deref().unwrap_or(pagerduty::DEFAULT_ADDRESS),
        _ => secret
            .and_then(|secret| std::str::from_utf8(secret.reveal_line()).ok())
            .ok_or_else(|| FetchError::new(FailureKind::SecretNotFound, "the Secret holds no address"))?,
    };
    crate::outbound::credentials::parse_url(text)
}

/// A request, and the places in the group of the messages that it carries.
#[derive(Debug)]
pub struct Outgoing {
    /// Numbers of the messages in the outbox.
    pub messages: Vec<i64>,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

/// The requests that carry a group of messages, in order. `now` is the real time.
pub fn render(sink: &AlertSink, group: &[Message], secret: Option<&SecretValue>, now: Timestamp) -> Vec<Outgoing> {
    if sink.pagerduty.is_some() {
        return group.iter().map(|message| pagerduty::render(message, secret)).collect();
    }
    vec![if sink.alertmanager.is_some() {
        alertmanager::render(group, now)
    } else if sink.slack.is_some() {
        chat::slack(group)
    } else if sink.teams.is_some() {
        chat::teams(group)
    } else {
        webhook::render(group, secret, now)
    }]
}

fn numbers(group: &[Message]) -> Vec<i64> {
    group.iter().map(|message| message.id).collect()
}

fn json(messages: Vec<i64>, media_type: &'static str, body: &Value) -> Outgoing {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    Outgoing { messages, headers, body: body.to_string().into_bytes() }
}

/// A text of a contract or a vendor, fit to be shown and on one line.
fn shown(text: &str, most: usize) -> String {
    presentable(text, most)
}

/// Labels or details, fit to be shown.
fn texts(pairs: &BTreeMap<String, String>) -> Map<String, Value> {
    pairs.iter().map(|(name, value)| (name.clone(), Value::String(shown(value, LONGEST_TEXT)))).collect()
}

/// The most characters of one text.
const LONGEST_TEXT: usize = 1_024;

/// What a message says in one line, such as `[fired, critical] acme-care: speed: 2026-05: 71.2 against a target of 80`.
fn headline(message: &Message) -> String {
    let alert = &message.envelope.alert;
    let place = format!("{}/{}", message.envelope.namespace, message.envelope.contract);
    let mark = match message.kind {
        MessageKind::Fired => format!("{}, {}", alert.label("alertname"), alert.label("severity")),
        MessageKind::Resolved => format!("{}, resolved", alert.label("alertname")),
        MessageKind::Test => "test".to_owned(),
        MessageKind::Report => "report".to_owned(),
    };
    shown(&format!("[{mark}] {place}: {}", alert.summary), 512)
}

/// The lines below the headline: the details, and who is asked to act.
fn details(message: &Message) -> Vec<String> {
    let alert = &message.envelope.alert;
    let mut lines: Vec<String> =
        alert.details.iter().map(|(name, value)| shown(&format!("{name}: {value}"), 512)).collect();
    if !alert.contacts.is_empty() {
        lines.push(shown(&format!("to act: {}", alert.contacts.join(", ")), 512));
    }
    lines.push(format!("since: {}", alert.starts_at));
    lines
}
