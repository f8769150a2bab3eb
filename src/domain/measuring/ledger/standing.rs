//! Which of the rows that are known at an instant stand.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::terms::calendar::Span;

/// A key that is known, with the version of it that counts.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) labels: u32,
    pub(super) span: Span,
    pub(super) place: u32,
    /// When it was received: of two rows that cannot both be true, the earlier one holds.
    pub(super) received: (Timestamp, i64),
}

/// Decides candidates that come in order of their starts: for each set of labels those that overlap one another wait until one
/// comes that does not touch them.
#[derive(Debug)]
pub(super) struct Settling {
    /// For each set of labels, those that touch, and the latest of their ends.
    clusters: Vec<(Vec<Candidate>, Timestamp)>,
    standing: Vec<u32>,
    rejected: Vec<u32>,
}

impl Settling {
    /// For candidates with this many sets of labels.
    pub(super) fn of(label_sets: usize) -> Settling {
        Settling {
            clusters: vec![(Vec::new(), Timestamp::MIN); label_sets],
            standing: Vec::new(),
            rejected: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, candidate: Candidate) {
        let Some((cluster, end)) = self.clusters.get_mut(candidate.labels as usize) else { return };
        if candidate.span.start >= *end {
            settle(cluster, &mut self.standing, &mut self.rejected);
            cluster.clear();
        }
        *end = candidate.span.end.max(*end);
        cluster.push(candidate);
    }

    /// The places that stand, in no order, and those that overlap an earlier received one.
    pub(super) fn settled(mut self) -> (Vec<u32>, Vec<u32>) {
        for (cluster, _) in &self.clusters {
            settle(cluster, &mut self.standing, &mut self.rejected);
        }
        (self.standing, self.rejected)
    }
}

fn settle(cluster: &[Candidate], standing: &mut Vec<u32>, rejected: &mut Vec<u32>) {
    if let [alone] = cluster {
        standing.push(alone.place);
        return;
    }
    let mut by_receipt: Vec<&Candidate> = cluster.iter().collect();
    by_receipt.sort_by_key(|candidate| candidate.received);
    let mut accepted: BTreeMap<Timestamp, Timestamp> = BTreeMap::new();
    for candidate in by_receipt {
        // The rows that hold are disjoint, so only the last that starts before this one's end can overlap it.
        let before = accepted.range(..candidate.span.end).next_back();
        if before.is_some_and(|(_, end)| *end > candidate.span.start) {
            rejected.push(candidate.place);
        } else {
            accepted.insert(candidate.span.start, candidate.span.end);
            standing.push(candidate.place);
        }
    }
}
