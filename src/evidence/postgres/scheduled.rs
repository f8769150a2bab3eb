//! The journal of scheduled reports in PostgreSQL: a table that is made where it is missing, whatever the format.

use jiff::Timestamp;

use super::errors::Failure;
use super::outbox;
use super::session::Session;
use crate::domain::governance::scheduled_reports::HandedOver;
use crate::evidence::ReportEntry;
use crate::evidence::outbox::{from_microseconds, microseconds};

/// Writes the journal, and the messages of those reports that were not in it. `uids`: of the evidence and of the contract.
pub(super) fn record(
    session: &mut Session,
    [evidence_uid, contract_uid]: [&str; 2],
    entries: &[ReportEntry],
    written_at: Timestamp,
) -> Result<(), Failure> {
    if !is_there(session)? {
        super::shards::wait_for_other_beginners(session)?;
    }
    session.client.batch_execute(
        "CREATE TABLE IF NOT EXISTS bpo_evidence.reports_handed_over (
           contract_uid text NOT NULL, report text NOT NULL, sink text NOT NULL, until bigint NOT NULL, period text NOT NULL,
           PRIMARY KEY (contract_uid, report, sink, until, period)
         )",
    )?;
    for entry in entries {
        let (ReportEntry::Begin(row) | ReportEntry::HandOver(row, _) | ReportEntry::Forget(row)) = entry;
        let until = microseconds(row.until);
        if let ReportEntry::Forget(_) = entry {
            session.execute(
                "DELETE FROM bpo_evidence.reports_handed_over
                 WHERE contract_uid = $1 AND report = $2 AND sink = $3 AND until = $4 AND period = $5",
                &[&evidence_uid, &row.report, &row.sink, &until, &row.period],
            )?;
            continue;
        }
        let added = session.execute(
            "INSERT INTO bpo_evidence.reports_handed_over (contract_uid, report, sink, until, period)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            &[&evidence_uid, &row.report, &row.sink, &until, &row.period],
        )?;
        if let (ReportEntry::HandOver(_, message), 1) = (entry, added) {
            outbox::record(session, contract_uid, std::slice::from_ref(message), written_at)?;
        }
    }
    Ok(())
}

fn is_there(session: &mut Session) -> Result<bool, Failure> {
    let sql = "SELECT 1 WHERE to_regclass('bpo_evidence.reports_handed_over') IS NOT NULL";
    Ok(session.query_opt(sql, &[])?.is_some())
}

/// The journal of a contract.
pub(super) fn journal(session: &mut Session, evidence_uid: &str) -> Result<Vec<HandedOver>, Failure> {
    if !is_there(session)? {
        return Ok(Vec::new());
    }
    session
        .query(
            "SELECT report, sink, until, period FROM bpo_evidence.reports_handed_over WHERE contract_uid = $1
             ORDER BY report COLLATE \"C\", sink COLLATE \"C\", until, period COLLATE \"C\"",
            &[&evidence_uid],
        )?
        .iter()
        .map(|row| {
            let until = from_microseconds(row.try_get(2)?);
            Ok(HandedOver { report: row.try_get(0)?, sink: row.try_get(1)?, until, period: row.try_get(3)? })
        })
        .collect()
}
