//! What the outbox keeps of a message: the alert, and the sink as it was configured when the message was written.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::api::dispute::Party;
use crate::api::vendor_contract::{AlertSink, Contact, VendorContractSpec};
use crate::domain::decision::alerts::Alert;
use crate::domain::governance::scheduled_reports::ReportOrder;
use crate::evidence::{MessageKind, OutboxMessage};

/// The content of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// Namespace of the contract.
    pub namespace: String,
    /// Name of the contract.
    pub contract: String,
    /// The sink as it was when the message was written; for a contract that is gone.
    pub sink: AlertSink,
    /// Whom a mail goes to: name and address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mail_to: Vec<(String, String)>,
    /// When the message was written, by the machine's own clock.
    pub fired_at: Timestamp,
    /// The alert.
    pub alert: Alert,
    /// The report that goes out, where the message is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<ReportOrder>,
}

/// Name and address of those whom a mail about `alert` goes to: the sink's own list, or every contact of the Client, and those whom an
/// escalation asks.
pub fn mail_to(contract: &VendorContractSpec, sink: &AlertSink, alert: &Alert) -> Vec<(String, String)> {
    let Some(email) = &sink.email else { return Vec::new() };
    let wanted = |contact: &&Contact| {
        let listed = match email.to.is_empty() {
            true => contact.party != Some(Party::Vendor),
            false => email.to.contains(&contact.name),
        };
        listed || alert.contacts.contains(&contact.name)
    };
    let addressed = contract.contacts.iter().filter(wanted);
    addressed.filter_map(|contact| Some((contact.name.clone(), contact.email.clone()?))).collect()
}

/// A message ready for delivery.
#[derive(Clone, Debug)]
pub struct Message {
    /// Its number in the outbox.
    pub id: i64,
    /// The same in every repeat: by it a receiver knows that it has the message already.
    pub message_id: String,
    /// What identifies the alert.
    pub fingerprint: String,
    /// What it says of the alert.
    pub kind: MessageKind,
    /// When it was written.
    pub written_at: Timestamp,
    /// Its content.
    pub envelope: Envelope,
}

impl Message {
    /// Opens a message of the outbox.
    ///
    /// # Errors
    /// When its content is none that this version wrote.
    pub fn open(message: &OutboxMessage) -> Result<Self, String> {
        let envelope =
            serde_json::from_str(&message.content).map_err(|error| format!("the message cannot be read: {error}"))?;
        let OutboxMessage { id, contract_uid, fingerprint, kind, written_at, .. } = message.clone();
        Ok(Self { id, message_id: format!("{contract_uid}-{id}"), fingerprint, kind, written_at, envelope })
    }
}
