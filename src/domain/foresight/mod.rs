//! What the running period is heading for: projection, burn of the budget of misses, trend, risks.

pub mod burn;
pub mod projection;
pub mod risks;
pub mod running_period;
pub mod trend;
