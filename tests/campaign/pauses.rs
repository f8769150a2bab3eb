//! A kind that the API server does not know, since its definition is missing: the operator asks for it with pauses that grow, and works
//! when it is there.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::call::{Fault, Moment, Outcome};
use crate::month::Month;

const MISSING: Fault = Fault { outcome: Outcome::Status(404), moment: Moment::Before };
const TIMES: usize = 5;
const PATIENCE: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_the_api_server_does_not_know_is_asked_for_with_pauses_that_grow() {
    let kinds = ["list campaignlaunches", "list kpitargets"];
    let month = Month::begin(kinds.map(|kind| (kind.to_owned(), vec![MISSING; TIMES].into())).into()).await;
    let met = async || month.proxy.outstanding().is_empty().then_some(());
    month.place.eventually_within(PATIENCE, "each kind is asked for until it is there", met).await;
    let judged = |kpi: &Value| kpi["status"]["current"]["value"].is_string();
    month.place.wait_for("kpi", "level", "it is judged when all kinds are there", judged).await;
    let calls = month.proxy.calls();
    for kind in kinds {
        let refused: Vec<Instant> =
            calls.iter().filter(|call| call.kind == kind && call.fault.is_some()).map(|call| call.at).collect();
        let pauses: Vec<f64> = refused.windows(2).map(|two| (two[1] - two[0]).as_secs_f64()).collect();
        eprintln!("{kind}: {pauses:.2?}");
        // Half a second, doubled each time and spread down to a half of that: 0.25, 0.5, 1 and 2 seconds at least.
        let grow = pauses.iter().zip([0.25, 0.5, 1.0, 2.0]).all(|(pause, least)| *pause >= least);
        assert!(pauses.len() == TIMES - 1 && grow, "{kind}: {pauses:.2?}");
    }
    month.close().await;
}
