//! A mapping to start from, guessed from a sample answer. It is a draft for a person: nothing of it is used without being looked at.

mod document;
mod draft;
mod fields;
mod sheet;

use crate::outbound::error::{FailureKind, FetchError};

/// One field of the sample, and what it is taken for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guess {
    /// The column or path.
    pub field: String,
    /// A value that is there.
    pub sample: String,
    /// What it is taken for, in words.
    pub taken_for: String,
}

/// A draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaffold {
    /// Every field.
    pub guesses: Vec<Guess>,
    /// A feed in YAML, with what is to be decided as comments.
    pub yaml: String,
}

/// Drafts a feed from a sample: JSON, CSV or a workbook, recognised by its content.
///
/// # Errors
/// `Malformed` where it is none of them, `Mapping` where nothing in it looks like rows.
pub fn scaffold(content: &[u8]) -> Result<Scaffold, FetchError> {
    let beginning = content.trim_ascii_start();
    if content.starts_with(b"PK\x03\x04") {
        return sheet::of_workbook(content);
    }
    if matches!(beginning.first(), Some(b'{' | b'[')) {
        return document::of_json(content);
    }
    if beginning.first() == Some(&b'<') {
        let message = "the sample is XML or a page: write the mapping by hand, as docs/feeds.md shows it for xml";
        return Err(FetchError::new(FailureKind::Malformed, message));
    }
    sheet::of_csv(content)
}

#[cfg(test)]
mod tests;
