//! Exact numbers as text from which the very same number is read again.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Exact;

impl Serialize for Exact {
    /// As `3`, or `-7/12`.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let (numerator, denominator) = text.split_once('/').unwrap_or((&text, "1"));
        let small = |text: &str| text.parse::<i128>().ok();
        if let (Some(numerator), Some(denominator)) = (small(numerator), small(denominator))
            && let Some(number) = Exact::fraction(numerator, denominator)
        {
            return Ok(number);
        }
        let number = |text: &str| text.parse::<BigInt>().map_err(D::Error::custom);
        let (numerator, denominator) = (number(numerator)?, number(denominator)?);
        if denominator.is_zero() {
            return Err(D::Error::custom(format!("{text:?} divides by 0; a fraction such as -7/12 was expected")));
        }
        Ok(Exact::from_big(BigRational::new(numerator, denominator)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_that_was_written_is_read_as_the_same(numerator in any::<i128>(), denominator in any::<i128>(), times in 0..3_u32) {
            let Some(number) = Exact::fraction(numerator, denominator) else { return Ok(()) };
            // Squares of squares fit no 128 bits.
            let number = (0..times).fold(number, |number, _| &number * &number);
            let text = serde_json::to_string(&number).unwrap();
            prop_assert_eq!(serde_json::from_str::<Exact>(&text).unwrap(), number, "{}", text);
        }
    }

    #[test]
    fn text_that_is_not_a_number_is_refused() {
        for text in ["\"\"", "\"1/0\"", "\"1/\"", "\"0.5\"", "5"] {
            assert!(serde_json::from_str::<Exact>(text).is_err(), "{text}");
        }
    }
}
