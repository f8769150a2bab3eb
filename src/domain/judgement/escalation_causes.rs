//! What of a judgement is a cause to escalate.

use super::outcome::Judgement;
use crate::api::kpi_target::Verdict;
use crate::api::vendor_contract::EscalationCause;
use crate::api::verdict::Severity;
use crate::domain::governance::deadlines::OverdueItem;
use crate::domain::governance::escalation::StandingCause;
use crate::domain::terms::contract_terms::Terms;

/// The causes that the judgement of a contract and its governance give. At-risk KPIs, failing feeds and launches are added
/// by who knows since when they stand.
///
/// Dry runs and suspended KPIs cause nothing; a KPI that is only reported does, since it too was missed.
pub fn causes_of(judgement: &Judgement, terms: &Terms, overdue: &[OverdueItem]) -> Vec<StandingCause> {
    let mut causes = Vec::new();
    for (name, kpi) in &judgement.kpis {
        let counted = terms.kpis.get(name).is_some_and(|spec| !spec.dry_run && !spec.suspend);
        let (Some(last), Some(since)) = (&kpi.last, kpi.last_ended_at) else { continue };
        if !counted || last.verdict != Verdict::Missed {
            continue;
        }
        causes.push(StandingCause { since, cause: EscalationCause::Missed });
        if last.severity.is_some_and(|severity| severity >= Severity::Serious) {
            causes.push(StandingCause { since, cause: EscalationCause::Serious });
        }
    }
    let fired = judgement.triggers.iter().map(|trigger| (trigger.fired_at, EscalationCause::TriggerFired));
    let late = overdue.iter().map(|entry| (entry.since, EscalationCause::Overdue));
    causes.extend(fired.chain(late).map(|(since, cause)| StandingCause { since, cause }));
    causes
}
