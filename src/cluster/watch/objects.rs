//! The objects of a kind as its watch knows them, and how they are looked up.
//!
//! Invariant: the store and its index change under one lock, so that a look-up finds what a search through the store would find, at the cost of
//! what it finds.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use kube::Resource;
use kube::runtime::reflector::store::Writer;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::runtime::watcher::Event;

use super::index::{Field, Index};
use super::{Guarded, key};

/// How a store holds the objects of a kind.
pub trait Stored {
    /// Objects of one page of a listing: an answer is held as text and decoded at once, for each kind.
    const PAGE: u32 = 100;

    /// Takes what is the same in `before` from there, so that it is held once: every status that is written brings the whole object again.
    fn share_with(&mut self, _before: &Self) {}

    /// Drops what no reader of the store needs.
    fn slim(&mut self) {}

    /// What it is looked up by in its namespace.
    fn fields(&self) -> Vec<Field> {
        Vec::new()
    }
}

/// The objects of a kind, those that cannot be decoded included. Copies see the same ones.
pub struct Objects<K: Resource<DynamicType = ()> + 'static> {
    store: Store<Guarded<K>>,
    index: Arc<RwLock<Index>>,
}

impl<K: Resource<DynamicType = ()> + 'static> Clone for Objects<K> {
    fn clone(&self) -> Self {
        Objects { store: self.store.clone(), index: self.index.clone() }
    }
}

impl<K: Resource<DynamicType = ()> + Clone + 'static> Objects<K> {
    /// The store, for what waits for it or follows it.
    pub fn store(&self) -> &Store<Guarded<K>> {
        &self.store
    }

    /// The object of that name.
    pub fn get(&self, namespace: &str, name: &str) -> Option<Arc<Guarded<K>>> {
        self.store.get(&ObjectRef::new(name).within(namespace))
    }

    /// Every object of every namespace.
    pub fn all(&self) -> Vec<Arc<Guarded<K>>> {
        self.store.state()
    }

    /// The first that is found of all that satisfy `wanted`.
    pub fn find(&self, wanted: impl Fn(&Guarded<K>) -> bool) -> Option<Arc<Guarded<K>>> {
        self.store.find(wanted)
    }

    /// Every object of a namespace, sorted by name.
    pub fn of_namespace(&self, namespace: &str) -> Vec<Arc<Guarded<K>>> {
        let index = self.index();
        index.all(namespace).filter_map(|name| self.get(namespace, name)).collect()
    }

    /// The decoded objects of a namespace, sorted by name.
    pub fn decoded(&self, namespace: &str) -> Vec<Arc<Guarded<K>>> {
        let mut decoded = self.of_namespace(namespace);
        decoded.retain(|object| object.0.is_ok());
        decoded
    }

    /// The decoded objects of a namespace that have a field, sorted by name.
    pub fn with(&self, namespace: &str, field: &Field) -> Vec<Arc<Guarded<K>>> {
        let index = self.index();
        index.with(namespace, field).filter_map(|name| self.get(namespace, name)).collect()
    }

    fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn index_to_change(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The only one who changes the objects of a kind: its watch.
pub struct ObjectsWriter<K: Resource<DynamicType = ()> + Clone + 'static> {
    writer: Writer<Guarded<K>>,
    objects: Objects<K>,
}

/// No objects of a kind, and who adds them. They are not ready before they were listed once.
pub fn objects<K>() -> (Objects<K>, ObjectsWriter<K>)
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let (store, writer) = kube::runtime::reflector::store();
    let objects = Objects { store, index: Arc::default() };
    (objects.clone(), ObjectsWriter { writer, objects })
}

impl<K> ObjectsWriter<K>
where
    K: Resource<DynamicType = ()> + Stored + Clone + 'static,
{
    /// What it writes, to be read.
    pub(super) fn objects(&self) -> &Objects<K> {
        &self.objects
    }

    /// Takes in the first listing; from then on the objects are ready.
    pub(super) fn begin(&mut self, listed: impl Iterator<Item = Guarded<K>>) {
        let mut index = Index::default();
        self.writer.apply_watcher_event(&Event::Init);
        for object in listed {
            let (namespace, name) = key(&object);
            index.apply(&namespace, &name, &[], fields_of(&object));
            self.writer.apply_watcher_event(&Event::InitApply(object));
        }
        let mut held = self.objects.index_to_change();
        *held = index;
        self.writer.apply_watcher_event(&Event::InitDone);
    }

    /// Takes in that one object was applied or deleted.
    pub(super) fn change(&mut self, event: &Event<Guarded<K>>) {
        let (Event::Apply(object) | Event::Delete(object)) = event else { return };
        let (namespace, name) = key(object);
        let before = self.objects.get(&namespace, &name).map(|before| fields_of(&before)).unwrap_or_default();
        let mut index = self.objects.index_to_change();
        match event {
            Event::Delete(_) => index.delete(&namespace, &name, &before),
            _ => index.apply(&namespace, &name, &before, fields_of(object)),
        }
        self.writer.apply_watcher_event(event);
    }
}

fn fields_of<K: Stored>(object: &Guarded<K>) -> Vec<Field> {
    object.0.as_ref().map(Stored::fields).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use kube::ResourceExt;

    use super::*;
    use crate::api::CampaignLaunch;

    /// A launch of these contracts; without any it cannot be decoded.
    fn launch(place: &str, contracts: &[&str]) -> Guarded<CampaignLaunch> {
        let (namespace, name) = place.split_once('/').unwrap();
        let spec = match contracts {
            [] => serde_json::json!("unreadable"),
            _ => serde_json::json!({
                "product": "Fibre",
                "launchAt": "2026-09-01T08:00:00Z",
                "contractRefs": contracts.iter().map(|name| serde_json::json!({"name": name})).collect::<Vec<_>>(),
            }),
        };
        let json = serde_json::json!({"apiVersion": "bpo-operator.io/v1alpha1", "kind": "CampaignLaunch",
            "metadata": {"name": name, "namespace": namespace}, "spec": spec});
        let object: Guarded<CampaignLaunch> = serde_json::from_value(json).unwrap();
        assert_eq!(object.0.is_ok(), !contracts.is_empty(), "{:?}", object.0.as_ref().err());
        object
    }

    fn names(found: &[Arc<Guarded<CampaignLaunch>>]) -> String {
        found.iter().map(|object| object.name_any()).collect::<Vec<_>>().join(" ")
    }

    /// Compares every look-up with a search through the store.
    fn assert_is_in_step(objects: &Objects<CampaignLaunch>, fields: &[Field], step: &str) {
        for namespace in ["a", "b", "none"] {
            let search = |wanted: &dyn Fn(&Guarded<CampaignLaunch>) -> bool| -> String {
                let all = objects.all();
                let found = all.iter().filter(|one| one.namespace().as_deref() == Some(namespace) && wanted(one));
                let names: BTreeSet<String> = found.map(|one| one.name_any()).collect();
                names.into_iter().collect::<Vec<_>>().join(" ")
            };
            assert_eq!(names(&objects.of_namespace(namespace)), search(&|_| true), "{step}: {namespace}");
            assert_eq!(names(&objects.decoded(namespace)), search(&|one| one.0.is_ok()), "{step}: {namespace}");
            for field in fields {
                let found = search(&|one| fields_of(one).contains(field));
                assert_eq!(names(&objects.with(namespace, field)), found, "{step}: {namespace} {field:?}");
            }
        }
    }

    #[test]
    fn a_look_up_finds_what_a_search_through_the_store_finds() {
        let (objects, mut writer) = objects();
        let [acme, globex] = ["acme", "globex"].map(|name| fields_of(&launch("a/any", &[name])).remove(0));
        let both = [acme.clone(), globex.clone()];
        assert_is_in_step(&objects, &both, "before the first listing");
        let listed =
            [launch("a/spring", &["acme"]), launch("a/summer", &["acme", "globex"]), launch("b/spring", &["acme"])];
        writer.begin(listed.into_iter());
        assert_is_in_step(&objects, &both, "the first listing");
        // Each: what happens, and then the launches of namespace `a` that name each contract.
        for (step, event, expected) in [
            ("applied", Event::Apply(launch("a/autumn", &["globex"])), ["spring summer", "autumn summer"]),
            ("another contract", Event::Apply(launch("a/spring", &["globex"])), ["summer", "autumn spring summer"]),
            ("one contract fewer", Event::Apply(launch("a/summer", &["acme"])), ["summer", "autumn spring"]),
            ("unreadable", Event::Apply(launch("a/spring", &[])), ["summer", "autumn"]),
            ("readable again", Event::Apply(launch("a/spring", &["acme"])), ["spring summer", "autumn"]),
            ("of another namespace", Event::Delete(launch("b/spring", &["acme"])), ["spring summer", "autumn"]),
            (
                "deleted in a state that was not seen",
                Event::Delete(launch("a/autumn", &["acme"])),
                ["spring summer", ""],
            ),
            ("deleted while unreadable", Event::Delete(launch("a/summer", &[])), ["spring", ""]),
            ("deleted twice", Event::Delete(launch("a/summer", &["acme"])), ["spring", ""]),
        ] {
            writer.change(&event);
            assert_is_in_step(&objects, &both, step);
            assert_eq!([&acme, &globex].map(|field| names(&objects.with("a", field))), expected, "{step}");
        }
    }
}
