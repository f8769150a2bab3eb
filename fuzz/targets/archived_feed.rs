//! Answers that are packed with gzip or ZIP: what they hold is read as what it is.
#![no_main]

use std::sync::LazyLock;

use bpo_operator::api::feed::Feed;
use bpo_operator_fuzz::{check_body, feed};
use libfuzzer_sys::fuzz_target;

static FEEDS: LazyLock<[Feed; 4]> = LazyLock::new(|| {
    [
        r#"{"unpack":"Zip","csv":{"header":{"row":1},"skipAfter":2,"start":{"columns":["RecordedDate"],"format":"%Y-%m-%d %H:%M:%S"},
            "measures":[{"name":"surveyResponses","column":"Finished"}]}}"#,
        r#"{"unpack":"Zip","json":{"rows":"$[*]","start":"$.at","measures":[{"name":"offered","path":"$.n"}]}}"#,
        r#"{"unpack":"Gzip","csv":{"start":{"columns":["Start"]},"measures":[{"name":"offered","column":"Offered"}]}}"#,
        r#"{"unpack":"Gzip","xml":{"rows":"$.r.row[*]","start":"$['@at']","measures":[{"name":"offered","path":"$.n"}]}}"#,
    ]
    .map(feed)
});

fuzz_target!(|body: &[u8]| {
    for feed in FEEDS.iter() {
        check_body(feed, body);
    }
});
