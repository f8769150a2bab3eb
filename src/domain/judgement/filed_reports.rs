//! Reports of closed periods as a judgement holds them. Most of a contract's memory would be the reports of its past, which nobody asks
//! for: they are the same at every look. So they are *filed*, as one compressed text each, with what is asked of them all the time.
//!
//! Invariant: a filed report is the report. It is written, read and compared as the report itself, and opened where more of it is needed.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::mem::size_of;
use std::sync::{Arc, Mutex, PoisonError};

use flate2::Compression;
use flate2::bufread::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::de::{SeqAccess, Visitor};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::api::made_of::{DayValue, PartValue};
use crate::api::packed::as_text;
use crate::api::sla_report::SlaReportSpec;
use crate::api::vendor_contract::PeriodBounds;
use crate::api::verdict::PeriodState;
use crate::api::{Packed, Shared};
use crate::domain::settlement::basis::{Explained, as_far_as};

/// The latest periods, whose reports are not filed: statuses show what the last one says, and most of what is written is of them.
const KEPT_WHOLE: usize = 2;

/// A filed text that says that it is larger than this is none. The definition of the kind allows no report of this size.
const MOST: u64 = 64 << 20;

/// A report as a judgement holds it. It is written and compared as the report.
#[derive(Clone, Debug)]
pub enum JudgedReport {
    /// All that it says.
    Whole(Shared<SlaReportSpec>),
    /// A Final one of an earlier period.
    Filed(Arc<FiledReport>),
}

/// A Final report as one compressed text.
#[derive(Debug)]
pub struct FiledReport {
    contract: String,
    period: PeriodBounds,
    revision: i64,
    digests: Digests,
    /// A [`Text`] as JSON, deflated.
    text: Box<[u8]>,
    /// The version of the stored report that was last found to say the same, so that it is not compared at every look.
    agrees_with: Mutex<Option<Box<str>>>,
}

/// What reports are compared by: one digest of each part that reports of earlier versions may lack, and one of the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Digests {
    figures: [u8; 32],
    /// Of what each line, and the money, was judged by.
    bases: [u8; 32],
    /// Of the digests of days and parts: the watch keeps no more of them.
    made_of: [u8; 32],
}

impl Digests {
    /// `None` for a report that cannot be written as JSON.
    fn of(report: &SlaReportSpec) -> Option<Digests> {
        let mut figures = report.clone();
        let (mut bases, mut made_of) = (Vec::new(), Sha256::new());
        for line in &mut figures.kpis {
            serde_json::to_writer(&mut bases, &line.basis.take()).ok()?;
            made_of.update(std::mem::take(&mut line.days).digest());
            made_of.update(std::mem::take(&mut line.parts).digest());
        }
        let of_credit = figures.credit.as_mut().and_then(|credit| credit.basis.take());
        serde_json::to_writer(&mut bases, &of_credit).ok()?;
        let figures = Sha256::digest(serde_json::to_vec(&figures).ok()?);
        Some(Digests {
            figures: figures.into(),
            bases: Sha256::digest(bases).into(),
            made_of: made_of.finalize().into(),
        })
    }

    /// Whether `earlier` says the same in the members that it has; its digests are these ones then.
    fn agree_with(&self, earlier: &SlaReportSpec) -> bool {
        let has = Explained::by(earlier);
        // The money of such a report may have a basis where no line has: all of it is compared then.
        let lacks_basis = !has.basis && earlier.credit.as_ref().is_none_or(|credit| credit.basis.is_none());
        Digests::of(earlier).is_some_and(|theirs| {
            self.figures == theirs.figures
                && (lacks_basis || self.bases == theirs.bases)
                && (!has.days || self.made_of == theirs.made_of)
        })
    }
}

/// A report as it is filed: days and parts as the texts that they are in memory, of which no line is read or written again.
#[derive(Serialize, Deserialize)]
struct Text {
    report: SlaReportSpec,
    /// Of each line.
    made_of: Vec<MadeOf>,
}

#[derive(Serialize, Deserialize)]
struct MadeOf {
    #[serde(with = "as_text")]
    days: Packed<DayValue>,
    #[serde(with = "as_text")]
    parts: Packed<PartValue>,
}

impl Text {
    fn of(report: &SlaReportSpec) -> Text {
        let mut report = report.clone();
        let made_of = report.kpis.iter_mut().map(|line| {
            let (days, parts) = (std::mem::take(&mut line.days), std::mem::take(&mut line.parts));
            MadeOf { days, parts }
        });
        let made_of = made_of.collect();
        Text { report, made_of }
    }

    fn into_report(mut self) -> SlaReportSpec {
        for (line, MadeOf { days, parts }) in self.report.kpis.iter_mut().zip(self.made_of) {
            (line.days, line.parts) = (days, parts);
        }
        self.report
    }
}

impl FiledReport {
    fn open(&self) -> Option<SlaReportSpec> {
        let mut json = Vec::new();
        DeflateDecoder::new(&*self.text).take(MOST).read_to_end(&mut json).ok()?;
        serde_json::from_slice(&json).map(Text::into_report).ok()
    }

    fn is_of(&self, report: &SlaReportSpec) -> bool {
        report.state == PeriodState::Final && Digests::of(report).is_some_and(|digests| digests == self.digests)
    }

    /// Whether a stored report says the same as far as it goes.
    fn agrees_with(&self, stored: &SlaReportSpec, version: Option<&str>) -> bool {
        let mut known = self.agrees_with.lock().unwrap_or_else(PoisonError::into_inner);
        if version.is_some() && known.as_deref() == version {
            return true;
        }
        let agrees =
            self.digests.agree_with(stored) || self.open().is_some_and(|own| as_far_as(stored, &own) == *stored);
        if agrees {
            *known = version.map(Box::from);
        }
        agrees
    }

    /// Bytes that it takes in memory.
    fn bytes(&self) -> usize {
        size_of::<FiledReport>()
            + 2 * size_of::<usize>()
            + self.contract.len()
            + self.period.name.len()
            + self.text.len()
    }
}

impl JudgedReport {
    /// Name of the contract.
    pub fn contract(&self) -> &str {
        match self {
            JudgedReport::Whole(report) => &report.contract,
            JudgedReport::Filed(report) => &report.contract,
        }
    }

    /// The period.
    pub fn period(&self) -> &PeriodBounds {
        match self {
            JudgedReport::Whole(report) => &report.period,
            JudgedReport::Filed(report) => &report.period,
        }
    }

    /// Provisional or Final.
    pub fn state(&self) -> PeriodState {
        match self {
            JudgedReport::Whole(report) => report.state,
            JudgedReport::Filed(_) => PeriodState::Final,
        }
    }

    /// 1 for the first report of the period, and one more for each restatement.
    pub fn revision(&self) -> i64 {
        match self {
            JudgedReport::Whole(report) => report.revision,
            JudgedReport::Filed(report) => report.revision,
        }
    }

    /// All that it says; `None` where memory does not hold any more what was put there.
    pub fn open(&self) -> Option<Shared<SlaReportSpec>> {
        match self {
            JudgedReport::Whole(report) => Some(report.clone()),
            JudgedReport::Filed(report) => report.open().map(Shared::new),
        }
    }

    /// Whether a stored report that is signed says the same in the members that it has: an earlier version may have written it. `version`
    /// changes with whatever is stored.
    pub fn agrees_with(&self, stored: &SlaReportSpec, version: Option<&str>) -> bool {
        match self {
            JudgedReport::Whole(report) => **report == *stored || as_far_as(stored, report) == *stored,
            JudgedReport::Filed(report) => report.agrees_with(stored, version),
        }
    }

    /// Whether a report says the same.
    pub fn is(&self, other: &SlaReportSpec) -> bool {
        match self {
            JudgedReport::Whole(report) => **report == *other,
            JudgedReport::Filed(report) => report.is_of(other),
        }
    }

    /// Whether two are one value in memory.
    pub fn is_one_with(&self, other: &Self) -> bool {
        match (self, other) {
            (JudgedReport::Whole(one), JudgedReport::Whole(other)) => one.is_one_with(other),
            (JudgedReport::Filed(one), JudgedReport::Filed(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// Bytes that it takes in memory where it is filed; 0 where it is whole.
    pub fn bytes_filed(&self) -> usize {
        match self {
            JudgedReport::Whole(_) => 0,
            JudgedReport::Filed(report) => report.bytes(),
        }
    }
}

impl From<SlaReportSpec> for JudgedReport {
    fn from(report: SlaReportSpec) -> Self {
        JudgedReport::Whole(Shared::new(report))
    }
}

impl PartialEq for JudgedReport {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (JudgedReport::Whole(one), JudgedReport::Whole(other)) => one == other,
            (JudgedReport::Filed(one), JudgedReport::Filed(other)) => {
                Arc::ptr_eq(one, other) || one.digests == other.digests
            }
            (JudgedReport::Filed(filed), JudgedReport::Whole(whole))
            | (JudgedReport::Whole(whole), JudgedReport::Filed(filed)) => filed.is_of(whole),
        }
    }
}

impl Serialize for JudgedReport {
    /// Opens one report at a time.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let report = self.open().ok_or_else(|| S::Error::custom("a filed report cannot be opened"))?;
        report.serialize(serializer)
    }
}

/// Reads reports and files them as they come, so that those of a long past are never in memory at once.
///
/// # Errors
/// As the deserializer.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<JudgedReport>, D::Error> {
    struct Reports;
    impl<'de> Visitor<'de> for Reports {
        type Value = Vec<JudgedReport>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("a list of reports")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut reports: A) -> Result<Vec<JudgedReport>, A::Error> {
            let mut filing = Filing::reusing(&[]);
            while let Some(report) = reports.next_element()? {
                filing.add(report);
            }
            Ok(filing.finish())
        }
    }
    deserializer.deserialize_seq(Reports)
}

/// Files the reports of a contract, in the order of their periods.
pub struct Filing<'b> {
    /// Those that were filed before, by period and revision. One that says the same is taken as it is.
    before: BTreeMap<(&'b str, i64), &'b Arc<FiledReport>>,
    reports: Vec<JudgedReport>,
    /// Where the latest periods begin that are not filed.
    whole: Vec<usize>,
    /// One for all: it takes much more memory than a report.
    deflating: Option<DeflateEncoder<Vec<u8>>>,
}

impl<'b> Filing<'b> {
    /// With the reports of an earlier judgement.
    pub fn reusing(before: &'b [JudgedReport]) -> Self {
        let filed = before.iter().filter_map(|report| match report {
            JudgedReport::Filed(filed) => Some(((filed.period.name.as_str(), filed.revision), filed)),
            JudgedReport::Whole(_) => None,
        });
        Filing { before: filed.collect(), reports: Vec::new(), whole: Vec::new(), deflating: None }
    }

    /// Adds the next report.
    pub fn add(&mut self, report: SlaReportSpec) {
        if self.reports.last().is_none_or(|last| last.period().name != report.period.name) {
            self.begin_period();
        }
        self.reports.push(report.into());
    }

    /// All of them.
    pub fn finish(mut self) -> Vec<JudgedReport> {
        self.reports.shrink_to_fit();
        self.reports
    }

    /// Files the earliest of the periods that are whole, to make room for a new one.
    fn begin_period(&mut self) {
        if self.whole.len() == KEPT_WHOLE {
            let begin = self.whole.remove(0);
            let end = self.whole.first().copied().unwrap_or(self.reports.len());
            for place in begin..end {
                let filed = match self.reports.get(place) {
                    Some(JudgedReport::Whole(report)) => {
                        let report = report.clone();
                        self.filed(&report)
                    }
                    _ => None,
                };
                if let Some((filed, place)) = filed.zip(self.reports.get_mut(place)) {
                    *place = JudgedReport::Filed(filed);
                }
            }
        }
        self.whole.push(self.reports.len());
    }

    /// `None` for what stays whole: it may still change, or cannot be written as JSON.
    fn filed(&mut self, report: &SlaReportSpec) -> Option<Arc<FiledReport>> {
        if report.state != PeriodState::Final {
            return None;
        }
        let digests = Digests::of(report)?;
        let before = self.before.get(&(report.period.name.as_str(), report.revision));
        if let Some(same) = before.filter(|before| before.digests == digests) {
            return Some(Arc::clone(same));
        }
        Some(Arc::new(FiledReport {
            contract: report.contract.clone(),
            period: report.period.clone(),
            revision: report.revision,
            digests,
            text: self.deflated(report).ok()?,
            agrees_with: Mutex::default(),
        }))
    }

    fn deflated(&mut self, report: &SlaReportSpec) -> io::Result<Box<[u8]>> {
        let json = serde_json::to_vec(&Text::of(report))?;
        let deflating = self.deflating.get_or_insert_with(|| DeflateEncoder::new(Vec::new(), Compression::default()));
        deflating.write_all(&json)?;
        Ok(deflating.reset(Vec::new())?.into())
    }
}

#[cfg(test)]
mod tests;
