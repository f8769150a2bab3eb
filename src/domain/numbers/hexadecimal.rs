//! Bytes as hexadecimal digits: the one writer of them.

use std::borrow::Borrow;
use std::fmt::Write;

/// Two lower-case digits for each byte.
pub(crate) fn hexadecimal<B: Borrow<u8>>(bytes: impl IntoIterator<Item = B>) -> String {
    bytes.into_iter().fold(String::new(), |mut text, byte| {
        let byte: &u8 = byte.borrow();
        // Writing into a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
