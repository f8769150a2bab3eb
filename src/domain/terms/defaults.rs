//! What a feed means where it leaves a field out.

use crate::api::scalar::{Duration, DurationUnit};

/// How long a row is where the feed does not say.
pub const DEFAULT_CADENCE: Duration = Duration::new(30, DurationUnit::Minutes);

/// How long a missing figure holds a period, unless the KPI says otherwise.
pub(in crate::domain) const THREE_DAYS: Duration = Duration::new(3, DurationUnit::Days);
