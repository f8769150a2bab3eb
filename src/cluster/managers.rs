//! Who wrote a field: what `metadata.managedFields` says, as paths that people read.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta};
use serde_json::{Map, Value};

/// When, by whom and which fields of the spec: an entry for each manager that wrote any, in the order of the object.
pub fn written_fields(metadata: &ObjectMeta) -> Vec<(Timestamp, String, Vec<String>)> {
    let entries = metadata.managed_fields.iter().flatten().filter(|entry| entry.subresource.is_none());
    entries
        .filter_map(|entry| {
            let mut paths = Vec::new();
            leaves("spec", spec_of(entry)?, &mut paths);
            let at = entry.time.as_ref().map_or(Timestamp::UNIX_EPOCH, |time| time.0);
            Some((at, entry.manager.clone().unwrap_or_default(), paths)).filter(|(.., paths)| !paths.is_empty())
        })
        .collect()
}

/// The manager who wrote a field such as `spec.bands[Minor].bound` last; `None` where none owns it, as one that is gone.
pub fn manager_of(metadata: &ObjectMeta, field: &str) -> Option<String> {
    let path = segments(field);
    let entries = metadata.managed_fields.iter().flatten().filter(|entry| entry.subresource.is_none());
    let owners =
        entries.filter(|entry| spec_of(entry).is_some_and(|fields| owns(fields, path.get(1..).unwrap_or(&[]))));
    owners.max_by_key(|entry| entry.time.as_ref().map(|time| time.0))?.manager.clone()
}

fn spec_of(entry: &ManagedFieldsEntry) -> Option<&Map<String, Value>> {
    entry.fields_v1.as_ref()?.0.get("f:spec")?.as_object()
}

/// `spec.bands[Minor].bound` as `spec`, `bands`, `[Minor]`, `bound`.
fn segments(field: &str) -> Vec<&str> {
    let mut segments = Vec::new();
    let mut rest = field;
    while !rest.is_empty() {
        let (end, skip) = match rest.strip_prefix('[') {
            Some(inner) => (inner.find(']').map_or(rest.len(), |end| end + 2), 0),
            None => (rest.find(['.', '[']).unwrap_or(rest.len()), 0),
        };
        let (segment, after) = rest.split_at_checked(end + skip).unwrap_or((rest, ""));
        segments.push(segment);
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    segments
}

/// Whether somebody owns a path: its last member, or a list or object above it that is owned as a whole.
fn owns(fields: &Map<String, Value>, path: &[&str]) -> bool {
    let Some((first, rest)) = path.split_first() else { return true };
    let found = match first.strip_prefix('[').and_then(|key| key.strip_suffix(']')) {
        Some(key) => fields.iter().find(|(name, _)| is_item(name, key)).map(|(_, inner)| inner),
        None => fields.get(&format!("f:{first}")),
    };
    match found.and_then(Value::as_object) {
        Some(inner) => inner.is_empty() || owns(inner, rest),
        None => false,
    }
}

/// Whether `k:{"severity":"Minor"}` names the item `Minor`.
fn is_item(name: &str, key: &str) -> bool {
    let keys = name.strip_prefix("k:").and_then(|json| serde_json::from_str::<Map<String, Value>>(json).ok());
    keys.is_some_and(|keys| keys.values().any(|value| in_words(value) == key))
}

fn in_words(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn leaves(place: &str, fields: &Map<String, Value>, paths: &mut Vec<String>) {
    for (name, inner) in fields {
        let inner = inner.as_object().filter(|inner| !inner.is_empty());
        let path = if let Some(member) = name.strip_prefix("f:") {
            format!("{place}.{member}")
        } else if let Some(keys) = name.strip_prefix("k:") {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            format!("{place}[{}]", keys.values().map(in_words).collect::<Vec<_>>().join(" "))
        } else {
            // `.` is the object itself, and `v:` an item of a set: its list says enough.
            continue;
        };
        match inner {
            Some(inner) => leaves(&path, inner, paths),
            None => paths.push(path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn metadata() -> ObjectMeta {
        let entry = |manager: &str, time: &str, fields: Value| json!({"manager": manager, "operation": "Apply", "apiVersion": "v1", "time": time, "fieldsType": "FieldsV1", "fieldsV1": fields});
        let mut status = entry("bpo-operator", "2026-05-01T00:00:00Z", json!({"f:spec": {"f:weight": {}}}));
        status["subresource"] = json!("status");
        serde_json::from_value(json!({"name": "level", "managedFields": [
            entry("argocd-controller", "2026-01-05T09:00:00Z", json!({"f:metadata": {"f:labels": {}}, "f:spec": {
                "f:objective": {"f:target": {}, "f:schedule": {"k:{\"from\":\"2026-07-01\"}": {".": {}, "f:from": {}, "f:target": {}}}},
                "f:bands": {"k:{\"severity\":\"Minor\"}": {".": {}, "f:severity": {}, "f:points": {}}},
                "f:source": {},
            }})),
            entry("kubectl-edit", "2026-03-10T09:00:00Z", json!({"f:spec": {"f:objective": {"f:target": {}}}})),
            status,
        ]}))
        .unwrap()
    }

    #[test]
    fn the_manager_who_wrote_a_field_last_is_found() {
        for (field, manager) in [
            ("spec.objective.target", Some("kubectl-edit")),
            ("spec.objective.schedule[2026-07-01].target", Some("argocd-controller")),
            ("spec.bands[Minor].points", Some("argocd-controller")),
            ("spec.bands[Minor]", Some("argocd-controller")),
            ("spec.bands[Serious].points", None),
            // Owned as a whole.
            ("spec.source.labels.queue", Some("argocd-controller")),
            ("spec.weight", None),
            ("spec", Some("kubectl-edit")),
        ] {
            assert_eq!(manager_of(&metadata(), field).as_deref(), manager, "{field}");
        }
    }

    #[test]
    fn the_fields_of_each_manager_are_shown_as_people_write_them() {
        let shown: Vec<String> = written_fields(&metadata())
            .into_iter()
            .map(|(at, manager, fields)| format!("{at} {manager} {}", fields.join(" ")))
            .collect();
        assert_eq!(
            shown,
            [
                "2026-01-05T09:00:00Z argocd-controller spec.bands[Minor].points spec.bands[Minor].severity \
                 spec.objective.schedule[2026-07-01].from spec.objective.schedule[2026-07-01].target spec.objective.target spec.source",
                "2026-03-10T09:00:00Z kubectl-edit spec.objective.target",
            ]
        );
    }
}
