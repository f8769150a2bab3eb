//! The journal of scheduled reports in SQLite: a table that is made where it is missing, whatever the format.

use jiff::Timestamp;
use rusqlite::Transaction;

use super::errors::Failure;
use super::outbox;
use crate::domain::governance::scheduled_reports::HandedOver;
use crate::evidence::ReportEntry;
use crate::evidence::outbox::{from_microseconds, microseconds};

/// Writes the journal, and the messages of those reports that were not in it. `uids`: of the evidence and of the contract.
pub(super) fn record(
    transaction: &Transaction<'_>,
    [evidence_uid, contract_uid]: [&str; 2],
    entries: &[ReportEntry],
    written_at: Timestamp,
) -> Result<(), Failure> {
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS reports_handed_over (
           contract_uid TEXT NOT NULL, report TEXT NOT NULL, sink TEXT NOT NULL, until INTEGER NOT NULL, period TEXT NOT NULL,
           PRIMARY KEY (contract_uid, report, sink, until, period)
         ) STRICT, WITHOUT ROWID",
    )?;
    for entry in entries {
        let (ReportEntry::Begin(row) | ReportEntry::HandOver(row, _) | ReportEntry::Forget(row)) = entry;
        let key = (evidence_uid, &row.report, &row.sink, microseconds(row.until), &row.period);
        if let ReportEntry::Forget(_) = entry {
            transaction
                .prepare_cached(
                    "DELETE FROM reports_handed_over
                     WHERE contract_uid = ?1 AND report = ?2 AND sink = ?3 AND until = ?4 AND period = ?5",
                )?
                .execute(key)?;
            continue;
        }
        let added = transaction
            .prepare_cached(
                "INSERT INTO reports_handed_over (contract_uid, report, sink, until, period)
                 VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
            )?
            .execute(key)?;
        if let (ReportEntry::HandOver(_, message), 1) = (entry, added) {
            outbox::record(transaction, contract_uid, std::slice::from_ref(message), written_at)?;
        }
    }
    Ok(())
}

/// The journal of a contract.
pub(super) fn journal(transaction: &Transaction<'_>, evidence_uid: &str) -> Result<Vec<HandedOver>, Failure> {
    let there = transaction
        .prepare_cached("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'reports_handed_over'")?
        .exists([])?;
    if !there {
        return Ok(Vec::new());
    }
    let mut statement = transaction.prepare_cached(
        "SELECT report, sink, until, period FROM reports_handed_over WHERE contract_uid = ?1
         ORDER BY report, sink, until, period",
    )?;
    let found = statement.query_map([evidence_uid], |row| {
        let until = from_microseconds(row.get(2)?);
        Ok(HandedOver { report: row.get(0)?, sink: row.get(1)?, until, period: row.get(3)? })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}
