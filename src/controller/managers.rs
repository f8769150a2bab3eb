//! Who changed terms, asked of the API server before the change is put on record.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::runtime::reflector::{ObjectRef, Store};

use super::context::Context;
use super::driver::ReconcileError;
use crate::api::{KpiTarget, ServiceTier, VendorContract};
use crate::cluster::managers::manager_of;
use crate::cluster::watch::Guarded;
use crate::cluster::write::WriteError;
use crate::domain::terms::journal::Amendment;

/// Names who wrote each field that changed, as far as the API server says so: an object that is gone has no writer any more.
///
/// # Errors
/// When the API server has a newer spec than the watch shows, or does not say: what looks like a change may be the way back to an old state,
/// and what is on record stays there.
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
                if is_behind(live.as_ref(), shown) {
                    return Err(ReconcileError::Behind(format!("{} {name}", amendment.kind)));
                }
                free.insert(live)
            }
        };
        amendment.manager = metadata.as_ref().and_then(|metadata| manager_of(metadata, &amendment.field));
    }
    Ok(amendments)
}

/// An object's metadata as the API server has it, and the generation that the watch shows; `None` where it is not there.
async fn both(
    context: &Context,
    kind: &str,
    namespace: &str,
    name: &str,
) -> Result<(Option<ObjectMeta>, Option<i64>), WriteError> {
    let (writer, stores) = (&context.writer, &context.stores);
    Ok(match kind {
        "VendorContract" => (
            writer.metadata_of::<VendorContract>(namespace, name).await?,
            generation(&stores.contracts, namespace, name),
        ),
        "KpiTarget" => {
            (writer.metadata_of::<KpiTarget>(namespace, name).await?, generation(&stores.kpis, namespace, name))
        }
        _ => (writer.metadata_of::<ServiceTier>(namespace, name).await?, generation(&stores.tiers, namespace, name)),
    })
}

fn generation<K>(store: &Store<Guarded<K>>, namespace: &str, name: &str) -> Option<i64>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    store.get(&ObjectRef::new(name).within(namespace))?.meta().generation
}

/// Whether the watch shows less than the API server has.
fn is_behind(live: Option<&ObjectMeta>, shown: Option<i64>) -> bool {
    live.is_some_and(|live| shown.is_none_or(|shown| live.generation.is_some_and(|generation| generation > shown)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_is_behind_that_shows_an_older_spec_or_none() {
        let live = |generation: i64| ObjectMeta { generation: Some(generation), ..ObjectMeta::default() };
        // What the API server has, what the watch shows, whether it is behind.
        let cases = [
            (Some(live(2)), Some(1), true),
            (Some(live(2)), None, true),
            (Some(live(2)), Some(2), false),
            // The answer was overtaken by the watch.
            (Some(live(2)), Some(3), false),
            // Gone.
            (None, Some(2), false),
            (None, None, false),
        ];
        for (live, shown, expected) in cases {
            assert_eq!(is_behind(live.as_ref(), shown), expected, "{live:?} {shown:?}");
        }
    }
}
