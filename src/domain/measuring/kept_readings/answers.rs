//! Answers by the questions, those of earlier judgements apart from those that this one asked for.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Answers of earlier judgements.
pub(super) type Kept<Q, A> = BTreeMap<Q, Arc<A>>;

#[derive(Debug)]
pub(crate) struct Answers<Q, A> {
    pub(crate) earlier: BTreeMap<Q, Arc<A>>,
    pub(crate) used: BTreeMap<Q, Arc<A>>,
}

impl<Q, A> Default for Answers<Q, A> {
    fn default() -> Self {
        Answers { earlier: BTreeMap::new(), used: BTreeMap::new() }
    }
}

impl<Q: Ord, A> Answers<Q, A> {
    pub(super) fn kept(earlier: Kept<Q, A>) -> RefCell<Answers<Q, A>> {
        RefCell::new(Answers { earlier, used: BTreeMap::new() })
    }

    pub(crate) fn get(&mut self, question: &Q) -> Option<Arc<A>> {
        if let Some(answer) = self.used.get(question) {
            return Some(Arc::clone(answer));
        }
        let (question, answer) = self.earlier.remove_entry(question)?;
        self.used.insert(question, Arc::clone(&answer));
        Some(answer)
    }

    pub(crate) fn forget(&mut self, is_dirty: impl Fn(&Q) -> bool) {
        self.earlier.retain(|question, _| !is_dirty(question));
    }

    pub(crate) fn put(&mut self, question: Q, answer: A) {
        self.used.insert(question, Arc::new(answer));
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &A> {
        self.earlier.values().chain(self.used.values()).map(Arc::as_ref)
    }

    /// What was not asked for any more goes, so that no more is kept than one judgement asks.
    pub(crate) fn turn(&mut self) {
        self.earlier = std::mem::take(&mut self.used);
    }

    /// Ends a judgement in steps: answers that it did not ask for go first, but for those to some questions.
    pub(super) fn drop_unasked_but(&mut self, stays: impl Fn(&Q) -> bool) {
        self.earlier.retain(|question, _| stays(question));
    }

    /// Then those that it asked for join the others.
    pub(super) fn keep_asked(&mut self) {
        self.earlier.append(&mut self.used);
    }

    /// How many of some answers it holds as they are: of those that this judgement did not ask for, and of those that it did.
    pub(super) fn count_held(&self, some: &Kept<Q, A>) -> (usize, usize)
    where
        A: PartialEq,
    {
        let is_in = |held: &Kept<Q, A>, question: &Q, answer: &Arc<A>| {
            held.get(question).is_some_and(|own| Arc::ptr_eq(own, answer) || own == answer)
        };
        some.iter().fold((0, 0), |(unasked, asked), (question, answer)| {
            if self.used.contains_key(question) {
                (unasked, asked + usize::from(is_in(&self.used, question, answer)))
            } else {
                (unasked + usize::from(is_in(&self.earlier, question, answer)), asked)
            }
        })
    }

    /// Takes in answers of earlier judgements. Those that it holds stay.
    pub(super) fn add(&mut self, earlier: Kept<Q, A>) {
        earlier.into_iter().for_each(|(question, answer)| {
            self.earlier.entry(question).or_insert(answer);
        });
    }
}

/// Maps as lists of pairs: their keys are not texts.
pub(super) mod pairs {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in super::super) fn serialize<Q: Serialize, A: Serialize, S: Serializer>(
        map: &BTreeMap<Q, Arc<A>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map.iter().map(|(question, answer)| (question, answer.as_ref())))
    }

    pub(in super::super) fn deserialize<'de, Q, A, D>(deserializer: D) -> Result<BTreeMap<Q, Arc<A>>, D::Error>
    where
        Q: Deserialize<'de> + Ord,
        A: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        let pairs = Vec::<(Q, A)>::deserialize(deserializer)?;
        Ok(pairs.into_iter().map(|(question, answer)| (question, Arc::new(answer))).collect())
    }
}
