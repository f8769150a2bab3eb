//! The tables of the PostgreSQL store and their migrations: all of it in the schema `bpo_evidence`.

use super::errors::{Failure, not_opened};
use super::session::{Access, Session};
use crate::evidence::model::StoreError;

/// The highest format that this version knows.
pub(in crate::evidence) const FORMAT: i64 = 3;

/// Step n makes format n + 1 of format n. Steps are never edited, only added.
const STEPS: [&str; 3] = [include_str!("format_1.sql"), include_str!("format_2.sql"), include_str!("format_3.sql")];

/// Brings the database to this version's format.
pub(super) fn migrate(session: &mut Session, shown: &str) -> Result<(), StoreError> {
    let found = known_format(session, shown)?;
    for (step, number) in STEPS.iter().zip(1_i64..).filter(|(_, number)| *number > found) {
        session
            .transact(Access::Write, |session| {
                if number == 1 {
                    session.client.batch_execute("CREATE SCHEMA IF NOT EXISTS bpo_evidence")?;
                }
                session.client.batch_execute(step)?;
                session.client.execute("UPDATE bpo_evidence.format SET number = $1", &[&number])?;
                Ok(())
            })
            .map_err(|failure| opening(shown, failure))?;
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
    let found = format_of(session).map_err(|failure| opening(shown, failure))?;
    if found > FORMAT {
        return Err(StoreError::Newer { path: shown.to_owned(), found, known: FORMAT });
    }
    Ok(found)
}

/// The format's number: 0 without tables.
fn format_of(session: &mut Session) -> Result<i64, Failure> {
    let there = session.client.query_one("SELECT to_regclass('bpo_evidence.format') IS NOT NULL", &[])?;
    if !there.try_get::<_, bool>(0)? {
        return Ok(0);
    }
    Ok(session.client.query_one("SELECT number FROM bpo_evidence.format", &[])?.try_get(0)?)
}

fn opening(shown: &str, failure: Failure) -> StoreError {
    match failure {
        Failure::Database(error) => not_opened(shown, &error),
        Failure::Store(error) => error,
    }
}
