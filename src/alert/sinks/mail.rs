//! E-mail: one message for a group, plain text. The library encodes headers and refuses addresses with line breaks.

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{Address, Message as Mail};

use super::{details, headline, shown};
use crate::alert::envelope::Message;
use crate::api::vendor_contract::EmailSink;
use crate::evidence::MessageKind;
use crate::feed::error::{FailureKind, FetchError};

/// The mail about a group of messages.
///
/// # Errors
/// Of kind `Mapping` where nobody has an address, or one is none.
pub fn render(email: &EmailSink, group: &[Message]) -> Result<Mail, FetchError> {
    let wrong = |message: String| FetchError::new(FailureKind::Mapping, message);
    let mailbox = |name: Option<&str>, address: &str| {
        let parsed: Address =
            address.parse().map_err(|_| wrong(format!("{} is no e-mail address", shown(address, 80))))?;
        Ok::<_, FetchError>(Mailbox::new(name.map(|name| shown(name, 80)), parsed))
    };
    let mut builder = Mail::builder().from(mailbox(Some("bpo-operator"), &email.from)?).subject(subject(group));
    if let Some(first) = group.first() {
        // The same in every repeat, so that a mailbox may fold them.
        builder = builder.message_id(Some(format!("<{}@bpo-operator.io>", first.message_id)));
    }
    let mut people: Vec<&(String, String)> = group.iter().flat_map(|message| &message.envelope.mail_to).collect();
    people.sort();
    people.dedup();
    if people.is_empty() {
        return Err(wrong("nobody to write to: give `contacts` an e-mail address".to_owned()));
    }
    for (name, address) in people {
        builder = builder.to(mailbox(Some(name), address)?);
    }
    builder
        .header(ContentType::TEXT_PLAIN)
        .body(body(group))
        .map_err(|error| wrong(format!("the mail cannot be written: {error}")))
}

fn subject(group: &[Message]) -> String {
    match group {
        [only] => headline(only),
        [first, ..] => {
            let fired = group.iter().filter(|message| message.kind == MessageKind::Fired).count();
            let ended = group.iter().filter(|message| message.kind == MessageKind::Resolved).count();
            let place = format!("{}/{}", first.envelope.namespace, first.envelope.contract);
            shown(&format!("[{fired} fired, {ended} resolved] {place}"), 200)
        }
        [] => "nothing to tell".to_owned(),
    }
}

fn body(group: &[Message]) -> String {
    let mut text = String::new();
    for message in group {
        text.push_str(&headline(message));
        for line in details(message) {
            text.push_str("\r\n    ");
            text.push_str(&line);
        }
        text.push_str("\r\n\r\n");
    }
    text.push_str("Sent by bpo-operator for the contacts of this contract.\r\n");
    text
}
