//! From any bytes to the store: of a body that cannot be read no row counts, and of one that can be read all is kept or nothing.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use jiff::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseError, TestRunner};

use crate::api::feed::Feed;
use crate::evidence::sqlite::SqliteStore;
use crate::evidence::{Batch, EvidenceStore, FeedKey, StoreError};
use crate::feed::offline::checked_rows;

/// Formats, each with a body that they read.
static BODIES: LazyLock<[(Feed, &str); 3]> = LazyLock::new(|| {
    let feed = |format: &str| {
        let text = format!(r#"{{"name":"acd","url":"https://feeds.acme.example/v1"{format}}}"#);
        serde_json::from_str::<Feed>(&text).unwrap()
    };
    let json = r#","format":{"json":{"rows":"$[*]","start":"$.at","labels":[{"name":"queue","path":"$.queue"}],
        "measures":[{"name":"offered","path":"$.calls"},{"name":"answered","path":"$.share","unit":"Percent","of":"offered"}]}}"#;
    let csv = r#","format":{"csv":{"start":{"columns":["Start"]},"labels":[{"name":"queue","column":"Queue"}],
        "measures":[{"name":"offered","column":"Calls"},{"name":"talkSeconds","column":"Talk","unit":"ClockTime"}]}}"#;
    [
        (
            feed(""),
            r#"{"schema":"bpo-feed/v1","rows":[
                {"start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z","measures":{"offered":97},"revision":1},
                {"start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z","measures":{"offered":98},"revision":2},
                {"start":"2026-01-05T09:15:00Z","end":"2026-01-05T09:45:00Z","measures":{"offered":1}},
                {"start":"2026-01-05T09:30:00Z","end":"2026-01-05T10:00:00Z","measures":{"offered":1e16}}],"next":null}"#,
        ),
        (
            feed(json),
            r#"[{"at":"2026-01-05T09:00","queue":"a","calls":97,"share":"94.01%"},{"at":1767605400,"calls":12.50},
                {"at":"2026-10-25T01:30","calls":7},{"at":"2026-01-05T09:15","queue":"a","calls":3}]"#,
        ),
        (
            feed(csv),
            "Start,Queue,Calls,Talk\n2026-01-05T09:00,a,\"1,097\",0:02:14\n2026-01-05T09:30,a,80,:25\n2026-01-05T09:30,b,n/a,9:99\n",
        ),
    ]
});

/// The number of a format, and a body that it reads with a part cut out or written over; or mere bytes.
fn any_body() -> impl Strategy<Value = (usize, Vec<u8>)> {
    let spoiled = (0..BODIES.len(), any::<proptest::sample::Index>(), 0..12_usize, vec(any::<u8>(), 0..4)).prop_map(
        |(format, place, length, bytes)| {
            let mut body = BODIES[format].1.as_bytes().to_vec();
            let place = place.index(body.len());
            let end = body.len().min(place + length);
            body.splice(place..end, bytes);
            (format, body)
        },
    );
    // A digit or a sign in the place of another leaves most bodies readable.
    let altered = (0..BODIES.len(), vec((any::<proptest::sample::Index>(), "[-0-9:,.eTZ+]"), 1..4)).prop_map(
        |(format, changes)| {
            let mut body = BODIES[format].1.as_bytes().to_vec();
            for (place, letter) in changes {
                let digits: Vec<usize> = (0..body.len()).filter(|place| body[*place].is_ascii_digit()).collect();
                body[digits[place.index(digits.len())]] = letter.as_bytes()[0];
            }
            (format, body)
        },
    );
    let mere = (0..BODIES.len(), vec(any::<u8>(), 0..60));
    prop_oneof![3 => spoiled, 5 => altered, 1 => mere]
}

/// What no store can keep of a body that can be read.
#[derive(Clone, Copy, Debug)]
enum Poison {
    None,
    Receipt,
    LastRow,
}

#[test]
fn no_bytes_leave_a_part_of_a_body_in_the_store() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(directory.path()).unwrap();
    let numbers = std::cell::Cell::new(0_u32);
    let poison = prop_oneof![2 => Just(Poison::None), 1 => Just(Poison::Receipt), 1 => Just(Poison::LastRow)];
    let config = ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() };
    let counts = [std::cell::Cell::new(0), std::cell::Cell::new(0), std::cell::Cell::new(0)];
    let outcome = TestRunner::new(config).run(&(any_body(), poison), |((format, body), poison)| {
        let Ok(read) = checked_rows(&BODIES[format].0, "Europe/London", &body, None, Timestamp::MAX) else {
            counts[0].set(counts[0].get() + 1);
            return Ok(());
        };
        let number = numbers.replace(numbers.get() + 1);
        let mut batch = Batch {
            received_at: "2026-12-01T00:00:00Z".parse().unwrap(),
            body_digest: std::array::from_fn(|place| number.to_be_bytes()[place % 4]),
            url_host: None,
            backfill: false,
            plan: false,
            rows: read.rows,
            rejected: read.rejected,
            progress: None,
            state: Some("what the next fetch has to know".to_owned()),
        };
        match (poison, batch.rows.last_mut()) {
            (Poison::Receipt, _) => batch.received_at = Timestamp::MAX,
            (Poison::LastRow, Some(row)) => row.recorded_at = Some(Timestamp::MAX),
            _ => {}
        }
        let counts = if runtime.block_on(is_whole(&store, number, batch))? { &counts[1] } else { &counts[2] };
        counts.set(counts.get() + 1);
        Ok(())
    });
    outcome.unwrap();
    let [unreadable, kept, refused] = counts.map(std::cell::Cell::into_inner);
    assert!(unreadable > 50 && kept > 50 && refused > 50, "{unreadable} unreadable, {kept} kept, {refused} refused");
}

/// Commits a body to a feed of its own; says whether all of it was kept. Fails where a part was.
async fn is_whole(store: &SqliteStore, number: u32, batch: Batch) -> Result<bool, TestCaseError> {
    let (uid, name) = (format!("uid-{number}"), "acd");
    let key =
        FeedKey { contract_uid: uid.clone(), namespace: "bpo".into(), contract: "acme".into(), feed: name.into() };
    let offered = (batch.rows.len() + batch.rejected.len()) as u64;
    let outcome = store.commit(key, batch).await;
    let rows = store.rows(&uid, name, 0).await.unwrap();
    let rejected = store.rejected(&uid, name, 1_000).await.unwrap();
    let state = store.feed_state(&uid, name).await.unwrap();
    match outcome {
        Ok(report) => {
            let set_aside: u64 = report.rejected.values().sum();
            prop_assert_eq!(report.added + report.revised, rows.len() as u64);
            prop_assert_eq!(report.added + report.unchanged + report.superseded + set_aside, offered);
            prop_assert!(rejected.is_empty() == (set_aside == 0) && state.is_some());
            Ok(true)
        }
        Err(error) => {
            prop_assert!(matches!(error, StoreError::Invalid(_)), "{}", error);
            prop_assert!(rows.is_empty() && rejected.is_empty() && state.is_none());
            prop_assert_eq!(store.heads(&uid).await.unwrap(), BTreeMap::new());
            Ok(false)
        }
    }
}
