//! The outbox of alerts.

use jiff::Timestamp;

use super::{Row, Sql, Value, values};
use crate::evidence::failure::Failure;
use crate::evidence::outbox::{
    Delivery, MessageKind, NewMessage, OutboxMessage, Settled, StandingAlert, WaitingSink, from_microseconds,
    kept_since, microseconds,
};

/// Writes messages, and which alerts are active after them.
pub(super) fn record(
    sql: &mut dyn Sql,
    contract_uid: &str,
    messages: &[NewMessage],
    written_at: Timestamp,
) -> Result<(), Failure> {
    for NewMessage { sink, fingerprint, kind, content } in messages {
        let key = values![contract_uid, sink, fingerprint];
        match kind {
            MessageKind::Fired => {
                sql.execute(
                    "INSERT INTO alerts_standing (contract_uid, sink, fingerprint, content) VALUES ($1, $2, $3, $4)
                     ON CONFLICT (contract_uid, sink, fingerprint) DO UPDATE SET content = excluded.content",
                    values![contract_uid, sink, fingerprint, content],
                )?;
            }
            MessageKind::Resolved => {
                sql.execute(
                    "DELETE FROM alerts_standing WHERE contract_uid = $1 AND sink = $2 AND fingerprint = $3",
                    key,
                )?;
            }
            MessageKind::Report => {}
            MessageKind::Test => {
                let known = sql.first(
                    "SELECT 1 FROM alert_messages WHERE contract_uid = $1 AND sink = $2 AND fingerprint = $3 LIMIT 1",
                    key,
                    |_| Ok(()),
                )?;
                if known.is_some() {
                    continue;
                }
            }
        }
        sql.execute(
            "INSERT INTO alert_messages (contract_uid, sink, fingerprint, kind, content, written_at)
             VALUES ($1, $2, $3, $4, $5, $6)",
            values![contract_uid, sink, fingerprint, kind.as_str(), content, microseconds(written_at)],
        )?;
    }
    Ok(())
}

/// The active alerts of the sinks of a contract, by sink and fingerprint.
pub(super) fn standing(sql: &mut dyn Sql, contract_uid: &str) -> Result<Vec<StandingAlert>, Failure> {
    let mut found: Vec<StandingAlert> = sql.all(
        "SELECT sink, fingerprint, content FROM alerts_standing WHERE contract_uid = $1",
        values![contract_uid],
        |row| Ok(StandingAlert { sink: row.string(0)?, fingerprint: row.string(1)?, content: row.string(2)? }),
    )?;
    // Not by the database, whose order of texts may depend on its locale.
    found.sort_unstable_by(|a, b| (&a.sink, &a.fingerprint).cmp(&(&b.sink, &b.fingerprint)));
    Ok(found)
}

/// UIDs of the contracts with active alerts.
pub(super) fn contracts(sql: &mut dyn Sql) -> Result<Vec<String>, Failure> {
    sql.all("SELECT DISTINCT contract_uid FROM alerts_standing ORDER BY 1", &[], |row| row.string(0))
}

fn message(row: &dyn Row) -> Result<OutboxMessage, Failure> {
    Ok(OutboxMessage {
        id: row.integer(0)?,
        contract_uid: row.string(1)?,
        sink: row.string(2)?,
        fingerprint: row.string(3)?,
        kind: MessageKind::read(row.text(4)?)?,
        content: row.string(5)?,
        written_at: from_microseconds(row.integer(6)?),
        attempts: row.integer(7)?,
        failure: row.optional_string(8)?,
        settled_at: row.optional_integer(9)?.map(from_microseconds),
        delivered: row.flag(10)?,
    })
}

/// A statement that reads whole messages.
macro_rules! messages {
    ($rest:literal) => {
        concat!(
            "SELECT id, contract_uid, sink, fingerprint, kind, content, written_at, attempts, failure, settled_at, delivered
             FROM alert_messages WHERE ",
            $rest
        )
    };
}

fn most(limit: usize) -> Value<'static> {
    Value::Integer(i64::try_from(limit).unwrap_or(i64::MAX))
}

/// The messages that wait, in the order in which they were written.
pub(super) fn waiting(sql: &mut dyn Sql, limit: usize) -> Result<Vec<OutboxMessage>, Failure> {
    sql.all(messages!("settled_at IS NULL ORDER BY id LIMIT $1"), &[most(limit)], message)
}

/// The sinks for which messages wait, the one with the oldest message first.
pub(super) fn waiting_sinks(sql: &mut dyn Sql) -> Result<Vec<WaitingSink>, Failure> {
    sql.all(
        "SELECT contract_uid, sink, COUNT(*) FROM alert_messages WHERE settled_at IS NULL
         GROUP BY contract_uid, sink ORDER BY MIN(id)",
        &[],
        |row| Ok(WaitingSink { contract_uid: row.string(0)?, sink: row.string(1)?, messages: row.integer(2)? }),
    )
}

/// The messages that wait for one sink, in the order in which they were written.
pub(super) fn waiting_of(
    sql: &mut dyn Sql,
    contract_uid: &str,
    sink: &str,
    limit: usize,
) -> Result<Vec<OutboxMessage>, Failure> {
    sql.all(
        messages!("settled_at IS NULL AND contract_uid = $1 AND sink = $2 ORDER BY id LIMIT $3"),
        &[contract_uid.into(), sink.into(), most(limit)],
        message,
    )
}

/// The latest messages, of one contract or of all, the newest first.
pub(super) fn latest(
    sql: &mut dyn Sql,
    contract_uid: Option<&str>,
    limit: usize,
) -> Result<Vec<OutboxMessage>, Failure> {
    match contract_uid {
        Some(uid) => {
            sql.all(messages!("contract_uid = $1 ORDER BY id DESC LIMIT $2"), &[uid.into(), most(limit)], message)
        }
        None => sql.all(messages!("true ORDER BY id DESC LIMIT $1"), &[most(limit)], message),
    }
}

/// Keeps what became of messages, and lets go of those settled long ago.
pub(super) fn settle(sql: &mut dyn Sql, ids: &[i64], delivery: &Delivery, now: Timestamp) -> Result<(), Failure> {
    let Settled { attempts, failure, settled_at, delivered } = delivery.noted(now);
    sql.settle(ids, [attempts.into(), failure.into(), settled_at.into(), delivered.into()])?;
    sql.execute("DELETE FROM alert_messages WHERE settled_at < $1", values![kept_since(now)])?;
    Ok(())
}
