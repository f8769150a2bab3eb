//! Which namespaces this operator works in: those labelled for rehearsals when it rehearses, all others when it does not.
//!
//! A namespace that is not known yet is worked in by nobody: one that is labelled when it is made must never be judged by the real
//! operator, not even for the moment until its label is seen.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::Namespace;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use kube::{Api, Client, ResourceExt};

use super::backoff::Pauses;
use super::client::WATCH_SECONDS;
use super::errors::watch_words;
use super::write::bounded;
use crate::api::REHEARSAL_LABEL;

/// How often single namespaces are looked at: a Role in one namespace can grant a look at it, and no watch.
const LOOK: Duration = Duration::from_secs(5);

/// What is known of the namespaces.
#[derive(Debug)]
pub struct Namespaces {
    rehearsal: bool,
    /// By name, whether the namespace is labelled for rehearsals.
    known: RwLock<BTreeMap<String, bool>>,
}

impl Namespaces {
    /// Nothing is known yet. `rehearsal`: whether this operator runs on a rehearsal clock.
    pub fn new(rehearsal: bool) -> Self {
        Namespaces { rehearsal, known: RwLock::default() }
    }

    /// Whether this operator works in a namespace.
    pub fn works_in(&self, namespace: &str) -> bool {
        self.read().get(namespace) == Some(&self.rehearsal)
    }

    /// The names of those that are known.
    pub fn known(&self) -> Vec<String> {
        self.read().keys().cloned().collect()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, bool>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what was seen of a namespace; `None`: it is gone. Returns whether this operator works there now and did not before, or
    /// the other way round.
    fn learn(&self, namespace: &str, labelled: Option<bool>) -> bool {
        let before = self.works_in(namespace);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        match labelled {
            Some(labelled) => known.insert(namespace.to_owned(), labelled),
            None => known.remove(namespace),
        };
        drop(known);
        before != self.works_in(namespace)
    }

    /// Follows the namespaces and calls `changed` for each that this operator begins or ends to work in; `listed` is called once all
    /// were seen. Ends only with the process.
    ///
    /// `namespaces` empty means all.
    pub async fn follow(&self, client: Client, namespaces: &[String], listed: impl Fn(), changed: impl Fn(&str)) {
        let api: Api<PartialObjectMeta<Namespace>> = Api::all(client);
        match namespaces {
            [] => self.watch(api, listed, changed).await,
            namespaces => self.look(api, namespaces, listed, changed).await,
        }
    }

    async fn watch(&self, api: Api<PartialObjectMeta<Namespace>>, listed: impl Fn(), changed: impl Fn(&str)) {
        let config = watcher::Config::default().timeout(WATCH_SECONDS);
        let mut events = Box::pin(watch_objects(api, config).backoff(Pauses::default()));
        let mut listing: Option<Vec<String>> = None;
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listing = Some(Vec::new()),
                Ok(Event::InitApply(namespace)) => {
                    listing.get_or_insert_default().push(namespace.name_any());
                    self.seen(&namespace, &changed);
                }
                Ok(Event::Apply(namespace)) => self.seen(&namespace, &changed),
                Ok(Event::Delete(namespace)) => self.gone(&namespace.name_any(), &changed),
                Ok(Event::InitDone) => {
                    let there = listing.take().unwrap_or_default();
                    let known: Vec<String> = self.read().keys().cloned().collect();
                    known.iter().filter(|name| !there.contains(name)).for_each(|name| self.gone(name, &changed));
                    listed();
                }
                Err(error) => {
                    tracing::warn!(kind = "Namespace", error = watch_words(&error), "a watch broke and is tried again")
                }
            }
        }
    }

    async fn look(
        &self,
        api: Api<PartialObjectMeta<Namespace>>,
        namespaces: &[String],
        listed: impl Fn(),
        changed: impl Fn(&str),
    ) {
        let mut failing = false;
        loop {
            let mut failure = None;
            for name in namespaces {
                match bounded(api.get_opt(name)).await {
                    Ok(Some(namespace)) => self.seen(&namespace, &changed),
                    Ok(None) => self.gone(name, &changed),
                    Err(error) => failure = Some(error),
                }
            }
            match &failure {
                None => listed(),
                Some(error) if !failing => {
                    tracing::warn!(kind = "Namespace", %error, "a namespace cannot be looked at; trying again");
                }
                Some(_) => {}
            }
            failing = failure.is_some();
            tokio::time::sleep(LOOK).await;
        }
    }

    fn seen(&self, namespace: &PartialObjectMeta<Namespace>, changed: &impl Fn(&str)) {
        let labelled = namespace.labels().get(REHEARSAL_LABEL).is_some_and(|value| value == "true");
        let name = namespace.name_any();
        if self.learn(&name, Some(labelled)) {
            self.tell(&name, changed);
        }
    }

    fn gone(&self, name: &str, changed: &impl Fn(&str)) {
        if self.learn(name, None) {
            changed(name);
        }
    }

    fn tell(&self, name: &str, changed: &impl Fn(&str)) {
        if self.rehearsal || !self.works_in(name) {
            let works = if self.works_in(name) { "works" } else { "does not work" };
            tracing::info!(namespace = name, label = REHEARSAL_LABEL, "this operator {works} here");
        }
        changed(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_worked_in_by_the_operator_of_its_clock_alone_and_by_none_before_it_is_known() {
        for rehearsal in [false, true] {
            let namespaces = Namespaces::new(rehearsal);
            assert!(!namespaces.works_in("care"), "not known yet");
            // What is seen, whether the real operator works there then, and whether the rehearsing one does.
            let cases = [
                (Some(false), true, false),
                (Some(true), false, true),
                (Some(true), false, true),
                (Some(false), true, false),
                (None, false, false),
            ];
            let mut before = false;
            for (seen, real, rehearsing) in cases {
                let expected = if rehearsal { rehearsing } else { real };
                assert_eq!(namespaces.learn("care", seen), expected != before, "{rehearsal} {seen:?}");
                assert_eq!(namespaces.works_in("care"), expected, "{rehearsal} {seen:?}");
                before = expected;
            }
        }
    }
}
