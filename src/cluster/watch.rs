//! Watches: one store a kind, over one, several or all namespaces, from which one undecodable object takes nothing away.

use std::collections::HashMap;
use std::fmt::Debug;

use futures::stream::{SelectAll, StreamExt};
use futures::{Stream, TryStreamExt};
use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use kube::runtime::watcher::{self, Event};
use kube::runtime::{WatchStreamExt, watcher as watch_objects};
use kube::{Api, Client, ResourceExt};
use serde::de::DeserializeOwned;

use super::backoff::Pauses;
use super::client::WATCH_SECONDS;
use super::errors::watch_words;

mod guarded;
mod index;
mod objects;

pub use guarded::Guarded;
pub use index::Field;
pub use objects::{Objects, ObjectsWriter, Stored, objects};

/// A kind that can be watched.
pub trait Watched:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Stored
    + Clone
    + Debug
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
}

impl<K> Watched for K where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Stored
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static
{
}

/// What a watch says to its listener.
pub enum Change<'a, K> {
    /// The object is there, new or changed.
    Applied(&'a Guarded<K>),
    /// The object is gone; this is its last state.
    Deleted(&'a Guarded<K>),
}

/// Watches a kind, keeps `writer` in step and notifies `listen` of every change. Ends only with the process.
///
/// `namespaces` empty means all. Errors of a watch are logged and tried again with back-off.
pub async fn watch<K>(
    client: Client,
    namespaces: &[String],
    mut writer: ObjectsWriter<K>,
    mut listen: impl FnMut(Change<'_, K>),
) where
    K: Watched,
{
    let mut streams: SelectAll<_> = scopes::<K>(&client, namespaces).into_iter().collect();
    let mut members: Vec<Member<K>> = (0..namespaces.len().max(1)).map(|_| Member::default()).collect();
    // What was listed before all scopes were; `None` from then on.
    let mut first: Option<Listing<K>> = Some(HashMap::new());
    while let Some((index, event)) = streams.next().await {
        let Some(member) = members.get_mut(index) else { continue };
        for step in member.absorb(event) {
            match &mut first {
                Some(first) => step.take_in(first),
                None => carry_out(step, &mut writer, &mut listen),
            }
        }
        let all = first.take_if(|_| members.iter().all(|member| member.listed));
        if let Some(all) = all {
            writer.begin(all.into_values().map(|object| *object));
            writer.objects().all().iter().for_each(|object| listen(Change::Applied(object)));
        }
    }
}

/// Brings the objects in step and passes the change on.
fn carry_out<K>(step: Step<K>, writer: &mut ObjectsWriter<K>, listen: &mut impl FnMut(Change<'_, K>))
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Stored + Clone + 'static,
{
    let gone = match step {
        Step::Apply(mut object) => {
            let (namespace, name) = key(&object);
            if let Some(before) = writer.objects().get(&namespace, &name)
                && let (Ok(object), Ok(before)) = (&mut object.0, &before.0)
            {
                object.share_with(before);
            }
            let event = Event::Apply(*object);
            writer.change(&event);
            if let Event::Apply(object) = &event {
                listen(Change::Applied(object));
            }
            return;
        }
        Step::Delete(object) => Some(*object),
        Step::Gone((namespace, name)) => writer.objects().get(&namespace, &name).map(|last| Guarded::clone(&last)),
    };
    let Some(event) = gone.map(Event::Delete) else { return };
    writer.change(&event);
    if let Event::Delete(object) = &event {
        listen(Change::Deleted(object));
    }
}

type Indexed<K> = std::pin::Pin<Box<dyn Stream<Item = (usize, Event<Guarded<K>>)> + Send>>;

fn scopes<K>(client: &Client, namespaces: &[String]) -> Vec<Indexed<K>>
where
    K: Watched,
{
    let apis: Vec<Api<Guarded<K>>> = match namespaces {
        [] => vec![Api::all(client.clone())],
        namespaces => namespaces.iter().map(|namespace| Api::namespaced(client.clone(), namespace)).collect(),
    };
    let config = watcher::Config::default().timeout(WATCH_SECONDS).page_size(K::PAGE);
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

/// Namespace and name.
type Key = (String, String);

/// What is listed. In boxes: up to half of a table's places are empty, and twice as many for a moment when it grows.
type Listing<K> = HashMap<Key, Box<Guarded<K>>>;

fn key<K: Resource<DynamicType = ()>>(object: &Guarded<K>) -> Key {
    (object.namespace().unwrap_or_default(), object.name_any())
}

/// One change of a scope.
enum Step<K> {
    /// The object is there, new or changed.
    Apply(Box<Guarded<K>>),
    /// The object is gone; this is its last state.
    Delete(Box<Guarded<K>>),
    /// The object is gone; the store has its last state.
    Gone(Key),
}

impl<K: Resource<DynamicType = ()>> Step<K> {
    fn take_in(self, objects: &mut Listing<K>) {
        match self {
            Step::Apply(object) => drop(objects.insert(key(&object), object)),
            Step::Delete(object) => drop(objects.remove(&key(&object))),
            Step::Gone(key) => drop(objects.remove(&key)),
        }
    }
}

/// One watched scope: the UIDs of what it holds, so that a new listing becomes single changes and deletions. The objects themselves are
/// in the store alone.
struct Member<K> {
    uids: HashMap<Key, Option<String>>,
    listing: Option<Listing<K>>,
    listed: bool,
}

impl<K> Default for Member<K> {
    fn default() -> Self {
        Member { uids: HashMap::new(), listing: None, listed: false }
    }
}

impl<K> Member<K>
where
    K: Resource<DynamicType = ()> + Stored + Clone,
{
    /// Takes one event of the scope; returns the changes that follow.
    fn absorb(&mut self, event: Event<Guarded<K>>) -> Vec<Step<K>> {
        match event {
            Event::Init => {
                self.listing = Some(HashMap::new());
                Vec::new()
            }
            Event::InitApply(object) => {
                self.listing.get_or_insert_default().insert(key(&object), Box::new(slim(object)));
                Vec::new()
            }
            Event::InitDone => {
                self.listed = true;
                let listing = self.listing.take().unwrap_or_default();
                let uids = listing.iter().map(|(key, object)| (key.clone(), object.uid())).collect();
                let before = std::mem::replace(&mut self.uids, uids);
                let gone = before.into_iter().filter(|(key, uid)| self.uids.get(key) != Some(uid));
                let mut steps: Vec<_> = gone.map(|(key, _)| Step::Gone(key)).collect();
                steps.extend(listing.into_values().map(Step::Apply));
                steps
            }
            Event::Apply(object) => {
                let object = slim(object);
                let before = self.uids.insert(key(&object), object.uid());
                // Deleted and created again while nobody looked: two changes, not one.
                let replaced = before.filter(|before| *before != object.uid()).map(|_| Step::Gone(key(&object)));
                replaced.into_iter().chain([Step::Apply(Box::new(object))]).collect()
            }
            Event::Delete(object) => {
                self.uids.remove(&key(&object));
                vec![Step::Delete(Box::new(slim(object)))]
            }
        }
    }
}

/// The annotation in which `kubectl apply` keeps the whole manifest.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Takes away what no reader needs and what is large: who owns which field, the manifest as it was applied, and what the kind itself drops.
fn slim<K: Resource<DynamicType = ()> + Stored>(mut object: Guarded<K>) -> Guarded<K> {
    let meta = object.meta_mut();
    meta.managed_fields = None;
    if let Some(annotations) = &mut meta.annotations {
        annotations.remove(LAST_APPLIED);
    }
    if let Ok(object) = &mut object.0 {
        object.slim();
    }
    object
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::api::{ServiceTier, VendorContract};

    fn tier(name: &str, uid: &str) -> Guarded<ServiceTier> {
        let json = serde_json::json!({"apiVersion": "bpo-operator.io/v1alpha1", "kind": "ServiceTier",
            "metadata": {"name": name, "namespace": "a", "uid": uid}, "spec": {"rank": 1}});
        serde_json::from_value(json).unwrap()
    }

    /// A scope with its store.
    struct Watched {
        writer: ObjectsWriter<ServiceTier>,
        member: Member<ServiceTier>,
    }

    impl Watched {
        fn new() -> Self {
            let (_, mut writer) = objects();
            writer.begin(std::iter::empty());
            Watched { writer, member: Member::default() }
        }

        /// What listeners hear of an event, sorted: `+` and a UID for an object that is there, `-` for one that is gone.
        fn changes_after(&mut self, event: Event<Guarded<ServiceTier>>) -> Vec<String> {
            let mut changes = Vec::new();
            for step in self.member.absorb(event) {
                carry_out(step, &mut self.writer, &mut |change| {
                    changes.push(match change {
                        Change::Applied(object) => format!("+{}", object.uid().unwrap()),
                        Change::Deleted(object) => format!("-{}", object.uid().unwrap()),
                    });
                });
            }
            changes.sort();
            changes
        }

        /// The UIDs in the store, sorted: all of them are found in their namespace.
        fn stored(&self) -> Vec<String> {
            let uids = |objects: Vec<Arc<Guarded<ServiceTier>>>| {
                let mut uids: Vec<String> = objects.iter().map(|object| object.uid().unwrap()).collect();
                uids.sort();
                uids
            };
            let stored = uids(self.writer.objects().all());
            assert_eq!(uids(self.writer.objects().of_namespace("a")), stored);
            stored
        }
    }

    #[test]
    fn a_new_listing_becomes_single_changes_and_deletions() {
        let mut watched = Watched::new();
        for event in [Event::Init, Event::InitApply(tier("gold", "1")), Event::InitApply(tier("silver", "2"))] {
            assert!(watched.changes_after(event).is_empty());
        }
        assert_eq!(watched.changes_after(Event::InitDone), ["+1", "+2"]);
        for event in [Event::Init, Event::InitApply(tier("gold", "3"))] {
            assert!(watched.changes_after(event).is_empty());
        }
        assert_eq!((watched.changes_after(Event::InitDone), watched.stored()), (words("+3 -1 -2"), words("3")));
        assert_eq!(
            (watched.changes_after(Event::Apply(tier("gold", "4"))), watched.stored()),
            (words("+4 -3"), words("4"))
        );
        assert_eq!(
            (watched.changes_after(Event::Delete(tier("gold", "4"))), watched.stored()),
            (words("-4"), Vec::new())
        );
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn what_is_gone_again_before_all_scopes_are_listed_is_not_part_of_the_first_listing() {
        let mut first = HashMap::new();
        let mut member = Member::default();
        let listed = [Event::Init, Event::InitApply(tier("gold", "1")), Event::InitApply(tier("silver", "2"))];
        let later = [Event::InitDone, Event::Delete(tier("gold", "1")), Event::Apply(tier("silver", "3"))];
        let steps = listed.into_iter().chain(later).flat_map(|event| member.absorb(event)).collect::<Vec<_>>();
        steps.into_iter().for_each(|step| step.take_in(&mut first));
        let left: Vec<_> = first.values().map(|object| object.uid().unwrap()).collect();
        assert_eq!(left, ["3"]);
    }

    #[test]
    fn an_object_is_held_without_who_wrote_its_fields_and_the_manifest_that_was_applied() {
        let json = serde_json::json!({"apiVersion": "bpo-operator.io/v1alpha1", "kind": "ServiceTier", "spec": {"rank": 1},
            "metadata": {"name": "gold", "namespace": "a", "managedFields": [{"manager": "kubectl"}],
                "annotations": {LAST_APPLIED: "{}", "bpo-operator.io/requested-at": "now"}}});
        let held = slim::<ServiceTier>(serde_json::from_value(json).unwrap());
        let left: Vec<&str> = held.annotations().keys().map(String::as_str).collect();
        assert_eq!((held.meta().managed_fields.is_none(), left), (true, vec!["bpo-operator.io/requested-at"]));
    }

    #[test]
    fn the_next_state_of_a_contract_shares_the_feeds_that_stayed() {
        let (contracts, mut writer) = objects();
        writer.begin(std::iter::empty());
        let contract = |interval: &str| -> Guarded<VendorContract> {
            let json = serde_json::json!({"apiVersion": "bpo-operator.io/v1alpha1", "kind": "VendorContract",
                "metadata": {"name": "acme", "namespace": "a"},
                "spec": {"vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"},
                    "feeds": [{"name": "acd", "url": "https://feeds.acme.example/acd"},
                        {"name": "crm", "url": "https://feeds.acme.example/crm", "interval": interval}]}});
            serde_json::from_value(json).unwrap()
        };
        let mut feeds = Vec::new();
        for interval in ["5m", "5m", "10m"] {
            carry_out(Step::Apply(Box::new(contract(interval))), &mut writer, &mut |_| {});
            let held = contracts.get("a", "acme").unwrap();
            feeds.push(held.0.as_ref().unwrap().spec.feeds.clone());
        }
        let same: Vec<bool> =
            feeds.windows(2).flat_map(|two| [0, 1].map(|feed| two[0][feed].is_one_with(&two[1][feed]))).collect();
        assert_eq!(same, [true, true, true, false]);
    }
}
