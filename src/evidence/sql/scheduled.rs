//! The journal of scheduled reports: a table that is made where it is missing, whatever the format.

use jiff::Timestamp;

use super::{Sql, outbox, values};
use crate::domain::governance::scheduled_reports::HandedOver;
use crate::evidence::ReportEntry;
use crate::evidence::failure::Failure;
use crate::evidence::outbox::{from_microseconds, microseconds};

/// Writes the journal, and the messages of those reports that were not in it. `uids`: of the evidence and of the contract.
pub(super) fn record(
    sql: &mut dyn Sql,
    [evidence_uid, contract_uid]: [&str; 2],
    entries: &[ReportEntry],
    written_at: Timestamp,
) -> Result<(), Failure> {
    sql.make_table("reports_handed_over", sql.dialect().make_reports)?;
    for entry in entries {
        let (ReportEntry::Begin(row) | ReportEntry::HandOver(row, _) | ReportEntry::Forget(row)) = entry;
        let key = values![evidence_uid, &row.report, &row.sink, microseconds(row.until), &row.period];
        if let ReportEntry::Forget(_) = entry {
            sql.execute(
                "DELETE FROM reports_handed_over
                 WHERE contract_uid = $1 AND report = $2 AND sink = $3 AND until = $4 AND period = $5",
                key,
            )?;
            continue;
        }
        let added = sql.execute(
            "INSERT INTO reports_handed_over (contract_uid, report, sink, until, period)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
            key,
        )?;
        if let (ReportEntry::HandOver(_, message), 1) = (entry, added) {
            outbox::record(sql, contract_uid, std::slice::from_ref(message), written_at)?;
        }
    }
    Ok(())
}

/// The journal of a contract, by report, sink and time.
pub(super) fn journal(sql: &mut dyn Sql, evidence_uid: &str) -> Result<Vec<HandedOver>, Failure> {
    if !sql.has_table("reports_handed_over")? {
        return Ok(Vec::new());
    }
    let mut found: Vec<HandedOver> = sql.all(
        "SELECT report, sink, until, period FROM reports_handed_over WHERE contract_uid = $1",
        values![evidence_uid],
        |row| {
            let until = from_microseconds(row.integer(2)?);
            Ok(HandedOver { report: row.string(0)?, sink: row.string(1)?, until, period: row.string(3)? })
        },
    )?;
    // Not by the database, whose order of texts may depend on its locale.
    found.sort_unstable_by(|a, b| {
        (&a.report, &a.sink, a.until, &a.period).cmp(&(&b.report, &b.sink, b.until, &b.period))
    });
    Ok(found)
}
