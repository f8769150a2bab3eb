//! Whether the story happened, from what the cluster holds at its end.

use bpo_operator::api::campaign_launch::{CohortVerdict, LaunchDecision, LaunchPhase, SpikeCause};
use bpo_operator::api::kpi_target::Verdict;
use bpo_operator::api::verdict::PeriodState;
use bpo_operator::api::{CampaignLaunch, SlaReport};
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

/// The contract that the story is about, and the first day of its term.
pub(crate) const CONTRACT: &str = "acme-care";
const TERM_START: Date = date(2026, 1, 1);

/// The launch of the story, and the first day on which it is surely completed.
pub(crate) const LAUNCH: &str = "spring-offer";
const LAUNCH_COMPLETED: Date = date(2026, 6, 29);

/// How long after its end a month is surely final: ten business days and the longest run of holidays.
const FINAL_AFTER_DAYS: i64 = 19;

/// Verdicts that the vendor's figures and the contract's terms must lead to.
const VERDICTS: [(&str, &str, Verdict); 8] = [
    ("2026-01", "acme-service-level", Verdict::Met),
    ("2026-02", "acme-service-level", Verdict::Excused),
    ("2026-03", "acme-service-level", Verdict::Missed),
    ("2026-03", "acme-satisfaction", Verdict::Missed),
    ("2026-03", "acme-renewals", Verdict::Met),
    ("2026-04", "acme-service-level", Verdict::Missed),
    ("2026-05", "acme-service-level", Verdict::Met),
    ("2026-06", "acme-service-level", Verdict::Met),
];

/// The months that must be final at an instant.
pub(crate) fn final_months(until: Timestamp, zone: &TimeZone) -> Vec<String> {
    let today = until.to_zoned(zone.clone()).date();
    let months = TERM_START.series(1.month());
    months
        .take_while(|first| *first + 1.month() + FINAL_AFTER_DAYS.days() <= today)
        .map(|first| first.strftime("%Y-%m").to_string())
        .collect()
}

/// Whether all of these months are final.
pub(crate) fn are_final(months: &[String], reports: &[SlaReport]) -> bool {
    months.iter().all(|month| find(reports, month).is_some_and(|report| report.spec.state == PeriodState::Final))
}

/// What did not happen, in sentences; empty if all did.
pub(crate) fn what_is_missing(months: &[String], reports: &[SlaReport]) -> Vec<String> {
    let mut missing = Vec::new();
    for month in months {
        match find(reports, month) {
            None => missing.push(format!("there is no report of {CONTRACT} for {month}")),
            Some(report) if report.spec.state != PeriodState::Final => {
                missing.push(format!("the report of {CONTRACT} for {month} is not final"));
            }
            Some(report) => missing.extend(wrong_verdicts(month, report)),
        }
    }
    missing
}

fn wrong_verdicts(month: &str, report: &SlaReport) -> Vec<String> {
    let expected = VERDICTS.iter().filter(|(of_month, ..)| *of_month == month);
    expected
        .filter_map(|(_, kpi, verdict)| {
            let found = report.spec.kpis.iter().find(|line| line.name == *kpi).map(|line| line.verdict);
            (found != Some(*verdict)).then(|| format!("{kpi} of {month} should be {verdict:?} and is {found:?}"))
        })
        .collect()
}

fn find<'a>(reports: &'a [SlaReport], month: &str) -> Option<&'a SlaReport> {
    reports.iter().find(|report| report.spec.contract == CONTRACT && report.spec.period.name == month)
}

/// What of the launch did not happen, in sentences; empty if all did, or if the story ends before it does.
pub(crate) fn what_is_wrong_with_the_launch(until: Timestamp, launch: Option<&CampaignLaunch>) -> Vec<String> {
    if until.to_zoned(TimeZone::UTC).date() < LAUNCH_COMPLETED {
        return Vec::new();
    }
    let Some(status) = launch.and_then(|launch| launch.status.as_ref()) else {
        return vec![format!("the launch {LAUNCH} has no status")];
    };
    let is_better = |name: &str| {
        status.cohorts.iter().any(|cohort| cohort.name == name && cohort.verdict == Some(CohortVerdict::Better))
    };
    let is_explained =
        |cause: SpikeCause| !status.spikes.is_empty() && status.spikes.iter().all(|one| one.cause == cause);
    let facts = [
        (status.decision == Some(LaunchDecision::Go), "was not decided with Go"),
        (status.phase == Some(LaunchPhase::Completed), "is not completed"),
        (is_explained(SpikeCause::CampaignDemand), "has no spike, or one that the campaign does not explain"),
        (is_better("story"), "did not find the script `story` better"),
    ];
    facts.iter().filter(|(came_about, _)| !came_about).map(|(_, what)| format!("the launch {LAUNCH} {what}")).collect()
}
