//! A connection to the file.

use std::path::Path;
use std::sync::Arc;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection};

use super::commit;
use crate::evidence::failure::Failure;
use crate::evidence::model::{Batch, CommitReport, FeedKey, StoreError};
use crate::evidence::retention::RemovedRow;
use crate::evidence::sql::{Access, Dialect, Row, Sql, Take, Value, values};

/// Texts that are SQLite's own.
const DIALECT: Dialect = Dialect {
    table: "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = $1",
    facts: "SELECT topic, name, recorded_at, content FROM journal
            WHERE contract_uid = $1 AND topic >= 'fact/' AND topic < 'fact0' ORDER BY number",
    rows_of_heads: "SELECT total(sequence) FROM heads",
    newest_of_feed: "SELECT count(*), total(sequence) FROM newest WHERE feed_id = $1",
    definitions: "SELECT entry.sequence, entry.kind, entry.payload
         FROM (SELECT DISTINCT sequence FROM log WHERE feed_id = $1 AND kind < 3) AS known
         CROSS JOIN log AS entry ON entry.feed_id = $1 AND entry.sequence = known.sequence",
    make_checkpoints: "CREATE TABLE IF NOT EXISTS checkpoints (
           contract_uid TEXT PRIMARY KEY, content BLOB NOT NULL, kept_at INTEGER NOT NULL
         ) STRICT",
    make_reports: "CREATE TABLE IF NOT EXISTS reports_handed_over (
           contract_uid TEXT NOT NULL, report TEXT NOT NULL, sink TEXT NOT NULL, until INTEGER NOT NULL, period TEXT NOT NULL,
           PRIMARY KEY (contract_uid, report, sink, until, period)
         ) STRICT, WITHOUT ROWID",
    make_identity: "CREATE TABLE IF NOT EXISTS identity (
           only_row INTEGER PRIMARY KEY CHECK (only_row = 1), id TEXT NOT NULL, clock TEXT NOT NULL
         ) STRICT",
    first_identity: "INSERT INTO identity SELECT 1, lower(hex(randomblob(16))),
           CASE WHEN EXISTS (SELECT 1 FROM feeds) OR EXISTS (SELECT 1 FROM journal) THEN 'Real' ELSE $1 END
         WHERE NOT EXISTS (SELECT 1 FROM identity)",
    damaged: "the file is damaged",
};

/// Names of the parameters, by which they are bound: SQLite numbers `$1` and its like in the order in which they occur.
const NAMES: [&str; 8] = ["$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8"];

/// A connection to the file.
pub(in crate::evidence) struct File {
    pub(super) connection: Connection,
    path: Arc<Path>,
    /// Which file it was when a writer opened it.
    identity: FileIdentity,
}

impl File {
    pub(super) fn new(path: Arc<Path>, connection: Connection) -> Self {
        let identity = FileIdentity::of(&path);
        Self { connection, path, identity }
    }

    fn bound(&self, statement: &str, parameters: &[Value<'_>]) -> Result<CachedStatement<'_>, Failure> {
        let mut statement = self.connection.prepare_cached(statement)?;
        for (name, value) in NAMES.iter().zip(parameters) {
            statement.raw_bind_parameter(*name, value)?;
        }
        Ok(statement)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match *self {
            Self::Null => ValueRef::Null,
            Self::Flag(flag) => ValueRef::Integer(i64::from(flag)),
            Self::Integer(number) => ValueRef::Integer(number),
            Self::Real(number) => ValueRef::Real(number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

struct FileRow<'r, 's>(&'r rusqlite::Row<'s>);

impl Row for FileRow<'_, '_> {
    fn value(&self, column: usize) -> Result<Value<'_>, Failure> {
        let value = self.0.get_ref(column)?;
        Ok(match value {
            ValueRef::Null => Value::Null,
            ValueRef::Integer(number) => Value::Integer(number),
            ValueRef::Real(number) => Value::Real(number),
            ValueRef::Text(_) => Value::Text(value.as_str().map_err(rusqlite::Error::from)?),
            ValueRef::Blob(bytes) => Value::Bytes(bytes),
        })
    }
}

impl Sql for File {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }

    fn begin(&mut self, access: Access) -> Result<(), Failure> {
        match access {
            Access::Read => self.batch("BEGIN"),
            Access::Write => {
                self.identity.check(&self.path)?;
                self.batch("BEGIN IMMEDIATE")
            }
        }
    }

    fn end_reading(&mut self) -> Result<(), Failure> {
        self.batch("COMMIT")
    }

    fn batch(&mut self, statements: &str) -> Result<(), Failure> {
        Ok(self.connection.execute_batch(statements)?)
    }

    fn execute(&mut self, statement: &'static str, parameters: &[Value<'_>]) -> Result<u64, Failure> {
        Ok(self.bound(statement, parameters)?.raw_execute()? as u64)
    }

    fn visit(&mut self, statement: &'static str, parameters: &[Value<'_>], take: Take<'_>) -> Result<(), Failure> {
        let mut statement = self.bound(statement, parameters)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            if !take(&FileRow(row))? {
                break;
            }
        }
        Ok(())
    }

    fn newest_within(&mut self, feed: i64, _labels: &[i64], span: [i64; 2], take: Take<'_>) -> Result<(), Failure> {
        let [from, until] = span;
        self.visit(NEWEST_WITHIN, values![feed, from, until], take)
    }

    fn rows_at(&mut self, feed: i64, sequences: &[i64], take: Take<'_>) -> Result<(), Failure> {
        for sequence in sequences {
            self.visit(
                "SELECT sequence, payload FROM log WHERE feed_id = $1 AND sequence = $2 AND kind = 4",
                values![feed, *sequence],
                take,
            )?;
        }
        Ok(())
    }

    fn remove_newest(&mut self, feed: i64, rows: &[RemovedRow]) -> Result<(), Failure> {
        for (labels, start, sequence) in rows {
            self.execute(
                "DELETE FROM newest WHERE feed_id = $1 AND labels = $2 AND start_at = $3 AND sequence = $4",
                values![feed, *labels, *start, *sequence],
            )?;
        }
        Ok(())
    }

    fn settle(&mut self, messages: &[i64], [attempts, failure, at, delivered]: [Value<'_>; 4]) -> Result<(), Failure> {
        for message in messages {
            self.execute(
                "UPDATE alert_messages SET attempts = attempts + $2, failure = $3, settled_at = $4, delivered = $5 WHERE id = $1",
                &[Value::Integer(*message), attempts, failure, at, delivered],
            )?;
        }
        Ok(())
    }

    fn commit(&mut self, feed: &FeedKey, batch: &Batch, room: u64) -> Result<(CommitReport, bool), Failure> {
        commit::commit(self, feed, batch, room)
    }
}

/// The newest rows of a feed that start in a span. Its joins are in this order, by which the rows of each set of labels are found by their start:
/// left to itself SQLite goes through all rows of the feed.
const NEWEST_WITHIN: &str = "SELECT newest.sequence, log.payload
     FROM log AS definition
     CROSS JOIN newest ON newest.feed_id = $1 AND newest.labels = definition.sequence AND newest.start_at >= $2 AND newest.start_at < $3
     CROSS JOIN log ON log.feed_id = $1 AND log.sequence = newest.sequence AND log.kind = 4
     WHERE definition.feed_id = $1 AND definition.kind = 1 AND definition.kind < 3";

/// Which file a path names: SQLite goes on writing into a file that was deleted under it, and all of that would be lost.
#[derive(Clone, Copy, PartialEq, Eq)]
struct FileIdentity(Option<(u64, u64)>);

impl FileIdentity {
    #[cfg(unix)]
    fn of(path: &Path) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(std::fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino())))
    }

    #[cfg(not(unix))]
    fn of(path: &Path) -> Self {
        Self(path.exists().then_some((0, 0)))
    }

    fn check(self, path: &Path) -> Result<(), StoreError> {
        if self == Self::of(path) {
            return Ok(());
        }
        Err(StoreError::Fault(format!("{}: the file was moved, replaced or deleted while in use", path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::sqlite::SqliteStore;

    #[test]
    fn rows_of_a_span_are_found_without_going_through_all_others() {
        let directory = tempfile::tempdir().unwrap();
        drop(SqliteStore::open(directory.path()).unwrap());
        let connection = Connection::open(directory.path().join("evidence.sqlite")).unwrap();
        let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {NEWEST_WITHIN}")).unwrap();
        let steps: Vec<String> = plan.query_map([1, 2, 3], |step| step.get(3)).unwrap().map(Result::unwrap).collect();
        let by_start = "newest USING PRIMARY KEY (feed_id=? AND labels=? AND start_at>? AND start_at<?)";
        assert!(steps.iter().any(|step| step.contains(by_start)), "{steps:?}");
    }
}
