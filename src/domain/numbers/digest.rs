//! SHA-256 digests as journals, bundles, reports and people write them: `sha256:` and 64 hexadecimal digits.
//!
//! For serde, `#[serde(with = "crate::domain::numbers::digest::as_text")]` writes a [`Digest`] or an `Option<Digest>` so.

use super::hexadecimal::hexadecimal;

const PREFIX: &str = "sha256:";

/// A SHA-256.
pub type Digest = [u8; 32];

/// A digest as text: `sha256:` and 64 lower-case hexadecimal digits.
#[must_use]
pub fn digest_text(digest: &Digest) -> String {
    format!("{PREFIX}{}", hexadecimal(digest))
}

/// Reads a digest; `None` for any text that [`digest_text`] does not write.
pub(crate) fn parse_digest(text: &str) -> Option<Digest> {
    let digits = text.strip_prefix(PREFIX)?;
    let mut digest = [0; 32];
    for (place, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * place..2 * place + 2)?, 16).ok()?;
    }
    (digest_text(&digest) == text).then_some(digest)
}

/// A field with a digest. One that may be absent also needs `default` and `skip_serializing_if = "Option::is_none"`.
pub(crate) mod as_text {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Digest, digest_text, parse_digest};

    /// Takes `&Digest` and `&Option<Digest>`.
    pub(crate) fn serialize<'d, D: Into<Option<&'d Digest>>, S: Serializer>(
        digest: D,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        digest.into().map(digest_text).serialize(serializer)
    }

    /// Returns `Digest` or `Option<Digest>`, as the field asks.
    ///
    /// # Errors
    /// When the text is not a digest.
    pub(crate) fn deserialize<'de, T: From<Digest>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        let text = String::deserialize(deserializer)?;
        let digest = parse_digest(&text);
        digest.map(T::from).ok_or_else(|| D::Error::custom("a digest is `sha256:` and 64 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::{Digest, digest_text, parse_digest};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Entry {
        #[serde(with = "super::as_text")]
        head: Digest,
        #[serde(default, skip_serializing_if = "Option::is_none", with = "super::as_text")]
        definitions: Option<Digest>,
    }

    #[test]
    fn a_digest_is_read_from_its_own_text_and_from_no_other() {
        let text = digest_text(&[0xab; 32]);
        assert_eq!(text, format!("sha256:{}", "ab".repeat(32)));
        assert_eq!(parse_digest(&text), Some([0xab; 32]));
        let others = [
            "",
            "sha256:",
            &text[1..],
            &text[..70],
            &format!("{text}0"),
            &text.to_uppercase(),
            &text.replace("ab", "AB"),
        ];
        for other in others {
            assert_eq!(parse_digest(other), None, "{other}");
        }
    }

    #[test]
    fn fields_hold_digests_as_text_and_an_absent_one_is_left_out() {
        let text = digest_text(&[1; 32]);
        for (entry, json) in [
            (Entry { head: [1; 32], definitions: None }, format!(r#"{{"head":"{text}"}}"#)),
            (
                Entry { head: [1; 32], definitions: Some([1; 32]) },
                format!(r#"{{"head":"{text}","definitions":"{text}"}}"#),
            ),
        ] {
            assert_eq!(serde_json::to_string(&entry).unwrap(), json);
            assert_eq!(serde_json::from_str::<Entry>(&json).unwrap(), entry);
        }
        let wrong = serde_json::from_str::<Entry>(r#"{"head":"sha256:00"}"#).unwrap_err().to_string();
        assert!(wrong.starts_with("a digest is `sha256:` and 64 hexadecimal digits"), "{wrong}");
    }
}
