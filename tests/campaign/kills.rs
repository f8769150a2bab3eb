//! The operator is killed at every kind of call that changes something: when the call arrives, before it is passed on, and when it has
//! taken effect, before its answer comes. It is started again, and each step of the month must end as in the undisturbed one.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures::StreamExt;

use crate::call::{Fault, Moment, Outcome, is_mutating};
use crate::month::Month;
use crate::proxy::Plan;
use crate::undisturbed::{Undisturbed, lived_through, undisturbed};

/// Months that are lived through at the same time.
const AT_ONCE: usize = 2;
/// Resources whose calls the sample has: what is signed, and what is announced.
const SAMPLE: [&str; 2] = [" slareports", " events"];

/// Which of the calls of a kind meets the kill.
#[derive(Clone, Copy, Debug)]
enum Which {
    /// The first one of the month.
    First,
    /// The first one of the last step, in which January is signed.
    InLastStep,
}

/// A kill at a call of each of these kinds, one after the other; with `moments` taken in turn.
fn plan(kinds: &[&String], moments: &[Moment]) -> Plan {
    let kill = |moment| Fault { outcome: Outcome::Kill, moment };
    let in_turn = kinds.iter().zip(moments.iter().cycle());
    in_turn.map(|(kind, moment)| ((*kind).clone(), [kill(*moment)].into())).collect()
}

/// Lives through a month with these kills. Returns how many there were, and how long a step took at most to its end after the last one.
async fn killed(known: &Undisturbed, plan: Plan, which: Which) -> (usize, Duration) {
    let wanted = plan.len();
    let month = match which {
        Which::First => Month::begin(plan).await,
        Which::InLastStep => Month::begin(Plan::new()).await.at_last(plan),
    };
    let (month, after) = lived_through(month, &known.ends).await;
    let kills = month.proxy.kills();
    assert_eq!(kills, wanted, "{which:?}: each kill is another one:\n{}", month.faults_met());
    let most = month.most_deliveries();
    assert!(most <= 1 + kills, "{which:?}: an alert was delivered {most} times, with {kills} kills");
    month.close().await;
    (kills, after)
}

fn mutating(kinds: &BTreeSet<String>) -> Vec<&String> {
    kinds.iter().filter(|kind| is_mutating(kind)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn at_whichever_call_the_operator_is_killed_the_month_ends_as_if_nothing_had_been() {
    let began = Instant::now();
    let known = undisturbed().await;
    let (first, last) = (mutating(&known.kinds), mutating(&known.last_kinds));
    let is_sampled = |kind: &&&String| SAMPLE.iter().any(|resource| kind.contains(resource));
    let sampled: Vec<&String> = first.iter().filter(is_sampled).copied().collect();
    assert!(sampled.len() >= 3, "reports and Events are written: {first:?}");
    let (before, after) = ([Moment::Before], [Moment::After]);
    let runs = match crate::is_full() {
        true => vec![
            (plan(&first, &before), Which::First),
            (plan(&first, &after), Which::First),
            (plan(&last, &before), Which::InLastStep),
            (plan(&last, &after), Which::InLastStep),
        ],
        false => vec![(plan(&sampled, &[Moment::After, Moment::Before]), Which::First)],
    };
    eprintln!("{} kinds of call change something: {first:?}; in the last step {last:?}", first.len());
    let count = runs.len();
    let lived: Vec<(usize, Duration)> = futures::stream::iter(runs)
        .map(|(plan, which)| killed(known, plan, which))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    eprintln!(
        "{} kills in {count} runs, {:.0} s; at most {:.1} s from the last kill to the end of a step",
        lived.iter().map(|(kills, _)| kills).sum::<usize>(),
        began.elapsed().as_secs_f64(),
        lived.iter().map(|(_, after)| *after).max().unwrap().as_secs_f64()
    );
}
