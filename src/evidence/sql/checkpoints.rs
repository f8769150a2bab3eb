//! Checkpoints: a table that is made where it is missing, whatever the format, and may be dropped.

use jiff::Timestamp;

use super::{Sql, values};
use crate::evidence::CHECKPOINTS_KEPT;
use crate::evidence::failure::Failure;

/// The checkpoint of a contract.
pub(super) fn find(sql: &mut dyn Sql, contract_uid: &str) -> Result<Option<Vec<u8>>, Failure> {
    if !sql.has_table("checkpoints")? {
        return Ok(None);
    }
    sql.first("SELECT content FROM checkpoints WHERE contract_uid = $1", values![contract_uid], |row| {
        row.bytes(0).map(<[u8]>::to_vec)
    })
}

/// Keeps checkpoints, and lets old ones go.
pub(super) fn keep(sql: &mut dyn Sql, checkpoints: &[(String, Vec<u8>)], kept_at: Timestamp) -> Result<(), Failure> {
    sql.make_table("checkpoints", sql.dialect().make_checkpoints)?;
    for (contract_uid, content) in checkpoints {
        sql.execute(
            "INSERT INTO checkpoints (contract_uid, content, kept_at) VALUES ($1, $2, $3)
             ON CONFLICT (contract_uid) DO UPDATE SET content = excluded.content, kept_at = excluded.kept_at",
            values![contract_uid, content.as_slice(), kept_at.as_second()],
        )?;
    }
    let since = kept_at.as_second().saturating_sub(CHECKPOINTS_KEPT.as_secs());
    sql.execute("DELETE FROM checkpoints WHERE kept_at < $1", values![since])?;
    Ok(())
}
