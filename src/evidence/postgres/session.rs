//! One connection, with its prepared statements and its transactions.

use std::collections::HashMap;
use std::error::Error;

use postgres::fallible_iterator::FallibleIterator;
use postgres::types::private::BytesMut;
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Column, Statement};

use super::errors::not_opened;
use super::location::Location;
use super::shards::HeldShards;
use super::{commit, shards};
use crate::evidence::failure::Failure;
use crate::evidence::model::{Batch, CommitReport, FeedKey, StoreError};
use crate::evidence::retention::RemovedRow;
use crate::evidence::sql::{Access, Dialect, Row, Sql, Take, Value};

/// A parameter of a statement.
pub(super) type Parameter<'a> = &'a (dyn ToSql + Sync);

/// Texts that are PostgreSQL's own.
const DIALECT: Dialect = Dialect {
    table: "SELECT 1 WHERE to_regclass('bpo_evidence.' || $1::text) IS NOT NULL",
    facts: "SELECT topic, name, recorded_at, content FROM journal
            WHERE contract_uid = $1 AND starts_with(topic, 'fact/') ORDER BY number",
    rows_of_heads: "SELECT coalesce(sum(sequence), 0)::float8 FROM heads",
    newest_of_feed: "SELECT count(*), coalesce(sum(sequence), 0)::float8 FROM newest WHERE feed_id = $1",
    definitions: "SELECT entry.sequence, entry.kind, entry.payload
         FROM (SELECT DISTINCT sequence FROM log WHERE feed_id = $1 AND kind < 3 OFFSET 0) AS known
         CROSS JOIN LATERAL
           (SELECT sequence, kind, payload FROM log WHERE feed_id = $1 AND sequence = known.sequence OFFSET 0) AS entry",
    make_checkpoints: "CREATE TABLE IF NOT EXISTS checkpoints (
           contract_uid text PRIMARY KEY, content bytea NOT NULL, kept_at bigint NOT NULL
         )",
    make_reports: "CREATE TABLE IF NOT EXISTS reports_handed_over (
           contract_uid text NOT NULL, report text NOT NULL, sink text NOT NULL, until bigint NOT NULL, period text NOT NULL,
           PRIMARY KEY (contract_uid, report, sink, until, period)
         )",
    make_identity: "CREATE TABLE IF NOT EXISTS identity (
           only_row integer PRIMARY KEY CHECK (only_row = 1), id text NOT NULL, clock text NOT NULL
         )",
    first_identity: "INSERT INTO identity SELECT 1, replace(gen_random_uuid()::text, '-', ''),
           CASE WHEN EXISTS (SELECT 1 FROM feeds) OR EXISTS (SELECT 1 FROM journal) THEN 'Real' ELSE $1 END
         WHERE NOT EXISTS (SELECT 1 FROM identity)",
    damaged: "the database is damaged",
};

/// What every session sets. A server whose default it is to acknowledge before a commit is on disk is asked to wait. Tables are those of
/// the store's schema, and no temporary one is taken for them.
///
/// Each statement that grows with the store has an index, and goes by it whatever the server knows of the tables: its statistics come a
/// minute after the first rows, and a statement keeps the plan that was made while a table was small. Such a plan goes through all of it.
/// `OFFSET 0` in a statement is for the same: what is in its brackets is planned alone, so that all of its conditions go to the index. Since no plan
/// depends on values, none is made for each of them.
const SETTINGS: &str = "SET synchronous_commit = on; SET lock_timeout = '10s'; SET search_path = bpo_evidence, pg_temp;
    SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off; SET jit = off;
    SET plan_cache_mode = force_generic_plan";

/// A connection.
pub(in crate::evidence) struct Session {
    pub(super) client: Client,
    /// Where replicas share the store: the shards that this session writes for.
    pub(super) shards: Option<HeldShards>,
    statements: HashMap<&'static str, Statement>,
}

impl Session {
    pub(super) fn connect(location: &Location) -> Result<Self, StoreError> {
        let opened = || -> Result<Client, postgres::Error> {
            let mut client = location.connect()?;
            client.batch_execute(SETTINGS)?;
            Ok(client)
        };
        let client = opened().map_err(|error| not_opened(&location.shown, error))?;
        Ok(Self { client, shards: None, statements: HashMap::new() })
    }

    fn prepared(&mut self, sql: &'static str) -> Result<Statement, Failure> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(sql)?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    pub(super) fn query(
        &mut self,
        sql: &'static str,
        parameters: &[Parameter<'_>],
    ) -> Result<Vec<postgres::Row>, Failure> {
        let statement = self.prepared(sql)?;
        Ok(self.client.query(&statement, parameters)?)
    }

    /// Hands over rows one after the other, for answers that do not fit into memory.
    fn stream(&mut self, sql: &'static str, parameters: &[Parameter<'_>], take: Take<'_>) -> Result<(), Failure> {
        let statement = self.prepared(sql)?;
        let mut rows = self.client.query_raw(&statement, parameters.iter().copied())?;
        while let Some(row) = rows.next()? {
            if !take(&SessionRow(&row))? {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn update(&mut self, sql: &'static str, parameters: &[Parameter<'_>]) -> Result<u64, Failure> {
        let statement = self.prepared(sql)?;
        Ok(self.client.execute(&statement, parameters)?)
    }
}

impl ToSql for Value<'_> {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match *self {
            Self::Null => Ok(IsNull::Yes),
            Self::Flag(flag) => flag.to_sql(kind, out),
            Self::Integer(number) => match *kind {
                Type::INT2 => i16::try_from(number)?.to_sql(kind, out),
                Type::INT4 => i32::try_from(number)?.to_sql(kind, out),
                _ => number.to_sql(kind, out),
            },
            Self::Real(number) => number.to_sql(kind, out),
            // A text may hold no NUL here, so a column for any text keeps its bytes.
            Self::Text(text) => text.as_bytes().to_sql(kind, out),
            Self::Bytes(bytes) => bytes.to_sql(kind, out),
        }
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

struct SessionRow<'r>(&'r postgres::Row);

impl<'r> SessionRow<'r> {
    fn get<T: FromSql<'r> + Into<Value<'r>>>(&self, column: usize) -> Result<Value<'r>, Failure> {
        let value: Option<T> = self.0.try_get(column)?;
        Ok(value.into())
    }
}

impl Row for SessionRow<'_> {
    fn value(&self, column: usize) -> Result<Value<'_>, Failure> {
        match self.0.columns().get(column).map(Column::type_) {
            Some(&Type::BOOL) => self.get::<bool>(column),
            Some(&Type::INT2) => self.get::<i16>(column),
            Some(&Type::INT4) => self.get::<i32>(column),
            Some(&Type::INT8) => self.get::<i64>(column),
            Some(&Type::FLOAT8) => self.get::<f64>(column),
            Some(&Type::BYTEA) => self.get::<&[u8]>(column),
            _ => self.get::<&str>(column),
        }
    }
}

impl Sql for Session {
    fn dialect(&self) -> &'static Dialect {
        &DIALECT
    }

    fn begin(&mut self, access: Access) -> Result<(), Failure> {
        self.batch(match access {
            Access::Read => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Access::Write => "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE",
        })
    }

    fn batch(&mut self, statements: &str) -> Result<(), Failure> {
        Ok(self.client.batch_execute(statements)?)
    }

    fn execute(&mut self, statement: &'static str, parameters: &[Value<'_>]) -> Result<u64, Failure> {
        let parameters: Vec<Parameter<'_>> = parameters.iter().map(|value| value as Parameter<'_>).collect();
        self.update(statement, &parameters)
    }

    fn visit(&mut self, statement: &'static str, parameters: &[Value<'_>], take: Take<'_>) -> Result<(), Failure> {
        let parameters: Vec<Parameter<'_>> = parameters.iter().map(|value| value as Parameter<'_>).collect();
        self.stream(statement, &parameters, take)
    }

    fn newest_within(&mut self, feed: i64, labels: &[i64], span: [i64; 2], take: Take<'_>) -> Result<(), Failure> {
        let [from, until] = span;
        self.stream(
            "SELECT newest.sequence, log.payload
             FROM unnest($2::bigint[]) AS known (labels)
             CROSS JOIN LATERAL (SELECT sequence FROM newest
               WHERE feed_id = $1 AND labels = known.labels AND start_at >= $3 AND start_at < $4 OFFSET 0) AS newest
             CROSS JOIN LATERAL (SELECT payload FROM log
               WHERE feed_id = $1 AND sequence = newest.sequence AND kind = 4 OFFSET 0) AS log",
            &[&feed, &labels, &from, &until],
            take,
        )
    }

    fn rows_at(&mut self, feed: i64, sequences: &[i64], take: Take<'_>) -> Result<(), Failure> {
        self.stream(
            "SELECT sequence, payload FROM log WHERE feed_id = $1 AND kind = 4 AND sequence = ANY($2)",
            &[&feed, &sequences],
            take,
        )
    }

    fn remove_newest(&mut self, feed: i64, rows: &[RemovedRow]) -> Result<(), Failure> {
        let column = |value: fn(&RemovedRow) -> i64| -> Vec<i64> { rows.iter().map(value).collect() };
        self.update(
            "DELETE FROM newest WHERE ctid = ANY(ARRAY(
               SELECT found.place FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS removed (labels, start_at, sequence)
               CROSS JOIN LATERAL (SELECT ctid AS place FROM newest WHERE feed_id = $1 AND labels = removed.labels
                 AND start_at = removed.start_at AND sequence = removed.sequence OFFSET 0) AS found))",
            &[&feed, &column(|row| row.0), &column(|row| row.1), &column(|row| row.2)],
        )?;
        Ok(())
    }

    fn settle(&mut self, messages: &[i64], [attempts, failure, at, delivered]: [Value<'_>; 4]) -> Result<(), Failure> {
        self.update(
            "UPDATE alert_messages SET attempts = attempts + $2, failure = $3, settled_at = $4, delivered = $5 WHERE id = ANY($1)",
            &[&messages, &attempts, &failure, &at, &delivered],
        )?;
        Ok(())
    }

    fn commit(&mut self, feed: &FeedKey, batch: &Batch, room: u64) -> Result<(CommitReport, bool), Failure> {
        commit::commit(self, feed, batch, room)
    }

    fn writes_for(&self, namespace: &str) -> bool {
        self.shards.as_ref().is_none_or(|held| held.has(namespace))
    }

    fn wait_for_other_makers(&mut self) -> Result<(), Failure> {
        shards::wait_for_other_beginners(self)
    }

    fn wait_for_other_journals(&mut self) -> Result<(), Failure> {
        shards::wait_for_other_journals(self)
    }
}
