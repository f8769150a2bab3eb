//! The entries of the journal, the same for every store: what it keeps in addition to rows, in one chain over the whole store.

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::chain::digest_of;
use super::model::{Head, StoreError, digest_text};
use crate::domain::terms::contract_terms::Terms;

/// What an entry of the journal is about.
#[derive(Clone, Debug)]
pub(super) enum Topic {
    Head,
    Closing,
    Terms,
    Report,
    Fact(String),
    Summary,
}

impl Topic {
    pub(super) fn text(&self) -> String {
        match self {
            Self::Head => "head".to_owned(),
            Self::Closing => "closing".to_owned(),
            Self::Terms => "terms".to_owned(),
            Self::Report => "report".to_owned(),
            Self::Summary => "summary".to_owned(),
            Self::Fact(kind) => format!("fact/{kind}"),
        }
    }
}

/// An entry without its place in the chain.
pub(super) struct NewEntry {
    pub topic: Topic,
    pub contract_uid: String,
    pub name: String,
    pub recorded_at: Timestamp,
    pub content: String,
}

/// The terms that the content of an entry holds. A store keeps them once, and their digest in their place: the digest of the entry is
/// that of the whole content all the same.
pub(super) struct HeldTerms<'c> {
    /// The content with the digest of the terms in their place.
    pub content: String,
    /// The digest of their text, as [`digest_text`] writes it.
    pub digest: String,
    /// Their text.
    pub text: &'c str,
}

/// The text before the terms of a closing.
const TERMS_OF_CLOSING: &str = r#","terms":"#;

impl<'c> HeldTerms<'c> {
    /// The terms in a content; `None` where entries about the topic hold none.
    pub(super) fn of(topic: &Topic, content: &'c str) -> Option<Self> {
        let (before, text, after) = match topic {
            Topic::Terms => ("", content, ""),
            Topic::Closing => {
                let (before, rest) =
                    content.split_at_checked(content.find(TERMS_OF_CLOSING)? + TERMS_OF_CLOSING.len())?;
                (before, rest.strip_suffix('}')?, "}")
            }
            Topic::Head | Topic::Report | Topic::Fact(_) | Topic::Summary => return None,
        };
        let digest = digest_text(&digest_of(text.as_bytes()));
        Some(Self { content: format!("{before}{}{after}", quoted(&digest)), digest, text })
    }
}

/// The digest of terms as a content holds it.
pub(super) fn quoted(digest: &str) -> String {
    format!("\"{digest}\"")
}

/// The whole content of an entry: with the text of terms in the place of their digest.
pub(super) fn with_terms(content: &str, digest: &str, text: &str) -> String {
    content.replacen(&quoted(digest), text, 1)
}

/// When an entry is appended at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Append {
    /// If there is none of its topic and name.
    IfFirst,
    /// If the last one of its topic and name has another content.
    IfChanged,
}

impl Append {
    /// Whether an entry with this content is appended after the last one of its topic and name; both whole, or both with a digest in the
    /// place of terms.
    pub(super) fn wants(self, last: Option<&str>, content: &str) -> bool {
        match (self, last) {
            (_, None) => true,
            (Self::IfFirst, Some(_)) => false,
            (Self::IfChanged, Some(last)) => last != content,
        }
    }
}

/// Versions of a contract's terms that are kept of one year.
const MOST_TERMS: u64 = 1_000;

/// From when on versions of terms count, for an entry that is about them; `None` for other entries.
pub(super) fn counted_since(entry: &NewEntry) -> Option<String> {
    let year = SignedDuration::from_hours(365 * 24);
    matches!(entry.topic, Topic::Terms)
        .then(|| entry.recorded_at.checked_sub(year).unwrap_or(Timestamp::MIN).to_string())
}

/// Whether another version of the terms is kept beside those of the last year.
///
/// # Errors
/// [`StoreError::TermsQuota`].
pub(super) fn check_terms(versions: i64) -> Result<(), StoreError> {
    if u64::try_from(versions).unwrap_or_default() < MOST_TERMS {
        return Ok(());
    }
    Err(StoreError::TermsQuota { most: MOST_TERMS })
}

/// Content of an entry about a closed period. [`HeldTerms`] finds the terms by their place at the end.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Closing {
    pub closed_at: Timestamp,
    pub terms: Terms,
}

/// Content of an entry about the end of a feed's chain.
#[derive(Serialize, Deserialize)]
pub(super) struct HeadContent {
    pub sequence: i64,
    pub digest: String,
}

impl From<&Head> for HeadContent {
    fn from(head: &Head) -> Self {
        Self { sequence: head.sequence, digest: head.digest_text() }
    }
}

impl HeadContent {
    /// The content of the entry.
    pub(super) fn text(&self) -> String {
        format!("{{\"sequence\":{},\"digest\":\"{}\"}}", self.sequence, self.digest)
    }
}

/// A value as the content of an entry.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| StoreError::Invalid(format!("this cannot be kept as JSON: {error}")))
}

/// The kind of fact that a topic names.
pub(super) fn fact_kind(topic: &str) -> Result<String, StoreError> {
    let kind =
        topic.strip_prefix("fact/").ok_or_else(|| StoreError::Corrupt(format!("a topic of a fact: {topic:?}")))?;
    Ok(kind.to_owned())
}

/// The content of an entry about one contract. One that cannot be read is that contract's matter and stops nobody else.
pub(super) fn read_content<T: DeserializeOwned>(what: &str, content: &str) -> Result<T, StoreError> {
    serde_json::from_str(content).map_err(|error| StoreError::Unreadable(format!("{what}: {error}")))
}

/// The instant of an entry.
pub(super) fn instant(text: &str) -> Result<Timestamp, StoreError> {
    text.parse().map_err(|_| StoreError::Corrupt(format!("an instant in the journal: {text:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_with_a_digest_in_the_place_of_its_terms_is_whole_again_with_their_text() {
        let terms = r#"{"contract":{"vendor":{"name":"a \"b\",\"terms\":{}}"}},"kpis":{}}"#;
        let closing = format!(r#"{{"closedAt":"2026-02-06T00:00:00Z","terms":{terms}}}"#);
        for (topic, content) in [(Topic::Closing, closing.as_str()), (Topic::Terms, terms)] {
            let held = HeldTerms::of(&topic, content).unwrap();
            assert_eq!(held.text, terms, "{topic:?}");
            assert!(serde_json::from_str::<serde_json::Value>(&held.content).is_ok(), "{}", held.content);
            assert!(held.content.len() < 120, "{}", held.content);
            assert_eq!(with_terms(&held.content, &held.digest, held.text), content, "{topic:?}");
        }
        for topic in [Topic::Head, Topic::Report, Topic::Summary, Topic::Fact("TermsChanged".to_owned())] {
            assert!(HeldTerms::of(&topic, &closing).is_none(), "{topic:?}");
        }
        assert!(HeldTerms::of(&Topic::Closing, "{}").is_none());
    }
}
