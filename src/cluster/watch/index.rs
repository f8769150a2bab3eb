//! Which objects of a kind belong together: their names by namespace, and by the fields that the kind is looked up by.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// A field of an object with its value, such as the contract that it names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    name: &'static str,
    value: Box<str>,
}

impl Field {
    /// A field with a value.
    pub fn of(name: &'static str, value: &str) -> Self {
        Field { name, value: value.into() }
    }
}

/// Names of objects. The objects themselves are in the store alone.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Index {
    by_namespace: HashMap<Box<str>, Names>,
}

/// The names of a namespace. Each is held once, whatever its object is looked up by.
#[derive(Debug, Default, PartialEq)]
struct Names {
    all: BTreeSet<Arc<str>>,
    by_field: HashMap<Field, BTreeSet<Arc<str>>>,
}

impl Index {
    /// Takes in an object, or its next state, with the fields that it had before and those that it has now.
    pub(super) fn apply(&mut self, namespace: &str, name: &str, before: &[Field], now: Vec<Field>) {
        let names = self.by_namespace.entry(namespace.into()).or_default();
        let name = names.all.get(name).cloned().unwrap_or_else(|| name.into());
        names.all.insert(name.clone());
        for gone in before.iter().filter(|field| !now.contains(field)) {
            names.leave(&name, gone);
        }
        for field in now {
            names.by_field.entry(field).or_default().insert(name.clone());
        }
    }

    /// Removes an object, with the fields that it had.
    pub(super) fn delete(&mut self, namespace: &str, name: &str, before: &[Field]) {
        let Some(names) = self.by_namespace.get_mut(namespace) else { return };
        names.all.remove(name);
        before.iter().for_each(|field| names.leave(name, field));
        if names.all.is_empty() {
            self.by_namespace.remove(namespace);
        }
    }

    /// The names of a namespace, sorted.
    pub(super) fn all(&self, namespace: &str) -> impl Iterator<Item = &str> {
        let names = self.by_namespace.get(namespace).map(|names| &names.all);
        names.into_iter().flatten().map(|name| &**name)
    }

    /// The names of those that have a field, sorted.
    pub(super) fn with(&self, namespace: &str, field: &Field) -> impl Iterator<Item = &str> {
        let names = self.by_namespace.get(namespace).and_then(|names| names.by_field.get(field));
        names.into_iter().flatten().map(|name| &**name)
    }
}

impl Names {
    fn leave(&mut self, name: &str, field: &Field) {
        let Some(names) = self.by_field.get_mut(field) else { return };
        names.remove(name);
        if names.is_empty() {
            self.by_field.remove(field);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(contracts: &[&str]) -> Vec<Field> {
        contracts.iter().map(|contract| Field::of("contract", contract)).collect()
    }

    /// The names of namespace `a`, and those with each contract.
    fn found(index: &Index) -> [String; 3] {
        let with = |contract: &str| index.with("a", &Field::of("contract", contract)).collect::<Vec<_>>().join(" ");
        [index.all("a").collect::<Vec<_>>().join(" "), with("acme"), with("globex")]
    }

    #[test]
    fn an_object_is_found_by_its_namespace_and_by_the_fields_that_it_has_now() {
        type Step = fn(&mut Index);
        let steps: [(&str, Step, [&str; 3]); 9] = [
            ("applied", |index| index.apply("a", "level", &[], fields(&["acme"])), ["level", "level", ""]),
            ("another one", |index| index.apply("a", "aht", &[], fields(&["acme"])), ["aht level", "aht level", ""]),
            (
                "of another namespace",
                |index| index.apply("b", "csat", &[], fields(&["acme"])),
                ["aht level", "aht level", ""],
            ),
            (
                "applied again",
                |index| index.apply("a", "aht", &fields(&["acme"]), fields(&["acme"])),
                ["aht level", "aht level", ""],
            ),
            (
                "another value",
                |index| index.apply("a", "aht", &fields(&["acme"]), fields(&["globex"])),
                ["aht level", "level", "aht"],
            ),
            (
                "two values, one of them twice",
                |index| index.apply("a", "aht", &fields(&["globex"]), fields(&["globex", "acme", "acme"])),
                ["aht level", "aht level", "aht"],
            ),
            (
                "no fields, as of one that cannot be read",
                |index| index.apply("a", "aht", &fields(&["globex", "acme", "acme"]), Vec::new()),
                ["aht level", "level", ""],
            ),
            ("deleted", |index| index.delete("a", "level", &fields(&["acme"])), ["aht", "", ""]),
            ("one that is not in it", |index| index.delete("a", "level", &fields(&["acme"])), ["aht", "", ""]),
        ];
        let mut index = Index::default();
        for (name, step, expected) in steps {
            step(&mut index);
            assert_eq!(found(&index), expected, "{name}");
        }
    }

    #[test]
    fn a_value_is_found_by_the_field_that_has_it_alone() {
        let mut index = Index::default();
        index.apply("a", "report", &[], vec![Field::of("contract", "acme"), Field::of("uid", "1")]);
        let count = |name, value| index.with("a", &Field::of(name, value)).count();
        assert_eq!(
            [count("contract", "acme"), count("uid", "1"), count("uid", "acme"), count("contract", "1")],
            [1, 1, 0, 0]
        );
    }

    #[test]
    fn an_index_whose_objects_are_deleted_holds_nothing() {
        let mut index = Index::default();
        index.apply("a", "level", &[], fields(&["acme"]));
        index.apply("b", "level", &[], fields(&["acme", "globex"]));
        index.delete("a", "level", &fields(&["acme"]));
        index.delete("b", "level", &fields(&["acme", "globex"]));
        assert_eq!(index, Index::default());
    }
}
