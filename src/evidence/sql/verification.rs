//! Computes the chains again: the same checks for every store.

use std::collections::HashSet;

use super::stored::Stored;
use crate::evidence::chain::{digest_of, entry_digest, feed_origin, journal_digest, journal_origin};
use crate::evidence::encoding::{BODY, ROW, decode_row};
use crate::evidence::failure::Failure;
use crate::evidence::journal::{HeadContent, with_terms};
use crate::evidence::model::{Broken, Digest, Head, Summarised, VerifyProgress, VerifyReport, digest_text};
use crate::evidence::retention::{Summary, checked, definitions_origin, with_definition};

/// How many differences are listed.
const BROKEN_LISTED: usize = 1_000;

/// After how many rows the progress is reported.
const ROWS_PER_PROGRESS: u64 = 65_536;

/// A feed of a store.
pub(super) struct StoredFeed {
    pub id: i64,
    pub contract_uid: String,
    pub feed: String,
}

/// An entry of a feed's log as it is stored.
pub(super) struct StoredEntry<'a> {
    pub sequence: i64,
    pub kind: u8,
    pub payload: &'a [u8],
    pub digest: Digest,
}

/// An entry of the journal as it is stored: topic, contract, name, instant and content.
pub(super) struct StoredJournalEntry {
    pub number: i64,
    pub texts: [String; 5],
    /// The terms that the content refers to.
    pub terms: Option<StoredTerms>,
    pub digest: Digest,
}

/// Terms that an entry refers to: their digest as the entry has it, and the text that is kept under it.
pub(super) struct StoredTerms {
    pub digest: String,
    pub text: Option<String>,
}

impl StoredTerms {
    /// Puts the terms in their place in a content; says what is wrong with them.
    fn put_into(&self, content: &mut String) -> Option<String> {
        let Self { digest, text } = self;
        let Some(text) = text else { return Some(format!("the terms {digest} are missing")) };
        *content = with_terms(content, digest, text);
        let is_theirs = digest_text(&digest_of(text.as_bytes())) == *digest;
        (!is_theirs).then(|| format!("the terms {digest} have another digest"))
    }
}

/// Verifies each feed on a state of its own, so that a long verification holds up nobody, then the journal.
pub(super) fn verify(
    stored: &mut Stored<'_>,
    on_progress: &(dyn Fn(VerifyProgress) + Send + Sync),
) -> Result<VerifyReport, Failure> {
    stored.refresh()?;
    let (feeds, total_rows) = (stored.feeds()?, stored.total_rows()?);
    let mut check = Check { report: VerifyReport::default(), on_progress, total_rows };
    for feed in &feeds {
        stored.refresh()?;
        let outcome = check.feed(stored, feed);
        check.damage(stored, outcome, &feed.contract_uid, &feed.feed)?;
        check.report.feeds += 1;
    }
    stored.refresh()?;
    let outcome = check.journal(stored).and_then(|()| check.strangers(stored));
    check.damage(stored, outcome, "", "")?;
    on_progress(VerifyProgress { rows: check.report.rows, total_rows: check.report.rows });
    Ok(check.report)
}

struct Check<'a> {
    report: VerifyReport,
    on_progress: &'a (dyn Fn(VerifyProgress) + Send + Sync),
    total_rows: u64,
}

/// What the walk through a feed's log found at its end.
struct Walked {
    head: Head,
    /// The last removed row.
    removed: i64,
    /// Over labels and names that stay for the rows after removed ones.
    definitions: Digest,
    /// Keys, and the sum of the sequences of their newest rows.
    keys: i64,
    newest: i128,
}

impl Check<'_> {
    fn broken(&mut self, contract_uid: &str, feed: &str, sequence: i64, what: impl Into<String>) {
        if self.report.broken.len() < BROKEN_LISTED {
            let (contract_uid, feed, what) = (contract_uid.to_owned(), feed.to_owned(), what.into());
            self.report.broken.push(Broken { contract_uid, feed, sequence, what });
        }
    }

    /// Damage of the store itself is a finding, and the other feeds are still checked; other errors end the verification.
    fn damage(
        &mut self,
        stored: &Stored<'_>,
        outcome: Result<(), Failure>,
        contract_uid: &str,
        feed: &str,
    ) -> Result<(), Failure> {
        if let Err(failure) = outcome {
            let what = stored.damage(failure)?;
            self.broken(contract_uid, feed, 0, what);
        }
        Ok(())
    }

    fn feed(&mut self, stored: &mut Stored<'_>, feed: &StoredFeed) -> Result<(), Failure> {
        let StoredFeed { contract_uid, feed: name, id } = feed;
        let walked = self.walk(stored, feed)?;
        match stored.head(*id)? {
            None if walked.head.sequence == 0 => {}
            Some(kept) if kept == walked.head => {}
            None => self.broken(contract_uid, name, walked.head.sequence, "the feed has rows and no head"),
            Some(kept) if kept.sequence == walked.head.sequence => {
                self.broken(contract_uid, name, kept.sequence, "the head has another digest than the last row");
            }
            Some(kept) => {
                let what = format!("the head says {} rows, the log has {}", kept.sequence, walked.head.sequence);
                self.broken(contract_uid, name, walked.head.sequence, what);
            }
        }
        let (keys, newest) = stored.newest(*id)?;
        if keys != walked.keys || newest != walked.newest as f64 {
            self.broken(contract_uid, name, 0, "the index of newest rows does not follow from the log");
        }
        let last = stored.last_journal_head(contract_uid, name)?;
        let expected = HeadContent::from(&walked.head).text();
        if last.as_ref().map_or(walked.head.sequence != 0, |last| *last != expected) {
            let what = format!(
                "the journal's last head is {}, the log ends with {expected}",
                last.as_deref().unwrap_or("absent")
            );
            self.broken(contract_uid, name, walked.head.sequence, what);
        }
        Ok(())
    }

    fn walk(&mut self, stored: &mut Stored<'_>, feed: &StoredFeed) -> Result<Walked, Failure> {
        let summaries = self.summaries(stored, feed)?;
        let last = summaries.last();
        let origin = || Head { sequence: 0, digest: feed_origin(&feed.contract_uid, &feed.feed) };
        let head = last.map_or_else(origin, Summary::head);
        let removed = last.map_or(0, |last| last.last);
        let mut walked = Walked { head, removed, definitions: definitions_origin(), keys: 0, newest: 0 };
        stored.entries(feed.id, &mut |entry| {
            if entry.sequence <= removed {
                self.entry_below(&mut walked, feed, &entry);
                return;
            }
            if let Some(what) = differs(&walked.head, &entry) {
                self.broken(&feed.contract_uid, &feed.feed, entry.sequence, what);
            }
            // Goes on from what is stored, so that each place that differs is found, not everything after the first.
            walked.head.digest = entry.digest;
            if entry.kind == ROW {
                self.row(&mut walked, feed, &entry);
            }
        })?;
        if last.is_some_and(|last| last.definitions.unwrap_or_else(definitions_origin) != walked.definitions) {
            let what = "the labels and names of removed rows are not those of their summary";
            self.broken(&feed.contract_uid, &feed.feed, removed, what);
        }
        Ok(walked)
    }

    /// The summaries of a feed; what differs from the journal is reported.
    fn summaries(&mut self, stored: &mut Stored<'_>, feed: &StoredFeed) -> Result<Vec<Summary>, Failure> {
        let (kept, journal) = stored.summaries(feed)?;
        let (summaries, problems) = checked(&kept, &journal);
        for what in problems {
            self.broken(&feed.contract_uid, &feed.feed, 0, what);
        }
        if let Some(last) = summaries.last() {
            self.report.summarised.push(Summarised {
                contract_uid: feed.contract_uid.clone(),
                feed: feed.feed.clone(),
                years: summaries.iter().map(|summary| summary.year).collect(),
                rows: last.last,
            });
        }
        Ok(summaries)
    }

    /// An entry up to the last removed row: labels and names stay, rows and bodies do not.
    fn entry_below(&mut self, walked: &mut Walked, feed: &StoredFeed, entry: &StoredEntry<'_>) {
        let StoredEntry { sequence, kind, payload, .. } = *entry;
        if kind < BODY {
            walked.definitions = with_definition(&walked.definitions, sequence, kind, payload);
        } else {
            let what = "a summary says that the row was removed, but it exists";
            self.broken(&feed.contract_uid, &feed.feed, sequence, what);
        }
    }

    fn row(&mut self, walked: &mut Walked, feed: &StoredFeed, entry: &StoredEntry<'_>) {
        let sequence = entry.sequence;
        walked.head.sequence = sequence;
        match decode_row(entry.payload) {
            Ok((header, _)) => {
                let replaces = Some(header.replaces).filter(|replaces| *replaces > walked.removed);
                walked.keys += i64::from(replaces.is_none());
                walked.newest += i128::from(sequence) - i128::from(replaces.unwrap_or(0));
            }
            Err(what) => {
                self.broken(&feed.contract_uid, &feed.feed, sequence, format!("the row cannot be read: {what}"))
            }
        }
        self.report.rows += 1;
        if self.report.rows.is_multiple_of(ROWS_PER_PROGRESS) {
            (self.on_progress)(VerifyProgress {
                rows: self.report.rows,
                total_rows: self.total_rows.max(self.report.rows),
            });
        }
    }

    fn journal(&mut self, stored: &mut Stored<'_>) -> Result<(), Failure> {
        let (mut last, mut previous) = (0_i64, journal_origin());
        stored.journal(&mut |StoredJournalEntry { number, mut texts, terms, digest }| {
            let [.., content] = &mut texts;
            if let Some(what) = terms.and_then(|terms| terms.put_into(content)) {
                self.broken("", "", number, what);
            }
            if number != last + 1 {
                self.broken("", "", number, format!("entries {} to {} are missing", last + 1, number - 1));
            } else if journal_digest(&previous, number, texts.each_ref().map(String::as_str)) != digest {
                self.broken("", "", number, "the digest does not follow from the entry and the one before");
            }
            (last, previous) = (number, digest);
            self.report.journal_entries += 1;
        })?;
        if stored.journal_head()?.unwrap_or_else(|| (0, journal_origin())) != (last, previous) {
            self.broken("", "", last, "the journal does not end where its head says");
        }
        Ok(())
    }

    /// Feeds that the journal speaks of and the store does not have, and logs without a feed.
    fn strangers(&mut self, stored: &mut Stored<'_>) -> Result<(), Failure> {
        let known: HashSet<(String, String)> =
            stored.feeds()?.into_iter().map(|feed| (feed.contract_uid, feed.feed)).collect();
        for key in stored.feeds_of_journal()? {
            if !known.contains(&key) {
                self.broken(&key.0, &key.1, 0, "the journal knows rows of this feed, and the store has no such feed");
            }
        }
        let orphans = stored.heads_without_feed()?;
        if orphans > 0 {
            self.broken("", "", 0, format!("{orphans} heads belong to no feed"));
        }
        Ok(())
    }
}

fn differs(before: &Head, entry: &StoredEntry<'_>) -> Option<String> {
    let StoredEntry { sequence, kind, payload, digest } = entry;
    let expected = before.sequence + 1;
    if *sequence != expected {
        return Some(format!("rows {expected} to {} are missing", sequence - 1));
    }
    let follows = entry_digest(&before.digest, *sequence, *kind, payload) == *digest;
    (!follows).then(|| "the digest does not follow from the row and the one before".to_owned())
}
