//! Transitions of SlaReports: what is said when one is written.

use super::Notice;
use crate::api::condition::EventReason;
use crate::api::sla_report::SlaReportSpec;
use crate::api::vendor_contract::PeriodState;

/// The notices for writing `report`, given the state in which it stood before (`None`: it did not exist).
pub fn report_notices(report: &SlaReportSpec, before: Option<PeriodState>) -> Vec<Notice> {
    if before == Some(report.state) {
        return Vec::new();
    }
    let period = &report.period.name;
    let key = format!("{period} r{}", report.revision);
    let score = report.score.as_deref().unwrap_or("none");
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
