//! Values that are large and rarely change: copies of one share it until one of them is changed.

use std::borrow::Cow;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A value whose copies share it; a copy that is changed becomes a value of its own. It is written and described as the value itself.
#[derive(Debug, Default)]
pub struct Shared<T>(Arc<T>);

impl<T> Shared<T> {
    /// A value that nobody shares yet.
    pub fn new(value: T) -> Self {
        Shared(Arc::new(value))
    }

    /// Whether two are one value in memory.
    pub fn is_one_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Shared<T> {
    /// The value, to be changed, where nobody shares it.
    pub fn own(&mut self) -> Option<&mut T> {
        Arc::get_mut(&mut self.0)
    }
}

impl<T: Clone> Shared<T> {
    /// The value itself; copied where others share it.
    pub fn into_inner(self) -> T {
        Arc::unwrap_or_clone(self.0)
    }
}

impl<T> From<T> for Shared<T> {
    fn from(value: T) -> Self {
        Shared::new(value)
    }
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Shared(Arc::clone(&self.0))
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Clone> DerefMut for Shared<T> {
    fn deref_mut(&mut self) -> &mut T {
        Arc::make_mut(&mut self.0)
    }
}

impl<T: PartialEq> PartialEq for Shared<T> {
    /// One value in memory is equal to itself without a look at its parts.
    fn eq(&self, other: &Self) -> bool {
        self.is_one_with(other) || *self.0 == *other.0
    }
}

impl<T: Serialize> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Shared::new)
    }
}

impl<T: JsonSchema> JsonSchema for Shared<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::feed::Feed;

    #[test]
    fn copies_share_a_value_until_one_is_changed() {
        let feed: Shared<Feed> =
            serde_json::from_str(r#"{"name":"acd","url":"https://feeds.acme.example/acd"}"#).unwrap();
        let mut copy = feed.clone();
        assert!(copy.is_one_with(&feed) && copy == feed);
        copy.name = "crm".to_owned();
        assert_eq!((feed.name.as_str(), copy.name.as_str(), copy == feed), ("acd", "crm", false));
    }

    #[test]
    fn a_shared_value_is_written_and_described_as_the_value() {
        let feed: Feed = serde_json::from_str(r#"{"name":"acd","url":"https://feeds.acme.example/acd"}"#).unwrap();
        let shared = Shared::new(feed.clone());
        assert_eq!(serde_json::to_value(&shared).unwrap(), serde_json::to_value(&feed).unwrap());
        let schema = |of: Schema| serde_json::to_value(of).unwrap();
        assert_eq!(schema(schemars::schema_for!(Shared<Feed>)), schema(schemars::schema_for!(Feed)));
    }
}
