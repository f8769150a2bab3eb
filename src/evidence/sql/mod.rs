//! The store in SQL, written once: what a database is asked, in which order, and what its answers mean.
//!
//! A backend answers through [`Sql`] and says what differs in [`Dialect`]; everything else has one text for both. Tables are named
//! without a schema, and parameters `$1`, `$2` and so on. No cast `$1::text`: SQLite would take all of it for the parameter's name.

mod checkpoints;
mod feed_log;
mod identity;
mod journal;
mod outbox;
mod read;
mod retention;
mod scheduled;
mod store;
mod stored;
mod terms;
mod verification;
mod workers;

pub(in crate::evidence) use feed_log::OpenFeed;
pub(in crate::evidence) use store::{Backend, FeedTurn, Parts};
pub(in crate::evidence) use workers::{Writer, write_on};

use crate::evidence::failure::{Cause, Failure};
use crate::evidence::model::{Batch, CommitReport, Digest, FeedKey, Head, StoreError};
use crate::evidence::retention::RemovedRow;

/// What a parameter of a statement or a column of an answer holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::evidence) enum Value<'a> {
    Null,
    Flag(bool),
    Integer(i64),
    Real(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

impl From<i16> for Value<'_> {
    fn from(number: i16) -> Self {
        Self::Integer(number.into())
    }
}

impl From<i32> for Value<'_> {
    fn from(number: i32) -> Self {
        Self::Integer(number.into())
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        Self::Real(number)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// Parameters of Rust values: `values![uid, &feed, 7]`.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::evidence::sql::Value::from($value)),*] };
}
pub(in crate::evidence) use values;

/// A row of an answer.
pub(in crate::evidence) trait Row {
    /// What a column holds.
    fn value(&self, column: usize) -> Result<Value<'_>, Failure>;

    fn integer(&self, column: usize) -> Result<i64, Failure> {
        if let Value::Integer(number) = self.value(column)? { Ok(number) } else { Err(not_written(column)) }
    }

    fn optional_integer(&self, column: usize) -> Result<Option<i64>, Failure> {
        if self.value(column)? == Value::Null { Ok(None) } else { self.integer(column).map(Some) }
    }

    /// A number that may be too large for an integer.
    fn number(&self, column: usize) -> Result<f64, Failure> {
        match self.value(column)? {
            Value::Real(number) => Ok(number),
            Value::Integer(number) => Ok(number as f64),
            _ => Err(not_written(column)),
        }
    }

    fn flag(&self, column: usize) -> Result<bool, Failure> {
        match self.value(column)? {
            Value::Flag(flag) => Ok(flag),
            Value::Integer(number) => Ok(number != 0),
            _ => Err(not_written(column)),
        }
    }

    fn text(&self, column: usize) -> Result<&str, Failure> {
        if let Value::Text(text) = self.value(column)? { Ok(text) } else { Err(not_written(column)) }
    }

    fn string(&self, column: usize) -> Result<String, Failure> {
        self.text(column).map(str::to_owned)
    }

    fn optional_string(&self, column: usize) -> Result<Option<String>, Failure> {
        if self.value(column)? == Value::Null { Ok(None) } else { self.string(column).map(Some) }
    }

    fn bytes(&self, column: usize) -> Result<&[u8], Failure> {
        if let Value::Bytes(bytes) = self.value(column)? { Ok(bytes) } else { Err(not_written(column)) }
    }

    fn digest(&self, column: usize) -> Result<Digest, Failure> {
        let bytes = self.bytes(column)?;
        bytes.try_into().map_err(|_| StoreError::Corrupt(format!("a digest of {} bytes", bytes.len())).into())
    }

    /// The kind of an entry of a log.
    fn kind(&self, column: usize) -> Result<u8, Failure> {
        u8::try_from(self.integer(column)?).map_err(|_| not_written(column))
    }
}

fn not_written(column: usize) -> Failure {
    Failure::Database(Cause::Damage, format!("column {column} of an answer holds what no store writes into it"))
}

/// Takes the rows of an answer one after the other, as long as it says true.
pub(in crate::evidence) type Take<'t> = &'t mut dyn FnMut(&dyn Row) -> Result<bool, Failure>;

/// How a transaction sees and treats the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::evidence) enum Access {
    /// One state, and no writes.
    Read,
    /// The newest state, and writes.
    Write,
}

/// Texts that differ between the databases.
pub(in crate::evidence) struct Dialect {
    /// One row if there is a table of the name `$1`.
    pub table: &'static str,
    /// Topic, name, instant and content of a contract's facts of all kinds.
    pub facts: &'static str,
    /// The sum of the sequences of all heads.
    pub rows_of_heads: &'static str,
    /// How many keys a feed has in the index of newest rows, and the sum of their sequences.
    pub newest_of_feed: &'static str,
    /// Sequence, kind and payload of the entries of feed `$1` with the sequences of its labels and names: those, bodies, and the rows after
    /// them.
    pub definitions: &'static str,
    pub make_checkpoints: &'static str,
    pub make_reports: &'static str,
    pub make_identity: &'static str,
    /// Writes the identity of a store that has none, for the clock `$1`.
    pub first_identity: &'static str,
    /// What is damaged, in words.
    pub damaged: &'static str,
}

/// A connection to a database, mostly in a transaction.
pub(in crate::evidence) trait Sql: Send {
    fn dialect(&self) -> &'static Dialect;

    fn begin(&mut self, access: Access) -> Result<(), Failure>;

    /// Ends a transaction that read.
    fn end_reading(&mut self) -> Result<(), Failure> {
        self.batch("COMMIT")
    }

    /// Runs statements without parameters.
    fn batch(&mut self, statements: &str) -> Result<(), Failure>;

    /// Runs a statement and returns the number of rows that it changed.
    fn execute(&mut self, statement: &'static str, parameters: &[Value<'_>]) -> Result<u64, Failure>;

    /// Runs a statement and passes on the rows of its answer as they come: an answer may be larger than the memory.
    fn visit(&mut self, statement: &'static str, parameters: &[Value<'_>], take: Take<'_>) -> Result<(), Failure>;

    /// Sequence and payload of the newest rows with these labels that start in a span of nanoseconds, in any order.
    fn newest_within(&mut self, feed: i64, labels: &[i64], span: [i64; 2], take: Take<'_>) -> Result<(), Failure>;

    /// Sequence and payload of the rows with these sequences, in any order.
    fn rows_at(&mut self, feed: i64, sequences: &[i64], take: Take<'_>) -> Result<(), Failure>;

    /// Takes removed rows out of the index of newest rows, where they are the newest ones.
    fn remove_newest(&mut self, feed: i64, rows: &[RemovedRow]) -> Result<(), Failure>;

    /// Notes what became of messages: attempts to add, failure, instant, and whether they were delivered.
    fn settle(&mut self, messages: &[i64], noted: [Value<'_>; 4]) -> Result<(), Failure>;

    /// Commits a body with at most `room` new rows; the second value says whether anything changed.
    fn commit(&mut self, feed: &FeedKey, batch: &Batch, room: u64) -> Result<(CommitReport, bool), Failure>;

    /// Whether this process writes for a namespace.
    fn writes_for(&self, _namespace: &str) -> bool {
        true
    }

    /// Lets no other process make tables before this transaction has ended.
    fn wait_for_other_makers(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    /// Lets no other process append to the journal before this transaction has ended.
    fn wait_for_other_journals(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}

impl dyn Sql + '_ {
    /// Does something with each row of an answer.
    pub(in crate::evidence) fn each(
        &mut self,
        statement: &'static str,
        parameters: &[Value<'_>],
        mut take: impl FnMut(&dyn Row) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.visit(statement, parameters, &mut |row| take(row).map(|()| true))
    }

    /// All rows of an answer.
    pub(in crate::evidence) fn all<T, C: FromIterator<T>>(
        &mut self,
        statement: &'static str,
        parameters: &[Value<'_>],
        read: impl Fn(&dyn Row) -> Result<T, Failure>,
    ) -> Result<C, Failure> {
        let mut found = Vec::new();
        self.each(statement, parameters, |row| {
            found.push(read(row)?);
            Ok(())
        })?;
        Ok(found.into_iter().collect())
    }

    /// The first row of an answer.
    pub(in crate::evidence) fn first<T>(
        &mut self,
        statement: &'static str,
        parameters: &[Value<'_>],
        read: impl Fn(&dyn Row) -> Result<T, Failure>,
    ) -> Result<Option<T>, Failure> {
        let mut found = None;
        self.visit(statement, parameters, &mut |row| {
            found = Some(read(row)?);
            Ok(false)
        })?;
        Ok(found)
    }

    /// Whether there is a table that is made only where it is needed.
    pub(in crate::evidence) fn has_table(&mut self, name: &str) -> Result<bool, Failure> {
        Ok(self.first(self.dialect().table, values![name], |_| Ok(()))?.is_some())
    }

    /// Makes such a table if it is missing, whatever the format.
    pub(in crate::evidence) fn make_table(&mut self, name: &str, statement: &str) -> Result<(), Failure> {
        if self.has_table(name)? {
            return Ok(());
        }
        self.wait_for_other_makers()?;
        self.batch(statement)
    }
}

/// Does work in one transaction; it is undone when the work fails.
pub(in crate::evidence) fn transact<C: Sql, T>(
    sql: &mut C,
    access: Access,
    work: impl FnOnce(&mut C) -> Result<T, Failure>,
) -> Result<T, Failure> {
    sql.begin(access)?;
    let done = work(&mut *sql).and_then(|value| {
        sql.batch("COMMIT")?;
        Ok(value)
    });
    if done.is_err() {
        // Where this fails too the connection is gone, and the database undoes the rest by itself.
        let _ = sql.batch("ROLLBACK");
    }
    done
}

/// The head of a feed as it is kept beside the log.
fn head(sql: &mut dyn Sql, feed: i64) -> Result<Option<Head>, Failure> {
    sql.first("SELECT sequence, digest FROM heads WHERE feed_id = $1", values![feed], |row| {
        Ok(Head { sequence: row.integer(0)?, digest: row.digest(1)? })
    })
}

/// The number of a feed; `None` if it never had evidence.
fn feed_id(sql: &mut dyn Sql, contract_uid: &str, feed: &str) -> Result<Option<i64>, Failure> {
    sql.first("SELECT id FROM feeds WHERE contract_uid = $1 AND feed = $2", values![contract_uid, feed], |row| {
        row.integer(0)
    })
}
