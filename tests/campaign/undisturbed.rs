//! The month without trouble, and the comparison of others with it.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::OnceCell;

use crate::end::End;
use crate::month::{CONVERGENCE, Month, Trouble};
use crate::proxy::Plan;

/// The month as it goes when nothing fails.
pub(crate) struct Undisturbed {
    /// How each of its steps ends.
    pub ends: Vec<End>,
    /// The kinds of call that it takes.
    pub kinds: BTreeSet<String>,
    /// Those of its last step.
    pub last_kinds: BTreeSet<String>,
}

/// What everybody hears of at each step: Events by their object and reason, and alerts by what they are about and since when.
const HEARD: [&[&str]; 4] = [
    // 70 % of January's calls were answered in time so far, and 80 % are agreed.
    &[
        "alert fired AtRisk level - 2026-01-12T07:00:00Z",
        "alert fired EscalationRaised - 1 2026-01-12T07:00:00Z",
        "care: AtRisk",
        "care: EscalationRaised",
        "level: AtRisk",
    ],
    // January is judged by 85 %, in which the risk goes on.
    &["care: TermsChangedInPeriod"],
    // January is missed. Its risk ended with it and was not cleared, and February has one of its own.
    &[
        "alert fired AtRisk level - 2026-02-03T07:00:00Z",
        "alert fired EscalationRaised - 1 2026-02-01T00:00:00Z",
        "alert fired TargetMissed level - 2026-02-01T00:00:00Z",
        "care: AtRisk",
        "care: PeriodClosed",
        "level: AtRisk",
        "level: TargetMissed",
    ],
    // January is final, with 2 % of 100,000 to pay. February's risk goes on.
    &["care: CreditDue", "care: PeriodFinal"],
];

/// The undisturbed month, lived through once.
pub(crate) async fn undisturbed() -> &'static Undisturbed {
    static LIVED: OnceCell<Undisturbed> = OnceCell::const_new();
    LIVED.get_or_init(live).await
}

async fn live() -> Undisturbed {
    let mut month = Month::begin(Plan::new()).await;
    let undergone = month.live_undisturbed(HEARD).await;
    month.close().await;
    let kinds = undergone.iter().flat_map(|step| &step.kinds).cloned().collect();
    let last_kinds = undergone.last().map(|step| step.kinds.clone()).unwrap_or_default();
    Undisturbed { ends: undergone.into_iter().map(|step| step.end).collect(), kinds, last_kinds }
}

/// Lives through a month whose calls fail by its plan: each step must end as in the undisturbed month, and each fault must have met a call.
/// Returns the month, and how long a step took at most to its end after the last fault.
pub(crate) async fn lived_through(mut month: Month, wanted: &[End]) -> (Month, Duration) {
    let after = month.live(Trouble::None, wanted).await;
    let outstanding = month.proxy.outstanding();
    assert!(outstanding.is_empty(), "no call met these: {outstanding:?}");
    assert!(after < CONVERGENCE, "a step ended {after:?} after the last fault:\n{}", month.faults_met());
    (month, after)
}
