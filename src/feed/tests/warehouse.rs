//! The recipe for PostgREST, through the fetcher, against a server that answers from a view of a real PostgreSQL as PostgREST does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rust_decimal::Decimal;
use url::Url;

use super::platforms::ask_in;
use super::recipes::feed_of;
use super::server::{Asked, Reply, Server};
use crate::evidence::IncomingRow;
use crate::feed::time_window::Window;
use crate::outbound::credentials::tests::MemorySource;
use crate::outbound::error::FailureKind;
use crate::postgres_server::Server as Postgres;

/// Calls of two queues, 13 days and one hour more, and a view that counts them by half hours. Of every three calls of a half hour the
/// first waits 10 s, the second 25 s, and the third hangs up. The database shows times as in Manila.
const SCHEMA: &str = "
CREATE TABLE calls (queue text NOT NULL, site text NOT NULL, started timestamptz NOT NULL, waited int, handled int);
INSERT INTO calls
SELECT queue, 'cebu', slot + number * interval '1 minute',
       CASE WHEN number % 3 < 2 THEN 10 + 15 * (number % 3) END, CASE WHEN number % 3 < 2 THEN 200 + number END
FROM generate_series(timestamptz '2026-01-05T00:00:00Z', '2026-01-18T00:30:00Z', '30 minutes') slot,
     unnest(ARRAY['Billing', 'Returns']) queue, generate_series(0, CASE queue WHEN 'Billing' THEN 4 ELSE 2 END) number;
CREATE VIEW intervals AS
SELECT date_bin('30 minutes', started, '2026-01-01T00:00:00Z') AS started_at,
       date_bin('30 minutes', started, '2026-01-01T00:00:00Z') + interval '30 minutes' AS ended_at, queue, site,
       count(*) AS offered, count(waited) AS answered, count(*) FILTER (WHERE waited <= 20) AS answered_within_20,
       coalesce(sum(handled), 0) AS handle_seconds
FROM calls GROUP BY 1, 2, 3, 4;
CREATE ROLE reader;
GRANT SELECT ON intervals TO reader;
ALTER DATABASE postgres SET timezone = 'Asia/Manila';
";

/// A page of a view as PostgREST reads it: the filters of the query are cast to the columns' types.
const PAGE: &str = "SELECT coalesce(json_agg(page), '[]')::text FROM (
    SELECT * FROM intervals WHERE started_at >= $1::text::timestamptz AND ended_at <= $2::text::timestamptz
    ORDER BY started_at, queue LIMIT $3 OFFSET $4) page";

/// What PostgREST answers: a page of the view as JSON, and errors with their status.
fn answer(postgres: &Postgres, asked: &Asked) -> Reply {
    if asked.header("authorization").as_deref() != Some("Bearer canary-token") {
        return Reply::answer("401 Unauthorized", &[], r#"{"message":"JWT invalid"}"#);
    }
    let url = Url::parse(&format!("http://postgrest{}", asked.target)).unwrap();
    let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    let text = |name: &str, operator: &str| query.get(name)?.strip_prefix(operator).map(str::to_owned);
    let number = |name: &str| query.get(name)?.parse::<i64>().ok();
    let parts = (text("started_at", "gte."), text("ended_at", "lte."), text("order", "started_at,queue"));
    let (Some(since), Some(until), Some(_)) = parts else {
        return Reply::answer("400 Bad Request", &[], format!("{query:?}"));
    };
    let (limit, offset) = (number("limit").unwrap_or(i64::MAX), number("offset").unwrap_or(0));
    let page = postgres.session("postgres", |client| -> Result<String, postgres::Error> {
        client.batch_execute("SET ROLE reader")?;
        Ok(client.query_one(PAGE, &[&since, &until, &limit, &offset])?.get(0))
    });
    match page {
        Ok(rows) => Reply::json(rows),
        Err(error) => Reply::answer("400 Bad Request", &[], error.to_string()),
    }
}

/// A PostgreSQL with the view, and a server that answers from it.
async fn warehouse() -> (Arc<Postgres>, Server) {
    let postgres = Arc::new(Postgres::start("", &[]));
    postgres.execute("postgres", SCHEMA);
    let asked = Arc::clone(&postgres);
    let server = Server::start(move |request| answer(&asked, request)).await;
    (postgres, server)
}

fn secret(server: &Server, token: &str) -> MemorySource {
    let source = MemorySource::default();
    source.put("team", "warehouse", &server.address.to_string(), &[("token", token)]);
    source
}

fn window() -> Window {
    Window { since: "2026-01-05T00:00:00Z".parse().unwrap(), until: "2026-01-18T00:00:00Z".parse().unwrap() }
}

fn sum(rows: &[IncomingRow], measure: &str) -> Decimal {
    rows.iter().map(|row| row.measures[measure]).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_view_of_a_real_database_is_read_page_by_page_into_what_the_database_itself_counts() {
    let (postgres, server) = warehouse().await;
    let mut feed = feed_of("postgrest");
    feed.url = server.url("/intervals");
    let body = ask_in("UTC", &feed, &secret(&server, "canary-token"), window()).await.unwrap();
    // Thirteen days of half hours of two queues are more than a page of 1,000.
    assert_eq!((body.rows.len(), body.rejected.len(), body.pages), (13 * 48 * 2, 0, 2));
    let keys: BTreeSet<String> = body.rows.iter().map(|row| format!("{} {:?}", row.start, row.labels)).collect();
    assert_eq!(keys.len(), body.rows.len(), "no page repeats a row");
    let first = body.rows.iter().find(|row| row.labels["queue"] == "Billing").unwrap();
    let figures: Vec<String> =
        first.measures.iter().map(|(name, value)| format!("{name} {}", value.normalize())).collect();
    assert_eq!(
        (first.start.to_string(), first.end.to_string(), figures.join(", ")),
        (
            "2026-01-05T00:00:00Z".to_owned(),
            "2026-01-05T00:30:00Z".to_owned(),
            "answered 4, answeredWithin 2, handleSeconds 808, offered 5".to_owned()
        )
    );
    let counted = "SELECT count(*), count(waited), count(*) FILTER (WHERE waited <= 20), sum(handled) FROM calls
                   WHERE started >= '2026-01-05T00:00:00Z' AND started < '2026-01-18T00:00:00Z'";
    let row = postgres.session("postgres", |client| client.query_one(counted, &[]).unwrap());
    for (place, measure) in ["offered", "answered", "answeredWithin", "handleSeconds"].into_iter().enumerate() {
        assert_eq!(sum(&body.rows, measure), Decimal::from(row.get::<_, i64>(place)), "{measure}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_of_the_database_or_of_its_door_is_no_empty_answer() {
    let (postgres, server) = warehouse().await;
    let mut feed = feed_of("postgrest");
    feed.url = server.url("/intervals");
    let error = ask_in("UTC", &feed, &secret(&server, "canary-other"), window()).await.unwrap_err();
    assert_eq!(error.kind, FailureKind::Auth, "{}", error.message);
    postgres.execute("postgres", "REVOKE SELECT ON intervals FROM reader");
    let error = ask_in("UTC", &feed, &secret(&server, "canary-token"), window()).await.unwrap_err();
    assert!(!matches!(error.kind, FailureKind::Auth) && error.message.contains("400"), "{}", error.message);
    assert!(!error.message.contains("canary"), "{}", error.message);
}
