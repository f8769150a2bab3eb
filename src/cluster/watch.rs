//! Watches: one store a kind, over one, several or all namespaces, from which one undecodable object takes nothing away.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{SelectAll, StreamExt};
use futures::{Stream, TryStreamExt};
use k8s_openapi::NamespaceResourceScope;
use kube::core::{DeserializeGuard, Resource};
use kube::runtime::reflector::store::Writer;
use kube::runtime::utils::Backoff;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use kube::{Api, Client, ResourceExt};
use serde::de::DeserializeOwned;

use super::client::WATCH_SECONDS;
use super::errors::watch_words;

/// An object as a store holds it: decoded, or why it cannot be.
pub type Guarded<K> = DeserializeGuard<K>;

/// What a watch says to its listener.
pub enum Change<'a, K> {
    /// The object is there, new or changed.
    Applied(&'a Guarded<K>),
    /// The object is gone; this is its last state.
    Deleted(&'a Guarded<K>),
}

/// Watches a kind, keeps `writer` in step and tells `listen` of every change. Ends only with the process.
///
/// `namespaces` empty means all. Errors of a watch are logged and tried again with back-off.
pub async fn watch<K>(
    client: Client,
    namespaces: &[String],
    mut writer: Writer<Guarded<K>>,
    mut listen: impl FnMut(Change<'_, K>),
) where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let mut streams: SelectAll<_> = scopes::<K>(&client, namespaces).into_iter().collect();
    let mut members: Vec<Member<K>> = (0..namespaces.len().max(1)).map(|_| Member::default()).collect();
    let mut complete = false;
    writer.apply_watcher_event(&Event::Init);
    while let Some((index, event)) = streams.next().await {
        let Some(member) = members.get_mut(index) else { continue };
        for event in member.absorb(event) {
            match &event {
                Event::Delete(object) => {
                    writer.apply_watcher_event(&event);
                    listen(Change::Deleted(object));
                }
                Event::Apply(object) if complete => {
                    writer.apply_watcher_event(&event);
                    listen(Change::Applied(object));
                }
                Event::Apply(object) => writer.apply_watcher_event(&Event::InitApply(object.clone())),
                Event::Init | Event::InitApply(_) | Event::InitDone => {}
            }
        }
        if !complete && members.iter().all(|member| member.listed) {
            complete = true;
            writer.apply_watcher_event(&Event::InitDone);
            for object in members.iter().flat_map(|member| member.objects.values()) {
                listen(Change::Applied(object));
            }
        }
    }
}

type Indexed<K> = std::pin::Pin<Box<dyn Stream<Item = (usize, Event<Guarded<K>>)> + Send>>;

fn scopes<K>(client: &Client, namespaces: &[String]) -> Vec<Indexed<K>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let apis: Vec<Api<Guarded<K>>> = match namespaces {
        [] => vec![Api::all(client.clone())],
        namespaces => namespaces.iter().map(|namespace| Api::namespaced(client.clone(), namespace)).collect(),
    };
    let config = watcher::Config::default().timeout(WATCH_SECONDS);
    apis.into_iter()
        .enumerate()
        .map(|(index, api)| -> Indexed<K> {
            let stream = watch_objects(api, config.clone())
                .backoff(Pauses::default())
                .inspect_err(|error| tracing::warn!(kind = %K::kind(&()), error = watch_words(error), "a watch broke and is tried again"))
                .filter_map(move |event| std::future::ready(event.ok().map(|event| (index, event))));
            Box::pin(stream)
        })
        .collect()
}

/// The pauses before a watch that broke is tried again: half a second, doubled up to eight seconds, and spread so that many do not come
/// back at once. An API server that was away for long is no reason to see it late when it is back.
#[derive(Debug, Default)]
pub struct Pauses {
    failures: u32,
}

impl Pauses {
    const FIRST: Duration = Duration::from_millis(500);
    const LONGEST: Duration = Duration::from_secs(8);
}

impl Iterator for Pauses {
    type Item = Duration;

    fn next(&mut self) -> Option<Duration> {
        let full = Self::FIRST.saturating_mul(2_u32.saturating_pow(self.failures)).min(Self::LONGEST);
        self.failures = self.failures.saturating_add(1);
        Some(full.mul_f64(0.5 + fastrand::f64() / 2.0))
    }
}

impl Backoff for Pauses {
    fn reset(&mut self) {
        self.failures = 0;
    }
}

/// One watched scope: what it holds, so that a new listing becomes single changes and deletions.
struct Member<K> {
    objects: HashMap<(String, String), Guarded<K>>,
    listing: Option<HashMap<(String, String), Guarded<K>>>,
    listed: bool,
}

impl<K> Default for Member<K> {
    fn default() -> Self {
        Member { objects: HashMap::new(), listing: None, listed: false }
    }
}

impl<K> Member<K>
where
    K: Resource<DynamicType = ()> + Clone,
{
    /// Takes one event of the scope; gives the changes that follow, as `Apply` and `Delete` alone.
    fn absorb(&mut self, event: Event<Guarded<K>>) -> Vec<Event<Guarded<K>>> {
        let key = |object: &Guarded<K>| (object.namespace().unwrap_or_default(), object.name_any());
        match event {
            Event::Init => {
                self.listing = Some(HashMap::new());
                Vec::new()
            }
            Event::InitApply(object) => {
                self.listing.get_or_insert_default().insert(key(&object), slim(object));
                Vec::new()
            }
            Event::InitDone => {
                self.listed = true;
                let listing = self.listing.take().unwrap_or_default();
                let before = std::mem::replace(&mut self.objects, listing);
                let gone = before
                    .into_iter()
                    .filter(|(key, old)| self.objects.get(key).is_none_or(|new| new.uid() != old.uid()))
                    .map(|(_, object)| Event::Delete(object));
                let mut changes: Vec<_> = gone.collect();
                changes.extend(self.objects.values().cloned().map(Event::Apply));
                changes
            }
            Event::Apply(object) => {
                let object = slim(object);
                let before = self.objects.insert(key(&object), object.clone());
                // Deleted and created again while nobody looked: two changes, not one.
                let replaced = before.filter(|before| before.uid() != object.uid()).map(Event::Delete);
                replaced.into_iter().chain([Event::Apply(object)]).collect()
            }
            Event::Delete(object) => {
                self.objects.remove(&key(&object));
                vec![Event::Delete(slim(object))]
            }
        }
    }
}

/// Takes away what no reader needs and what is large: who owns which field.
fn slim<K: Resource<DynamicType = ()>>(mut object: Guarded<K>) -> Guarded<K> {
    object.meta_mut().managed_fields = None;
    object
}

/// The decoded objects of a store that satisfy `wanted`.
pub fn decoded<K>(
    store: &kube::runtime::reflector::Store<Guarded<K>>,
    wanted: impl Fn(&K) -> bool,
) -> Vec<Arc<Guarded<K>>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    store.state_filter(|guarded| guarded.0.as_ref().is_ok_and(&wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ServiceTier;

    fn tier(name: &str, uid: &str) -> Guarded<ServiceTier> {
        let json = serde_json::json!({"apiVersion": "bpo-operator.io/v1alpha1", "kind": "ServiceTier",
            "metadata": {"name": name, "namespace": "a", "uid": uid}, "spec": {"rank": 1}});
        serde_json::from_value(json).unwrap()
    }

    fn words(events: Vec<Event<Guarded<ServiceTier>>>) -> Vec<String> {
        let mut words: Vec<String> = events
            .into_iter()
            .map(|event| match event {
                Event::Apply(object) => format!("+{}", object.uid().unwrap()),
                Event::Delete(object) => format!("-{}", object.uid().unwrap()),
                _ => unreachable!(),
            })
            .collect();
        words.sort();
        words
    }

    #[test]
    fn the_pauses_of_a_watch_that_breaks_grow_to_eight_seconds_and_begin_again_when_it_tells_something() {
        let mut pauses = Pauses::default();
        for full in [500, 1_000, 2_000, 4_000, 8_000, 8_000] {
            let pause = pauses.next().unwrap().as_millis();
            assert!((full / 2..=full).contains(&pause), "{full}: {pause}");
        }
        pauses.failures = u32::MAX;
        assert!(pauses.next().unwrap() <= Duration::from_secs(8));
        pauses.reset();
        assert!(pauses.next().unwrap() <= Duration::from_millis(500));
    }

    #[test]
    fn a_new_listing_becomes_single_changes_and_deletions() {
        let mut member = Member::default();
        for event in [Event::Init, Event::InitApply(tier("gold", "1")), Event::InitApply(tier("silver", "2"))] {
            assert!(member.absorb(event).is_empty());
        }
        assert_eq!(words(member.absorb(Event::InitDone)), ["+1", "+2"]);
        for event in [Event::Init, Event::InitApply(tier("gold", "3"))] {
            assert!(member.absorb(event).is_empty());
        }
        assert_eq!(words(member.absorb(Event::InitDone)), ["+3", "-1", "-2"]);
        assert_eq!(words(member.absorb(Event::Apply(tier("gold", "4")))), ["+4", "-3"]);
        assert_eq!(words(member.absorb(Event::Delete(tier("gold", "4")))), ["-4"]);
    }
}
