//! Roll-ups that outlive their process: what closed periods said, and where the rows begin that later judgements need.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Ground, GroundFacts, RollUps};
use crate::domain::measuring::kept_readings::{Earlier, Figures};
use crate::domain::measuring::ledgers::Floors;
use crate::domain::numbers::hexadecimal::hexadecimal;

/// What a judgement worked out, for judgements by another process. It is a cache: it is taken for the very same terms and records
/// alone, and of rows it holds nothing that cannot be read again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// SHA-256 of the terms and records that it rests on.
    ground: String,
    /// Sequence of the last row of each feed that it rests on.
    seen_until: BTreeMap<String, i64>,
    #[serde(with = "floors")]
    floors: Floors,
    figures: Earlier,
}

/// A [`Past`] that shares all with the roll-ups that it was taken of, before it is made whole.
#[derive(Clone, Debug)]
pub struct Snapshot {
    ground: Arc<GroundFacts>,
    past: Past,
}

impl RollUps {
    /// What they hold, to be kept; `None` before the first judgement, and where the last one needed pages whose rows may not be left out
    /// yet: what was kept before holds as well.
    #[must_use]
    pub fn snapshot(&self) -> Option<Snapshot> {
        let Some(Ground::Known(ground)) = &self.ground else { return None };
        let past = Past {
            ground: String::new(),
            seen_until: BTreeMap::new(),
            floors: self.next_floors.clone()?,
            figures: self.figures.earlier(),
        };
        Some(Snapshot { ground: Arc::clone(ground), past })
    }

    /// Roll-ups of what was kept. They hold for rows that begin at its floors.
    #[must_use]
    pub fn of_past(past: Past) -> RollUps {
        RollUps {
            ground: Some(Ground::Digest(past.ground)),
            seen_until: past.seen_until,
            floors: past.floors,
            figures: Figures::of(past.figures),
            ..RollUps::default()
        }
    }
}

impl Snapshot {
    /// The past that rests on the rows of each feed up to these sequences: all that the judgement was given, and that were left out for it.
    #[must_use]
    pub fn past(self, seen_until: BTreeMap<String, i64>) -> Option<Past> {
        Some(Past { ground: digest(&self.ground)?, seen_until, ..self.past })
    }
}

impl Past {
    /// Where the rows of feeds begin that a judgement needs; a feed that is not in it is needed whole.
    #[must_use]
    pub fn floors(&self) -> &Floors {
        &self.floors
    }

    /// Sequence of the last row of each feed that it rests on.
    #[must_use]
    pub fn seen_until(&self) -> &BTreeMap<String, i64> {
        &self.seen_until
    }
}

/// SHA-256 of what roll-ups rest on in addition to rows; `None` for what cannot be written as JSON.
pub(super) fn digest(ground: &GroundFacts) -> Option<String> {
    let json = serde_json::to_vec(ground).ok()?;
    Some(hexadecimal(Sha256::digest(json)))
}

/// Floors by their feeds.
mod floors {
    use super::{Arc, BTreeMap, Deserialize, Floors};
    use crate::domain::measuring::ledger::Floor;
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(floors: &Floors, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(floors.iter().map(|(feed, floor)| (feed, floor.as_ref())))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Floors, D::Error> {
        let floors = BTreeMap::<String, Floor>::deserialize(deserializer)?;
        Ok(floors.into_iter().map(|(feed, floor)| (feed, Arc::new(floor))).collect())
    }
}
