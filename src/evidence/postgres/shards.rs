//! Who may write to the database: one process, or replicas that share it, each for its own shards.
//!
//! Advisory locks enforce this, and last as long as the session of a writer. When a process hangs and loses its lease, the process that
//! takes over ends its session, so that the first cannot write when it resumes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::WhenInUse;
use super::errors::not_opened;
use super::location::Location;
use super::schema::FORMAT;
use super::session::Session;
use crate::evidence::failure::Failure;
use crate::evidence::model::StoreError;
use crate::shard::ShardCount;

/// The lock of a database's one writer ("BPOE"). Replicas that share the database hold it together.
const WRITER: i64 = 0x4250_4f45;

/// The class of the locks of numbers of shards ("BPON"): replicas with the same number hold one together.
const NUMBERS: i32 = 0x4250_4f4e;

/// The class of the locks of shards ("BPOS"), each held by one replica.
const SHARDS: i32 = 0x4250_4f53;

/// The class of the locks of formats ("BPOF"): replicas whose version writes the same format hold one together. Those of versions before
/// format 5 hold none.
const FORMATS: i32 = 0x4250_4f46;

/// The lock of who makes tables, and the one of who appends to the journal ("BPOT", "BPOJ").
const TABLES: i64 = 0x4250_4f54;
const JOURNAL: i64 = 0x4250_4f4a;

/// How long a new writer waits for the sessions of others to end, which an overloaded server needs seconds for. Shorter than a Lease is held
/// without being renewed: whoever has lost it meanwhile would end the session of its successor.
const PATIENCE: Duration = Duration::from_secs(8);

/// How soon it looks again for the first time, and how seldom at last.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

/// By its own settings a server keeps the locks of a client that is gone without a word, such as one whose machine has failed, for hours, and
/// the next writer would be refused until then.
const LET_GO_OF_CLIENTS_THAT_ARE_GONE: &str = "SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; SET tcp_user_timeout = '30s'";

/// The shards that a session writes for.
#[derive(Debug)]
pub(super) struct HeldShards {
    count: ShardCount,
    held: BTreeSet<u32>,
}

impl HeldShards {
    /// Whether a namespace is in one of them.
    pub(super) fn has(&self, namespace: &str) -> bool {
        self.held.contains(&self.count.shard_of(namespace))
    }
}

/// Takes the database for this session; an earlier owner is ended or waited for, as the caller says.
pub(super) fn lock(session: &mut Session, location: &Location, when_in_use: WhenInUse) -> Result<(), StoreError> {
    let failed = |error: postgres::Error| not_opened(&location.shown, error);
    session.client.batch_execute(LET_GO_OF_CLIENTS_THAT_ARE_GONE).map_err(failed)?;
    let WhenInUse::Share(count) = when_in_use else {
        let others = Others { hold: WRITER_HELD, are_ended: when_in_use == WhenInUse::TakeOver };
        let take = |session: &mut Session| tried(session, "SELECT pg_try_advisory_lock($1)", WRITER);
        return until_taken(session, location, &others, take);
    };
    // Before the lock by which others see that this session writes.
    hold_format(session).map_err(failed)?;
    let alone = format!("{WRITER_HELD} AND mode = 'ExclusiveLock'");
    let take = |session: &mut Session| tried(session, "SELECT pg_try_advisory_lock_shared($1)", WRITER);
    until_taken(session, location, &Others { hold: &alone, are_ended: true }, take)?;
    let number = i32::try_from(count.number()).unwrap_or(i32::MAX);
    hold_number(session, number).map_err(failed)?;
    until_none_holds(session, location, &format!("{} AND objid <> {number}", in_class(NUMBERS)))?;
    session.shards = Some(HeldShards { count, held: BTreeSet::new() });
    Ok(())
}

fn hold_format(session: &mut Session) -> Result<(), postgres::Error> {
    session.client.execute("SELECT pg_advisory_lock_shared($1, $2)", &[&FORMATS, &format_number()]).map(drop)
}

fn format_number() -> i32 {
    i32::try_from(FORMAT).unwrap_or(i32::MAX)
}

/// Ends the sessions of replicas of earlier versions, which can neither read nor write the format that the database is brought to. They
/// find it newer when they start again, and write no more. Those of this version hold the lock of its format.
pub(super) fn end_those_of_earlier_formats(session: &mut Session, location: &Location) -> Result<(), StoreError> {
    if session.shards.is_none() {
        return Ok(());
    }
    let same_format = format!("{} AND objid = {} AND {HERE}", in_class(FORMATS), format_number());
    let others = format!("{WRITER_HELD} AND pid NOT IN (SELECT pid FROM pg_locks WHERE {same_format})");
    until_none_holds(session, location, &others)
}

fn hold_number(session: &mut Session, number: i32) -> Result<(), postgres::Error> {
    session.client.execute("SELECT pg_advisory_lock_shared($1, $2)", &[&NUMBERS, &number])?;
    // Others wait for the journal: the server ends a session that hangs in a transaction before they give up.
    session.client.batch_execute("SET idle_in_transaction_session_timeout = '15s'; SET lock_timeout = '30s'")
}

/// Takes a shard for this session, and ends the session that has it.
pub(super) fn take(session: &mut Session, location: &Location, shard: u32) -> Result<(), StoreError> {
    let number = i32::try_from(shard).unwrap_or(i32::MAX);
    if session.shards.as_ref().is_none_or(|known| known.held.contains(&shard)) {
        return Ok(());
    }
    let of_shard = format!("{} AND objid = {number}", in_class(SHARDS));
    until_taken(session, location, &Others { hold: &of_shard, are_ended: true }, |session| {
        session.client.query_one("SELECT pg_try_advisory_lock($1, $2)", &[&SHARDS, &number])?.try_get(0)
    })?;
    session.shards.iter_mut().for_each(|known| known.held.extend([shard]));
    Ok(())
}

/// Releases a shard.
pub(super) fn give_back(session: &mut Session, location: &Location, shard: u32) -> Result<(), StoreError> {
    let number = i32::try_from(shard).unwrap_or(i32::MAX);
    if !session.shards.iter_mut().any(|known| known.held.remove(&shard)) {
        return Ok(());
    }
    let unlocked = session.client.execute("SELECT pg_advisory_unlock($1, $2)", &[&SHARDS, &number]);
    unlocked.map(drop).map_err(|error| not_opened(&location.shown, error))
}

/// Does what makes tables, while no other replica does.
pub(super) fn one_after_the_other<T>(
    session: &mut Session,
    location: &Location,
    work: impl FnOnce(&mut Session) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    if session.shards.is_none() {
        return work(session);
    }
    // However long it takes: another replica may bring a large store to a new format.
    while !tried(session, "SELECT pg_try_advisory_lock($1)", TABLES)
        .map_err(|error| not_opened(&location.shown, error))?
    {
        std::thread::sleep(Duration::from_millis(200));
    }
    let done = work(session);
    let unlocked = session.client.execute("SELECT pg_advisory_unlock($1)", &[&TABLES]);
    unlocked.map_err(|error| not_opened(&location.shown, error))?;
    done
}

/// Lets no other replica make tables before this transaction has ended.
pub(super) fn wait_for_other_beginners(session: &mut Session) -> Result<(), Failure> {
    wait_in_transaction(session, TABLES)
}

/// Lets no other replica append to the journal before this transaction has ended.
pub(super) fn wait_for_other_journals(session: &mut Session) -> Result<(), Failure> {
    wait_in_transaction(session, JOURNAL)
}

fn wait_in_transaction(session: &mut Session, key: i64) -> Result<(), Failure> {
    // A process that has the store for itself waits for nobody.
    if session.shards.is_some() {
        session.update("SELECT pg_advisory_xact_lock($1)", &[&key])?;
    }
    Ok(())
}

/// Ends the sessions of others that hold these locks, and returns once none is left.
fn until_none_holds(session: &mut Session, location: &Location, those: &str) -> Result<(), StoreError> {
    let nobody = format!("SELECT NOT EXISTS (SELECT FROM pg_locks WHERE {those} AND {HERE})");
    until_taken(session, location, &Others { hold: those, are_ended: true }, |session| {
        session.client.query_one(&nobody, &[])?.try_get(0)
    })
}

/// Sessions of others that may be in the way.
struct Others<'a> {
    /// The locks that they hold, in `pg_locks`.
    hold: &'a str,
    /// Whether they are ended, and waited for until they have.
    are_ended: bool,
}

/// Tries until `take` has succeeded, or others have not ended in time; where they are left alone, it tries once.
fn until_taken(
    session: &mut Session,
    location: &Location,
    others: &Others<'_>,
    mut take: impl FnMut(&mut Session) -> Result<bool, postgres::Error>,
) -> Result<(), StoreError> {
    let failed = |error: postgres::Error| not_opened(&location.shown, error);
    let [mut pause, longest] = PAUSES;
    let deadline = Instant::now() + PATIENCE;
    while !take(session).map_err(failed)? {
        if !others.are_ended || Instant::now() > deadline {
            return Err(in_use(session, location, others.hold));
        }
        end_others(session, others.hold).map_err(failed)?;
        std::thread::sleep(pause);
        pause = (pause * 2).min(longest);
    }
    Ok(())
}

/// The error of a database that others have, with the one who does: a role that may not see it, or one who has gone since, leaves that out.
fn in_use(session: &mut Session, location: &Location, those: &str) -> StoreError {
    let sql =
        format!("SELECT {WHO} FROM pg_locks LEFT JOIN pg_stat_activity USING (pid) WHERE {those} AND {HERE} LIMIT 1");
    let found = session.client.query_opt(&sql, &[]).ok().flatten();
    match found.and_then(|row| row.try_get::<_, String>(0).ok()) {
        Some(who) => StoreError::Locked { path: location.shown.to_string(), by: format!("another process ({who})") },
        None => StoreError::in_use(&*location.shown),
    }
}

fn tried(session: &mut Session, sql: &str, key: i64) -> Result<bool, postgres::Error> {
    session.client.query_one(sql, &[&key])?.try_get(0)
}

/// The lock of the one writer, in `pg_locks`.
const WRITER_HELD: &str = "classid = 0 AND objid = 1112559429 AND objsubid = 1";

/// Who a session of `pg_stat_activity` is, in words.
const WHO: &str = r#"'session ' || pid || coalesce(' of ' || nullif(application_name, ''), '') || coalesce(' at ' || host(client_addr), '')
    || coalesce(', connected since ' || to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), '')"#;

/// Advisory locks that others hold in this database.
const HERE: &str = "locktype = 'advisory' AND granted AND pid <> pg_backend_pid()
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

/// The locks of a class, in `pg_locks`.
fn in_class(class: i32) -> String {
    format!("classid = {class} AND objsubid = 2")
}

/// Ends the sessions of others that hold these locks: a process that hangs must not write when it resumes.
fn end_others(session: &mut Session, those: &str) -> Result<(), postgres::Error> {
    let sql = format!("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE {those} AND {HERE}");
    session.client.execute(&sql, &[]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::tests::server::Database;

    #[test]
    fn the_server_lets_go_of_a_writer_that_is_gone_without_a_word_within_half_a_minute() {
        let database = Database::new();
        for when_in_use in [WhenInUse::Refuse, WhenInUse::TakeOver, WhenInUse::Share("3".parse().unwrap())] {
            let location = Location::of(&database.url()).unwrap();
            let mut session = Session::connect(&location).unwrap();
            lock(&mut session, &location, when_in_use).unwrap();
            let set = ["tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout"]
                .map(|name| {
                    let row = session.client.query_one("SELECT current_setting($1)", &[&name]).unwrap();
                    row.get::<_, String>(0)
                });
            // The last one is in milliseconds.
            assert_eq!(set, ["10", "5", "3", "30000"], "{when_in_use:?}");
        }
    }

    #[test]
    fn the_key_in_the_query_is_that_of_the_lock() {
        assert_eq!(WRITER, 1_112_559_429);
        let keys: BTreeSet<i64> =
            [WRITER, i64::from(NUMBERS), i64::from(SHARDS), i64::from(FORMATS), TABLES, JOURNAL].into();
        assert_eq!(keys.len(), 6);
    }
}
