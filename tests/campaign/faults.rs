//! Every kind of call that the operator makes in the demo month meets every fault once, before and after it took effect; each run
//! must end as the undisturbed one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::StreamExt;

use crate::call::{Fault, Moment, Outcome, faults};
use crate::end::End;
use crate::month::{Month, Trouble};
use crate::proxy::Plan;
use crate::undisturbed::{Undisturbed, lived_through, undisturbed};

/// Months that are lived through at the same time.
const AT_ONCE: usize = 4;
/// Runs of the sample, by the fault that the first kind of call meets: one of each moment, with all outcomes over the kinds.
const SAMPLE: [usize; 2] = [0, 11];

/// The faults of a run: each kind of call meets one, and over as many runs as there are faults each kind meets each once.
fn plan(kinds: &BTreeSet<String>, run: usize) -> Plan {
    let faults = faults();
    let fault = |number: usize| faults[(number + run) % faults.len()];
    kinds.iter().enumerate().map(|(number, kind)| (kind.clone(), [fault(number)].into())).collect()
}

/// What a run came to.
struct Run {
    /// The faults that were met.
    met: Vec<(String, Fault)>,
    /// How long a step took at most to its end after the last of them.
    after: Duration,
    /// The most calls within ten seconds while they went on.
    busiest: usize,
}

async fn disturbed(wanted: &[End], plan: Plan) -> Run {
    let met: Vec<(String, Fault)> =
        plan.iter().flat_map(|(kind, faults)| faults.iter().map(|fault| (kind.clone(), *fault))).collect();
    let (month, after) = lived_through(Month::begin(plan).await, wanted).await;
    let busiest = month.calls_were_few();
    month.close().await;
    Run { met, after, busiest }
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_becomes_of_any_call_the_month_ends_as_if_nothing_had_been() {
    let began = Instant::now();
    let Undisturbed { ends, kinds, .. } = undisturbed().await;
    eprintln!(
        "undisturbed in {:.0} s: {} kinds of call {kinds:#?}\n{:#?}",
        began.elapsed().as_secs_f64(),
        kinds.len(),
        ends.last().unwrap().names()
    );
    let runs: Vec<usize> = if crate::is_full() { (0..faults().len()).collect() } else { SAMPLE.into() };
    let lived: Vec<Run> = futures::stream::iter(runs.iter())
        .map(|run| disturbed(ends, plan(kinds, *run)))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let slowest = lived.iter().map(|run| run.after).max().unwrap();
    let busiest = lived.iter().map(|run| run.busiest).max().unwrap();
    let met: BTreeSet<(String, Fault)> = lived.into_iter().flat_map(|run| run.met).collect();
    assert_eq!(met.len(), runs.len() * kinds.len(), "each is another one");
    eprintln!(
        "{} faults in {} runs, {:.0} s; at most {:.1} s from the last fault to the end, and {busiest} calls in ten seconds",
        met.len(),
        runs.len(),
        began.elapsed().as_secs_f64(),
        slowest.as_secs_f64()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_server_that_takes_no_event_keeps_no_verdict_back() {
    let ends = &undisturbed().await.ends;
    let refused = Fault { outcome: Outcome::Status(403), moment: Moment::Before };
    let mut month = Month::begin(Plan::from([("create events".to_owned(), vec![refused; 2_000].into())])).await;
    month.live(Trouble::None, ends).await;
    let events = month.end().await.names().iter().filter(|name| name.starts_with("Event of ")).count();
    assert_eq!(events, 0, "no Event was taken");
    eprintln!("at most {} calls in ten seconds while every Event was refused", month.calls_were_few());
    month.close().await;
}
