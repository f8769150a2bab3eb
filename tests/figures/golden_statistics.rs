//! The statistics against published or independently computed figures, each with its source in `data/golden.json`.

#[cfg(test)]
mod tests {
    use bpo_operator::api::verdict::Comparison;
    use bpo_operator::domain::foresight::projection::{ShareSoFar, project_share};
    use bpo_operator::domain::foresight::trend::chart;
    use bpo_operator::domain::launch::spikes::standardised;
    use bpo_operator::domain::launch::staffing::{Rates, erlang_a, erlang_c, heads};
    use bpo_operator::domain::numbers::exact::Exact;
    use bpo_operator::domain::numbers::statistics::{
        Share, median, median_absolute_deviation, net_promoter_interval, two_proportion_test, wilson_interval,
    };
    use serde_json::Value;

    fn section(name: &str) -> Vec<Value> {
        let golden: Value = serde_json::from_str(include_str!("../data/golden.json")).unwrap();
        let cases = match &golden[name] {
            Value::Array(cases) => cases.clone(),
            one => vec![one.clone()],
        };
        assert!(!cases.is_empty() && !cases[0].is_null(), "{name}");
        cases
    }

    fn number(value: &Value) -> f64 {
        value.as_f64().unwrap()
    }

    fn numbers(value: &Value) -> Vec<f64> {
        value.as_array().unwrap().iter().map(number).collect()
    }

    fn close(actual: f64, expected: &Value, tolerance: f64) {
        let expected = number(expected);
        assert!((actual - expected).abs() <= tolerance, "{actual} is not {expected} ± {tolerance}");
    }

    #[test]
    fn queues_in_which_callers_wait_for_ever() {
        for case in section("erlangC") {
            let rates = Rates {
                arrival: number(&case["calls"]) / number(&case["interval"]),
                service: 1.0 / number(&case["aht"]),
                abandonment: 1.0,
            };
            let figures = erlang_c(&rates, case["n"].as_u64().unwrap(), number(&case["t"]));
            close(figures.service_level, &case["sl"], 1e-12);
            if case["pw"].is_number() {
                close(figures.wait_probability, &case["pw"], 1e-12);
                close(figures.average_speed_of_answer, &case["asa"], 1e-10);
                close(figures.occupancy, &case["occ"], 1e-12);
            }
        }
        for case in section("erlangCStaff") {
            assert_eq!(heads(case["n"].as_u64().unwrap(), 30.into()), case["heads30"].as_u64());
        }
    }

    #[test]
    fn queues_in_which_callers_hang_up() {
        for case in section("erlangA") {
            let rates = Rates {
                arrival: number(&case["lambda"]),
                service: number(&case["mu"]),
                abandonment: number(&case["theta"]),
            };
            let figures = erlang_a(&rates, case["n"].as_u64().unwrap(), number(&case["t"]));
            close(figures.wait_probability, &case["pw"], 1e-6);
            close(figures.abandonment, &case["pab"], 1e-6);
            close(figures.occupancy, &case["occ"], 1e-6);
            close(figures.average_speed_of_answer, &case["ew"], 1e-6);
            close(figures.service_level, &case["sl"], 1e-6);
        }
    }

    #[test]
    fn intervals_and_tests() {
        for case in section("wilson") {
            let interval = wilson_interval(Share::new(number(&case[0]), number(&case[1])).unwrap(), 95.0).unwrap();
            close(interval.lower, &case[2], 1e-6);
            close(interval.upper, &case[3], 1e-6);
        }
        for case in section("nps") {
            let responses = number(&case[0]) + number(&case[1]) + number(&case[2]);
            let interval = net_promoter_interval(number(&case[0]), number(&case[2]), responses, 95.0).unwrap();
            close(f64::midpoint(interval.lower, interval.upper), &case[3], 1e-4);
            close((interval.upper - interval.lower) / 2.0, &case[4], 1e-4);
        }
        for case in section("twoProportion") {
            let share = |at: usize| Share::new(number(&case[at]), number(&case[at + 1])).unwrap();
            let test = two_proportion_test(share(0), share(2));
            close(test.z, &case[4], 1e-5);
            close(test.p, &case[5], 1e-5);
        }
    }

    #[test]
    fn projections() {
        for case in section("projection") {
            let whole = |name: &str| Exact::from(case[name].as_i64().unwrap());
            let remaining = case["rest"].as_u64().unwrap();
            let so_far = ShareSoFar { numerator: whole("good"), denominator: whole("done"), remaining };
            assert_eq!(number(&case["target"]), 0.8);
            let target = Exact::fraction(4, 5).unwrap();
            let projection = project_share(&so_far, &target, Comparison::AtLeast).unwrap();
            let needed = projection.needed.unwrap().to_f64();
            if case["need"].is_number() {
                close(needed * remaining as f64, &case["need"], 1e-9);
                // What the rest brings on average, and the probability; the figure is a normal approximation.
                let rest = projection.projected.to_f64() * (number(&case["done"]) + remaining as f64);
                close(rest - number(&case["good"]), &case["mean"], 1e-6);
                close(projection.probability, &case["pMeet"], 0.004);
            } else {
                close(needed, &case["neededRate"], 1e-12);
                let best = (number(&case["good"]) + remaining as f64) / (number(&case["done"]) + remaining as f64);
                close(best, &case["best"], 1e-12);
            }
        }
    }

    #[test]
    fn control_chart_and_spike() {
        for case in section("xmr") {
            let chart = chart(&numbers(&case["x"])).unwrap();
            close(chart.mean, &case["mean"], 1e-9);
            close(chart.mean_moving_range, &case["mrBar"], 1e-9);
            close(chart.upper_limit, &case["ucl"], 1e-9);
            close(chart.lower_limit, &case["lcl"], 1e-9);
        }
        for case in section("spike") {
            let history = numbers(&case["history"]);
            let usual = bpo_operator::domain::launch::demand::Usual {
                median: median(&history).unwrap(),
                deviation: median_absolute_deviation(&history).unwrap(),
            };
            close(usual.median, &case["median"], 0.0);
            close(usual.deviation, &case["mad"], 0.0);
            close(standardised(number(&case["actual"]), usual, 1.0), &case["z"], 1e-6);
        }
    }
}
