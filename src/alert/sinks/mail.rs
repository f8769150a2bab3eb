//! E-mail: one message for a group of alerts, plain text, or for a report with its documents. The library encodes headers and refuses addresses with line breaks.

use lettre::message::header::ContentType;
use lettre::message::{Attachment, Mailbox, MessageBuilder, MultiPart, SinglePart};
use lettre::{Address, Message as Mail};

use super::{details, headline, shown};
use crate::alert::envelope::Message;
use crate::api::vendor_contract::EmailSink;
use crate::evidence::MessageKind;
use crate::outbound::error::{FailureKind, FetchError};
use crate::view::package::Package;

/// The mail about a group of messages.
///
/// # Errors
/// Of kind `Mapping` where nobody has an address, or one is none.
pub fn render(email: &EmailSink, group: &[Message]) -> Result<Mail, FetchError> {
    addressed(email, group, subject(group))?
        .header(ContentType::TEXT_PLAIN)
        .body(body(group))
        .map_err(|error| wrong(format!("the mail cannot be written: {error}")))
}

/// The mail with a report: its sentences, and its documents attached.
///
/// # Errors
/// As for [`render`].
pub fn report(email: &EmailSink, message: &Message, package: &Package) -> Result<Mail, FetchError> {
    let mark = if message.envelope.alert.label("rehearsal") == "true" { "REHEARSAL: " } else { "" };
    let subject = shown(&format!("{mark}{}", package.subject), 200);
    let mut text = String::new();
    for sentence in &package.sentences {
        text.push_str(&shown(sentence, 1_024));
        text.push_str("\r\n");
    }
    let place = format!("{}/{}", message.envelope.namespace, message.envelope.contract);
    let report = message.envelope.report.as_ref().map_or("", |order| order.report.as_str());
    text.push_str(&shown(&format!("Sent by bpo-operator for the contacts of {place}, as its report {report}."), 512));
    text.push_str("\r\n");
    let plain = SinglePart::builder().header(ContentType::TEXT_PLAIN).body(text);
    let mut parts = MultiPart::mixed().singlepart(plain);
    for document in &package.documents {
        let media_type = ContentType::parse(document.media_type)
            .map_err(|error| wrong(format!("a document cannot be attached: {error}")))?;
        parts = parts.singlepart(Attachment::new(file_name(&document.file)).body(document.content.clone(), media_type));
    }
    addressed(email, std::slice::from_ref(message), subject)?
        .multipart(parts)
        .map_err(|error| wrong(format!("the mail cannot be written: {error}")))
}

/// A file's name of letters that every mailbox and file system takes.
fn file_name(name: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_');
    name.chars().map(|letter| if is_plain(letter) { letter } else { '-' }).take(200).collect()
}

fn wrong(message: String) -> FetchError {
    FetchError::new(FailureKind::Mapping, message)
}

/// A mail from the sink to all whom its messages go to.
fn addressed(email: &EmailSink, group: &[Message], subject: String) -> Result<MessageBuilder, FetchError> {
    let mailbox = |name: Option<&str>, address: &str| {
        let parsed: Address =
            address.parse().map_err(|_| wrong(format!("{} is not an e-mail address", shown(address, 80))))?;
        Ok::<_, FetchError>(Mailbox::new(name.map(|name| shown(name, 80)), parsed))
    };
    let mut builder = Mail::builder().from(mailbox(Some("bpo-operator"), &email.from)?).subject(subject);
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
    Ok(builder)
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
        [] => "nothing to send".to_owned(),
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
