//! What staffing a launch costs: 30 days at half-hour steps, 1,440 intervals that all have another load.

#![allow(clippy::unwrap_used)]

use bpo_operator::api::campaign_launch::QueueModel;
use bpo_operator::domain::launch::staffing::{Planner, StaffingGoal};
use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

const INTERVALS: usize = 30 * 48;
const INTERVAL_SECONDS: f64 = 1_800.0;

fn goal(model: QueueModel) -> StaffingGoal {
    StaffingGoal {
        model,
        handle_seconds: 240.0,
        patience_seconds: 120.0,
        service_level: 0.8,
        within_seconds: 20.0,
        max_occupancy: 0.85,
        shrinkage_percent: 30.into(),
    }
}

/// Contacts of each interval: days that rise and fall up to a load of `most_erlangs`, no two alike.
fn contacts(most_erlangs: f64) -> Vec<f64> {
    let most = most_erlangs * INTERVAL_SECONDS / 240.0;
    (0..INTERVALS)
        .map(|place| {
            let of_day = (place % 48) as f64 / 48.0;
            let shape = (of_day * std::f64::consts::PI).sin();
            most * (0.02 + 0.98 * shape * (1.0 - 0.4 * place as f64 / INTERVALS as f64))
        })
        .collect()
}

fn staff(bencher: Bencher<'_, '_>, model: QueueModel, most_erlangs: f64) {
    let contacts = contacts(most_erlangs);
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        let mut planner = Planner::new(goal(model), INTERVAL_SECONDS);
        contacts.iter().map(|contacts| planner.requirement(*contacts).unwrap().heads).sum::<u64>()
    });
}

/// A launch whose callers wait for ever.
#[divan::bench(args = [50.0, 300.0, 1_000.0, 40_000.0])]
fn erlang_c(bencher: Bencher<'_, '_>, most_erlangs: f64) {
    staff(bencher, QueueModel::ErlangC, most_erlangs);
}

/// A launch whose callers hang up after two minutes on average.
#[divan::bench(args = [50.0, 300.0, 1_000.0, 40_000.0])]
fn erlang_a(bencher: Bencher<'_, '_>, most_erlangs: f64) {
    staff(bencher, QueueModel::ErlangA, most_erlangs);
}

/// The search for each interval by itself, for comparison.
#[divan::bench(args = [QueueModel::ErlangC, QueueModel::ErlangA])]
fn each_interval_by_itself(bencher: Bencher<'_, '_>, model: QueueModel) {
    let (contacts, goal) = (contacts(1_000.0), goal(model));
    bencher.counter(ItemsCount::new(1_usize)).bench_local(|| {
        contacts.iter().map(|contacts| goal.requirement(*contacts, INTERVAL_SECONDS).unwrap().heads).sum::<u64>()
    });
}
