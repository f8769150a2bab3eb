//! The outbox of alerts in SQLite.

use jiff::Timestamp;
use rusqlite::{Row, Rows, Transaction};

use super::errors::Failure;
use crate::evidence::outbox::{
    Delivery, MessageKind, NewMessage, OutboxMessage, Settled, StandingAlert, WaitingSink, from_microseconds,
    kept_since, microseconds,
};

const COLUMNS: &str =
    "id, contract_uid, sink, fingerprint, kind, content, written_at, attempts, failure, settled_at, delivered";

/// Writes messages, and what stands after them.
pub(super) fn record(
    transaction: &Transaction<'_>,
    contract_uid: &str,
    messages: &[NewMessage],
    written_at: Timestamp,
) -> Result<(), Failure> {
    for NewMessage { sink, fingerprint, kind, content } in messages {
        match kind {
            MessageKind::Fired => transaction
                .prepare_cached(
                    "INSERT INTO alerts_standing (contract_uid, sink, fingerprint, content) VALUES (?1, ?2, ?3, ?4)
                     ON CONFLICT (contract_uid, sink, fingerprint) DO UPDATE SET content = excluded.content",
                )?
                .execute((contract_uid, sink, fingerprint, content))?,
            MessageKind::Resolved => transaction
                .prepare_cached(
                    "DELETE FROM alerts_standing WHERE contract_uid = ?1 AND sink = ?2 AND fingerprint = ?3",
                )?
                .execute((contract_uid, sink, fingerprint))?,
            MessageKind::Report => 0,
            MessageKind::Test => {
                let mut known = transaction.prepare_cached(
                    "SELECT 1 FROM alert_messages WHERE contract_uid = ?1 AND sink = ?2 AND fingerprint = ?3",
                )?;
                if known.exists((contract_uid, sink, fingerprint))? {
                    continue;
                }
                0
            }
        };
        transaction
            .prepare_cached(
                "INSERT INTO alert_messages (contract_uid, sink, fingerprint, kind, content, written_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute((contract_uid, sink, fingerprint, kind.as_str(), content, microseconds(written_at)))?;
    }
    Ok(())
}

/// What stands for the sinks of a contract.
pub(super) fn standing(transaction: &Transaction<'_>, contract_uid: &str) -> Result<Vec<StandingAlert>, Failure> {
    let mut statement = transaction.prepare_cached(
        "SELECT sink, fingerprint, content FROM alerts_standing WHERE contract_uid = ?1 ORDER BY sink, fingerprint",
    )?;
    let found = statement.query_map([contract_uid], |row| {
        Ok(StandingAlert { sink: row.get(0)?, fingerprint: row.get(1)?, content: row.get(2)? })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// UIDs of the contracts for which something stands.
pub(super) fn contracts(transaction: &Transaction<'_>) -> Result<Vec<String>, Failure> {
    let mut statement = transaction.prepare_cached("SELECT DISTINCT contract_uid FROM alerts_standing ORDER BY 1")?;
    let found = statement.query_map([], |row| row.get(0))?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn message(row: &Row<'_>) -> Result<OutboxMessage, Failure> {
    Ok(OutboxMessage {
        id: row.get(0)?,
        contract_uid: row.get(1)?,
        sink: row.get(2)?,
        fingerprint: row.get(3)?,
        kind: MessageKind::read(&row.get::<_, String>(4)?)?,
        content: row.get(5)?,
        written_at: from_microseconds(row.get(6)?),
        attempts: row.get(7)?,
        failure: row.get(8)?,
        settled_at: row.get::<_, Option<i64>>(9)?.map(from_microseconds),
        delivered: row.get(10)?,
    })
}

fn messages(mut rows: Rows<'_>) -> Result<Vec<OutboxMessage>, Failure> {
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        messages.push(message(row)?);
    }
    Ok(messages)
}

/// The messages that wait, in the order in which they were written.
pub(super) fn waiting(transaction: &Transaction<'_>, limit: usize) -> Result<Vec<OutboxMessage>, Failure> {
    let sql = format!("SELECT {COLUMNS} FROM alert_messages WHERE settled_at IS NULL ORDER BY id LIMIT ?1");
    let mut statement = transaction.prepare_cached(&sql)?;
    messages(statement.query([i64::try_from(limit).unwrap_or(i64::MAX)])?)
}

/// The sinks for which messages wait, the one with the oldest message first.
pub(super) fn waiting_sinks(transaction: &Transaction<'_>) -> Result<Vec<WaitingSink>, Failure> {
    let mut statement = transaction.prepare_cached(
        "SELECT contract_uid, sink, COUNT(*) FROM alert_messages WHERE settled_at IS NULL GROUP BY contract_uid, sink ORDER BY MIN(id)",
    )?;
    let found = statement
        .query_map([], |row| Ok(WaitingSink { contract_uid: row.get(0)?, sink: row.get(1)?, messages: row.get(2)? }))?;
    Ok(found.collect::<Result<_, _>>()?)
}

/// The messages that wait for one sink, in the order in which they were written.
pub(super) fn waiting_of(
    transaction: &Transaction<'_>,
    contract_uid: &str,
    sink: &str,
    limit: usize,
) -> Result<Vec<OutboxMessage>, Failure> {
    let sql = format!(
        "SELECT {COLUMNS} FROM alert_messages WHERE settled_at IS NULL AND contract_uid = ?1 AND sink = ?2 ORDER BY id LIMIT ?3"
    );
    let mut statement = transaction.prepare_cached(&sql)?;
    messages(statement.query((contract_uid, sink, i64::try_from(limit).unwrap_or(i64::MAX)))?)
}

/// The latest messages, of one contract or of all, the newest first.
pub(super) fn latest(
    transaction: &Transaction<'_>,
    contract_uid: Option<&str>,
    limit: usize,
) -> Result<Vec<OutboxMessage>, Failure> {
    let sql =
        format!("SELECT {COLUMNS} FROM alert_messages WHERE ?1 IS NULL OR contract_uid = ?1 ORDER BY id DESC LIMIT ?2");
    let mut statement = transaction.prepare_cached(&sql)?;
    messages(statement.query((contract_uid, i64::try_from(limit).unwrap_or(i64::MAX)))?)
}

/// Keeps what became of messages, and lets go of those settled long ago.
pub(super) fn settle(
    transaction: &Transaction<'_>,
    ids: &[i64],
    delivery: &Delivery,
    now: Timestamp,
) -> Result<(), Failure> {
    let Settled { attempts, failure, settled_at, delivered } = delivery.noted(now);
    for id in ids {
        transaction
            .prepare_cached(
                "UPDATE alert_messages SET attempts = attempts + ?2, failure = ?3, settled_at = ?4, delivered = ?5 WHERE id = ?1",
            )?
            .execute((id, attempts, failure, settled_at, delivered))?;
    }
    transaction.prepare_cached("DELETE FROM alert_messages WHERE settled_at < ?1")?.execute([kept_since(now)])?;
    Ok(())
}
