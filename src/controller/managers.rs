//! Who changed terms, asked of the API server before the change is put on record.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;

use super::context::Context;
use super::controlled::ReconcileError;
use crate::api::{KpiTarget, ServiceTier, VendorContract};
use crate::cluster::managers::manager_of;
use crate::cluster::watch::Objects;
use crate::cluster::write::WriteError;
use crate::domain::terms::journal::Amendment;

/// Names who wrote each field that changed, as far as the API server says so: an object that is gone has no writer any more.
///
/// # Errors
/// When the API server has another object or a newer spec than the watch shows, or does not say: what looks like a change may be the way back
/// to an old state, and what is on record stays there. The caller compares what the watch shows then with what was judged: a watch that
/// was behind while it was judged may have caught up.
pub async fn with_managers(
    context: &Context,
    namespace: &str,
    contract: &str,
    mut amendments: Vec<Amendment>,
) -> Result<Vec<Amendment>, ReconcileError> {
    let mut known: BTreeMap<(String, String), Option<ObjectMeta>> = BTreeMap::new();
    for amendment in &mut amendments {
        let name = if amendment.kind == "VendorContract" { contract } else { &amendment.name };
        let metadata = match known.entry((amendment.kind.clone(), name.to_owned())) {
            Entry::Occupied(found) => found.into_mut(),
            Entry::Vacant(free) => {
                let (live, shown) = both(context, &amendment.kind, namespace, name).await?;
                if is_behind(live.as_ref(), shown.as_ref()) {
                    return Err(ReconcileError::Behind(format!("{} {name}", amendment.kind)));
                }
                free.insert(live)
            }
        };
        amendment.manager = metadata.as_ref().and_then(|metadata| manager_of(metadata, &amendment.field));
    }
    Ok(amendments)
}

/// An object's metadata as the API server has it, and as the watch shows it; `None` where it is not there.
async fn both(
    context: &Context,
    kind: &str,
    namespace: &str,
    name: &str,
) -> Result<(Option<ObjectMeta>, Option<ObjectMeta>), WriteError> {
    let (writer, stores) = (&context.writer, &context.stores);
    Ok(match kind {
        "VendorContract" => {
            (writer.metadata_of::<VendorContract>(namespace, name).await?, shown(&stores.contracts, namespace, name))
        }
        "KpiTarget" => (writer.metadata_of::<KpiTarget>(namespace, name).await?, shown(&stores.kpis, namespace, name)),
        _ => (writer.metadata_of::<ServiceTier>(namespace, name).await?, shown(&stores.tiers, namespace, name)),
    })
}

fn shown<K>(objects: &Objects<K>, namespace: &str, name: &str) -> Option<ObjectMeta>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    Some(objects.get(namespace, name)?.meta().clone())
}

/// Whether the watch shows another object than the API server has, or less of it.
fn is_behind(live: Option<&ObjectMeta>, shown: Option<&ObjectMeta>) -> bool {
    match (live, shown) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(live), Some(shown)) => live.uid != shown.uid || live.generation > shown.generation,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_is_behind_that_shows_an_older_spec_another_object_or_none() {
        let of = |uid: &str, generation: i64| ObjectMeta {
            uid: Some(uid.to_owned()),
            generation: Some(generation),
            ..ObjectMeta::default()
        };
        // What the API server has, what the watch shows, whether it is behind.
        let cases = [
            (Some(of("a", 2)), Some(of("a", 1)), true),
            (Some(of("a", 2)), None, true),
            (Some(of("a", 2)), Some(of("a", 2)), false),
            // The answer was overtaken by the watch.
            (Some(of("a", 2)), Some(of("a", 3)), false),
            // Deleted, and created again: its generations begin at 1.
            (Some(of("b", 1)), Some(of("a", 5)), true),
            // Gone.
            (None, Some(of("a", 2)), false),
            (None, None, false),
        ];
        for (live, shown, expected) in cases {
            assert_eq!(is_behind(live.as_ref(), shown.as_ref()), expected, "{live:?} {shown:?}");
        }
    }
}
