//! Values as deflated JSON, which is never in memory as a whole: it is many times what it is deflated to.

use std::io::{BufReader, BufWriter, Read};

use flate2::Compression;
use flate2::bufread::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Bytes with a value after them; `None` for a value that cannot be written as JSON.
pub(crate) fn deflated<T: Serialize>(before: Vec<u8>, value: &T, compression: Compression) -> Option<Vec<u8>> {
    let mut deflating = BufWriter::new(DeflateEncoder::new(before, compression));
    serde_json::to_writer(&mut deflating, value).ok()?;
    deflating.into_inner().ok()?.finish().ok()
}

/// The value; `None` for anything else, and for JSON of more bytes than `most`.
pub(crate) fn inflated<T: DeserializeOwned>(deflated: &[u8], most: u64) -> Option<T> {
    serde_json::from_reader(BufReader::new(DeflateDecoder::new(deflated).take(most))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_deflated_is_read_as_the_same_unless_it_is_cut_damaged_or_too_long() {
        let value = vec!["row".to_owned(); 1_000];
        let json = serde_json::to_vec(&value).unwrap().len() as u64;
        let whole = deflated(Vec::new(), &value, Compression::fast()).unwrap();
        for (case, bytes, most, expected) in [
            ("whole", &whole[..], json, Some(&value)),
            ("one byte too long", &whole, json - 1, None),
            ("cut", &whole[..whole.len() / 2], json, None),
            ("something else", b"{}", json, None),
        ] {
            assert_eq!(inflated(bytes, most).as_ref(), expected, "{case}");
        }
        assert_eq!(deflated(b"key".to_vec(), &value, Compression::fast()).unwrap(), [b"key", &whole[..]].concat());
    }
}
