//! One connection, with its prepared statements and its transactions.

use std::collections::HashMap;

use postgres::types::ToSql;
use postgres::{Client, Row, RowIter, Statement};

use super::errors::{Failure, not_opened};
use super::location::Location;
use super::shards::HeldShards;
use crate::evidence::model::StoreError;

/// A parameter of a statement.
pub(super) type Parameter<'a> = &'a (dyn ToSql + Sync);

/// How a transaction sees and treats the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// One state, and no writes.
    Read,
    /// The newest state of what it locks.
    Write,
}

/// A connection.
pub(super) struct Session {
    pub client: Client,
    /// Where replicas share the store: the shards that this session writes for.
    pub shards: Option<HeldShards>,
    statements: HashMap<&'static str, Statement>,
}

impl Session {
    pub(super) fn connect(location: &Location) -> Result<Self, StoreError> {
        let opened = || -> Result<Client, postgres::Error> {
            let mut client = location.connect()?;
            // A server whose default it is to acknowledge before a commit is on disk is asked to wait.
            client.batch_execute("SET synchronous_commit = on; SET lock_timeout = '10s'")?;
            Ok(client)
        };
        let client = opened().map_err(|error| not_opened(&location.shown, &error))?;
        Ok(Self { client, shards: None, statements: HashMap::new() })
    }

    /// Does work in one transaction; it is undone when the work fails.
    pub(super) fn transact<T, F>(&mut self, access: Access, work: F) -> Result<T, Failure>
    where
        F: FnOnce(&mut Self) -> Result<T, Failure>,
    {
        self.begin(access)?;
        let done = work(self).and_then(|value| {
            self.client.batch_execute("COMMIT")?;
            Ok(value)
        });
        if done.is_err() {
            // Where this fails too the connection is gone, and the server undoes the rest by itself.
            let _ = self.client.batch_execute("ROLLBACK");
        }
        done
    }

    pub(super) fn begin(&mut self, access: Access) -> Result<(), Failure> {
        self.client.batch_execute(match access {
            Access::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Access::Write => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        })?;
        Ok(())
    }

    fn prepared(&mut self, sql: &'static str) -> Result<Statement, Failure> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql)?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    pub(super) fn query(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<Vec<Row>, Failure> {
        let statement = self.prepared(sql)?;
        Ok(self.client.query(&statement, parameters)?)
    }

    pub(super) fn query_opt(
        &mut self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Option<Row>, Failure> {
        let statement = self.prepared(sql)?;
        Ok(self.client.query_opt(&statement, parameters)?)
    }

    /// Rows one after the other, for answers that do not fit into memory.
    pub(super) fn stream(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<RowIter<'_>, Failure> {
        let statement = self.prepared(sql)?;
        Ok(self.client.query_raw(&statement, parameters.iter().copied())?)
    }

    pub(super) fn execute(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<u64, Failure> {
        let statement = self.prepared(sql)?;
        Ok(self.client.execute(&statement, parameters)?)
    }
}

/// The digest in a column.
pub(super) fn digest(row: &Row, column: usize) -> Result<[u8; 32], Failure> {
    let bytes: &[u8] = row.try_get(column)?;
    bytes.try_into().map_err(|_| StoreError::Corrupt(format!("a digest of {} bytes", bytes.len())).into())
}
