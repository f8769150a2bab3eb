//! Checkpoints in PostgreSQL: a table that is made where it is missing, whatever the format, and may be dropped.

use jiff::Timestamp;

use super::errors::Failure;
use super::session::Session;
use crate::evidence::CHECKPOINTS_KEPT;

fn is_there(session: &mut Session) -> Result<bool, Failure> {
    Ok(session.query_opt("SELECT 1 WHERE to_regclass('bpo_evidence.checkpoints') IS NOT NULL", &[])?.is_some())
}

/// The checkpoint of a contract.
pub(super) fn find(session: &mut Session, contract_uid: &str) -> Result<Option<Vec<u8>>, Failure> {
    if !is_there(session)? {
        return Ok(None);
    }
    let found =
        session.query_opt("SELECT content FROM bpo_evidence.checkpoints WHERE contract_uid = $1", &[&contract_uid])?;
    Ok(found.map(|row| row.try_get(0)).transpose()?)
}

/// Keeps checkpoints, and lets old ones go.
pub(super) fn keep(
    session: &mut Session,
    checkpoints: &[(String, Vec<u8>)],
    kept_at: Timestamp,
) -> Result<(), Failure> {
    if !is_there(session)? {
        super::shards::wait_for_other_beginners(session)?;
    }
    session.client.batch_execute(
        "CREATE TABLE IF NOT EXISTS bpo_evidence.checkpoints (
           contract_uid text PRIMARY KEY, content bytea NOT NULL, kept_at bigint NOT NULL
         )",
    )?;
    for (contract_uid, content) in checkpoints {
        session.execute(
            "INSERT INTO bpo_evidence.checkpoints (contract_uid, content, kept_at) VALUES ($1, $2, $3)
             ON CONFLICT (contract_uid) DO UPDATE SET content = excluded.content, kept_at = excluded.kept_at",
            &[contract_uid, content, &kept_at.as_second()],
        )?;
    }
    let since = kept_at.as_second().saturating_sub(CHECKPOINTS_KEPT.as_secs());
    session.execute("DELETE FROM bpo_evidence.checkpoints WHERE kept_at < $1", &[&since])?;
    Ok(())
}
