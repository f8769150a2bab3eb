//! Terms are kept once by their digest, whatever closes under them.

use super::journal::terms;
use super::server::shared;
use super::support::{Backend, Fixture, Place, feed, minute, on_both_stores};
use crate::domain::terms::contract_terms::Terms;
use crate::evidence::bundle::{read_bundle, write_bundle};
use crate::evidence::sqlite::FILE_NAME;
use crate::evidence::{EvidenceStore, StoreError};

on_both_stores!(
    periods_that_close_under_the_same_terms_keep_them_once_and_a_change_keeps_one_more,
    terms_that_somebody_changed_are_found_and_a_text_of_another_digest_is_not_read,
    a_bundle_has_the_terms_of_each_closing_whole,
);

/// Terms of some kilobytes.
fn large(vendor: &str) -> Terms {
    terms(&format!("{vendor} {}", "and partners ".repeat(400)))
}

fn text_of(terms: &Terms) -> i64 {
    i64::try_from(serde_json::to_string(terms).unwrap().len()).unwrap()
}

async fn close(store: &dyn EvidenceStore, uid: &str, periods: std::ops::Range<i64>, terms: &Terms) {
    for period in periods {
        let recorded = store.record_closing(
            uid.to_owned(),
            format!("period-{period}"),
            terms.clone(),
            minute(period),
            minute(100 + period),
        );
        assert!(recorded.await.unwrap(), "{period}");
    }
}

/// How many terms are kept, the bytes of their texts, and those of the contents of the journal.
async fn stored(place: &Place) -> [i64; 3] {
    let statements = [
        "SELECT count(*) FROM terms",
        "SELECT coalesce(sum(length(content)), 0) FROM terms",
        "SELECT coalesce(sum(length(content)), 0) FROM journal",
    ];
    match place {
        Place::Directory(directory) => {
            let connection = rusqlite::Connection::open(directory.path().join(FILE_NAME)).unwrap();
            statements.map(|statement| connection.query_row(statement, [], |row| row.get(0)).unwrap())
        }
        Place::Database(database) => shared().session(&database.name, |client| {
            client.batch_execute("SET search_path = bpo_evidence").unwrap();
            statements.map(|statement| client.query_one(statement, &[]).unwrap().get::<_, i64>(0))
        }),
    }
}

async fn periods_that_close_under_the_same_terms_keep_them_once_and_a_change_keeps_one_more(backend: Backend) {
    let fixture = Fixture::new(backend);
    let (first, second) = (large("Acme"), large("Other"));
    let one = text_of(&first);
    // Each: contract, periods that close, under which terms; then how many terms are kept, and bytes of their texts.
    let steps = [
        ("terms in force alone", "uid-1", 0..0, &first, [1, one]),
        ("60 periods under them", "uid-1", 0..60, &first, [1, one]),
        ("60 more of another contract with the same terms", "uid-2", 0..60, &first, [1, one]),
        ("a changed term", "uid-1", 60..61, &second, [2, one + text_of(&second)]),
        ("a period under the first ones again", "uid-1", 61..62, &first, [2, one + text_of(&second)]),
    ];
    for (step, uid, periods, terms, expected) in steps {
        fixture.store.record_terms(uid.to_owned(), terms.clone(), minute(periods.start)).await.unwrap();
        close(&*fixture.store, uid, periods, terms).await;
        let [kept, bytes, journal] = stored(&fixture.place).await;
        assert_eq!([kept, bytes], expected, "{step}");
        // Of each entry the journal has an instant and a digest: 122 closings and a few terms are less than four times the terms.
        assert!(journal < 4 * one, "{step}: {journal} bytes in the journal, {one} of terms");
    }
    let fixture = fixture.restart();
    let closings = fixture.store.closings("uid-1").await.unwrap();
    assert_eq!(closings.len(), 62);
    for (period, terms) in &closings {
        let (expected, example) = if period == "period-60" { (&second, "period-60") } else { (&first, "period-0") };
        assert!(**terms == *expected && terms.is_one_with(&closings[example]), "{period}");
    }
    let history = fixture.store.terms_history("uid-1").await.unwrap();
    assert_eq!(history.iter().map(|recorded| recorded.terms == first).collect::<Vec<_>>(), [true, false, true]);
    assert!(!fixture.store.record_terms("uid-1".to_owned(), first, minute(999)).await.unwrap(), "nothing has changed");
    let verified = fixture.verify().await;
    assert!(verified.whole(), "{:?}", verified.broken);
    assert_eq!(verified.journal_entries, 126);
}

/// Changes what is stored, past all triggers.
fn changed(fixture: Fixture, statements: &str) -> Fixture {
    let Fixture { store, place } = fixture;
    match &place {
        Place::Database(database) => {
            database.execute(&format!(
                "SET session_replication_role = replica; SET search_path = bpo_evidence; {statements}"
            ));
            Fixture { store, place }
        }
        Place::Directory(directory) => {
            drop(store);
            let connection = rusqlite::Connection::open(directory.path().join(FILE_NAME)).unwrap();
            let unlock = "DROP TRIGGER journal_is_not_edited; DROP TRIGGER terms_are_not_edited; DROP TRIGGER terms_are_not_cut;";
            connection.execute_batch(&format!("{unlock} {statements}")).unwrap();
            drop(connection);
            Fixture { store: place.open().unwrap(), place }
        }
    }
}

async fn terms_that_somebody_changed_are_found_and_a_text_of_another_digest_is_not_read(backend: Backend) {
    let zeros = format!("sha256:{}", "0".repeat(64));
    let does_not_follow = "digest does not follow";
    // Each: what is changed, what a verification says, whether the closings can be read, and whether a period closes under the same terms.
    let cases = [
        (
            "another text",
            "UPDATE terms SET content = replace(content, 'Acme', 'Evil')".to_owned(),
            vec!["have another digest", does_not_follow],
            [false, false],
        ),
        ("no text", "DELETE FROM terms".to_owned(), vec!["are missing", does_not_follow], [false, true]),
        (
            "another text under a digest that is not its own",
            format!(
                "UPDATE journal SET content = replace(content, terms, '{zeros}'), terms = '{zeros}' WHERE topic = 'closing' AND name = 'period-0';
                 INSERT INTO terms SELECT '{zeros}', replace(content, 'Acme', 'Evil') FROM terms WHERE content LIKE '%Acme%'"
            ),
            vec!["have another digest", does_not_follow],
            [false, true],
        ),
        (
            "a reference to other terms",
            "UPDATE journal SET content = replace(content, terms, (SELECT digest FROM terms WHERE content LIKE '%Other%')),
               terms = (SELECT digest FROM terms WHERE content LIKE '%Other%')
             WHERE topic = 'closing' AND name = 'period-0'"
                .to_owned(),
            vec![does_not_follow],
            [true, true],
        ),
        (
            "a reference that the content does not show",
            "UPDATE journal SET content = '{}' WHERE topic = 'closing'".to_owned(),
            vec![does_not_follow],
            [false, true],
        ),
        (
            "a digest that refers to nothing",
            "UPDATE journal SET terms = NULL WHERE topic = 'closing'".to_owned(),
            vec![does_not_follow],
            [false, true],
        ),
    ];
    for (case, statements, expected, [are_read, is_taken]) in cases {
        let fixture = Fixture::new(backend);
        close(&*fixture.store, "uid-1", 0..2, &large("Acme")).await;
        close(&*fixture.store, "uid-2", 0..1, &large("Other")).await;
        assert!(fixture.verify().await.whole(), "{case}");
        let fixture = changed(fixture, &statements);
        let found = fixture.verify().await.broken;
        for what in expected {
            assert!(found.iter().any(|broken| broken.sequence == 1 && broken.what.contains(what)), "{case}: {found:?}");
        }
        let read = fixture.store.closings("uid-1").await;
        assert_eq!(read.is_ok(), are_read, "{case}");
        assert!(read.is_ok() || matches!(read, Err(StoreError::Unreadable(_))), "{case}: {:?}", read.err());
        let next = fixture.store.record_terms("uid-1".to_owned(), large("Acme"), minute(500)).await;
        assert_eq!(next.is_ok(), is_taken, "{case}: {next:?}");
        // It is the matter of this contract, and stops nobody else.
        assert!(fixture.store.healthy(), "{case}: {:?}", fixture.store.fault());
    }
}

async fn a_bundle_has_the_terms_of_each_closing_whole(backend: Backend) {
    let fixture = Fixture::new(backend);
    let acme = large("Acme");
    fixture.store.record_terms("uid-1".to_owned(), acme.clone(), minute(0)).await.unwrap();
    close(&*fixture.store, "uid-1", 0..3, &acme).await;
    let mut bytes = Vec::new();
    write_bundle(&*fixture.store, &feed("acd"), (minute(0), minute(60)), &mut bytes).await.unwrap();
    let text = String::from_utf8(bytes.clone()).unwrap();
    let whole = serde_json::to_string(&acme).unwrap();
    assert_eq!(
        text.lines().filter(|line| line.contains(&whole)).count(),
        4,
        "a version of the terms and three closings"
    );
    let bundle = read_bundle(&*bytes).unwrap();
    assert!(bundle.report.whole(), "{:?}", bundle.report.broken);
    assert_eq!(bundle.closings, fixture.store.closings("uid-1").await.unwrap());
    assert!(bundle.closings.values().all(|terms| terms.is_one_with(&bundle.closings["period-0"])));
}
