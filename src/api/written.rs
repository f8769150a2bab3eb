//! How the words of the API are shown: as they are written in a manifest.

use std::fmt;

use serde::Serialize;

/// Shows each of these enums by the word that a manifest has for it: serde writes the name of a variant into a formatter as it is.
macro_rules! shown_as_written {
    ($($name:path),* $(,)?) => {
        $(impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.serialize(formatter)
            }
        })*
    };
}

shown_as_written! {
    super::vendor_contract::PeriodLength,
}
