//! Where alerts are sent, and which reports go out by themselves.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PeriodLength;
use crate::api::scalar::SecretKeyReference;
use crate::api::verdict::PeriodState;

/// Where alerts are sent: one of alertmanager, webhook, slack, teams, pagerduty, email.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = crate::api::rules::one_of(&["alertmanager", "webhook", "slack", "teams", "pagerduty", "email"], ""))]
pub struct AlertSink {
    /// Name of the alert, such as ops; escalation levels refer to it.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// A Prometheus Alertmanager, by its API v2. Alerts are refreshed while they last.
    pub alertmanager: Option<AlertmanagerSink>,
    /// A webhook that takes CloudEvents as JSON.
    pub webhook: Option<WebhookSink>,
    /// An incoming webhook of Slack, or of what takes the same messages.
    pub slack: Option<ChatSink>,
    /// A workflow webhook of Microsoft Teams, or of what takes the same messages.
    pub teams: Option<ChatSink>,
    /// PagerDuty, by its Events API v2.
    pub pagerduty: Option<PagerDutySink>,
    /// E-mail by SMTP, always over TLS.
    pub email: Option<EmailSink>,
}

/// A Prometheus Alertmanager, by its API v2. Alerts are refreshed while they last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct AlertmanagerSink {
    /// Its address; `/api/v2/alerts` is added.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = crate::api::rules::ADDRESS)]
    pub url: String,
}

/// A webhook.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebhookSink {
    /// Its address: http or https, without user information.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = crate::api::rules::ADDRESS)]
    pub url: String,
    /// The Secret whose value signs each message (HMAC with SHA-256).
    pub signing_secret_ref: Option<SecretKeyReference>,
}

/// A chat's incoming webhook, whose address is itself a secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChatSink {
    /// The Secret that holds the address; its annotation `bpo-operator.io/allowed-hosts` must list the address's host.
    pub url_secret_ref: SecretKeyReference,
}

/// PagerDuty.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PagerDutySink {
    /// The Secret that holds the integration's routing key.
    pub routing_key_secret_ref: SecretKeyReference,
    /// The address of the Events API. Default: `https://events.pagerduty.com/v2/enqueue`.
    #[schemars(length(min = 1, max = 2048))]
    #[x_kube(validation = crate::api::rules::ADDRESS)]
    pub url: Option<String>,
}

/// E-mail by SMTP, always over TLS.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmailSink {
    /// The mail server: smtps://HOST (port 465), or smtp://HOST (port 587) with STARTTLS, without which nothing is sent; `:PORT` for another port.
    #[schemars(length(min = 1, max = 2048), regex(pattern = "^smtps?://[^/?#@\\s]+/?$"))]
    pub server: String,
    /// The sender's address, such as bpo-operator@client.example.
    #[schemars(length(min = 3, max = 254), regex(pattern = "^[^@\\s<>\",;]+@[^@\\s<>\",;]+$"))]
    pub from: String,
    /// Names of the contacts to whom it goes. Default: every contact of the Client with an address; an escalation also goes to its level's contacts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub to: Vec<String>,
    /// The Secret that holds the user name at the server.
    pub username_secret_ref: Option<SecretKeyReference>,
    /// The Secret that holds the password.
    pub password_secret_ref: Option<SecretKeyReference>,
}

/// A report that goes out by itself.
#[serde_with::skip_serializing_none]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct ScheduledReport {
    /// Name of the report, such as monthly.
    #[schemars(length(min = 1, max = 63), regex(pattern = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// How often it goes out. At least as long as the contract's period: the reports of the periods that ended in it. Shorter: the scorecard at its end.
    pub cadence: PeriodLength,
    /// Names of the alerts to which it goes; each is email or webhook.
    #[schemars(length(min = 1, max = 5), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub alerts: Vec<String>,
    /// What a mail has attached: Html (pages, the default) or Xlsx (workbooks). A webhook gets JSON.
    pub format: Option<ReportFormat>,
    /// What is waited for: Final (the default), or Provisional, which is sooner and may change.
    pub state: Option<PeriodState>,
}

/// What a mail with a report has attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs)]
pub enum ReportFormat {
    #[default]
    Html,
    Xlsx,
}
