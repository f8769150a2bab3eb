//! The tables of the SQLite store and their migrations; `PRAGMA user_version` is the format's number.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::errors::opening;
use crate::evidence::model::StoreError;

/// The highest format that this version knows.
pub(super) const FORMAT: i64 = 5;

/// Marks a file as a store of evidence ("BPOE").
const APPLICATION: i64 = 0x4250_4f45;

/// How long a statement waits for a lock of another process, such as someone's `sqlite3`.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Step n makes format n + 1 of format n. Steps are never edited, only added.
const STEPS: [&str; 5] = [
    include_str!("format_1.sql"),
    include_str!("format_2.sql"),
    include_str!("format_3.sql"),
    include_str!("format_4.sql"),
    include_str!("format_5.sql"),
];

/// Opens the file for the writer, makes it if it is not there, and brings it to this version's format.
pub(super) fn open_for_writing(path: &Path) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path).map_err(|error| opening(path, &error))?;
    connection.busy_timeout(LOCK_PATIENCE).map_err(|error| opening(path, &error))?;
    // Before anything is set: a file that is not ours stays as it is.
    let found = format_of(path, &connection)?;
    prepare_writer(path, &connection)
        .and_then(|()| migrate(&mut connection, found))
        .map_err(|error| opening(path, &error))?;
    Ok(connection)
}

/// KiB of pages that the writer holds: the ends of what it writes to. The machine keeps the file's pages anyway, and a commit of more pages
/// than these writes the first ones to the log before the last ones.
const PAGES_FOR_WRITES: i64 = 1_024;

fn prepare_writer(path: &Path, connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
    if mode != "wal" {
        tracing::warn!(path = %path.display(), mode, "the evidence store has no write-ahead log; writes block reads");
    }
    connection.pragma_update(None, "synchronous", "full")?;
    // Feeds are never deleted, and each insert would look its feed up twice; `verify` finds what belongs to no feed.
    connection.pragma_update(None, "foreign_keys", "off")?;
    // A negative number is in KiB.
    connection.pragma_update(None, "cache_size", -PAGES_FOR_WRITES)?;
    connection.pragma_update(None, "wal_autocheckpoint", 16_384)?;
    connection.pragma_update(None, "journal_size_limit", 268_435_456)
}

/// KiB of pages that a connection for reads holds. Mapped pages would count as this process's memory, once for each connection that has
/// touched them; the machine keeps the file's pages anyway.
const PAGES_FOR_READS: i64 = 512;

/// Opens the file for reads; it must be there and have this version's format.
pub(super) fn open_for_reading(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| opening(path, &error))?;
    let prepare = || -> rusqlite::Result<()> {
        connection.busy_timeout(LOCK_PATIENCE)?;
        connection.set_prepared_statement_cache_capacity(32);
        connection.pragma_update(None, "query_only", "on")?;
        connection.pragma_update(None, "mmap_size", 0)?;
        connection.pragma_update(None, "cache_size", -PAGES_FOR_READS)
    };
    prepare().map_err(|error| opening(path, &error))?;
    let found = format_of(path, &connection)?;
    if found == FORMAT {
        return Ok(connection);
    }
    let reason = format!(
        "it has format {found}, and reading needs format {FORMAT}: let the operator of this version open it once"
    );
    Err(StoreError::NotOpened { path: path.display().to_string(), reason })
}

/// The format's number: 0 for an empty file. Refuses what another program or a later version wrote.
fn format_of(path: &Path, connection: &Connection) -> Result<i64, StoreError> {
    let read = || -> rusqlite::Result<(i64, i64, i64)> {
        let format = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let application = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let tables = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((format, application, tables))
    };
    let (found, application, tables) = read().map_err(|error| opening(path, &error))?;
    if application != APPLICATION && (found != 0 || application != 0 || tables != 0) {
        let reason = "it is a database of another program: give this one another --data-dir".to_owned();
        return Err(StoreError::NotOpened { path: path.display().to_string(), reason });
    }
    if found > FORMAT {
        return Err(StoreError::Newer { path: path.display().to_string(), found, known: FORMAT });
    }
    Ok(found)
}

fn migrate(connection: &mut Connection, found: i64) -> rusqlite::Result<()> {
    for (step, number) in STEPS.iter().zip(1_i64..).filter(|(_, number)| *number > found) {
        if found > 0 {
            tracing::info!(format = number, of = FORMAT, "the evidence store is brought to this format");
        }
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(())
}
