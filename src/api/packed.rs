//! Lists that are kept for years and seldom read: each is one text in memory, and not many small values.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// What a packed list can hold: a line that can be written without the names of its members.
pub trait Line: Sized {
    /// The members in their order.
    type Row: Serialize + DeserializeOwned;
    /// The line as a row.
    fn into_row(self) -> Self::Row;
    /// The line of a row.
    fn of_row(row: Self::Row) -> Self;
}

/// A list of lines as one text, which copies share. It is written and described as the list itself.
///
/// Two lists are equal where their digests are, so that the text of one can be dropped ([`Packed::forget`]) and it can still be compared.
pub struct Packed<T> {
    /// The rows as JSON; `None` for an empty list, and for one of which only the digest is kept.
    text: Option<Arc<str>>,
    /// The first half of the SHA-256 of the text; zeros for an empty list.
    digest: [u8; 16],
    of: PhantomData<fn() -> T>,
}

impl<T: Line> Packed<T> {
    /// A list of these lines.
    pub fn of(lines: Vec<T>) -> Self {
        if lines.is_empty() {
            return Self::default();
        }
        let rows: Vec<T::Row> = lines.into_iter().map(T::into_row).collect();
        serde_json::to_string(&rows).map_or_else(|_| Self::default(), Self::of_text)
    }

    fn of_text(text: String) -> Self {
        let mut digest = [0; 16];
        digest.iter_mut().zip(Sha256::digest(&text)).for_each(|(to, from)| *to = from);
        Packed { text: Some(text.into()), digest, of: PhantomData }
    }

    /// The lines; none where only the digest is kept.
    pub fn lines(&self) -> Vec<T> {
        let rows: Option<Vec<T::Row>> = self.text.as_deref().and_then(|text| serde_json::from_str(text).ok());
        rows.unwrap_or_default().into_iter().map(T::of_row).collect()
    }
}

impl<T> Packed<T> {
    /// Whether the list holds nothing. One of which only the digest is kept is not empty.
    pub fn is_empty(&self) -> bool {
        self.digest == [0; 16]
    }

    /// What the list is compared by; zeros for an empty list.
    pub fn digest(&self) -> [u8; 16] {
        self.digest
    }

    /// Drops the lines and keeps their digest. Such a list can be compared; it is written without its lines.
    pub fn forget(&mut self) {
        self.text = None;
    }

    /// Bytes that it takes in memory beside itself.
    pub fn bytes(&self) -> usize {
        self.text.as_ref().map_or(0, |text| text.len() + 2 * std::mem::size_of::<usize>())
    }
}

impl<T> Default for Packed<T> {
    fn default() -> Self {
        Packed { text: None, digest: [0; 16], of: PhantomData }
    }
}

impl<T> Clone for Packed<T> {
    fn clone(&self) -> Self {
        Packed { text: self.text.clone(), digest: self.digest, of: PhantomData }
    }
}

impl<T> PartialEq for Packed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl<T> Eq for Packed<T> {}

impl<T> PartialOrd for Packed<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Packed<T> {
    /// By their digests: an order for maps, without a meaning.
    fn cmp(&self, other: &Self) -> Ordering {
        self.digest.cmp(&other.digest)
    }
}

impl<T> fmt::Debug for Packed<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => formatter.write_str(text),
            None if self.is_empty() => formatter.write_str("[]"),
            None => write!(formatter, "[lines with the digest {:02x?}]", self.digest),
        }
    }
}

impl<T: Line + Serialize> Serialize for Packed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.lines().serialize(serializer)
    }
}

impl<'de, T: Line + Deserialize<'de>> Deserialize<'de> for Packed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Packed::of)
    }
}

/// Packed lists as the texts that they are in memory, for caches: no line is read, and none is written again.
pub mod as_text {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Line, Packed};

    /// Writes the text; an empty one for an empty list.
    pub fn serialize<T, S: Serializer>(packed: &Packed<T>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(packed.text.as_deref().unwrap_or_default())
    }

    /// Reads what [`serialize`] wrote.
    pub fn deserialize<'de, T: Line, D: Deserializer<'de>>(deserializer: D) -> Result<Packed<T>, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(if text.is_empty() { Packed::default() } else { Packed::of_text(text) })
    }
}

impl<T: JsonSchema> JsonSchema for Packed<T> {
    fn inline_schema() -> bool {
        Vec::<T>::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        Vec::<T>::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        Vec::<T>::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Vec::<T>::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::kpi_target::Verdict;
    use crate::api::made_of::DayValue;

    fn days() -> Vec<DayValue> {
        let day = |date: &str, value: Option<&str>, verdict| DayValue {
            date: date.parse().unwrap(),
            value: value.map(str::to_owned),
            denominator: value.map(|_| "1044".to_owned()),
            verdict,
        };
        vec![day("2026-05-01", Some("81.2"), Verdict::Met), day("2026-05-02", None, Verdict::NoData)]
    }

    #[test]
    fn a_packed_list_is_written_read_and_described_as_the_list() {
        let packed = Packed::of(days());
        assert_eq!(packed.lines(), days());
        let json = serde_json::to_value(&packed).unwrap();
        assert_eq!(json, serde_json::to_value(days()).unwrap());
        assert_eq!(serde_json::from_value::<Packed<DayValue>>(json).unwrap(), packed);
        let schema = |of: Schema| serde_json::to_value(of).unwrap();
        assert_eq!(schema(schemars::schema_for!(Packed<DayValue>)), schema(schemars::schema_for!(Vec<DayValue>)));
    }

    #[test]
    fn a_packed_list_that_is_kept_as_its_text_is_read_as_the_same_list() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Kept(#[serde(with = "as_text")] Packed<DayValue>);
        for lines in [Vec::new(), days()] {
            let kept = Kept(Packed::of(lines.clone()));
            let read: Kept = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
            assert_eq!((read.0.lines(), read.0.is_empty()), (lines.clone(), lines.is_empty()));
            assert_eq!(read, kept);
        }
    }

    #[test]
    fn a_list_of_which_only_the_digest_is_kept_is_still_compared() {
        let (packed, mut kept) = (Packed::of(days()), Packed::of(days()));
        kept.forget();
        assert!(kept == packed && !kept.is_empty() && kept.lines().is_empty());
        assert!(kept.bytes() < packed.bytes());
        let mut other = days();
        other[0].verdict = Verdict::Missed;
        assert_ne!(kept, Packed::of(other));
        assert!(Packed::<DayValue>::default().is_empty() && Packed::of(Vec::<DayValue>::new()).is_empty());
        assert_ne!(kept, Packed::default());
    }
}
