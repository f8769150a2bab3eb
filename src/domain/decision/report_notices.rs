//! Transitions of SlaReports: what is said when one is written.

use jiff::Timestamp;

use super::Notice;
use crate::api::condition::EventReason;
use crate::api::sla_report::SlaReportSpec;
use crate::api::vendor_contract::PeriodBounds;
use crate::api::verdict::PeriodState;
use crate::domain::judgement::filed_reports::JudgedReport;
use crate::domain::terms::journal::FirstJudged;

/// The periods that were over before a contract was first judged. Nobody waited for them, so that one Event is enough for all: that
/// the newest of those that are Final is, and how many more are.
#[derive(Clone, Debug, Default)]
pub struct Past {
    /// End of the past, and the periods that are none of it.
    until: Option<(Timestamp, Vec<String>)>,
    /// The newest Final one.
    newest: Option<String>,
    /// How many more are Final.
    earlier: usize,
}

impl Past {
    /// The past among these reports. Before the first judgement, while feeds are still asked for their past (`past_is_known` false),
    /// all that is over at `now` belongs to it.
    #[must_use]
    pub fn of(reports: &[JudgedReport], first: Option<&FirstJudged>, past_is_known: bool, now: Timestamp) -> Past {
        let until = match first {
            Some(first) => Some((first.at, first.closed_before.clone())),
            None => (!past_is_known).then(|| (now, Vec::new())),
        };
        let mut past = Past { until, newest: None, earlier: 0 };
        let is_announced = |report: &&JudgedReport| {
            report.state() == PeriodState::Final && past.holds(report.period(), report.revision())
        };
        let finals: Vec<&PeriodBounds> = reports.iter().filter(is_announced).map(JudgedReport::period).collect();
        let newest = finals.iter().max_by_key(|period| period.end).map(|period| period.name.clone());
        past.earlier = finals.len().saturating_sub(1);
        past.newest = newest;
        past
    }

    /// Whether a report is about a period of the past, and not about what was found out of it later.
    fn holds(&self, period: &PeriodBounds, revision: i64) -> bool {
        let is_over = |(until, not): &(Timestamp, Vec<String>)| period.end <= *until && !not.contains(&period.name);
        revision == 1 && self.until.as_ref().is_some_and(is_over)
    }

    fn notices(&self, report: &SlaReportSpec, key: String, score: &str) -> Vec<Notice> {
        let period = &report.period.name;
        if report.state != PeriodState::Final || self.newest.as_ref() != Some(period) {
            return Vec::new();
        }
        let rest = match self.earlier {
            0 => String::new(),
            1 => ", and so is 1 period before it that was over when the contract was first judged".to_owned(),
            more => {
                format!(", and so are {more} periods before it that were over when the contract was first judged")
            }
        };
        let note = format!("{period} is final: score {score}{rest}; their SlaReports say what is owed");
        vec![Notice::new(EventReason::PeriodFinal, key, note)]
    }
}

/// The notices for writing `report`, given its state before (`None`: it did not exist).
pub fn report_notices(report: &SlaReportSpec, before: Option<PeriodState>, past: &Past) -> Vec<Notice> {
    if before == Some(report.state) {
        return Vec::new();
    }
    let period = &report.period.name;
    let key = format!("{period} r{}", report.revision);
    let score = report.score.as_deref().unwrap_or("none");
    if past.holds(&report.period, report.revision) {
        return past.notices(report, key, score);
    }
    if report.revision > 1 {
        let delta = report
            .restates
            .as_ref()
            .and_then(|restates| restates.credit_delta.clone())
            .map(|delta| format!(", credit changes by {delta}"))
            .unwrap_or_default();
        let note = format!("{period} is restated: revision {}{delta}", report.revision);
        return vec![Notice::new(EventReason::PeriodRestated, key, note)];
    }
    match report.state {
        PeriodState::Provisional => vec![Notice::new(
            EventReason::PeriodClosed,
            key,
            format!("{period} has ended: score {score}, provisional until it is final"),
        )],
        PeriodState::Final => final_notices(report, &key, score),
    }
}

fn final_notices(report: &SlaReportSpec, key: &str, score: &str) -> Vec<Notice> {
    let period = &report.period.name;
    let mut notices = vec![Notice::new(EventReason::PeriodFinal, key, format!("{period} is final: score {score}"))];
    let Some(credit) = &report.credit else { return notices };
    let is_zero = |amount: &str| !amount.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    if !is_zero(&credit.net) {
        let note = format!("{period}: the vendor owes a credit of {} {}", credit.currency, credit.net);
        notices.push(Notice::new(EventReason::CreditDue, key, note));
    }
    if !is_zero(&credit.earned_back) {
        let note = format!("{period}: {} {} of earlier credits is earned back", credit.currency, credit.earned_back);
        notices.push(Notice::new(EventReason::CreditEarnedBack, key, note));
    }
    notices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::fixtures::contracts::{Case, JudgedCase, row, terms};

    /// The reports of January to April 2026, each with a credit; April's has ended and is not final yet.
    fn judged() -> JudgedCase {
        let contract = "term: {start: 2026-01-01, end: 2026-12-31}\nfeeds: [{name: acd, url: 'https://feeds.example'}]\n\
                        closeAfter: 15d\ncharges: {currency: GBP, amount: 100, atRiskPercent: 5}\n\
                        credits: {points: {perPointPercent: '0.5'}}";
        let level = "kpi: ServiceLevel\nvariant: AnsweredOnly\nobjective: {target: 80}\n\
                     bands: [{severity: Critical, points: 4}]";
        let measures = [("answered", 100), ("answeredWithin", 70)];
        let rows = (1..=4).map(|month| {
            let day = |day| format!("2026-{month:02}-{day}T00:00Z");
            row(&day(15), &day(16), &measures)
        });
        Case::new(terms(contract, &[("level", level)]), rows.collect()).judge("2026-05-03T00:00Z")
    }

    fn first(at: &str, closed_before: &[&str]) -> FirstJudged {
        let closed_before = closed_before.iter().map(|name| (*name).to_owned()).collect();
        FirstJudged { at: at.parse().unwrap(), closed_before }
    }

    fn announced(first: Option<&FirstJudged>, past_is_known: bool, before: Option<PeriodState>) -> Vec<String> {
        let judged = judged();
        let past = Past::of(&judged.judgement.reports, first, past_is_known, "2026-05-03T00:00:00Z".parse().unwrap());
        let notices = judged.reports.iter().flat_map(|report| report_notices(report, before, &past));
        notices.map(|notice| format!("{} {}", notice.reason.as_str(), notice.key)).collect()
    }

    #[test]
    fn the_periods_that_were_over_at_the_first_judgement_share_one_event_and_later_ones_have_one_each() {
        let march = first("2026-04-10T00:00:00Z", &[]);
        let all = first("2026-05-03T00:00:00Z", &[]);
        let upgraded = first("2026-05-03T00:00:00Z", &["2026-02"]);
        let each =
            ["PeriodFinal 2026-01 r1", "PeriodFinal 2026-02 r1", "PeriodFinal 2026-03 r1", "PeriodClosed 2026-04 r1"];
        let cases: [(&str, Option<&FirstJudged>, bool, &[&str], &[&str]); 5] = [
            ("January to March were over", Some(&march), true, &[each[2], each[3]], &[]),
            ("so was April, which is not final", Some(&all), true, &[each[2]], &[]),
            ("February was closed without a journal", Some(&upgraded), true, &[each[1], each[2]], &[each[1]]),
            ("a contract that was never judged, of a known past", None, true, &each, &each),
            ("the past is still asked for", None, false, &[each[2]], &[]),
        ];
        for (what, first, past_is_known, expected, announced_alone) in cases {
            let announced = announced(first, past_is_known, None);
            let (credits, announced): (Vec<&str>, Vec<&str>) =
                announced.iter().map(String::as_str).partition(|line| line.starts_with("CreditDue"));
            assert_eq!(announced, expected, "{what}");
            // A period with an Event of its own has one for its credit too.
            let by_itself = |line: &&&str| line.starts_with("PeriodFinal") && announced_alone.contains(*line);
            assert_eq!(credits.len(), announced.iter().filter(by_itself).count(), "{what}");
        }
    }

    #[test]
    fn the_event_of_the_past_counts_the_rest_and_is_given_once() {
        let (judged, first) = (judged(), first("2026-05-03T00:00:00Z", &[]));
        let past = Past::of(&judged.judgement.reports, Some(&first), true, first.at);
        let march = judged.reports.iter().find(|report| report.period.name == "2026-03").unwrap();
        let [notice] = &report_notices(march, Some(PeriodState::Provisional), &past)[..] else { panic!("one Event") };
        assert!(notice.note.contains("and so are 2 periods before it"), "{}", notice.note);
        assert_eq!(report_notices(march, Some(PeriodState::Final), &past), []);
        // What is found out of the past later is news.
        let restated = SlaReportSpec { revision: 2, ..SlaReportSpec::clone(march) };
        let restated = report_notices(&restated, None, &past);
        assert_eq!(restated.first().map(|notice| notice.reason), Some(EventReason::PeriodRestated));
    }
}
