//! Pages of the native format `bpo-feed/v1`.
#![no_main]

use bpo_operator::feed::format::native::{WrittenRowOutcome, parse, read_all};
use bpo_operator_fuzz::{check_body, check_error};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let feed = serde_json::from_str(r#"{"name":"acd","url":"https://feeds.acme.example/v1"}"#).expect("a feed");
    let page = check_body(&feed, body);
    if let Some(page) = &page {
        assert_eq!(page.rows.len() + page.rejected.len(), page.count, "a row was lost");
        // No figure is larger than an honest one: nothing was multiplied here.
        let values = page.rows.iter().flat_map(|row| row.measures.values());
        values.for_each(|value| assert!(value.abs() <= 1_000_000_000_000_000_i64.into(), "{value}"));
    }
    let zone = jiff::tz::TimeZone::UTC;
    // A report on a page names every row, and the same ones each time.
    match read_all(body, None, &zone) {
        Err(error) => {
            check_error(&error);
            assert!(page.is_none());
        }
        Ok((outcomes, rest)) => {
            let broken = outcomes.iter().any(|outcome| matches!(outcome, WrittenRowOutcome::Broken(_)));
            assert_eq!(broken, page.is_none());
            if let Some(page) = page {
                assert_eq!((outcomes.len(), rest.next), (page.count, page.next));
            }
        }
    }
    for other in ["text/html", "application/xml"] {
        assert!(parse(body, Some(other), &zone).is_err());
    }
});
