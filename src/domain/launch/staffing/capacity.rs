//! How much load a number of agents carries: from it the fewest agents of many loads follow without a search for each.
//!
//! The greatest load that n agents carry is found exactly for the squares n = j² and for few agents. Between squares it is
//! interpolated: by the square-root rule (Erlang 1924; Halfin and Whitt 1981) what a queue needs beyond its load grows with √n, so
//! (n − load)/√n where the service level binds, and load/n where the occupancy does, hardly change over √n. How wrong an
//! interpolation may be is seen from its difference to one of lower degree; a load that is so near to a border is searched exactly.

use super::StaffingGoal;

/// Up to this many agents every number is found exactly.
const FEW: u64 = 36;
/// Squares that an interpolation is over.
const STENCIL: u64 = 6;
/// The first square that an interpolation may use: of 3² agents.
const FIRST_SQUARE: u64 = 3;
/// Beyond this load each is searched by itself.
const MOST_LOAD: f64 = 100_000.0;
/// By how much an exact border may be wrong, in √n.
const TOLERANCE: f64 = 1e-6;

/// What keeps a number of agents from carrying more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Binding {
    Level,
    Occupancy,
}

/// The greatest load that a number of agents carries.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Border {
    load: f64,
    /// By how much the load may be wrong.
    uncertainty: f64,
}

/// Borders that were found, by agents.
#[derive(Clone, Debug)]
pub(super) struct Capacities {
    goal: StaffingGoal,
    /// By j what j² agents carry, where that was asked.
    squares: Asked<(f64, Binding)>,
    /// By agents.
    borders: Asked<Border>,
}

/// Answers by number, `Some(None)` where there is none: a list, since a look into it costs least.
#[derive(Clone, Debug)]
struct Asked<T>(Vec<Option<Option<T>>>);

impl<T: Copy> Asked<T> {
    fn get(&self, number: u64) -> Option<Option<T>> {
        *self.0.get(usize::try_from(number).ok()?)?
    }

    fn keep(&mut self, number: u64, answer: Option<T>) {
        let Ok(place) = usize::try_from(number) else { return };
        if self.0.len() <= place {
            self.0.resize(place + place / 2 + 64, None);
        }
        if let Some(slot) = self.0.get_mut(place) {
            *slot = Some(answer);
        }
    }
}

impl Capacities {
    pub(super) fn new(goal: StaffingGoal) -> Capacities {
        Capacities { goal, squares: Asked(Vec::new()), borders: Asked(Vec::new()) }
    }

    /// The fewest agents for a load; `None` where the borders do not tell, and it must be searched.
    pub(super) fn fewest(&mut self, load: f64) -> Option<u64> {
        if load >= MOST_LOAD {
            return None;
        }
        let (mut fails, mut enough) = self.between_squares(load)?;
        while enough - fails > 1 {
            let middle = fails.midpoint(enough);
            match self.border(middle)?.load < load {
                true => fails = middle,
                false => enough = middle,
            }
        }
        let certain = |border: Border| (border.load - load).abs() > border.uncertainty;
        let below = fails == 0 || certain(self.border(fails)?);
        (below && certain(self.border(enough)?)).then_some(enough)
    }

    /// Two neighbouring squares of which the lower carries less than the load and the upper enough.
    fn between_squares(&mut self, load: f64) -> Option<(u64, u64)> {
        let mut root = load.sqrt().floor().max(0.0) as u64 + 1;
        while self.square(root)?.0 < load {
            root += 1;
        }
        while root > 1 && self.square(root - 1)?.0 >= load {
            root -= 1;
        }
        Some(((root - 1) * (root - 1), root * root))
    }

    /// What root² agents carry.
    fn square(&mut self, root: u64) -> Option<(f64, Binding)> {
        if root == 0 {
            return Some((0.0, Binding::Level));
        }
        if let Some(known) = self.squares.get(root) {
            return known;
        }
        let agents = root * root;
        let neighbour = [root - 1, root + 1].into_iter().find_map(|near| {
            let (load, binding) = self.squares.get(near)??;
            Some(from_scaled(scaled(load, near as f64, binding), root as f64, binding))
        });
        let found = self.exact(agents, neighbour);
        self.squares.keep(root, found);
        found
    }

    fn border(&mut self, agents: u64) -> Option<Border> {
        if let Some(known) = self.borders.get(agents) {
            return known;
        }
        let root = agents.isqrt();
        let exact = |load: f64| Border { load, uncertainty: 4.0 * TOLERANCE * (agents as f64).sqrt() };
        let found = if root * root == agents {
            self.square(root).map(|(load, _)| exact(load))
        } else if agents <= FEW {
            self.exact(agents, None).map(|(load, _)| exact(load))
        } else {
            self.interpolated(agents)
        };
        self.borders.keep(agents, found);
        found
    }

    /// Where both squares beside it are bound alike, that binds; else whichever of the two binds earlier.
    fn interpolated(&mut self, agents: u64) -> Option<Border> {
        let root = agents.isqrt();
        let (lower, upper) = (self.square(root)?.1, self.square(root + 1)?.1);
        let first = self.over_stencil(agents, lower)?;
        if lower == upper {
            return Some(first);
        }
        let second = self.over_stencil(agents, upper)?;
        let nearer = if first.load <= second.load { first } else { second };
        // Where they cross, either may be the one.
        Some(Border { uncertainty: first.uncertainty.max(second.uncertainty), ..nearer })
    }

    /// The nearest six squares in a row that are bound so.
    fn over_stencil(&mut self, agents: u64, binding: Binding) -> Option<Border> {
        let root = agents.isqrt();
        let starts = [-2_i64, -3, -1, -4, 0, -5, 1];
        for shift in starts {
            let Some(start) = root.checked_add_signed(shift).filter(|start| *start >= FIRST_SQUARE) else { continue };
            let mut values = [0.0; STENCIL as usize];
            let mut bound = true;
            for (place, value) in (start..).zip(&mut values) {
                let (load, by) = self.square(place)?;
                bound &= by == binding;
                *value = scaled(load, place as f64, binding);
            }
            if bound {
                let at = (agents as f64).sqrt() - start as f64;
                let (fine, coarse) = (lagrange(&values, at), lagrange(values.get(1..5)?, at - 1.0));
                let load = from_scaled(fine, (agents as f64).sqrt(), binding);
                let other = from_scaled(coarse, (agents as f64).sqrt(), binding);
                let uncertainty = (load - other).abs() + 8.0 * TOLERANCE * (agents as f64).sqrt();
                return Some(Border { load, uncertainty });
            }
        }
        None
    }

    /// The greatest load that a number of agents carries, and what binds it: the root of the smaller margin, which falls with the load.
    /// By the false position with the Illinois rule, from a neighbour's load or the square-root rule. `None` where there is none.
    fn exact(&self, agents: u64, guess: Option<f64>) -> Option<(f64, Binding)> {
        let (n, root) = (agents as f64, (agents as f64).sqrt());
        let margins = |load: f64| {
            let figures = self.goal.figures_of_load(load, agents);
            (figures.service_level - self.goal.service_level, self.goal.max_occupancy - figures.occupancy)
        };
        let margin = |load: f64| {
            let (level, occupancy) = margins(load);
            level.min(occupancy)
        };
        let start = guess.unwrap_or((self.goal.max_occupancy * n).min(n - 0.5 * root)).max(1e-6);
        let mut step = if guess.is_some() { 0.02 * root } else { 0.25 * root };
        let (mut low, mut high) = (start, start);
        let mut at_low = margin(start);
        let mut at_high = at_low;
        while at_low <= 0.0 {
            (high, at_high) = (low, at_low);
            if low <= 1e-9 {
                return None;
            }
            low = (low - step).max(low / 2.0 - 1e-9).max(0.0);
            at_low = margin(low);
            step *= 4.0;
        }
        while at_high > 0.0 {
            (low, at_low) = (high, at_high);
            if high > 100.0 * (n + 1.0) {
                return None;
            }
            high += step;
            at_high = margin(high);
            step *= 4.0;
        }
        let mut side = 0;
        for _ in 0..100 {
            if high - low <= TOLERANCE * root {
                break;
            }
            let share = at_low / (at_low - at_high);
            // Kept off the ends, so that both of them move.
            let inset = (0.25 * TOLERANCE * root / (high - low)).min(0.25);
            let middle = low + (high - low) * share.clamp(inset, 1.0 - inset);
            let found = margin(middle);
            if found > 0.0 {
                (low, at_low) = (middle, found);
                at_high *= if side == 1 { 0.5 } else { 1.0 };
                side = 1;
            } else {
                (high, at_high) = (middle, found);
                at_low *= if side == -1 { 0.5 } else { 1.0 };
                side = -1;
            }
        }
        let load = f64::midpoint(low, high);
        let (level, occupancy) = margins(high);
        Some((load, if level <= occupancy { Binding::Level } else { Binding::Occupancy }))
    }
}

/// What hardly changes over √n: the agents beyond the load in √n, or the load of each.
fn scaled(load: f64, root: f64, binding: Binding) -> f64 {
    match binding {
        Binding::Level => (root * root - load) / root,
        Binding::Occupancy => load / (root * root),
    }
}

fn from_scaled(scaled: f64, root: f64, binding: Binding) -> f64 {
    match binding {
        Binding::Level => root * root - scaled * root,
        Binding::Occupancy => scaled * root * root,
    }
}

/// Lagrange's polynomial through values at 0, 1, 2, … .
fn lagrange(values: &[f64], at: f64) -> f64 {
    let weight = |place: usize| -> f64 {
        let others = (0..values.len()).filter(|other| *other != place);
        others.map(|other| (at - other as f64) / (place as f64 - other as f64)).product()
    };
    values.iter().enumerate().map(|(place, value)| value * weight(place)).sum()
}
