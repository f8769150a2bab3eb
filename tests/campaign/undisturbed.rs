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

/// The undisturbed month, lived through once.
pub(crate) async fn undisturbed() -> &'static Undisturbed {
    static LIVED: OnceCell<Undisturbed> = OnceCell::const_new();
    LIVED.get_or_init(live).await
}

async fn live() -> Undisturbed {
    let mut month = Month::begin(Plan::new()).await;
    let (ends, before_last) = month.live_undisturbed().await;
    let kinds: Vec<String> = month.proxy.calls().into_iter().map(|call| call.kind).collect();
    month.close().await;
    let last_kinds = kinds.iter().skip(before_last).cloned().collect();
    Undisturbed { ends, kinds: kinds.into_iter().collect(), last_kinds }
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
