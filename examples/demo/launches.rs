//! What a launch's status says, as sentences: its current state, and its outcome.

use bpo_operator::api::CampaignLaunch;
use bpo_operator::api::campaign_launch::{CampaignLaunchStatus, CohortResult, CohortVerdict, LaunchPhase};

use super::screen::Mood;

/// The sentences for a phase that a launch has come to.
pub(crate) fn sentences(
    launch: &CampaignLaunch,
    status: &CampaignLaunchStatus,
    phase: LaunchPhase,
) -> Vec<(Mood, String)> {
    let product = &launch.spec.product;
    match phase {
        LaunchPhase::Planned => {
            vec![(
                Mood::Plain,
                format!("the campaign for {product} is planned; the first contact is on {}.", first_contact(launch)),
            )]
        }
        LaunchPhase::Preparing => vec![(Mood::Plain, preparing(status))],
        LaunchPhase::Ready => {
            vec![(Mood::Good, "everything that had to pass has passed: the campaign may start.".to_owned())]
        }
        LaunchPhase::Live => vec![(Mood::Plain, format!("live. {}", expected(status)))],
        LaunchPhase::Measuring => {
            vec![(Mood::Plain, "hypercare is over; what it sold is measured until its end.".to_owned())]
        }
        LaunchPhase::Completed => {
            let end = (Mood::Plain, "completed. Its groups compared, after all had their planned size:".to_owned());
            std::iter::once(end).chain(status.cohorts.iter().map(cohort)).collect()
        }
    }
}

fn first_contact(launch: &CampaignLaunch) -> String {
    launch.spec.launch_at.to_string().chars().take("2026-06-08".len()).collect()
}

fn preparing(status: &CampaignLaunchStatus) -> String {
    let open = status.blocked_by.join(", ");
    format!("{} % of its gates have passed. It waits for: {open}.", status.readiness_percent.unwrap_or_default())
}

fn expected(status: &CampaignLaunchStatus) -> String {
    let contacts = status.demand.as_ref().map_or("–", |demand| demand.contacts.as_str());
    match status.staffing.as_ref().and_then(|staffing| staffing.peak.as_ref()) {
        Some(peak) => format!("{contacts} contacts are expected; the fullest half hour takes {} people.", peak.heads),
        None => format!("{contacts} contacts are expected."),
    }
}

fn cohort(cohort: &CohortResult) -> (Mood, String) {
    let CohortResult { name, numerator, denominator, .. } = cohort;
    let rate = cohort.rate.as_deref().and_then(|rate| rate.parse::<f64>().ok());
    let rate = rate.map_or("–".to_owned(), |rate| format!("{rate:.1}"));
    let (mood, verdict) = match cohort.verdict {
        None => (Mood::Plain, "the others are compared with it"),
        Some(CohortVerdict::Better) => (Mood::Good, "better, and not by chance"),
        Some(CohortVerdict::Worse) => (Mood::Bad, "worse, and not by chance"),
        Some(CohortVerdict::NoDifference) => (Mood::Plain, "a difference that chance may have made"),
    };
    (mood, format!("  {name}: {numerator} sales in {denominator} offers, {rate} %: {verdict}."))
}
