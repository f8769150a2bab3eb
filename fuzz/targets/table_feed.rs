//! Tables of other dialects: encodings, headers that are found or given, short lines, a last line that is cut, lists of lists.
#![no_main]

use std::sync::LazyLock;

use bpo_operator::api::feed::Feed;
use bpo_operator_fuzz::{check_body, feed};
use libfuzzer_sys::fuzz_target;

static FEEDS: LazyLock<[Feed; 5]> = LazyLock::new(|| {
    [
        r#"{"csv":{"delimiter":"|","header":{"names":["at","call","queue","agent","event","a","b"]},"shortLines":"Absent","lastLine":"Whole",
            "start":{"columns":["at"]},"where":[{"column":"event","oneOf":["CONNECT","ABANDON"]}],
            "labels":[{"name":"queue","column":"queue"}],"measures":[{"name":"waitSeconds","column":"a","absent":"Zero"}]}}"#,
        r#"{"csv":{"encoding":"Windows1252","delimiter":";","header":{"find":"Warteschlange"},"decimalComma":true,
            "start":{"columns":["Datum","Zeit"],"format":"%d.%m.%Y %H:%M"},"labels":[{"name":"queue","column":"Warteschlange"}],
            "measures":[{"name":"offered","sum":[{"column":"Angenommen"},{"column":"Verloren"}]}],
            "skipRows":[{"column":"Warteschlange","startsWith":"Summe"}]}}"#,
        r#"{"csv":{"encoding":"Utf16","delimiter":"\t","start":{"columns":["Start"],"format":"Serial"},
            "measures":[{"name":"waitSeconds","sum":[{"from":"Start","to":"Answered"}]}]}}"#,
        r#"{"arrays":{"rows":"$.data","header":{"names":["queue","start","offered"]},"start":{"columns":["start"]},
            "labels":[{"name":"queue","column":"queue"}],"measures":[{"name":"offered","column":"offered"}]}}"#,
        r#"{"csv":{"text":"$.rows[0].csv","start":{"columns":["Start"]},"measures":[{"name":"offered","column":"Offered"}]}}"#,
    ]
    .map(feed)
});

fuzz_target!(|body: &[u8]| {
    for feed in FEEDS.iter() {
        check_body(feed, body);
    }
});
