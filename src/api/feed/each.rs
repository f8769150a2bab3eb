//! Lists over which a feed is asked: one request for each value.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// A list over which the feed is asked: a request for each value, which fills the placeholder of this name, such as `{queue}`, and becomes
/// the label of this name of each row that comes of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
pub struct FeedEach {
    /// Name of the placeholder and of the label, such as queue.
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = (
        "self.matches('^[A-Za-z][A-Za-z0-9_]*$') && !(self in ['since', 'until', 'length', 'daysAgo', 'cursor', 'handle'])",
        "write a name of letters, digits and _, such as queue, and none of since, until, length, daysAgo, cursor, handle"
    ))]
    pub name: String,
    /// The values, each as the vendor writes it, such as the id of a queue.
    #[schemars(length(min = 1, max = 100), inner(length(min = 1, max = 128)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub values: Vec<String>,
    /// Names that the label gets instead of the values: `{WQ4f: Billing}`. Default: the values themselves.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "super::format::names_of_each")]
    pub names: BTreeMap<String, String>,
}
