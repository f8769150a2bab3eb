//! What is particular to PostgreSQL: one writer, its way over the network, and damage to its tables.

use super::server::{Database, Server, shared};
use super::support::{Backend, Fixture, Place, body, feed, row, verify};
use crate::evidence::postgres::{EvidenceUrl, Opening, PostgresStore, WhenInUse};
use crate::evidence::{EvidenceStore, StoreError};
use crate::postgres_server::CANARY;

async fn with_two_rows() -> (Fixture, String) {
    let fixture = Fixture::new(Backend::Postgres);
    fixture.commit(body(60, vec![row(-60, 41), row(-30, 42)])).await;
    let Place::Database(database) = &fixture.place else { panic!("not in a database") };
    let name = database.name.clone();
    (fixture, name)
}

#[tokio::test]
async fn a_second_writer_is_refused_and_readers_are_not() {
    let (fixture, _) = with_two_rows().await;
    let Err(error) = fixture.place.open() else { panic!("two writers") };
    let StoreError::Locked { by, .. } = &error else { panic!("{error}") };
    assert!(by.starts_with("another process (session "), "{by}");
    assert!(by.contains(" of bpo-operator at 127.0.0.1, connected since 20"), "{by}");
    let reader = fixture.place.open_for_reading().unwrap();
    assert_eq!(reader.rows("uid-1", "acd", 0).await.unwrap().len(), 2);
    let error = reader.commit(feed("acd"), body(65, vec![row(0, 1)])).await.unwrap_err();
    assert!(matches!(error, StoreError::ReadOnly { .. }), "{error}");
}

#[tokio::test]
async fn a_writer_that_takes_over_ends_the_other_which_then_accepts_nothing() {
    let (fixture, database) = with_two_rows().await;
    let successor =
        PostgresStore::open(&shared().address("127.0.0.1", &database).parse().unwrap(), WhenInUse::TakeOver).unwrap();
    successor.commit(feed("acd"), body(65, vec![row(0, 43)])).await.unwrap();
    let error = fixture.store.commit(feed("acd"), body(66, vec![row(30, 44)])).await.unwrap_err();
    assert!(matches!(error, StoreError::Fault(_)), "{error}");
    assert!(!fixture.store.healthy());
    assert_eq!(successor.rows("uid-1", "acd", 0).await.unwrap().len(), 3);
    assert!(verify(&successor).await.whole());
}

#[tokio::test]
async fn a_session_that_the_server_ends_stops_the_writer_and_loses_nothing_that_was_acknowledged() {
    let (fixture, database) = with_two_rows().await;
    let end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '";
    shared().execute("postgres", &format!("{end_all}{database}'"));
    let error = fixture.store.commit(feed("acd"), body(65, vec![row(0, 1)])).await.unwrap_err();
    assert!(matches!(error, StoreError::Fault(_)), "{error}");
    assert!(!fixture.store.healthy() && fixture.store.fault().is_some());
    let refused = fixture.store.commit(feed("other"), body(70, vec![row(0, 1)])).await.unwrap_err();
    assert!(matches!(refused, StoreError::Fault(_)), "{refused}");
    let fixture = fixture.restart();
    assert_eq!(fixture.offered().await, [41, 42]);
    assert!(fixture.verify().await.whole());
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_a_fault_and_is_not_waited_for_without_an_end() {
    let server = Server::start("", &[]);
    let url: EvidenceUrl = server.address("127.0.0.1", "postgres").parse().unwrap();
    let store = PostgresStore::open(&url, WhenInUse::Refuse).unwrap();
    let mut opening = Opening::new(&url, WhenInUse::TakeOver).unwrap();
    store.commit(feed("acd"), body(60, vec![row(0, 41)])).await.unwrap();
    server.freeze(true);
    let began = std::time::Instant::now();
    let (written, read, opened) = tokio::join!(
        store.commit(feed("acd"), body(65, vec![row(30, 42)])),
        store.rows("uid-1", "acd", 0),
        opening.opened(),
    );
    for error in [written.unwrap_err(), read.unwrap_err()] {
        assert!(matches!(error, StoreError::Fault(_)), "{error}");
        assert!(error.to_string().contains("the server has not answered for 15 seconds"), "{error}");
    }
    assert!(matches!(opened, Err(StoreError::Unreachable { .. })));
    assert!(!store.healthy());
    // Nor does it keep the process that ends for this.
    drop(store);
    assert!(began.elapsed() < std::time::Duration::from_secs(40), "{:?}", began.elapsed());
    server.freeze(false);
}

#[tokio::test]
async fn a_reader_whose_idle_connection_was_cut_connects_again() {
    let (fixture, database) = with_two_rows().await;
    let reader = fixture.place.open_for_reading().unwrap();
    let end_idle = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle' AND datname = '";
    shared().execute("postgres", &format!("{end_idle}{database}'"));
    assert_eq!(reader.rows("uid-1", "acd", 0).await.unwrap().len(), 2);
    assert!(reader.healthy());
}

#[tokio::test]
async fn a_head_that_another_has_moved_stops_the_writer() {
    let (fixture, database) = with_two_rows().await;
    // Someone without the lock moves the head after this body has read it: the transaction waits for them, and then refuses.
    let error = shared().session(&database, |client| {
        let mut other = client.transaction().unwrap();
        other.batch_execute("UPDATE bpo_evidence.heads SET sequence = 9").unwrap();
        let store = fixture.store.clone();
        let waiting = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(store.commit(feed("acd"), body(65, vec![row(0, 1)]))).unwrap_err()
        });
        let blocked = "SELECT count(*) FROM pg_locks WHERE NOT granted";
        while other.query_one(blocked, &[]).unwrap().get::<_, i64>(0) == 0 {
            std::thread::yield_now();
        }
        other.commit().unwrap();
        waiting.join().unwrap()
    });
    assert!(error.to_string().contains("another writer has moved the head"), "{error}");
    assert!(!fixture.store.healthy());
}

#[tokio::test]
async fn evidence_cannot_be_changed_by_statements() {
    let (_fixture, database) = with_two_rows().await;
    for statement in [
        "UPDATE bpo_evidence.log SET payload = ''",
        "DELETE FROM bpo_evidence.log",
        "TRUNCATE bpo_evidence.log",
        "UPDATE bpo_evidence.journal SET content = ''",
        "DELETE FROM bpo_evidence.journal",
        "UPDATE bpo_evidence.terms SET content = ''",
        "DELETE FROM bpo_evidence.terms",
        "DELETE FROM bpo_evidence.newest",
        "DELETE FROM bpo_evidence.heads",
    ] {
        let error = shared().session(&database, |client| client.batch_execute(statement).unwrap_err());
        let said = error.as_db_error().unwrap().message().to_owned();
        assert!(said.contains("append-only"), "{statement}: {said}");
    }
}

#[tokio::test]
async fn each_tampering_is_found_where_it_was_done() {
    let does_not_follow = "digest does not follow";
    let log = "bpo_evidence.log";
    let cases = [
        (
            "a flipped bit",
            format!(
                "UPDATE {log} SET payload = set_bit(payload, 7, 1 - get_bit(payload, 7)) WHERE sequence = 2 AND kind = 4"
            ),
            ("acd", 2, does_not_follow),
        ),
        ("a deleted row", format!("DELETE FROM {log} WHERE sequence = 2"), ("acd", 3, "rows 2 to 2 are missing")),
        (
            "a cut tail",
            format!("DELETE FROM {log} WHERE sequence = 3"),
            ("acd", 2, "the head says 3 rows, the log has 2"),
        ),
        (
            "a swap",
            format!(
                "UPDATE {log} SET sequence = 99 WHERE sequence = 2 AND kind = 4; UPDATE {log} SET sequence = 2 WHERE sequence = 3 AND kind = 4; UPDATE {log} SET sequence = 3 WHERE sequence = 99"
            ),
            ("acd", 2, does_not_follow),
        ),
        (
            "a row hidden from the index",
            "DELETE FROM bpo_evidence.newest WHERE sequence = 3".to_owned(),
            ("acd", 0, "index of newest rows"),
        ),
        (
            "a feed given to another contract",
            "UPDATE bpo_evidence.feeds SET contract_uid = 'uid-9'".to_owned(),
            ("acd", 1, does_not_follow),
        ),
        ("a deleted head", "DELETE FROM bpo_evidence.heads".to_owned(), ("acd", 3, "rows and no head")),
        (
            "an edited entry of the journal",
            "UPDATE bpo_evidence.journal SET recorded_at = ''".to_owned(),
            ("", 1, does_not_follow),
        ),
        ("a cut journal", "DELETE FROM bpo_evidence.journal".to_owned(), ("", 0, "does not end where its head says")),
    ];
    for (name, change, (feed, sequence, what)) in cases {
        let fixture = Fixture::new(Backend::Postgres);
        fixture.commit(body(60, vec![row(0, 11), row(30, 22), row(60, 33)])).await;
        assert!(fixture.verify().await.whole());
        let Place::Database(database) = &fixture.place else { panic!("not in a database") };
        database.execute(&format!("SET session_replication_role = replica; {change}"));
        let found = fixture.verify().await.broken;
        let hit = found.iter().any(|b| b.feed == feed && b.sequence == sequence && b.what.contains(what));
        assert!(hit, "{name}: {found:?}");
    }
}

#[tokio::test]
async fn a_later_format_and_a_database_without_evidence_are_refused_for_reading() {
    let database = Database::new();
    let Err(error) = PostgresStore::open_for_reading(&database.url()) else { panic!("read a store from nothing") };
    assert!(matches!(error, StoreError::NotOpened { .. }), "{error}");
    drop(PostgresStore::open(&database.url(), WhenInUse::Refuse).unwrap());
    database.execute("UPDATE bpo_evidence.format SET number = 99");
    let Err(error) = PostgresStore::open_for_reading(&database.url()) else { panic!("a later format was opened") };
    assert!(error.to_string().contains("has format 99"), "{error}");
}

#[test]
fn what_is_wrong_with_a_url_is_said_without_its_password() {
    let port = shared().port;
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let cases = [
        (format!("mysql://u:{CANARY}@h/d"), "not a URL of PostgreSQL"),
        (format!("postgres://u:{CANARY}@h:port/d"), "cannot be read"),
        (format!("postgres://:{CANARY}@/d"), "names no"),
        (format!("postgres://u:{CANARY}@h/d?{CANARY}=1"), "cannot be read"),
        (format!("postgres://u:{CANARY}@h/d?sslmode=prefer"), "sslmode=verify-full"),
        (format!("postgres://u:{CANARY}@h/d?sslmode={CANARY}"), "sslmode is not known"),
        (format!("postgres://u:{CANARY}@h/d?sslrootcert=/nowhere/ca.pem"), "/nowhere/ca.pem"),
        (format!("postgres://bpo:{CANARY}-not@127.0.0.1:{port}/postgres"), "password authentication failed"),
        (format!("postgres://bpo:{CANARY}@127.0.0.1:{port}/nosuch"), "does not exist"),
        (format!("postgres://bpo:{CANARY}@127.0.0.1:{unused}/d"), "refused"),
    ];
    for (text, expected) in cases {
        let url: EvidenceUrl = text.parse().unwrap();
        let Err(error) = PostgresStore::open(&url, WhenInUse::Refuse) else { panic!("{text} was opened") };
        let shown = format!("{error} {error:?} {url:?}");
        assert!(shown.contains(expected), "{text}: {shown}");
        assert!(!shown.contains(CANARY), "the password is shown: {shown}");
    }
}

/// A certificate for a name, signed by an authority; and the authority's own: PEM of key and of certificates.
fn certificate(name: &str) -> (String, String, String) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(parameters, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let signed = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    (key.serialize_pem(), signed.pem(), authority.pem())
}

#[test]
fn the_server_is_verified_and_never_spoken_to_in_clear_unless_the_url_says_so() {
    let encrypted = "-c ssl=on -c ssl_key_file=$DIR/server.key -c ssl_cert_file=$DIR/server.crt";
    let (key, chain, authority) = certificate("localhost");
    let (_, _, stranger) = certificate("localhost");
    let files = [("server.key", &*key), ("server.crt", &*chain), ("ca.crt", &*authority), ("other.crt", &*stranger)];
    let server = Server::start(encrypted, &files);
    let (ours, theirs) = (server.file("ca.crt"), server.file("other.crt"));
    let (ours, theirs, clear) = (ours.display(), theirs.display(), shared().port);
    let port = server.port;
    let cases = [
        ("the right authority", format!("localhost:{port}/postgres?sslrootcert={ours}"), None),
        ("verify-full", format!("localhost:{port}/postgres?sslmode=verify-full&sslrootcert={ours}"), None),
        (
            "require verifies too",
            format!("localhost:{port}/postgres?sslmode=require&sslrootcert={theirs}"),
            Some("certificate"),
        ),
        (
            "verify-ca looks at the name too",
            format!("127.0.0.1:{port}/postgres?sslmode=verify-ca&sslrootcert={ours}"),
            Some("certificate"),
        ),
        (
            "an unknown authority",
            format!("localhost:{port}/postgres?sslmode=verify-full&sslrootcert={theirs}"),
            Some("certificate"),
        ),
        (
            "a server without TLS",
            format!("localhost:{clear}/postgres?sslmode=verify-full&sslrootcert={ours}"),
            Some("TLS"),
        ),
    ];
    for (name, rest, refused) in cases {
        let url: EvidenceUrl = format!("postgres://bpo:{CANARY}@{rest}").parse().unwrap();
        match (PostgresStore::open(&url, WhenInUse::Refuse), refused) {
            (Ok(_), None) => {}
            (Err(error), Some(expected)) => {
                let shown = error.to_string();
                assert!(shown.contains(expected) && !shown.contains(CANARY), "{name}: {shown}");
            }
            (Ok(_), Some(_)) => panic!("{name}: connected"),
            (Err(error), None) => panic!("{name}: {error}"),
        }
    }
}
