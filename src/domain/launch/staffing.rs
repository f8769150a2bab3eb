//! How many agents a load needs: Erlang C (callers wait for ever) and Erlang A (callers have patience).
//!
//! Loads are in erlangs (arrival rate × handle time). All sums run relative to a state that matters, so that neither a
//! single agent nor fifty thousand overflow or lose digits.

mod capacity;
mod erlang;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

pub use erlang::{QueueFigures, Rates, erlang_a, erlang_b, erlang_c};

use crate::api::campaign_launch::QueueModel;

/// What a queue must reach.
#[derive(Clone, Debug, PartialEq)]
pub struct StaffingGoal {
    /// The model of the queue.
    pub model: QueueModel,
    /// How long one contact takes, in seconds.
    pub handle_seconds: f64,
    /// How long a caller waits on average before hanging up, in seconds; Erlang A only.
    pub patience_seconds: f64,
    /// The share of callers that must be answered in time, 0 to 1.
    pub service_level: f64,
    /// The time within which they must be answered, in seconds.
    pub within_seconds: f64,
    /// Ceiling of the agents' occupancy, 0 to 1.
    pub max_occupancy: f64,
    /// Share of paid time that agents are not available, in percent.
    pub shrinkage_percent: Decimal,
}

/// What a load needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Agents on the phone.
    pub agents: u64,
    /// People on the schedule, shrinkage included.
    pub heads: u64,
}

/// Agents above which no answer is given.
const MOST_AGENTS: u64 = 100_000_000;

impl StaffingGoal {
    /// The figures of the queue with a number of contacts in an interval and a number of agents.
    ///
    /// Without contacts everyone is answered at once; with contacts and no agent, no one.
    pub fn figures(&self, contacts: f64, interval_seconds: f64, agents: u64) -> QueueFigures {
        let rates = self.rates(contacts, interval_seconds);
        match self.model {
            QueueModel::ErlangC => erlang_c(&rates, agents, self.within_seconds),
            QueueModel::ErlangA => erlang_a(&rates, agents, self.within_seconds),
        }
    }

    /// The figures with a load in erlangs.
    fn figures_of_load(&self, load: f64, agents: u64) -> QueueFigures {
        self.figures(load, self.handle_seconds.max(1e-9), agents)
    }

    fn rates(&self, contacts: f64, interval_seconds: f64) -> Rates {
        Rates {
            arrival: contacts.max(0.0) / interval_seconds,
            service: 1.0 / self.handle_seconds.max(1e-9),
            abandonment: 1.0 / self.patience_seconds.max(1e-9),
        }
    }

    fn holds(&self, figures: &QueueFigures) -> bool {
        figures.service_level >= self.service_level && figures.occupancy <= self.max_occupancy + 1e-12
    }

    /// The fewest agents that meet the service level and keep to the occupancy ceiling; 0 without contacts.
    ///
    /// `None` where no number does: a ceiling of 0, or a load beyond all floors.
    pub fn fewest_agents(&self, contacts: f64, interval_seconds: f64) -> Option<u64> {
        let rates = self.rates(contacts, interval_seconds);
        let load = rates.arrival / rates.service;
        if load <= 1e-12 {
            return Some(0);
        }
        if !(self.max_occupancy > 0.0 && load.is_finite() && load < MOST_AGENTS as f64) {
            return None;
        }
        match self.model {
            QueueModel::ErlangC => self.fewest_without_patience(&rates, load),
            QueueModel::ErlangA => self.fewest_with_patience(contacts, interval_seconds, load),
        }
    }

    /// From the least number that is stable and under the ceiling, one agent at a time: few steps, since the service level
    /// rises from nothing to all within some √load agents.
    fn fewest_without_patience(&self, rates: &Rates, load: f64) -> Option<u64> {
        // The allowance keeps 8.5 / 0.85 at 10.
        let under_ceiling = (load / self.max_occupancy - 1e-9).ceil();
        let least = under_ceiling.max((load * (1.0 + 1e-12)).floor() + 1.0).max(1.0);
        let mut search = erlang::RisingAgents::new(load, least);
        while search.agents() < MOST_AGENTS as f64 {
            if search.service_level(rates, self.within_seconds) >= self.service_level {
                return search.agents().to_u64();
            }
            search.add_one();
        }
        None
    }

    /// Doubling steps from the load until the goal lies between two numbers, then halving.
    fn fewest_with_patience(&self, contacts: f64, interval_seconds: f64, load: f64) -> Option<u64> {
        let holds = |agents: u64| self.holds(&self.figures(contacts, interval_seconds, agents));
        let guess = load.ceil().to_u64()?.max(1);
        let mut step = (load.sqrt() / 4.0).ceil().to_u64()?.max(1);
        // `fails` never holds, `enough` always does.
        let (mut fails, mut enough);
        if holds(guess) {
            (fails, enough) = (0, guess);
            while let Some(lower) = enough.checked_sub(step).filter(|lower| *lower > 0) {
                if !holds(lower) {
                    fails = lower;
                    break;
                }
                (enough, step) = (lower, step * 2);
            }
        } else {
            (fails, enough) = (guess, guess + step);
            while !holds(enough) {
                step *= 2;
                (fails, enough) = (enough, enough + step);
                if enough > MOST_AGENTS {
                    return None;
                }
            }
        }
        while enough - fails > 1 {
            let middle = fails.midpoint(enough);
            if holds(middle) {
                enough = middle;
            } else {
                fails = middle;
            }
        }
        Some(enough)
    }

    /// What a load needs; `None` where no number of agents does, or all paid time shrinks away.
    pub fn requirement(&self, contacts: f64, interval_seconds: f64) -> Option<Requirement> {
        let agents = self.fewest_agents(contacts, interval_seconds)?;
        Some(Requirement { agents, heads: heads(agents, self.shrinkage_percent)? })
    }

    /// What happens to a plan with a number of agents when contacts or handle time turn out otherwise: from 20 % less to 20 % more, in
    /// steps of 10.
    pub fn sensitivity(&self, contacts: f64, interval_seconds: f64, planned: u64) -> Vec<SensitivityRow> {
        [Varied::Contacts, Varied::HandleTime]
            .into_iter()
            .flat_map(|varied| [-20, -10, 0, 10, 20].into_iter().map(move |change| (varied, change)))
            .filter_map(|(varied, change_percent)| {
                let factor = 1.0 + f64::from(change_percent) / 100.0;
                let (mut goal, mut volume) = (self.clone(), contacts);
                match varied {
                    Varied::Contacts => volume *= factor,
                    Varied::HandleTime => goal.handle_seconds *= factor,
                }
                Some(SensitivityRow {
                    varied,
                    change_percent,
                    as_planned: goal.figures(volume, interval_seconds, planned),
                    needed: goal.requirement(volume, interval_seconds)?,
                })
            })
            .collect()
    }
}

/// What is varied in a table of sensitivity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Varied {
    /// The number of contacts.
    Contacts,
    /// The time that one takes.
    HandleTime,
}

/// A row of a table of sensitivity.
#[derive(Clone, Debug, PartialEq)]
pub struct SensitivityRow {
    /// What is otherwise than planned.
    pub varied: Varied,
    /// By how many percent.
    pub change_percent: i32,
    /// The figures with as many agents as were planned.
    pub as_planned: QueueFigures,
    /// What would be needed.
    pub needed: Requirement,
}

/// People on the schedule for a number of agents on the phone: ⌈agents / (1 − shrinkage)⌉ in decimals, so that 21 with 30 % is
/// 30 and not the 31 of binary floats. `None` with a shrinkage of 100 % or more.
pub fn heads(agents: u64, shrinkage_percent: Decimal) -> Option<u64> {
    let left = Decimal::ONE_HUNDRED - shrinkage_percent;
    if left <= Decimal::ZERO {
        return None;
    }
    // In whole numbers: agents · 100 · 10^scale / mantissa, rounded up.
    let parts = u128::try_from(left.mantissa()).ok()?;
    let scaled = u128::from(agents).checked_mul(100)?.checked_mul(10_u128.checked_pow(left.scale())?)?;
    u64::try_from(scaled.div_ceil(parts)).ok()
}

/// Requirements of many intervals with one goal: what a number of agents carries is found once, not for each interval.
#[derive(Clone, Debug)]
pub struct Planner {
    goal: StaffingGoal,
    interval_seconds: f64,
    capacities: capacity::Capacities,
}

impl Planner {
    /// A planner for intervals of one length.
    pub fn new(goal: StaffingGoal, interval_seconds: f64) -> Planner {
        Planner { capacities: capacity::Capacities::new(goal.clone()), goal, interval_seconds }
    }

    /// What a number of contacts in an interval needs: [`StaffingGoal::requirement`].
    pub fn requirement(&mut self, contacts: f64) -> Option<Requirement> {
        let rates = self.goal.rates(contacts, self.interval_seconds);
        let load = rates.arrival / rates.service;
        let known = if load > 1e-12 && load.is_finite() { self.capacities.fewest(load) } else { None };
        let Some(agents) = known else { return self.goal.requirement(contacts, self.interval_seconds) };
        Some(Requirement { agents, heads: heads(agents, self.goal.shrinkage_percent)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn goal(model: QueueModel) -> StaffingGoal {
        StaffingGoal {
            model,
            handle_seconds: 180.0,
            patience_seconds: 300.0,
            service_level: 0.8,
            within_seconds: 20.0,
            max_occupancy: 0.85,
            shrinkage_percent: Decimal::from(30),
        }
    }

    #[test]
    fn the_fewest_agents_are_those_of_the_published_examples() {
        for (contacts, max_occupancy, agents, heads) in
            [(100.0, 0.85, 14, 20), (160.0, 0.85, 20, 29), (250.0, 0.85, 30, 43), (100.0, 0.70, 15, 22)]
        {
            let goal = StaffingGoal { max_occupancy, ..goal(QueueModel::ErlangC) };
            assert_eq!(goal.requirement(contacts, 1_800.0), Some(Requirement { agents, heads }), "{contacts}");
        }
        let hourly = StaffingGoal { handle_seconds: 120.0, ..goal(QueueModel::ErlangC) };
        assert_eq!(hourly.requirement(1_000.0, 3_600.0), Some(Requirement { agents: 40, heads: 58 }));
        let patient = goal(QueueModel::ErlangA);
        assert_eq!(patient.requirement(100.0, 1_800.0), Some(Requirement { agents: 13, heads: 19 }));
    }

    #[test]
    fn heads_are_computed_in_decimals() {
        for (agents, shrinkage, expected) in [
            (21, "30", Some(30)),
            (14, "30", Some(20)),
            (0, "30", Some(0)),
            (7, "0", Some(7)),
            (1, "33.333333", Some(2)),
            (2, "99.999999", Some(200_000_000)),
            (1, "100", None),
        ] {
            assert_eq!(heads(agents, shrinkage.parse().unwrap()), expected, "{agents} {shrinkage}");
        }
    }

    #[test]
    fn an_occupancy_that_is_hit_exactly_is_under_the_ceiling() {
        // 8.5 erlangs at 85 % are 10 agents; a binary quotient makes them 11.
        let goal = StaffingGoal { service_level: 0.0, ..goal(QueueModel::ErlangC) };
        assert_eq!(goal.fewest_agents(85.0, 1_800.0), Some(10));
    }

    #[test]
    fn without_load_no_one_is_needed_and_an_impossible_goal_has_no_answer() {
        for model in [QueueModel::ErlangC, QueueModel::ErlangA] {
            assert_eq!(goal(model).fewest_agents(0.0, 1_800.0), Some(0));
            assert_eq!(StaffingGoal { max_occupancy: 0.0, ..goal(model) }.fewest_agents(9.0, 1_800.0), None);
            assert_eq!(goal(model).fewest_agents(1e15, 1_800.0), None);
            let shrunk = StaffingGoal { shrinkage_percent: Decimal::ONE_HUNDRED, ..goal(model) };
            assert_eq!(shrunk.requirement(9.0, 1_800.0), None);
        }
    }

    #[test]
    fn fifty_thousand_agents_are_planned_without_overflow() {
        for model in [QueueModel::ErlangC, QueueModel::ErlangA] {
            let goal = goal(model);
            // 425,000 contacts of three minutes in half an hour are 42,500 erlangs.
            let agents = goal.fewest_agents(425_000.0, 1_800.0).unwrap();
            assert!((49_000..=50_000).contains(&agents), "{agents}");
            let figures = goal.figures(425_000.0, 1_800.0, agents);
            assert!(figures.service_level > 0.99 && figures.occupancy <= 0.85 + 1e-12, "{figures:?}");
            assert!(!goal.holds(&goal.figures(425_000.0, 1_800.0, agents - 1)));
        }
    }

    #[test]
    fn the_sensitivity_table_shows_what_a_wrong_forecast_does() {
        let rows = goal(QueueModel::ErlangC).sensitivity(100.0, 1_800.0, 14);
        assert_eq!(rows.len(), 10);
        for varied in [Varied::Contacts, Varied::HandleTime] {
            let of: Vec<&SensitivityRow> = rows.iter().filter(|row| row.varied == varied).collect();
            assert!(of.windows(2).all(|pair| pair[0].as_planned.service_level > pair[1].as_planned.service_level));
            assert!(of.windows(2).all(|pair| pair[0].needed.agents <= pair[1].needed.agents));
            assert_eq!(of[2].needed, Requirement { agents: 14, heads: 20 });
        }
    }

    #[test]
    fn a_planner_answers_like_the_goal() {
        let mut planner = Planner::new(goal(QueueModel::ErlangC), 1_800.0);
        for contacts in [100.0, 160.0, 100.0, 0.0] {
            let expected = goal(QueueModel::ErlangC).requirement(contacts, 1_800.0);
            assert_eq!(planner.requirement(contacts), expected);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn a_planner_answers_like_a_search_whatever_the_goal(
            from in 0.0..60.0_f64, step in 0.01..40.0_f64, level in 0.01..0.99_f64, ceiling in 0.3..1.0_f64,
            within in 0.0..120.0_f64, patience in 5.0..900.0_f64, handle in 30.0..900.0_f64, with_patience in any::<bool>(),
        ) {
            let model = if with_patience { QueueModel::ErlangA } else { QueueModel::ErlangC };
            let goal = StaffingGoal {
                service_level: level, max_occupancy: ceiling, within_seconds: within, patience_seconds: patience,
                handle_seconds: handle, ..goal(model)
            };
            let mut planner = Planner::new(goal.clone(), 1_800.0);
            for place in 0..40 {
                let contacts = from + step * f64::from(place);
                prop_assert_eq!(planner.requirement(contacts), goal.requirement(contacts, 1_800.0), "{}", contacts);
            }
        }

        #[test]
        fn the_answer_holds_and_one_agent_fewer_does_not(
            contacts in 0.1..3_000.0_f64, level in 0.0..0.99_f64, ceiling in 0.3..1.0_f64,
            within in 0.0..120.0_f64, patience in 5.0..900.0_f64, with_patience in any::<bool>(),
        ) {
            let model = if with_patience { QueueModel::ErlangA } else { QueueModel::ErlangC };
            let goal = StaffingGoal {
                service_level: level, max_occupancy: ceiling, within_seconds: within, patience_seconds: patience,
                ..goal(model)
            };
            let agents = goal.fewest_agents(contacts, 1_800.0).unwrap();
            prop_assert!(goal.holds(&goal.figures(contacts, 1_800.0, agents)), "{agents}");
            prop_assert!(agents == 1 || !goal.holds(&goal.figures(contacts, 1_800.0, agents - 1)), "{agents}");
        }
    }
}
