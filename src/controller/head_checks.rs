//! Which heads of reports were found in the store, and when.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a comparison holds.
pub const HOLDS_FOR: Duration = Duration::from_secs(3_600);

/// By feed, the number of rows and the digest of the last one.
pub(super) type Heads = BTreeMap<String, (i64, String)>;

/// What was compared before.
#[derive(Debug, Default)]
pub struct HeadChecks(Mutex<HashMap<String, Check>>);

#[derive(Clone, Debug)]
struct Check {
    /// In the order of the feeds' names.
    heads: Box<[(String, (i64, String))]>,
    at: Instant,
}

impl HeadChecks {
    /// Whether these heads were found in the store within the last hour.
    pub(super) fn knows(&self, uid: &str, heads: &Heads) -> bool {
        let checks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_of = |check: &Check| check.heads.iter().map(|known| (&known.0, &known.1)).eq(heads);
        checks.get(uid).is_some_and(|check| is_of(check) && check.at.elapsed() < HOLDS_FOR)
    }

    /// Remembers that these heads were found in the store now.
    pub(super) fn passed(&self, uid: &str, heads: Heads) {
        let mut checks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        checks.insert(uid.to_owned(), Check { heads: heads.into_iter().collect(), at: Instant::now() });
    }

    /// Forgets a contract that is gone.
    pub fn forget(&self, uid: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
    }
}
