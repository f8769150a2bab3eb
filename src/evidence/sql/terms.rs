//! Terms of the journal, kept once by their digest. Entries of earlier formats hold theirs whole.

use std::collections::HashMap;

use super::{Sql, values};
use crate::api::Shared;
use crate::domain::terms::contract_terms::Terms;
use crate::evidence::chain::digest_of;
use crate::evidence::failure::Failure;
use crate::evidence::journal::{HeldTerms, Topic, quoted, read_content};
use crate::evidence::model::{StoreError, digest_text};

/// Keeps the terms of an entry, where they are not kept yet.
pub(super) fn keep(sql: &mut dyn Sql, held: &HeldTerms<'_>) -> Result<(), Failure> {
    let HeldTerms { digest, text, .. } = held;
    let added = sql.execute(
        "INSERT INTO terms (digest, content) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING",
        values![digest, *text],
    )?;
    // The new entry must not come to hold what somebody wrote in their place.
    if added == 0 && find(sql, digest)?.as_deref() != Some(*text) {
        return Err(changed(digest).into());
    }
    Ok(())
}

fn find(sql: &mut dyn Sql, digest: &str) -> Result<Option<String>, Failure> {
    sql.first("SELECT content FROM terms WHERE digest = $1", values![digest], |row| row.string(0))
}

fn changed(digest: &str) -> StoreError {
    StoreError::Unreadable(format!("the terms {digest} are kept with another text"))
}

/// The terms that entries hold, each read once and shared among them.
#[derive(Default)]
pub(super) struct KnownTerms(HashMap<String, Shared<Terms>>);

impl KnownTerms {
    /// The terms of an entry with this content and with the digest of terms that it refers to. What cannot be read stops nobody but its
    /// contract: `what` names it.
    pub(super) fn of(
        &mut self,
        sql: &mut dyn Sql,
        topic: &Topic,
        what: &str,
        (content, digest): (&str, Option<&str>),
    ) -> Result<Shared<Terms>, Failure> {
        let Some(digest) = digest else {
            let held = HeldTerms::of(topic, content).ok_or_else(|| without_terms(what))?;
            return self.known_or(&held.digest, || read_content(what, held.text));
        };
        if !content.contains(&quoted(digest)) {
            return Err(without_terms(what).into());
        }
        if let Some(known) = self.0.get(digest) {
            return Ok(known.clone());
        }
        let missing = || StoreError::Unreadable(format!("{what}: the terms {digest} are missing"));
        let text = find(sql, digest)?.ok_or_else(missing)?;
        if digest_text(&digest_of(text.as_bytes())) != digest {
            return Err(changed(digest).into());
        }
        self.known_or(digest, || read_content(what, &text))
    }

    fn known_or(
        &mut self,
        digest: &str,
        read: impl FnOnce() -> Result<Shared<Terms>, StoreError>,
    ) -> Result<Shared<Terms>, Failure> {
        if let Some(known) = self.0.get(digest) {
            return Ok(known.clone());
        }
        let terms = read()?;
        self.0.insert(digest.to_owned(), terms.clone());
        Ok(terms)
    }
}

fn without_terms(what: &str) -> StoreError {
    StoreError::Unreadable(format!("{what}: it holds no terms"))
}
