use super::*;
use proptest::prelude::*;

fn close(actual: f64, expected: f64, tolerance: f64) {
    assert!((actual - expected).abs() <= tolerance, "{actual} is not {expected} ± {tolerance}");
}

fn per_second(calls: f64, interval: f64, handle: f64, patience: f64) -> Rates {
    Rates { arrival: calls / interval, service: 1.0 / handle, abandonment: 1.0 / patience }
}

#[test]
fn erlang_b_is_the_recursion() {
    for load in [0.5, 3.3, 18.0, 48.0, 700.0] {
        let mut blocked = 1.0;
        for agents in 1..=900_u32 {
            blocked = load * blocked / (f64::from(agents) + load * blocked);
            let direct = erlang_b(load, agents.into());
            close(direct, blocked, 1e-12 * blocked.max(1e-290));
        }
    }
    assert_eq!((erlang_b(0.0, 0), erlang_b(0.0, 3), erlang_b(5.0, 0)), (1.0, 0.0, 1.0));
}

#[test]
fn erlang_c_returns_the_published_figures() {
    for (calls, interval, handle, within, agents, waits, answer, level, occupancy) in [
        (360.0, 1800.0, 240.0, 15.0, 55, 0.2387009363780091, 8.184032104388884, 0.8458830921705804, 0.8727272727272727),
        (100.0, 1800.0, 180.0, 20.0, 14, 0.1741319335950498, 7.835937011777243, 0.8883500191794669, 0.7142857142857143),
        (1000.0, 3600.0, 120.0, 20.0, 40, 0.1907, 3.43, 0.9372, 0.8333),
        (1000.0, 3600.0, 120.0, 20.0, 35, 0.6965, 50.15, 0.4724, 0.9524),
    ] {
        let figures = erlang_c(&per_second(calls, interval, handle, 1.0), agents, within);
        let tolerance = if calls == 1000.0 { 5e-5 } else { 1e-12 };
        close(figures.wait_probability, waits, tolerance);
        close(figures.average_speed_of_answer, answer, tolerance * 100.0);
        close(figures.service_level, level, tolerance);
        close(figures.occupancy, occupancy, tolerance);
    }
    let two_takers = erlang_c(&per_second(30.0, 3600.0, 60.0, 1.0), 2, 10.0);
    close(two_takers.service_level, 0.9221199216928595, 1e-12);
    let eighteen = Rates { arrival: 18.0, service: 1.0, abandonment: 1.0 };
    close(erlang_c(&eighteen, 21, 0.0).wait_probability, 0.395872, 1e-6);
    close(erlang_c(&eighteen, 23, 0.0).wait_probability, 0.190692, 1e-6);
}

#[test]
fn with_no_more_agents_than_load_erlang_c_answers_no_one_in_time() {
    for agents in [0, 9, 10] {
        let figures = erlang_c(&per_second(100.0, 1800.0, 180.0, 1.0), agents, 20.0);
        assert_eq!((figures.service_level, figures.wait_probability), (0.0, 1.0));
        assert!(figures.average_speed_of_answer.is_infinite());
    }
    assert_eq!(erlang_c(&per_second(0.0, 1800.0, 180.0, 1.0), 0, 20.0), IDLE);
    assert_eq!(erlang_a(&per_second(0.0, 1800.0, 180.0, 1.0), 0, 20.0), IDLE);
}

#[test]
fn erlang_a_returns_the_published_figures() {
    let minutes = Rates { arrival: 10.0 / 3.0, service: 1.0 / 3.0, abandonment: 0.2 };
    let base = Rates { arrival: 48.0, service: 1.0, abandonment: 0.5 };
    for (rates, agents, waits, abandoned, occupancy, wait, level) in [
        (minutes, 14, 0.14526, 0.013984, 0.704297, 0.069919, 0.916792),
        (minutes, 13, 0.225797, 0.024963, 0.750028, 0.124817, 0.858178),
        (base, 50, 0.467774, 0.030912, 0.930324, 0.061824, 0.943019),
    ] {
        let figures = erlang_a(&rates, agents, 1.0 / 3.0);
        close(figures.wait_probability, waits, 1e-6);
        close(figures.abandonment, abandoned, 1e-6);
        close(figures.occupancy, occupancy, 1e-6);
        close(figures.average_speed_of_answer, wait, 1e-6);
        close(figures.service_level, level, 1e-6);
    }
    for (agents, abandoned) in [(45, 0.08360), (48, 0.04764), (52, 0.01918)] {
        close(erlang_a(&base, agents, 1.0 / 3.0).abandonment, abandoned, 5e-6);
    }
}

#[test]
fn erlang_a_tends_to_erlang_c_as_patience_grows() {
    for agents in [11, 15, 20, 25] {
        let patient = Rates { arrival: 10.0 / 3.0, service: 1.0 / 3.0, abandonment: 1e-9 };
        let (with, without) = (erlang_a(&patient, agents, 1.0 / 3.0), erlang_c(&patient, agents, 1.0 / 3.0));
        close(with.wait_probability, without.wait_probability, 1e-6);
        close(with.service_level, without.service_level, 1e-6);
        close(with.average_speed_of_answer, without.average_speed_of_answer, 1e-4);
        close(with.occupancy, without.occupancy, 1e-6);
    }
}

#[test]
fn extremes_give_figures_and_not_nonsense() {
    for (arrival, service, abandonment, agents) in [
        (50_000.0, 1.0, 0.001, 1),
        (50_000.0, 1.0, 0.5, 50_000),
        (42_500.0, 1.0, 1e-12, 50_000),
        (1.0, 1.0, 1e9, 1),
        (1e-6, 1.0, 1.0, 50_000),
        (100.0, 1.0, 1e-13, 50),
        (3.0, 1.0, 1.0, 0),
    ] {
        let rates = Rates { arrival, service, abandonment };
        for within in [0.0, 0.2, 50.0, 1e6] {
            let figures = erlang_a(&rates, agents, within);
            for share in [figures.wait_probability, figures.service_level, figures.occupancy, figures.abandonment] {
                assert!((0.0..=1.0).contains(&share), "{rates:?} {agents} {within}: {figures:?}");
            }
            assert!(figures.average_speed_of_answer >= 0.0 && figures.average_speed_of_answer.is_finite());
            assert!(figures.service_level <= 1.0 - figures.abandonment + 1e-9, "{rates:?} {within}: {figures:?}");
        }
    }
    // Far more load than agents: all but what the agents serve hang up.
    let overload = erlang_a(&Rates { arrival: 50_000.0, service: 1.0, abandonment: 0.001 }, 1_000, 0.2);
    close(overload.abandonment, 0.98, 1e-9);
    close(overload.occupancy, 1.0, 1e-9);
}

/// A small generator (xorshift64*), seeded, so that the simulation is the same each time.
struct Random(u64);

impl Random {
    fn exponential(&mut self, rate: f64) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11;
        -((bits as f64 + 0.5) / (1_u64 << 53) as f64).ln() / rate
    }
}

/// Shares of callers served within the time, and abandoned, in each of `batches` batches, caller by caller: each takes
/// the agent who is free first, unless the wait is longer than the caller's patience.
fn simulate(rates: &Rates, agents: usize, within: f64, batches: usize) -> Vec<(f64, f64)> {
    const BATCH: usize = 20_000;
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut free_at = vec![0.0_f64; agents];
    let mut now = 0.0;
    let mut shares = Vec::new();
    for batch in 0..=batches {
        let (mut in_time, mut abandoned) = (0, 0);
        for _ in 0..BATCH {
            now += random.exponential(rates.arrival);
            let patience = random.exponential(rates.abandonment);
            let agent = free_at.iter_mut().min_by(|a, b| a.total_cmp(b)).unwrap();
            let wait = (*agent - now).max(0.0);
            if wait > patience {
                abandoned += 1;
                continue;
            }
            *agent = now + wait + random.exponential(rates.service);
            in_time += usize::from(wait <= within);
        }
        // The first batch warms up.
        if batch > 0 {
            shares.push((f64::from(in_time as u32) / BATCH as f64, f64::from(abandoned) / BATCH as f64));
        }
    }
    shares
}

#[test]
fn a_simulation_in_which_nobody_hangs_up_agrees_with_erlang_c() {
    for (arrival, agents) in [(10.0 / 3.0, 13_usize), (20.0, 66)] {
        let rates = Rates { arrival, service: 1.0 / 3.0, abandonment: 1e-12 };
        let in_time: Vec<f64> = simulate(&rates, agents, 1.0 / 3.0, 30).iter().map(|batch| batch.0).collect();
        let count = in_time.len() as f64;
        let mean = in_time.iter().sum::<f64>() / count;
        let variance = in_time.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let level = erlang_c(&rates, agents as u64, 1.0 / 3.0).service_level;
        close(mean, level, 3.66 * (variance / count).sqrt());
    }
}

#[test]
fn a_simulation_of_events_agrees_within_its_confidence_interval() {
    for (rates, agents) in [
        (Rates { arrival: 10.0 / 3.0, service: 1.0 / 3.0, abandonment: 0.2 }, 13_usize),
        (Rates { arrival: 48.0, service: 1.0, abandonment: 0.5 }, 45),
        (Rates { arrival: 5.0, service: 1.0, abandonment: 2.0 }, 3),
    ] {
        let batches = simulate(&rates, agents, 1.0 / 3.0, 30);
        let figures = erlang_a(&rates, agents as u64, 1.0 / 3.0);
        for (expected, values) in [
            (figures.service_level, batches.iter().map(|batch| batch.0).collect::<Vec<f64>>()),
            (figures.abandonment, batches.iter().map(|batch| batch.1).collect()),
        ] {
            let count = values.len() as f64;
            let mean = values.iter().sum::<f64>() / count;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
            // 99.9 % with 29 degrees of freedom.
            close(mean, expected, 3.66 * (variance / count).sqrt());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn more_calls_never_raise_the_service_level(
        load in 0.1..400.0_f64, more in 0.0..1.0_f64, agents in 1_u64..500, patience in 0.01..100.0_f64,
        within in 0.0..3.0_f64,
    ) {
        let rates = Rates { arrival: load, service: 1.0, abandonment: 1.0 / patience };
        let busier = Rates { arrival: load * (1.0 + more), ..rates };
        for queue in [erlang_a, erlang_c] {
            let (before, after) = (queue(&rates, agents, within), queue(&busier, agents, within));
            prop_assert!(after.service_level <= before.service_level + 1e-12, "{before:?} {after:?}");
            // Load · (1 − abandoned) cancels where nearly all hang up.
            prop_assert!(after.occupancy >= before.occupancy - 1e-9);
        }
    }

    #[test]
    fn more_agents_never_lower_the_service_level(
        load in 0.1..400.0_f64, agents in 1_u64..500, patience in 0.01..100.0_f64, within in 0.0..3.0_f64,
    ) {
        let rates = Rates { arrival: load, service: 1.0, abandonment: 1.0 / patience };
        for queue in [erlang_a, erlang_c] {
            let (fewer, more) = (queue(&rates, agents, within), queue(&rates, agents + 1, within));
            prop_assert!(more.service_level >= fewer.service_level - 1e-12, "{fewer:?} {more:?}");
            prop_assert!(more.occupancy <= fewer.occupancy + 1e-12);
            prop_assert!(more.abandonment <= fewer.abandonment + 1e-12);
        }
    }

    #[test]
    fn without_a_limit_of_time_all_who_stay_are_served(
        load in 0.1..200.0_f64, agents in 1_u64..250, patience in 0.05..20.0_f64,
    ) {
        let rates = Rates { arrival: load, service: 1.0, abandonment: 1.0 / patience };
        let figures = erlang_a(&rates, agents, 1e5);
        prop_assert!((figures.service_level - (1.0 - figures.abandonment)).abs() < 1e-9, "{figures:?}");
    }
}
