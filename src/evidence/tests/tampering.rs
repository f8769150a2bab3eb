//! What `verify` finds in a store that someone changed behind its back.

use rusqlite::Connection;

use super::support::{SqliteFixture, body, feed, minute, row, verify};
use crate::evidence::chain::{entry_digest, feed_origin};
use crate::evidence::sqlite::{FILE_NAME, SqliteStore};
use crate::evidence::{EvidenceStore, digest_text};

/// Two feeds; `acd` has five rows from two bodies, one of them a correction.
async fn written() -> SqliteFixture {
    let fixture = SqliteFixture::new();
    fixture.commit(body(100, vec![row(0, 11), row(30, 22), row(60, 33)])).await;
    fixture.commit(body(130, vec![row(30, 44), row(90, 55)])).await;
    fixture.store.commit(feed("qa"), body(130, vec![row(0, 66)])).await.unwrap();
    fixture.store.record_fact("uid-1".into(), "launch".into(), "spring".into(), "Go".into(), minute(0)).await.unwrap();
    fixture
}

const UNLOCK: &str = "DROP TRIGGER log_is_not_edited; DROP TRIGGER log_is_not_cut; DROP TRIGGER journal_is_not_edited;
    DROP TRIGGER journal_is_not_cut; DROP TRIGGER newest_is_not_cut; DROP TRIGGER heads_are_not_cut;";

/// Closes the store, changes its file, and says what a verification finds: feed, sequence, what.
async fn found_after(change: impl FnOnce(&Connection)) -> Vec<(String, i64, String)> {
    let SqliteFixture { store, directory } = written().await;
    assert!(verify(&store).await.whole());
    drop(store);
    let connection = Connection::open(directory.path().join(FILE_NAME)).unwrap();
    connection.execute_batch(UNLOCK).unwrap();
    change(&connection);
    drop(connection);
    let report = verify(&SqliteStore::open_for_reading(directory.path()).unwrap()).await;
    report.broken.into_iter().map(|broken| (broken.feed, broken.sequence, broken.what)).collect()
}

#[tokio::test]
async fn each_tampering_is_found_where_it_was_done() {
    let does_not_follow = "digest does not follow";
    let cases = [
        (
            "an edited value",
            "UPDATE log SET payload = CAST(substr(payload, 1, length(payload) - 1) || x'02' AS BLOB) WHERE sequence = 3 AND kind = 4 AND feed_id = 1",
            ("acd", 3, does_not_follow),
        ),
        ("an edited digest", "UPDATE log SET digest = zeroblob(32) WHERE sequence = 2 AND feed_id = 1", ("acd", 2, does_not_follow)),
        (
            "an edited label",
            "UPDATE log SET payload = x'0105717565756505736161616c' WHERE kind = 1 AND feed_id = 1",
            ("acd", 1, does_not_follow),
        ),
        ("an edited body digest", "UPDATE log SET payload = zeroblob(60) WHERE kind = 3 AND sequence = 4 AND feed_id = 1", ("acd", 4, does_not_follow)),
        ("a deleted row", "DELETE FROM log WHERE sequence = 3 AND feed_id = 1", ("acd", 4, "rows 3 to 3 are missing")),
        (
            "a deleted row, the others moved up",
            "DELETE FROM log WHERE sequence = 2 AND feed_id = 1; UPDATE log SET sequence = sequence - 1 WHERE sequence > 2 AND feed_id = 1",
            ("acd", 2, does_not_follow),
        ),
        (
            "a swap",
            "UPDATE log SET sequence = 99 WHERE sequence = 2 AND kind = 4 AND feed_id = 1;
             UPDATE log SET sequence = 2 WHERE sequence = 3 AND kind = 4 AND feed_id = 1;
             UPDATE log SET sequence = 3 WHERE sequence = 99",
            ("acd", 2, does_not_follow),
        ),
        ("a cut tail", "DELETE FROM log WHERE sequence = 5 AND feed_id = 1", ("acd", 4, "the head says 5 rows, the log has 4")),
        (
            "a cut tail with its head",
            "DELETE FROM log WHERE sequence > 3 AND feed_id = 1;
             UPDATE heads SET sequence = 3, digest = (SELECT digest FROM log WHERE feed_id = 1 AND sequence = 3 AND kind = 4) WHERE feed_id = 1",
            ("acd", 3, "the journal's last head is"),
        ),
        ("a head with another digest", "UPDATE heads SET digest = zeroblob(32) WHERE feed_id = 1", ("acd", 5, "another digest")),
        ("a deleted head", "DELETE FROM heads WHERE feed_id = 1", ("acd", 5, "rows and no head")),
        ("a row hidden from the index", "DELETE FROM newest WHERE sequence = 4 AND feed_id = 1", ("acd", 0, "index of newest rows")),
        ("another row in the index", "UPDATE newest SET sequence = 2 WHERE sequence = 4 AND feed_id = 1", ("acd", 0, "index of newest rows")),
        (
            "two feeds with each other's names",
            "UPDATE feeds SET feed = 'x' WHERE id = 1; UPDATE feeds SET feed = 'acd' WHERE id = 2; UPDATE feeds SET feed = 'qa' WHERE id = 1",
            ("qa", 1, does_not_follow),
        ),
        ("a feed given to another contract", "UPDATE feeds SET contract_uid = 'uid-9' WHERE id = 2", ("qa", 1, does_not_follow)),
        (
            "a deleted feed",
            "DELETE FROM log WHERE feed_id = 2; DELETE FROM newest WHERE feed_id = 2; DELETE FROM heads WHERE feed_id = 2; DELETE FROM feeds WHERE id = 2",
            ("qa", 0, "the store has no such feed"),
        ),
        ("an edited fact", "UPDATE journal SET content = '\"NoGo\"' WHERE topic = 'fact/launch'", ("", 4, does_not_follow)),
        ("a deleted entry of the journal", "DELETE FROM journal WHERE number = 2", ("", 3, "entries 2 to 2 are missing")),
        ("a cut journal", "DELETE FROM journal WHERE number = 4", ("", 3, "does not end where its head says")),
    ];
    for (name, change, (feed, sequence, what)) in cases {
        let found = found_after(|connection| {
            connection.execute_batch(&format!("PRAGMA foreign_keys = off; {change}")).unwrap()
        })
        .await;
        let hit = found.iter().any(|(f, s, w)| f == feed && *s == sequence && w.contains(what));
        assert!(hit, "{name}: {found:?}");
    }
}

#[tokio::test]
async fn a_rewritten_last_row_with_its_digest_and_head_is_found_by_the_journal_and_by_the_head_of_a_report() {
    let in_report = written().await.store.heads("uid-1").await.unwrap()["qa"];
    let mut forged = [0_u8; 32];
    let found = found_after(|connection| {
        let mut statement =
            connection.prepare("SELECT kind, payload FROM log WHERE feed_id = 2 ORDER BY sequence, kind").unwrap();
        let entries = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        forged = feed_origin("uid-1", "qa");
        for (kind, mut payload) in entries.map(Result::unwrap).collect::<Vec<(u8, Vec<u8>)>>() {
            if kind == 4 {
                *payload.last_mut().unwrap() = 2;
            }
            forged = entry_digest(&forged, 1, kind, &payload);
            let values = (&payload, forged.as_slice(), kind);
            connection
                .execute("UPDATE log SET payload = ?1, digest = ?2 WHERE feed_id = 2 AND kind = ?3", values)
                .unwrap();
        }
        connection.execute("UPDATE heads SET digest = ?1 WHERE feed_id = 2", [forged.as_slice()]).unwrap();
    })
    .await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].2.contains("the journal's last head is"), "{found:?}");
    assert_ne!(digest_text(&forged), in_report.digest_text());
}

#[tokio::test]
async fn one_flipped_bit_anywhere_in_a_row_is_found() {
    let SqliteFixture { store, directory } = written().await;
    drop(store);
    let file = directory.path().join(FILE_NAME);
    let payload: Vec<u8> = Connection::open(&file)
        .unwrap()
        .query_row(
            "SELECT CAST(payload || digest AS BLOB) FROM log WHERE feed_id = 1 AND sequence = 3 AND kind = 4",
            [],
            |row| row.get(0),
        )
        .unwrap();
    let whole = std::fs::read(&file).unwrap();
    let places: Vec<usize> = (0..whole.len() - payload.len()).filter(|at| whole[*at..].starts_with(&payload)).collect();
    assert_eq!(places.len(), 1, "the row is in the file once");
    for bit in 0..payload.len() * 8 {
        let mut bytes = whole.clone();
        bytes[places[0] + bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&file, bytes).unwrap();
        let report = verify(&SqliteStore::open_for_reading(directory.path()).unwrap()).await;
        assert!(
            report.broken.iter().any(|broken| broken.sequence == 3 && broken.feed == "acd"),
            "bit {bit}: {report:?}"
        );
    }
    std::fs::write(&file, whole).unwrap();
    assert!(verify(&SqliteStore::open_for_reading(directory.path()).unwrap()).await.whole());
}

#[tokio::test]
async fn damage_anywhere_in_the_file_never_goes_through_as_other_rows() {
    let SqliteFixture { store, directory } = written().await;
    let expected = store.rows("uid-1", "acd", 0).await.unwrap();
    drop(store);
    let file = directory.path().join(FILE_NAME);
    let whole = std::fs::read(&file).unwrap();
    // A step that does not divide the size of a page, so that the places differ in kind.
    for place in (0..whole.len()).step_by(97) {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x10;
        std::fs::write(&file, bytes).unwrap();
        let Ok(store) = SqliteStore::open_for_reading(directory.path()) else { continue };
        let silent: crate::evidence::OnVerifyProgress = std::sync::Arc::new(|_| ());
        let verified = store.verify(silent).await.is_ok_and(|report| report.whole());
        let rows = store.rows("uid-1", "acd", 0).await;
        // A file that cannot be read says so, whatever else of it was verified.
        let said = rows.is_err() || rows.as_ref() == Ok(&expected);
        assert!(!verified || said, "byte {place}: verified, and the rows are {rows:?}");
    }
}
