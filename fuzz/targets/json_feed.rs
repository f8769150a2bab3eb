//! JSON of any shape, read by the JSONPaths of several mappings.
#![no_main]

use std::sync::LazyLock;

use bpo_operator::api::feed::Feed;
use bpo_operator::feed::format::WEIGHT;
use bpo_operator_fuzz::{check_body, feed};
use libfuzzer_sys::fuzz_target;

static FEEDS: LazyLock<[Feed; 3]> = LazyLock::new(|| {
    [
        r#"{"json":{"rows":"$.results[*]","start":"$.interval.from","end":"$.interval.to",
            "labels":[{"name":"queue","path":"$.queueName"},{"name":"site","value":"cebu"}],
            "measures":[{"name":"offered","path":"$.stats.offered"},{"name":"answered","path":"$.stats.answered"},
              {"name":"handleSeconds","path":"$.stats.tHandle","unit":"Milliseconds"},
              {"name":"answeredWithin","path":"$.sl","unit":"PercentText","of":"answered"}]}}"#,
        r#"{"json":{"rows":"$[*]","start":"$.at","timeZone":"America/New_York",
            "measures":[{"name":"offered","path":"$.calls"},{"name":"waitSeconds","path":"$.wait","unit":"ClockTime"},
              {"name":"satisfied","path":"$.share","unit":"BasisPoints"}]}}"#,
        r#"{"json":{"rows":"$.rows[?@.measures]","start":"$.start","end":"$.end","labels":[{"name":"queue","path":"$.labels.queue"}],
            "measures":[{"name":"offered","path":"$.measures.offered"},{"name":"talkSeconds","path":"$.measures.talk","unit":"IsoDuration"},
              {"name":"answered","path":"$.measures.share","unit":"Fraction","of":"offered"}]}}"#,
    ]
    .map(feed)
});

fuzz_target!(|body: &[u8]| {
    for feed in FEEDS.iter() {
        let Some(page) = check_body(feed, body) else { continue };
        assert_eq!(page.rows.len() + page.rejected.len(), page.count, "a row was lost");
        let json = feed.format.as_ref().and_then(|format| format.json.as_ref()).expect("a mapping");
        let is_mapped = |name: &String| name == WEIGHT || json.measures.iter().any(|measure| measure.name == *name);
        assert!(page.rows.iter().all(|row| row.measures.keys().all(is_mapped)));
    }
});
