//! CSV exports, each read by the mappings of several telephone systems.
#![no_main]

use std::sync::LazyLock;

use bpo_operator::api::feed::Feed;
use bpo_operator::feed::format::WEIGHT;
use bpo_operator_fuzz::{check_body, feed};
use libfuzzer_sys::fuzz_target;

static FEEDS: LazyLock<[Feed; 4]> = LazyLock::new(|| {
    [
        r#"{"csv":{"start":{"columns":["Start"]},"labels":[{"name":"queue","column":"Queue"}],
            "measures":[{"name":"offered","column":"Calls"},{"name":"talkSeconds","column":"Talk","unit":"ClockTime"},
              {"name":"satisfied","column":"CSAT","unit":"Percent"}]}}"#,
        r#"{"csv":{"start":{"columns":["StartInterval"]},"end":{"columns":["EndInterval"]},"labels":[{"name":"queue","column":"Queue"}],
            "measures":[{"name":"offered","column":"Contacts queued"},{"name":"answered","column":"Contacts handled"},
              {"name":"abandoned","column":"Contacts abandoned"},
              {"name":"waitSeconds","column":"Average queue answer time","unit":"ClockTime","of":"answered"},
              {"name":"answeredWithin","column":"Service level 20 seconds","unit":"PercentText","of":"answered"}]}}"#,
        r#"{"csv":{"timeZone":"America/New_York","start":{"columns":["DATE","TIME"],"format":"%m/%d/%Y %I:%M %p"},
            "labels":[{"name":"queue","column":"SPLIT"}],
            "measures":[{"name":"answered","column":"ACD CALLS"},{"name":"abandoned","column":"ABAND CALLS"},
              {"name":"waitSeconds","column":"AVG SPEED ANS","unit":"ClockTime","of":"answered"}],
            "skipRows":[{"column":"TIME","equals":"SUMMARY"}]}}"#,
        r#"{"csv":{"delimiter":";","skipLines":3,"decimalComma":true,
            "start":{"columns":["Interval Start"],"format":"%d/%m/%Y %H:%M"},"end":{"columns":["Interval End"],"format":"%d/%m/%Y %H:%M"},
            "labels":[{"name":"queue","column":"Queue Name"},{"name":"site","value":"lille"}],
            "measures":[{"name":"offered","column":"Offered"},{"name":"answered","column":"Answered"},
              {"name":"waitSeconds","column":"ASA","unit":"Milliseconds","of":"answered"},
              {"name":"answeredWithin","column":"Service Level %","unit":"Percent","of":"answered"}],
            "skipRows":[{"column":"Queue Name","equals":"Total"}]}}"#,
    ]
    .map(feed)
});

fuzz_target!(|body: &[u8]| {
    for feed in FEEDS.iter() {
        let Some(page) = check_body(feed, body) else { continue };
        assert_eq!(page.rows.len() + page.rejected.len(), page.count, "a row was lost");
        let csv = feed.format.as_ref().and_then(|format| format.csv.as_ref()).expect("a mapping");
        let is_mapped = |name: &String| name == WEIGHT || csv.measures.iter().any(|measure| measure.name == *name);
        assert!(page.rows.iter().all(|row| row.measures.keys().all(is_mapped)));
    }
});
