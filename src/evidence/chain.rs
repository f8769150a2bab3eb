//! The digests that tie an entry to all entries before it; `docs/evidence-format.md` describes them in words.

use sha2::{Digest as _, Sha256};

use super::encoding::put_text;
use super::model::Digest;

/// Digest before the first entry of a feed: it names the feed, so that no feed's log can stand in for another's.
pub(super) fn feed_origin(contract_uid: &str, feed: &str) -> Digest {
    let mut names = Vec::new();
    put_text(&mut names, contract_uid);
    put_text(&mut names, feed);
    Sha256::new().chain_update(b"bpo-evidence/v1/feed").chain_update(&names).finalize().into()
}

/// Digest of an entry of a feed's log.
pub(super) fn entry_digest(previous: &Digest, sequence: i64, kind: u8, payload: &[u8]) -> Digest {
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(sequence.to_be_bytes());
    hash.update([kind]);
    hash.update(payload);
    hash.finalize().into()
}

/// Digest before the first entry of the journal.
pub(super) fn journal_origin() -> Digest {
    Sha256::digest(b"bpo-evidence/v1/journal").into()
}

/// Digest of an entry of the journal.
pub(super) fn journal_digest(previous: &Digest, number: i64, texts: [&str; 5]) -> Digest {
    let mut content = Vec::new();
    for text in texts {
        put_text(&mut content, text);
    }
    let mut hash = Sha256::new();
    hash.update(previous);
    hash.update(number.to_be_bytes());
    hash.update(&content);
    hash.finalize().into()
}

/// SHA-256 of bytes.
pub(super) fn digest_of(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}
