//! Rows that are removed at the end of a contract's retention: what stays is whole, and what is changed is found.

use jiff::Timestamp;

use super::support::{
    Backend, Fixture, Place, at, body, feed, minute, offered, on_both_stores, queue, rejection, row, starting_within,
    verify,
};
use crate::evidence::bundle::{read_bundle, write_bundle};
use crate::evidence::{Batch, IncomingRow, RejectionReason, Removal, Removed, Summary, digest_text};

on_both_stores!(
    each_batch_leaves_a_whole_chain_the_same_head_and_the_rows_that_come_after,
    a_head_of_removed_rows_is_found_again_by_the_journal,
    rows_of_removed_years_are_set_aside_and_later_ones_are_taken,
    a_later_revision_of_a_removed_row_stays_with_its_labels_and_names,
    what_is_not_whole_is_not_removed,
    a_summary_that_was_changed_is_found,
    rows_are_deleted_through_a_summary_alone,
    a_bundle_goes_on_from_the_summaries_and_a_changed_one_is_found,
);

/// Minutes from the first row back to the new year.
const NEW_YEAR: i64 = -(4 * 24 + 9) * 60;

/// The first instant of 2026, where the rows of 2025 end.
fn new_year() -> Timestamp {
    at("2026-01-01T00:00:00Z")
}

/// A row of 2025, by how many half-hours it starts before the new year.
fn old(half_hours: i64, value: i64) -> IncomingRow {
    row(NEW_YEAR - half_hours * 30, value)
}

/// Three bodies: 6 rows of 2025 in two of them, then a late correction of one of those among 3 rows of 2026.
async fn written(backend: Backend) -> Fixture {
    let fixture = Fixture::new(backend);
    fixture.commit(body(100, vec![old(6, 1), old(5, 2), queue(old(5, 3), "sales"), old(4, 4)])).await;
    fixture.commit(body(110, vec![old(3, 5), old(2, 6)])).await;
    fixture.commit(body(120, vec![row(0, 7), old(5, 8), row(30, 9)])).await;
    fixture
}

fn of_2025(most: u64) -> Removal {
    Removal { year: 2025, before: Some(new_year()), most }
}

const ALL: Removal = Removal { year: 2026, before: None, most: 1_000 };

async fn remove(fixture: &Fixture, removal: Removal) -> Removed {
    fixture.store.remove_rows(feed("acd"), removal, minute(1_000)).await.unwrap()
}

async fn summaries(fixture: &Fixture) -> Vec<Summary> {
    fixture.store.summaries("uid-1", "acd").await.unwrap()
}

async fn each_batch_leaves_a_whole_chain_the_same_head_and_the_rows_that_come_after(backend: Backend) {
    let mut kept = Vec::new();
    for most in [1, 2, 4, 100] {
        let fixture = written(backend).await;
        let (all, heads) = (fixture.offered().await, fixture.store.heads("uid-1").await.unwrap());
        // Which one of a body's rows comes first is the body's matter.
        assert_eq!(all[..6], [1, 2, 3, 4, 5, 6]);
        let mut count = 0;
        loop {
            let removed = remove(&fixture, of_2025(most)).await;
            count += usize::try_from(removed.rows).unwrap();
            assert_eq!(fixture.offered().await, all[count..], "{most}");
            let report = fixture.verify().await;
            assert!(report.whole(), "{most}: {:?}", report.broken);
            assert_eq!(fixture.store.heads("uid-1").await.unwrap(), heads);
            let whole = starting_within(&*fixture.store, Timestamp::MIN, Timestamp::MAX).await.unwrap();
            assert_eq!(offered(&whole), all[count..], "{most}");
            if removed.is_done {
                break;
            }
        }
        let again = remove(&fixture, of_2025(most)).await;
        assert_eq!((again, count), (Removed { rows: 0, is_done: true }, 6), "the correction is behind a row of 2026");
        kept.push(summaries(&fixture).await);
        let fixture = fixture.restart();
        assert_eq!(remove(&fixture, ALL).await, Removed { rows: 3, is_done: true });
        assert!(fixture.offered().await.is_empty() && fixture.verify().await.whole());
        assert!(fixture.store.log("uid-1", "acd", i64::MAX).await.unwrap().is_empty(), "labels and names are gone too");
        let found = summaries(&fixture).await;
        let places: Vec<_> = found.iter().map(|summary| (summary.year, summary.first, summary.last)).collect();
        assert_eq!(places, [(2025, 1, 6), (2026, 7, 9)]);
        assert_eq!(found.last().unwrap().head(), heads["acd"]);
        assert_eq!(fixture.store.heads("uid-1").await.unwrap(), heads);
        let report = fixture.verify().await;
        let summarised: Vec<_> = report.summarised.iter().map(|found| (found.years.clone(), found.rows)).collect();
        assert_eq!(summarised, [(vec![2025, 2026], 9)]);
        let earlier = remove(&fixture, of_2025(most)).await;
        assert_eq!(earlier, Removed { rows: 0, is_done: true }, "a year is not removed after a later one");
    }
    assert!(kept.windows(2).all(|pair| pair[0] == pair[1]), "a summary does not depend on its batches: {kept:?}");
    let other = written(if backend == Backend::Sqlite { Backend::Postgres } else { Backend::Sqlite }).await;
    remove(&other, of_2025(3)).await;
    remove(&other, of_2025(3)).await;
    assert_eq!(summaries(&other).await, kept[0], "both stores have the same summaries");
}

async fn a_head_of_removed_rows_is_found_again_by_the_journal(backend: Backend) {
    let fixture = written(backend).await;
    let digest = async |sequence| fixture.store.digest_at("uid-1", "acd", sequence).await.unwrap();
    let mut before = Vec::new();
    for sequence in [4, 6, 9] {
        before.push((sequence, digest(sequence).await));
    }
    assert!(before.iter().all(|(_, digest)| digest.is_some()));
    for removal in [of_2025(5), of_2025(5), ALL] {
        remove(&fixture, removal).await;
        for (sequence, expected) in &before {
            assert_eq!(digest(*sequence).await, *expected, "{sequence}");
        }
        assert_eq!(digest(10).await, None);
    }
    assert_eq!(digest(3).await, None, "no report ends inside a body");
}

async fn rows_of_removed_years_are_set_aside_and_later_ones_are_taken(backend: Backend) {
    let fixture = written(backend).await;
    remove(&fixture, of_2025(100)).await;
    let late = fixture.commit(body(130, vec![old(9, 10), old(6, 11), row(60, 12)])).await;
    let beyond = |count| [(RejectionReason::BeyondRetention, count)].into();
    assert_eq!((late.added, late.revised, late.rejected), (1, 0, beyond(2)));
    let corrected = fixture.commit(body(140, vec![row(0, 13)])).await;
    assert_eq!((corrected.added, corrected.revised), (0, 1));
    assert!(fixture.verify().await.whole());
    remove(&fixture, ALL).await;
    let last = fixture.commit(body(150, vec![row(0, 14), row(9_000, 15)])).await;
    assert_eq!((last.added, last.revised, last.rejected), (0, 0, beyond(2)));
    let set_aside = fixture.store.rejected("uid-1", "acd", 10).await.unwrap();
    assert_eq!(set_aside.iter().filter(|row| row.reason == "BeyondRetention").count(), 4);
    assert!(fixture.verify().await.whole());
}

async fn a_later_revision_of_a_removed_row_stays_with_its_labels_and_names(backend: Backend) {
    let fixture = written(backend).await;
    remove(&fixture, of_2025(100)).await;
    let rows = fixture.store.rows("uid-1", "acd", 0).await.unwrap();
    let corrected = rows.iter().find(|row| row.start < new_year()).unwrap();
    assert_eq!((corrected.revision, corrected.labels["queue"].as_str()), (2, "billing"));
    let within = starting_within(&*fixture.store, Timestamp::MIN, new_year()).await.unwrap();
    assert_eq!(within, std::slice::from_ref(corrected), "what it replaced is not looked for");
    let known = fixture.store.as_known_on("uid-1", "acd", Timestamp::MAX).await.unwrap();
    assert_eq!(known, rows);
}

/// Changes what is stored, past all triggers.
async fn changed(fixture: Fixture, statements: &str) -> Fixture {
    match &fixture.place {
        Place::Database(database) => {
            let statements = in_schema(statements);
            database.execute(&format!("SET session_replication_role = replica; {statements}"));
            fixture
        }
        Place::Directory(directory) => {
            let path = directory.path().join(crate::evidence::sqlite::FILE_NAME);
            let Fixture { store, place } = fixture;
            drop(store);
            let connection = rusqlite::Connection::open(path).unwrap();
            connection
                .execute_batch(
                    "DROP TRIGGER log_is_not_edited; DROP TRIGGER log_is_not_cut; DROP TRIGGER newest_is_not_cut;
                     DROP TRIGGER journal_is_not_edited",
                )
                .unwrap();
            connection.execute_batch(statements).unwrap();
            drop(connection);
            Fixture { store: place.open().unwrap(), place }
        }
    }
}

/// The same statements for the tables of a database.
fn in_schema(statements: &str) -> String {
    let tables = ["summaries", "log ", "journal ", "newest "];
    tables.iter().fold(statements.to_owned(), |text, table| text.replace(table, &format!("bpo_evidence.{table}")))
}

async fn what_is_not_whole_is_not_removed(backend: Backend) {
    let fixture = written(backend).await;
    let fixture = changed(fixture, "UPDATE log SET kind = 3 WHERE sequence = 2 AND kind = 4").await;
    let refused = fixture.store.remove_rows(feed("acd"), of_2025(100), minute(1_000)).await.unwrap_err();
    assert!(refused.to_string().contains("what is not whole is not removed"), "{refused}");
    assert!(fixture.store.healthy() && summaries(&fixture).await.is_empty());
}

async fn a_summary_that_was_changed_is_found(backend: Backend) {
    let cases = [
        (
            "another digest",
            "UPDATE summaries SET content = replace(content, '\"digest\":\"sha256:', '\"digest\":\"sha256:0')",
            "cannot be read",
        ),
        (
            "another head",
            "UPDATE summaries SET content = replace(content, '\"last\":6', '\"last\":5')",
            "not those of the journal",
        ),
        (
            "another year",
            "UPDATE summaries SET content = replace(content, '\"year\":2025', '\"year\":2024')",
            "not those of the journal",
        ),
        ("a deleted summary", "DELETE FROM summaries", "not those of the journal"),
        ("a row after it", "DELETE FROM log WHERE sequence = 7", "rows 7 to 7 are missing"),
        ("labels before it", "DELETE FROM log WHERE kind = 1 AND sequence < 7", "not those of their summary"),
        (
            "an edited entry of the journal",
            "UPDATE journal SET content = replace(content, '\"year\":2025', '\"year\":2024') WHERE topic = 'summary'",
            "digest does not follow",
        ),
        (
            "the summary and its entry of the journal",
            "UPDATE summaries SET content = replace(content, '\"last\":6', '\"last\":5');
             UPDATE journal SET content = replace(content, '\"last\":6', '\"last\":5') WHERE topic = 'summary'",
            "digest does not follow",
        ),
    ];
    for (name, change, what) in cases {
        let fixture = written(backend).await;
        remove(&fixture, of_2025(100)).await;
        assert!(fixture.verify().await.whole(), "{name}");
        let fixture = changed(fixture, change).await;
        let reader = fixture.place.open_for_reading().unwrap();
        let found = verify(&*reader).await.broken;
        assert!(found.iter().any(|broken| broken.what.contains(what)), "{name}: {found:?}");
    }
}

async fn rows_are_deleted_through_a_summary_alone(backend: Backend) {
    let fixture = written(backend).await;
    remove(&fixture, of_2025(100)).await;
    let refused = match &fixture.place {
        Place::Database(database) => super::server::shared().session(&database.name, |client| {
            let refused =
                |text: &str| client.batch_execute(text).unwrap_err().as_db_error().unwrap().message().to_owned();
            ["DELETE FROM bpo_evidence.log", "DELETE FROM bpo_evidence.newest"].map(refused).to_vec()
        }),
        Place::Directory(directory) => {
            let path = directory.path().join(crate::evidence::sqlite::FILE_NAME);
            let connection = rusqlite::Connection::open(path).unwrap();
            let refused = |text: &str| connection.execute_batch(text).unwrap_err().to_string();
            ["DELETE FROM log", "DELETE FROM newest"].map(refused).to_vec()
        }
    };
    assert!(refused.iter().all(|said| said.contains("append-only")), "{refused:?}");
}

async fn a_bundle_goes_on_from_the_summaries_and_a_changed_one_is_found(backend: Backend) {
    let fixture = written(backend).await;
    let rejected = vec![rejection(RejectionReason::Malformed, "line 3")];
    fixture.commit(Batch { rejected, ..body(125, Vec::new()) }).await;
    remove(&fixture, of_2025(100)).await;
    let mut bytes = Vec::new();
    write_bundle(&*fixture.store, &feed("acd"), (Timestamp::MIN, Timestamp::MAX), &mut bytes).await.unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.starts_with("{\"schema\":\"bpo-evidence-bundle/v3\""), "{text}");
    let whole = read_bundle(text.as_bytes()).unwrap();
    assert!(whole.report.whole(), "{:?}", whole.report.broken);
    assert_eq!(whole.rows["acd"], fixture.store.rows("uid-1", "acd", 0).await.unwrap());
    assert_eq!(whole.summaries["acd"], summaries(&fixture).await);
    assert_eq!(whole.report.summarised[0].rows, 6);
    let head = digest_text(&summaries(&fixture).await[0].head);
    for (name, other, what) in [
        ("the head", text.replace(&head, &digest_text(&[7; 32])), "does not follow"),
        ("the first row", text.replace("\"first\":1", "\"first\":2"), "does not follow from what is before it"),
        ("labels", text.replace("\"kind\":1", "\"kind\":2"), "not those of their summary"),
        (
            "no summary",
            text.lines().filter(|line| !line.contains("\"summary\"")).collect::<Vec<_>>().join("\n"),
            "row 1 is expected",
        ),
    ] {
        let found = read_bundle(other.as_bytes()).unwrap().report.broken;
        assert!(found.iter().any(|broken| broken.what.contains(what)), "{name}: {found:?}");
    }
    remove(&fixture, ALL).await;
    let mut bytes = Vec::new();
    write_bundle(&*fixture.store, &feed("acd"), (Timestamp::MIN, Timestamp::MAX), &mut bytes).await.unwrap();
    let empty = read_bundle(&*bytes).unwrap();
    assert!(empty.report.whole() && empty.rows.is_empty(), "{:?}", empty.report.broken);
}
