//! The two queues of A. K. Erlang and C. Palm.

use statrs::function::erf::erfc;

/// Rates of a queue, per any one unit of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Contacts that come, λ.
    pub arrival: f64,
    /// Contacts that one agent serves, μ: one by the handle time.
    pub service: f64,
    /// Waiting callers that hang up, θ: one by the mean patience. Erlang C takes no notice of it.
    pub abandonment: f64,
}

/// How a queue does in the long run. Shares are 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct QueueFigures {
    /// Share of callers who find no agent free.
    pub wait_probability: f64,
    /// Share of callers who are answered within the time.
    pub service_level: f64,
    /// Mean wait over all callers, in the unit of time of the rates; infinite where the queue grows for ever.
    pub average_speed_of_answer: f64,
    /// Share of their time that agents are busy.
    pub occupancy: f64,
    /// Share of callers who hang up.
    pub abandonment: f64,
}

const IDLE: QueueFigures = QueueFigures {
    wait_probability: 0.0,
    service_level: 1.0,
    average_speed_of_answer: 0.0,
    occupancy: 0.0,
    abandonment: 0.0,
};

/// 1/B of Erlang's loss formula: Σ n!/((n−k)! Aᵏ) over k from 0 to n. Its terms rise at most to k = n − A and then fall
/// quickly, so some √A of them are summed instead of n steps of the recursion. Infinite where B is below all floats.
fn inverse_blocking(load: f64, agents: f64) -> f64 {
    let (mut sum, mut term, mut left) = (1.0, 1.0, agents);
    while left > 0.0 {
        term *= left / load;
        sum += term;
        left -= 1.0;
        if (left < load && term < sum * 1e-17) || sum.is_infinite() {
            break;
        }
    }
    sum
}

/// Erlang's loss formula B: the share that a system without a queue turns away. The load is in erlangs.
pub fn erlang_b(load: f64, agents: u64) -> f64 {
    if load <= 0.0 {
        return if agents == 0 { 1.0 } else { 0.0 };
    }
    1.0 / inverse_blocking(load, agents as f64)
}

/// Erlang C: the share that waits, from 1/B. C = nB/(n − A(1 − B)) = n/((n − A)/B + A).
fn waiting_share(load: f64, agents: f64, inverse_blocking: f64) -> f64 {
    agents / ((agents - load) * inverse_blocking + load)
}

/// A queue in which callers wait for ever: M/M/n. With no more agents than load it is unstable: no one is answered in time.
pub fn erlang_c(rates: &Rates, agents: u64, within: f64) -> QueueFigures {
    let (load, n) = (rates.arrival / rates.service, agents as f64);
    if load <= 0.0 {
        return IDLE;
    }
    // The allowance: 10 erlangs that a quotient made 9.999999999999998 are more than 10 agents can serve.
    if n <= load * (1.0 + 1e-12) {
        return QueueFigures {
            wait_probability: 1.0,
            service_level: 0.0,
            average_speed_of_answer: f64::INFINITY,
            occupancy: 1.0,
            abandonment: 0.0,
        };
    }
    let waits = waiting_share(load, n, inverse_blocking(load, n));
    QueueFigures {
        wait_probability: waits,
        service_level: 1.0 - waits * (-(n - load) * rates.service * within).exp(),
        average_speed_of_answer: waits / ((n - load) * rates.service),
        occupancy: load / n,
        abandonment: 0.0,
    }
}

/// Erlang C for one agent more at a time: 1/B(n + 1) = 1 + (n + 1)/(A·B(n)).
pub(super) struct RisingAgents {
    load: f64,
    agents: f64,
    inverse_blocking: f64,
}

impl RisingAgents {
    /// From this number of agents on, which is more than the load.
    pub(super) fn new(load: f64, agents: f64) -> RisingAgents {
        RisingAgents { load, agents, inverse_blocking: inverse_blocking(load, agents) }
    }

    pub(super) fn agents(&self) -> f64 {
        self.agents
    }

    pub(super) fn service_level(&self, rates: &Rates, within: f64) -> f64 {
        let waits = waiting_share(self.load, self.agents, self.inverse_blocking);
        1.0 - waits * (-(self.agents - self.load) * rates.service * within).exp()
    }

    pub(super) fn add_one(&mut self) {
        self.agents += 1.0;
        self.inverse_blocking = 1.0 + self.agents / self.load * self.inverse_blocking;
    }
}

/// A queue in which callers hang up: M/M/n+M (Palm 1957; Garnett, Mandelbaum and Reiman 2002).
///
/// Birth–death with death rate min(j, n)·μ + max(j − n, 0)·θ; stable with any load. Patience beyond 10¹⁰ mean times
/// between arrivals is taken as that.
pub fn erlang_a(rates: &Rates, agents: u64, within: f64) -> QueueFigures {
    let (load, n) = (rates.arrival / rates.service, agents as f64);
    if load <= 0.0 {
        return IDLE;
    }
    let abandonment = rates.abandonment.max(rates.arrival * 1e-10);
    let queue = Queue::new(rates.arrival, n * rates.service, abandonment);
    // States below n, relative to state n.
    let below = inverse_blocking(load, n) - 1.0;
    let free = if queue.none_waiting > 0.0 { queue.none_waiting * below } else { 0.0 };
    let all = free + queue.sum;
    // Where `free` is infinite no one ever waits.
    let share = |part: f64| if all.is_finite() { part / all } else { 0.0 };
    let waits = share(queue.sum);
    let waiting = share(queue.length);
    let abandoned = (abandonment * waiting / rates.arrival).min(1.0);
    QueueFigures {
        wait_probability: waits,
        service_level: (1.0 - waits
            + share(queue.served_within(n * rates.service / abandonment, abandonment * within)))
        .clamp(0.0, 1.0),
        average_speed_of_answer: waiting / rates.arrival,
        occupancy: if n > 0.0 { (load * (1.0 - abandoned) / n).min(1.0) } else { 1.0 },
        abandonment: abandoned,
    }
}

/// The states in which all agents are busy, by how many callers wait: weights relative to the likeliest.
struct Queue {
    /// How many wait in the first state of `weights`.
    first: f64,
    weights: Vec<f64>,
    /// Sum of the weights.
    sum: f64,
    /// Sum of the weights times how many wait.
    length: f64,
    /// The weight of the state in which no one waits; 0 where it is negligible.
    none_waiting: f64,
}

impl Queue {
    fn new(arrival: f64, service: f64, abandonment: f64) -> Queue {
        const NEGLIGIBLE: f64 = 1e-20;
        let likeliest = ((arrival - service) / abandonment).floor().max(0.0);
        let leaving = |waiting: f64| service + waiting * abandonment;
        let mut weights = Vec::new();
        let (mut waiting, mut weight) = (likeliest, 1.0);
        while waiting > 0.0 && weight > NEGLIGIBLE {
            weight *= leaving(waiting) / arrival;
            waiting -= 1.0;
            weights.push(weight);
        }
        let first = waiting;
        weights.reverse();
        weights.push(1.0);
        (waiting, weight) = (likeliest, 1.0);
        let mut sum_so_far: f64 = weights.iter().sum();
        while weight > NEGLIGIBLE * sum_so_far {
            waiting += 1.0;
            weight *= arrival / leaving(waiting);
            weights.push(weight);
            sum_so_far += weight;
        }
        let none_waiting = if first > 0.0 { 0.0 } else { weights.first().copied().unwrap_or(0.0) };
        let length = weights.iter().enumerate().map(|(place, weight)| weight * (first + place as f64)).sum();
        Queue { first, weights, sum: sum_so_far, length, none_waiting }
    }

    /// The weight of callers who find all agents busy and are served within the time, where `a` = nμ/θ and `patience_times`
    /// = θT.
    ///
    /// Who finds k waiting is served at all with a/(a + k + 1), and then in time with P(Beta(a + 1, k + 1) ≥ e^(−θT)): the
    /// probability that at least k + 1 leave by then, which is the tail of a negative binomial of size a + 1. Its terms are
    /// summed from the first, with the factor e^(−(a + 1)θT) kept as a logarithm until it is above the least float.
    /// Beyond two million waiting the normal distribution of the same mean and variance is used.
    fn served_within(&self, a: f64, patience_times: f64) -> f64 {
        const LONGEST_SUM: f64 = 2e6;
        let last = self.first + self.weights.len() as f64;
        if last > LONGEST_SUM {
            return self.served_within_at_large(a, patience_times);
        }
        const RESCALE: f64 = 1e250;
        let leaves = -(-patience_times).exp_m1();
        let mut logarithm = -(a + 1.0) * patience_times;
        let (mut term, mut factor, mut fewer) = (1.0_f64, logarithm.exp(), 0.0_f64);
        let (mut served, mut waiting) = (0.0, 0.0);
        while waiting < last {
            // `fewer`: the probability that at most `waiting` leave.
            fewer += term * factor;
            if fewer >= 1.0 - 1e-16 {
                break;
            }
            if waiting >= self.first {
                let weight = self.weights.get((waiting - self.first) as usize).copied().unwrap_or(0.0);
                served += weight * a / (a + waiting + 1.0) * (1.0 - fewer);
            }
            term *= leaves * (a + 1.0 + waiting) / (waiting + 1.0);
            if term > RESCALE {
                term /= RESCALE;
                logarithm += RESCALE.ln();
                factor = logarithm.exp();
            }
            waiting += 1.0;
        }
        served
    }

    fn served_within_at_large(&self, a: f64, patience_times: f64) -> f64 {
        let mean = (a + 1.0) * patience_times.exp_m1();
        if !mean.is_finite() {
            return self
                .weights
                .iter()
                .enumerate()
                .map(|(place, w)| w * a / (a + self.first + place as f64 + 1.0))
                .sum();
        }
        let deviation = (mean * patience_times.exp()).sqrt().max(f64::MIN_POSITIVE);
        let served = |(place, weight): (usize, &f64)| {
            let waiting = self.first + place as f64;
            let more = 0.5 * erfc((waiting + 0.5 - mean) / deviation / std::f64::consts::SQRT_2);
            weight * a / (a + waiting + 1.0) * more
        };
        self.weights.iter().enumerate().map(served).sum()
    }
}

#[cfg(test)]
mod tests;
