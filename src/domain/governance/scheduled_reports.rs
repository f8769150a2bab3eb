//! Which reports of `spec.reports` go out: pure, from the reports that exist and what the outbox's journal says was handed over.
//!
//! A report goes out once for each period of its cadence. A cadence that is at least as long as the contract's period waits until each
//! period that ended in it has a report in the wanted state; a shorter one sends the scorecard as soon as it has ended.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::api::sla_report::SlaReportSpec;
use crate::api::vendor_contract::{
    AlertSink, PeriodBounds, ReportFormat, ScheduledReport, ScheduledReportStatus, VendorContractSpec,
};
use crate::api::verdict::PeriodState;
use crate::domain::terms::calendar::Calendar;
use crate::domain::terms::periods::{Period, Periods, rank};

/// How many periods of its cadence a report looks back: what became due longer ago, while nobody looked, does not go out any more.
pub const LOOKS_BACK: usize = 13;

/// How many reports of a contract are handed over at a time; the rest follow at once.
pub const MOST_AT_ONCE: usize = 20;

/// How many SlaReports one message carries: the quarter of a weekly contract has up to 14.
pub const MOST_CARRIED: usize = 14;

/// An SlaReport that exists.
#[derive(Clone, Copy, Debug)]
pub struct Existing<'a> {
    /// Its name.
    pub name: &'a str,
    /// What it says.
    pub spec: &'a SlaReportSpec,
}

/// What the journal of the outbox says: for this period a report was handed over, or began to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HandedOver {
    /// Name of the report in `spec.reports`.
    pub report: String,
    /// Name of the alert to which it goes.
    pub sink: String,
    /// End of the period.
    pub until: Timestamp,
    /// Name of the period; empty for the beginning, before which nothing goes out.
    pub period: String,
}

/// A report that is to go out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportOrder {
    /// Name of the report in `spec.reports`.
    pub report: String,
    /// Name of the alert to which it goes.
    pub sink: String,
    /// What a mail has attached.
    pub format: ReportFormat,
    /// The period of its cadence.
    pub period: PeriodBounds,
    /// Whether the scorecard goes with it.
    pub scorecard: bool,
    /// Names of the SlaReports that go with it, the earliest period first.
    pub reports: Vec<String>,
}

/// What is to be done about the reports of a contract.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScheduledReports {
    /// Where reports begin that were not looked at before.
    pub begin: Vec<HandedOver>,
    /// What goes out, the earliest first.
    pub due: Vec<ReportOrder>,
    /// What the journal need not hold any longer.
    pub forget: Vec<HandedOver>,
    /// For the status.
    pub status: Vec<ScheduledReportStatus>,
    /// When time alone may change it.
    pub next: Option<Timestamp>,
}

/// Decides which reports go out at `now`. Nothing does while the contract is suspended.
pub fn scheduled_reports(
    contract: &VendorContractSpec,
    calendar: &Calendar,
    existing: &[Existing<'_>],
    journal: &[HandedOver],
    now: Timestamp,
) -> ScheduledReports {
    let mut wanted = ScheduledReports::default();
    if contract.suspend {
        return wanted;
    }
    let measured = Periods::of(contract, calendar);
    for report in &contract.reports {
        let cadence = Periods::of_length(contract, report.cadence, calendar);
        let schedule = Schedule { contract, report, cadence: &cadence, measured: &measured, existing, now };
        let running = cadence.containing(now).or_else(|| cadence.all().first().filter(|first| first.start > now));
        wanted.next = [wanted.next, running.map(|running| running.end)].into_iter().flatten().min();
        let mut status = ScheduledReportStatus { name: report.name.clone(), last: None, next: None };
        let mut latest = None;
        let mut waits: Option<&Period> = running;
        for sink in schedule.sinks() {
            let known: Vec<&HandedOver> =
                journal.iter().filter(|known| known.report == report.name && known.sink == sink).collect();
            let last = known.iter().filter(|known| !known.period.is_empty()).max_by_key(|known| known.until);
            latest = latest.max(last.map(|last| (last.until, last.period.clone())));
            wanted.begin.extend(schedule.begin(sink, &known));
            wanted.forget.extend(schedule.forget(&known));
            for period in schedule.open(&known) {
                waits = waits.filter(|waits| waits.end < period.end).or(Some(period));
                wanted.due.extend(schedule.order(sink, period));
            }
        }
        status.last = latest.map(|(_, period)| period);
        status.next = waits.map(|waits| waits.name.clone());
        wanted.status.push(status);
    }
    wanted.status.sort_by(|one, other| one.name.cmp(&other.name));
    wanted.due.sort_by(|one, other| {
        (one.period.end, &one.report, &one.sink).cmp(&(other.period.end, &other.report, &other.sink))
    });
    wanted.due.truncate(MOST_AT_ONCE);
    wanted.forget.extend(left_behind(contract, journal));
    wanted
}

/// One report of `spec.reports` at an instant.
struct Schedule<'a> {
    contract: &'a VendorContractSpec,
    report: &'a ScheduledReport,
    cadence: &'a Periods,
    measured: &'a Periods,
    existing: &'a [Existing<'a>],
    now: Timestamp,
}

impl<'a> Schedule<'a> {
    /// The alerts to which it goes: of those that are there, mail and webhooks.
    fn sinks(&self) -> impl Iterator<Item = &'a str> {
        let takes = |sink: &&AlertSink| sink.email.is_some() || sink.webhook.is_some();
        let named = |sink: &&AlertSink| self.report.alerts.contains(&sink.name);
        self.contract.alerts.iter().filter(takes).filter(named).map(|sink| sink.name.as_str())
    }

    /// Whether it sends the scorecard alone: its cadence is shorter than the contract's period.
    fn is_of_the_running_period(&self) -> bool {
        rank(self.report.cadence) < rank(self.contract.period)
    }

    /// The periods of the cadence that have ended, as far as it looks back.
    fn ended(&self) -> &'a [Period] {
        let ended = self.cadence.closed_by(self.now);
        ended.get(ended.len().saturating_sub(LOOKS_BACK)..).unwrap_or_default()
    }

    /// Where it begins for an alert for which it was never looked at: with the period that ended last.
    fn begin(&self, sink: &str, known: &[&HandedOver]) -> Option<HandedOver> {
        let first = self.ended().last().or(self.cadence.all().first())?;
        known.is_empty().then(|| HandedOver {
            report: self.report.name.clone(),
            sink: sink.to_owned(),
            until: first.start,
            period: String::new(),
        })
    }

    /// The periods that have ended since it began and for which it was not handed over. What the scorecard was then nobody knows any
    /// more: it goes out for the latest one alone.
    fn open(&self, known: &[&HandedOver]) -> Vec<&'a Period> {
        let Some(begin) = known.iter().map(|known| known.until).min() else { return Vec::new() };
        let ended = self.ended();
        let skipped = if self.is_of_the_running_period() { ended.len().saturating_sub(1) } else { 0 };
        let is_open = |period: &&Period| {
            period.end > begin && !known.iter().any(|known| known.until == period.end && known.period == period.name)
        };
        ended.iter().skip(skipped).filter(is_open).collect()
    }

    /// What goes out for a period, once all of it is there.
    fn order(&self, sink: &str, period: &Period) -> Option<ReportOrder> {
        let order = |scorecard, reports| ReportOrder {
            report: self.report.name.clone(),
            sink: sink.to_owned(),
            format: self.report.format.unwrap_or_default(),
            period: period.bounds(),
            scorecard,
            reports,
        };
        if self.is_of_the_running_period() {
            return Some(order(true, Vec::new()));
        }
        let within = |measured: &&Period| period.start < measured.end && measured.end <= period.end;
        let names: Option<Vec<String>> =
            self.measured.all().iter().filter(within).map(|measured| self.report_of(measured)).collect();
        let mut names = names.filter(|names| !names.is_empty())?;
        let scorecard = names.len() > 1 && self.report.format.unwrap_or_default() == ReportFormat::Html;
        let names = names.split_off(names.len().saturating_sub(MOST_CARRIED));
        Some(order(scorecard, names))
    }

    /// The latest revision of a period's report that is in the wanted state.
    fn report_of(&self, period: &Period) -> Option<String> {
        let wanted = self.report.state.unwrap_or(PeriodState::Final);
        let of_period = self.existing.iter().filter(|existing| {
            existing.spec.period.name == period.name
                && existing.spec.period.end == period.end
                && existing.spec.state >= wanted
        });
        of_period.max_by_key(|existing| existing.spec.revision).map(|existing| existing.name.to_owned())
    }

    /// What it looks back to no longer. The latest stays: by it the report is known to have begun.
    fn forget(&self, known: &[&HandedOver]) -> Vec<HandedOver> {
        let latest = known.iter().map(|known| known.until).max();
        let since = self.ended().first().map(|first| first.start);
        let is_old = |known: &&&HandedOver| Some(known.until) < since && Some(known.until) != latest;
        known.iter().filter(is_old).map(|known| (*known).clone()).collect()
    }
}

/// How much the journal holds of reports and alerts that a contract no longer has. They may come back: an edit that is undone must not
/// send a report twice.
const MOST_LEFT_BEHIND: usize = 200;

/// What is left of reports and alerts that the contract no longer has, and is too much of it: the oldest.
fn left_behind(contract: &VendorContractSpec, journal: &[HandedOver]) -> Vec<HandedOver> {
    let is_named = |known: &HandedOver| {
        contract.reports.iter().any(|report| report.name == known.report && report.alerts.contains(&known.sink))
    };
    let mut left: Vec<&HandedOver> = journal.iter().filter(|known| !is_named(known)).collect();
    left.sort_by_key(|known| std::cmp::Reverse(known.until));
    left.into_iter().skip(MOST_LEFT_BEHIND).cloned().collect()
}

#[cfg(test)]
mod tests;
