//! Answers that stay though no judgement asks for them, as one compressed text.
//!
//! Where closed periods are taken as an earlier judgement left them, nothing asks for the readings, coverages and parts that they were made
//! of. They are most of what is kept of a contract of many years. So they are *filed* at the end of such a judgement, and read back, all at
//! once, for the first question that one of them may answer and for rows that may make one of them dirty. In between, judgements of new
//! rows neither read nor write the text. A judgement that makes closed periods again, such as the first one after a restart, reads it and
//! puts the same text back.
//!
//! Invariants:
//! - A question has the answer that it would have if nothing was filed: a mark of each question, and the latest instant of knowledge, say
//!   whether the text may hold its answer. They never say no of one that it holds.
//! - It is a cache: a text that cannot be read holds no answers.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::size_of;

use flate2::Compression;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Asked, AskedOfFeed, AskedOfKpi, Coverage, Figures, Kept, KeptParts, KeptReading, pairs};
use crate::api::Shared;
use crate::domain::numbers::deflated::{deflated, inflated};
use crate::domain::terms::calendar::Span;

/// From how many unasked readings on it is worth to file them.
const WORTH_FILING: usize = 16;

/// A text that says that it is larger than this is none.
const MOST: u64 = 256 << 20;

#[cfg(test)]
thread_local! {
    /// How often filed answers were read back on this thread.
    pub(crate) static TIMES_READ_BACK: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Answers as one text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Filed {
    /// The latest instant of knowledge of a reading or a coverage.
    latest: Timestamp,
    /// The [marks](mark) of all questions, sorted.
    marks: Box<[u32]>,
    /// [`Contents`] as JSON, deflated.
    #[serde(with = "as_base64")]
    text: Box<[u8]>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Contents {
    #[serde(with = "pairs")]
    readings: Kept<AskedOfKpi, KeptReading>,
    #[serde(with = "pairs")]
    coverages: Kept<AskedOfFeed, Coverage>,
    #[serde(with = "pairs")]
    parts: Kept<[u8; 16], KeptParts>,
}

/// What a mark is made of.
#[derive(Hash)]
enum Marked<'q> {
    /// A KPI by its place in the book at a place, a period, a window, and whether it closes. Readings at all instants have one mark.
    Reading(usize, usize, Span, Span, bool),
    Coverage(&'q AskedOfFeed),
    Parts(&'q [u8; 16]),
}

impl Marked<'_> {
    fn reading(&(book, kpi, Asked { period, window, is_closing, .. }): &AskedOfKpi) -> Self {
        Marked::Reading(book, kpi, period, window, is_closing)
    }
}

/// Half of a hash: it is another one for the same question only in another program, which takes over no answers.
fn mark(marked: &Marked<'_>) -> u32 {
    let mut hasher = DefaultHasher::new();
    marked.hash(&mut hasher);
    u32::try_from(hasher.finish() >> 32).unwrap_or_default()
}

impl Contents {
    fn len(&self) -> usize {
        self.readings.len() + self.coverages.len() + self.parts.len()
    }

    fn marks(&self) -> Box<[u32]> {
        let readings = self.readings.keys().map(Marked::reading);
        let marked =
            readings.chain(self.coverages.keys().map(Marked::Coverage)).chain(self.parts.keys().map(Marked::Parts));
        let mut marks: Vec<u32> = marked.map(|marked| mark(&marked)).collect();
        marks.sort_unstable();
        marks.dedup();
        marks.into()
    }

    fn latest(&self) -> Timestamp {
        let of_readings = self.readings.keys().map(|(.., asked)| asked.at);
        of_readings.chain(self.coverages.keys().map(|(.., at)| *at)).max().unwrap_or(Timestamp::MIN)
    }
}

impl Filed {
    /// `None` for answers that cannot be written as JSON.
    fn of(contents: &Contents) -> Option<Filed> {
        let text = deflated(Vec::new(), contents, Compression::default())?.into();
        Some(Filed { latest: contents.latest(), marks: contents.marks(), text })
    }

    fn open(&self) -> Option<Contents> {
        inflated(&self.text, MOST)
    }

    /// Bytes that it takes in memory.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Filed>() + 2 * size_of::<usize>() + size_of_val(&*self.marks) + self.text.len()
    }

    fn has(&self, marked: &Marked<'_>) -> bool {
        self.marks.binary_search(&mark(marked)).is_ok()
    }

    pub(super) fn may_hold_reading(&self, question: &AskedOfKpi) -> bool {
        question.2.at <= self.latest && self.has(&Marked::reading(question))
    }

    /// Whether it may hold an answer to a question by what was known earlier, and later than at the instant of the one that was found.
    pub(super) fn may_hold_earlier(&self, question: &AskedOfKpi, found: Option<Timestamp>) -> bool {
        found.is_none_or(|found| found < self.latest) && self.has(&Marked::reading(question))
    }

    pub(super) fn may_hold_coverage(&self, question: &AskedOfFeed) -> bool {
        self.has(&Marked::Coverage(question))
    }

    pub(super) fn may_hold_parts(&self, digest: &[u8; 16]) -> bool {
        self.has(&Marked::Parts(digest))
    }
}

/// What a judgement read back. The text is taken again at its end where its answers still hold: it is not deflated for each judgement that
/// asks for closed periods.
#[derive(Debug)]
pub(super) struct ReadBack {
    filed: Shared<Filed>,
    contents: Contents,
}

impl Figures {
    /// Puts filed answers away again at the end of a judgement that read them back.
    ///
    /// Where it took closed periods as they were, what it asked for will be asked for again, and stays in memory too. Where it made them
    /// again, the next one will not ask for their readings and parts; filed answers that it did not ask for go.
    pub(super) fn put_back(&mut self, were_taken: bool) {
        if !were_taken {
            self.filed.take();
        }
        let Some(ReadBack { filed, contents }) = self.read_back.take() else { return };
        if !self.are_held(&contents, were_taken) {
            return;
        }
        let (readings, parts) = (self.readings.get_mut(), self.parts.get_mut());
        readings.earlier.retain(|question, _| !contents.readings.contains_key(question));
        parts.earlier.retain(|digest, _| !contents.parts.contains_key(digest));
        if !were_taken {
            readings.used.retain(|question, _| !contents.readings.contains_key(question));
            parts.used.retain(|digest, _| !contents.parts.contains_key(digest));
        }
        *self.filed.get_mut() = Some(filed);
    }

    /// Whether all of these are still held as they are. Of those that closed periods were made of again, half must have been asked for:
    /// what nothing asks for is not kept for ever.
    fn are_held(&mut self, contents: &Contents, were_taken: bool) -> bool {
        let counts = [
            self.readings.get_mut().count_held(&contents.readings),
            self.coverages.get_mut().count_held(&contents.coverages),
            self.parts.get_mut().count_held(&contents.parts),
        ];
        let (unasked, asked) = counts.iter().fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
        unasked + asked == contents.len() && (were_taken || unasked <= asked)
    }

    /// Files what stays in memory though it was not asked for, where that is much.
    pub(super) fn file_unasked(&mut self) {
        if let Some(filed) = self.filed.get_mut() {
            self.coverages.get_mut().earlier.retain(|question, _| !filed.may_hold_coverage(question));
        }
        if self.readings.get_mut().earlier.len() >= WORTH_FILING {
            self.file();
        }
    }

    fn file(&mut self) {
        self.read_back();
        self.read_back.take();
        let contents = Contents {
            readings: std::mem::take(&mut self.readings.get_mut().earlier),
            coverages: std::mem::take(&mut self.coverages.get_mut().earlier),
            parts: std::mem::take(&mut self.parts.get_mut().earlier),
        };
        match Filed::of(&contents) {
            Some(filed) => *self.filed.get_mut() = Some(Shared::new(filed)),
            None => self.add(contents),
        }
    }

    /// Reads the filed answers back if that is so of them; whether it did.
    pub(super) fn read_back_if(&self, is_needed: impl FnOnce(&Filed) -> bool) -> bool {
        let is_needed = self.filed.borrow().as_deref().is_some_and(is_needed);
        if is_needed {
            self.read_back();
        }
        is_needed
    }

    /// Reads the filed answers back if some of them are by what was known at an instant or later.
    pub(super) fn read_back_known_from(&self, from: Timestamp) {
        self.read_back_if(|filed| from <= filed.latest);
    }

    fn read_back(&self) {
        let Some(filed) = self.filed.take() else { return };
        #[cfg(test)]
        TIMES_READ_BACK.set(TIMES_READ_BACK.get() + 1);
        let Some(contents) = filed.open() else { return };
        self.add(contents.clone());
        self.read_back.replace(Some(ReadBack { filed, contents }));
    }

    fn add(&self, Contents { readings, coverages, parts }: Contents) {
        self.readings.borrow_mut().add(readings);
        self.coverages.borrow_mut().add(coverages);
        self.parts.borrow_mut().add(parts);
    }
}

/// Bytes as base64 text.
mod as_base64 {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD_NO_PAD;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD_NO_PAD.encode(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<[u8]>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD_NO_PAD.decode(text).map(Vec::into).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
