//! XML, read as the same tree as JSON, and tables inside of it.
#![no_main]

use std::sync::LazyLock;

use bpo_operator::api::feed::Feed;
use bpo_operator_fuzz::{check_body, feed};
use libfuzzer_sys::fuzz_target;

static FEEDS: LazyLock<[Feed; 3]> = LazyLock::new(|| {
    [
        r#"{"xml":{"rows":"$.Envelope.Body.getReportResponse.interval[*]","start":"$['@from']",
            "labels":[{"name":"queue","path":"$.queue"}],
            "measures":[{"name":"offered","path":"$.offered"},{"name":"talkSeconds","path":"$.talk","unit":"ClockTime","absent":"Zero"}]}}"#,
        r#"{"xml":{"parents":[{"name":"group","path":"$.r.group[*]"}],"rows":"$.row[*]","interval":"$.interval",
            "labels":[{"name":"queue","in":"group","path":"$['@id']","names":{"7":"Billing"},"otherwise":"Reject"}],
            "measures":[{"name":"offered","sum":[{"path":"$.in"},{"path":"$.out","where":[{"path":"$.kind","oneOf":["a","b"]}]}]}]}}"#,
        r#"{"csv":{"text":"$.Envelope.Body.csv","start":{"columns":["Start"]},"measures":[{"name":"offered","column":"Offered"}]}}"#,
    ]
    .map(feed)
});

fuzz_target!(|body: &[u8]| {
    for feed in FEEDS.iter() {
        if let Some(page) = check_body(feed, body) {
            assert_eq!(page.rows.len() + page.rejected.len(), page.count, "a row was lost");
        }
    }
});
