//! The outbox of alerts in PostgreSQL.

use jiff::Timestamp;
use postgres::Row;

use super::errors::Failure;
use super::session::Session;
use crate::evidence::outbox::{
    Delivery, MessageKind, NewMessage, OutboxMessage, Settled, StandingAlert, WaitingSink, from_microseconds,
    kept_since, microseconds,
};

/// Writes messages, and what stands after them.
pub(super) fn record(
    session: &mut Session,
    contract_uid: &str,
    messages: &[NewMessage],
    written_at: Timestamp,
) -> Result<(), Failure> {
    for NewMessage { sink, fingerprint, kind, content } in messages {
        match kind {
            MessageKind::Fired => session.execute(
                "INSERT INTO bpo_evidence.alerts_standing (contract_uid, sink, fingerprint, content) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (contract_uid, sink, fingerprint) DO UPDATE SET content = excluded.content",
                &[&contract_uid, sink, fingerprint, content],
            )?,
            MessageKind::Resolved => session.execute(
                "DELETE FROM bpo_evidence.alerts_standing WHERE contract_uid = $1 AND sink = $2 AND fingerprint = $3",
                &[&contract_uid, sink, fingerprint],
            )?,
            MessageKind::Report => 0,
            MessageKind::Test => {
                let known = session.query_opt(
                    "SELECT 1 FROM bpo_evidence.alert_messages
                     WHERE contract_uid = $1 AND sink = $2 AND fingerprint = $3 LIMIT 1",
                    &[&contract_uid, sink, fingerprint],
                )?;
                if known.is_some() {
                    continue;
                }
                0
            }
        };
        session.execute(
            "INSERT INTO bpo_evidence.alert_messages (contract_uid, sink, fingerprint, kind, content, written_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            &[&contract_uid, sink, fingerprint, &kind.as_str(), content, &microseconds(written_at)],
        )?;
    }
    Ok(())
}

/// What stands for the sinks of a contract.
pub(super) fn standing(session: &mut Session, contract_uid: &str) -> Result<Vec<StandingAlert>, Failure> {
    session
        .query(
            "SELECT sink, fingerprint, content FROM bpo_evidence.alerts_standing WHERE contract_uid = $1
             ORDER BY sink COLLATE \"C\", fingerprint COLLATE \"C\"",
            &[&contract_uid],
        )?
        .iter()
        .map(|row| Ok(StandingAlert { sink: row.try_get(0)?, fingerprint: row.try_get(1)?, content: row.try_get(2)? }))
        .collect()
}

/// UIDs of the contracts for which something stands.
pub(super) fn contracts(session: &mut Session) -> Result<Vec<String>, Failure> {
    let sql = "SELECT DISTINCT contract_uid FROM bpo_evidence.alerts_standing ORDER BY 1";
    session.query(sql, &[])?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

fn message(row: &Row) -> Result<OutboxMessage, Failure> {
    Ok(OutboxMessage {
        id: row.try_get(0)?,
        contract_uid: row.try_get(1)?,
        sink: row.try_get(2)?,
        fingerprint: row.try_get(3)?,
        kind: MessageKind::read(row.try_get(4)?)?,
        content: row.try_get(5)?,
        written_at: from_microseconds(row.try_get(6)?),
        attempts: row.try_get(7)?,
        failure: row.try_get(8)?,
        settled_at: row.try_get::<_, Option<i64>>(9)?.map(from_microseconds),
        delivered: row.try_get(10)?,
    })
}

/// The messages that wait, in the order in which they were written.
pub(super) fn waiting(session: &mut Session, limit: usize) -> Result<Vec<OutboxMessage>, Failure> {
    session
        .query(
            "SELECT id, contract_uid, sink, fingerprint, kind, content, written_at, attempts, failure, settled_at, delivered
             FROM bpo_evidence.alert_messages WHERE settled_at IS NULL ORDER BY id LIMIT $1",
            &[&i64::try_from(limit).unwrap_or(i64::MAX)],
        )?
        .iter()
        .map(message)
        .collect()
}

/// The sinks for which messages wait, the one with the oldest message first.
pub(super) fn waiting_sinks(session: &mut Session) -> Result<Vec<WaitingSink>, Failure> {
    session
        .query(
            "SELECT contract_uid, sink, COUNT(*) FROM bpo_evidence.alert_messages WHERE settled_at IS NULL
             GROUP BY contract_uid, sink ORDER BY MIN(id)",
            &[],
        )?
        .iter()
        .map(|row| Ok(WaitingSink { contract_uid: row.try_get(0)?, sink: row.try_get(1)?, messages: row.try_get(2)? }))
        .collect()
}

/// The messages that wait for one sink, in the order in which they were written.
pub(super) fn waiting_of(
    session: &mut Session,
    contract_uid: &str,
    sink: &str,
    limit: usize,
) -> Result<Vec<OutboxMessage>, Failure> {
    session
        .query(
            "SELECT id, contract_uid, sink, fingerprint, kind, content, written_at, attempts, failure, settled_at, delivered
             FROM bpo_evidence.alert_messages WHERE settled_at IS NULL AND contract_uid = $1 AND sink = $2 ORDER BY id LIMIT $3",
            &[&contract_uid, &sink, &i64::try_from(limit).unwrap_or(i64::MAX)],
        )?
        .iter()
        .map(message)
        .collect()
}

/// The latest messages, of one contract or of all, the newest first.
pub(super) fn latest(
    session: &mut Session,
    contract_uid: Option<&str>,
    limit: usize,
) -> Result<Vec<OutboxMessage>, Failure> {
    session
        .query(
            "SELECT id, contract_uid, sink, fingerprint, kind, content, written_at, attempts, failure, settled_at, delivered
             FROM bpo_evidence.alert_messages WHERE $1::text IS NULL OR contract_uid = $1 ORDER BY id DESC LIMIT $2",
            &[&contract_uid, &i64::try_from(limit).unwrap_or(i64::MAX)],
        )?
        .iter()
        .map(message)
        .collect()
}

/// Keeps what became of messages, and lets go of those settled long ago.
pub(super) fn settle(session: &mut Session, ids: &[i64], delivery: &Delivery, now: Timestamp) -> Result<(), Failure> {
    let Settled { attempts, failure, settled_at, delivered } = delivery.noted(now);
    session.execute(
        "UPDATE bpo_evidence.alert_messages SET attempts = attempts + $2, failure = $3, settled_at = $4, delivered = $5
         WHERE id = ANY($1)",
        &[&ids, &attempts, &failure, &settled_at, &delivered],
    )?;
    session.execute("DELETE FROM bpo_evidence.alert_messages WHERE settled_at < $1", &[&kept_since(now)])?;
    Ok(())
}
