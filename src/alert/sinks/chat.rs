//! Chats: incoming webhooks of Slack and workflow webhooks of Microsoft Teams, and what takes the same messages.

use serde_json::{Value, json};

use super::{Outgoing, details, headline, numbers};
use crate::alert::envelope::Message;

/// Slack's own escaping: with these three gone no text can mention a channel, a person or a link.
/// <https://docs.slack.dev/messaging/formatting-message-text#escaping>
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

pub(super) fn slack(group: &[Message]) -> Outgoing {
    let blocks: Vec<String> = group
        .iter()
        .map(|message| {
            let lines = details(message).into_iter().map(|line| format!("\n    {line}")).collect::<String>();
            escaped(&format!("{}{lines}", headline(message)))
        })
        .collect();
    let body = json!({"text": blocks.join("\n"), "unfurl_links": false, "unfurl_media": false});
    super::json(numbers(group), "application/json", &body)
}

/// An adaptive card whose texts are runs, which know no markup.
pub(super) fn teams(group: &[Message]) -> Outgoing {
    let paragraph = |text: &str, weight: &str| json!({"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, "weight": weight}]});
    let paragraphs: Vec<Value> = group
        .iter()
        .flat_map(|message| {
            let first = paragraph(&headline(message), "Bolder");
            std::iter::once(first).chain(details(message).into_iter().map(|line| paragraph(&line, "Default")))
        })
        .collect();
    let card = json!({
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard", "version": "1.4", "body": paragraphs,
    });
    let attachment = json!({"contentType": "application/vnd.microsoft.card.adaptive", "content": card});
    super::json(numbers(group), "application/json", &json!({"type": "message", "attachments": [attachment]}))
}
