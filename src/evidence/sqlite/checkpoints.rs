//! Checkpoints in SQLite: a table that is made where it is missing, whatever the format, and may be dropped.

use jiff::Timestamp;
use rusqlite::{OptionalExtension, Transaction};

use super::errors::Failure;
use crate::evidence::CHECKPOINTS_KEPT;

/// The checkpoint of a contract.
pub(super) fn find(transaction: &Transaction<'_>, contract_uid: &str) -> Result<Option<Vec<u8>>, Failure> {
    let there = transaction
        .prepare_cached("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'checkpoints'")?
        .exists([])?;
    if !there {
        return Ok(None);
    }
    let content = transaction
        .prepare_cached("SELECT content FROM checkpoints WHERE contract_uid = ?1")?
        .query_row([contract_uid], |row| row.get(0))
        .optional()?;
    Ok(content)
}

/// Keeps checkpoints, and lets old ones go.
pub(super) fn keep(
    transaction: &Transaction<'_>,
    checkpoints: &[(String, Vec<u8>)],
    kept_at: Timestamp,
) -> Result<(), Failure> {
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS checkpoints (
           contract_uid TEXT PRIMARY KEY, content BLOB NOT NULL, kept_at INTEGER NOT NULL
         ) STRICT",
    )?;
    for (contract_uid, content) in checkpoints {
        transaction
            .prepare_cached(
                "INSERT INTO checkpoints (contract_uid, content, kept_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (contract_uid) DO UPDATE SET content = excluded.content, kept_at = excluded.kept_at",
            )?
            .execute((contract_uid, content, kept_at.as_second()))?;
    }
    let since = kept_at.as_second().saturating_sub(CHECKPOINTS_KEPT.as_secs());
    transaction.prepare_cached("DELETE FROM checkpoints WHERE kept_at < ?1")?.execute([since])?;
    Ok(())
}
