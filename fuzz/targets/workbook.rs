//! Workbooks (.xlsx): archives of XML, whose sheets are tables.
#![no_main]

use std::sync::LazyLock;

use bpo_operator::api::feed::Feed;
use bpo_operator_fuzz::{check_body, feed};
use libfuzzer_sys::fuzz_target;

static FEEDS: LazyLock<[Feed; 2]> = LazyLock::new(|| {
    [
        r#"{"xlsx":{"sheet":"CSQ Interval","header":{"find":"CSQ Name"},"timeZone":"America/Chicago",
            "start":{"columns":["Interval Start Time"]},"end":{"columns":["Interval End Time"]},
            "labels":[{"name":"queue","column":"CSQ Name"}],
            "measures":[{"name":"offered","column":"Calls Presented"},{"name":"answered","column":"Calls Handled"},
              {"name":"handleSeconds","column":"Avg Handle Time","unit":"Days","of":"answered"}],
            "skipRows":[{"column":"CSQ Name","startsWith":"Total"}]}}"#,
        r#"{"xlsx":{"header":{"names":["day","time","queue","offered"]},"skipAfter":1,
            "start":{"columns":["day","time"],"format":"Serial"},"labels":[{"name":"queue","column":"queue"}],
            "measures":[{"name":"offered","column":"offered"}]}}"#,
    ]
    .map(feed)
});

fuzz_target!(|body: &[u8]| {
    for feed in FEEDS.iter() {
        check_body(feed, body);
    }
});
