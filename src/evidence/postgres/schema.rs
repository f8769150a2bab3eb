//! The tables of the PostgreSQL store and their migrations: all of it in the schema `bpo_evidence`.

use super::errors::not_opened;
use super::session::Session;
use crate::evidence::failure::Failure;
use crate::evidence::model::StoreError;
use crate::evidence::sql::{Access, Sql, transact, values};

/// The highest format that this version knows.
pub(in crate::evidence) const FORMAT: i64 = 5;

/// Step n makes format n + 1 of format n. Steps are never edited, only added.
const STEPS: [&str; 5] = [
    include_str!("format_1.sql"),
    include_str!("format_2.sql"),
    include_str!("format_3.sql"),
    include_str!("format_4.sql"),
    include_str!("format_5.sql"),
];

/// Whether an earlier version wrote the database, or nothing has been written yet.
pub(super) fn is_older(session: &mut Session, shown: &str) -> Result<bool, StoreError> {
    Ok(known_format(session, shown)? < FORMAT)
}

/// Brings the database to this version's format.
pub(super) fn migrate(session: &mut Session, shown: &str) -> Result<(), StoreError> {
    let found = known_format(session, shown)?;
    for (step, number) in STEPS.iter().zip(1_i64..).filter(|(_, number)| *number > found) {
        if found > 0 {
            tracing::info!(format = number, of = FORMAT, "the evidence store is brought to this format");
        }
        transact(session, Access::Write, |sql| {
            if number == 1 {
                sql.batch("CREATE SCHEMA IF NOT EXISTS bpo_evidence")?;
            }
            sql.batch(step)?;
            sql.execute("UPDATE format SET number = $1", values![number])?;
            Ok(())
        })
        .map_err(|failure| not_opened(shown, failure))?;
    }
    Ok(())
}

/// Refuses a database without this version's tables.
pub(super) fn check(session: &mut Session, shown: &str) -> Result<(), StoreError> {
    let found = known_format(session, shown)?;
    if found == FORMAT {
        return Ok(());
    }
    let reason = format!(
        "it has format {found}, and reading needs format {FORMAT}: let the operator of this version open it once"
    );
    Err(StoreError::NotOpened { path: shown.to_owned(), reason })
}

fn known_format(session: &mut Session, shown: &str) -> Result<i64, StoreError> {
    let found = format_of(session).map_err(|failure| not_opened(shown, failure))?;
    if found > FORMAT {
        return Err(StoreError::Newer { path: shown.to_owned(), found, known: FORMAT });
    }
    Ok(found)
}

/// The format's number: 0 without tables.
fn format_of(sql: &mut dyn Sql) -> Result<i64, Failure> {
    if !sql.has_table("format")? {
        return Ok(0);
    }
    Ok(sql.first("SELECT number FROM format", &[], |row| row.integer(0))?.unwrap_or_default())
}
