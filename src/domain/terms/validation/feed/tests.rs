use serde_json::{Value, json};

use crate::domain::terms::validation::validate_contract;

/// What is found in a contract whose only feed has these members.
fn findings(members: &str) -> Vec<String> {
    let mut feed = json!({"name": "acd", "url": "https://acd.acme.example/v1"});
    let members: Value = serde_saphyr::from_str(members).unwrap();
    feed.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let contract =
        json!({"vendor": {"name": "Acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"}, "feeds": [feed]});
    let spec = serde_json::from_value(contract).unwrap();
    validate_contract("care", &spec).iter().map(ToString::to_string).collect()
}

#[test]
fn wrong_feeds_are_found_with_what_to_write_instead() {
    for (members, fragment) in [
        ("{url: 'https://acd.acme.example/{sinse}'}", "{sinse} is not a placeholder: write one of {since}"),
        ("{url: 'https://{since}.acme.example/'}", "has a placeholder in its host"),
        ("{request: {query: [{name: day, value: '{since:%!}'}]}}", "is not a strftime pattern"),
        ("{request: {headers: [{name: X-Day, value: '{untill}'}]}}", "{untill} is not a placeholder"),
        ("{request: {method: Post, json: '{\"a\": {since}}'}}", "write placeholders in quotes"),
        ("{request: {method: Post, json: '{\"a\": \"{length}\"}'}}", "write {length:Seconds}"),
        ("{request: {method: Get, form: a=b}}", "write `method: Post`"),
        ("{request: {pending: [429]}}", "must not look like \"not there yet\""),
        ("{request: {timeZone: Local}}", "is not a known time zone"),
        ("{request: {method: Post, json: '{\"a\": \"{cursor}\"}'}}", "write `in: Body` with the path of the cursor"),
        ("{pagination: {cursor: {path: $.a, in: Body}}}", "{cursor} is not used in the request"),
        (
            "{request: {method: Post, json: '{\"q\": \"{ a(c: {cursor}) }\"}'}, pagination: {cursor: {path: $.a, in: Body}}}",
            "which needs one for the first page, too, such as NA",
        ),
        ("{cadence: 1h, window: {align: 30m}}", "does not fit the cadence \"1h\""),
        ("{window: {align: 7h}}", "write a multiple of it that divides 24h"),
        ("{window: {align: 24h, atMost: 1h}}", "is too short: write at least 86400s"),
        ("{window: {history: 1m}}", "is too short"),
        ("{window: {}, request: {appendWindow: false}}", "belongs to a request that names its window"),
        (
            "{window: {}, format: {openMetrics: {measures: [{name: a, metric: b}]}}}",
            "belongs to feeds in bpo-feed/v1, json, xml and tables",
        ),
        (
            "{format: {json: {rows: $.a, measures: [{name: a, path: $.a}]}}}",
            "write exactly one of start, interval, time, records",
        ),
        (
            "{format: {json: {rows: $.a, start: {form: $.b}, measures: [{name: a, path: $.a}]}}}",
            "begin with $, such as",
        ),
        (
            "{format: {json: {rows: $.a, start: {path: $.b, format: '%!'}, measures: [{name: a, path: $.a}]}}}",
            "is not a strftime format",
        ),
        (
            "{format: {json: {rows: $.a, start: $.b, measures: [{name: a, path: $.a, in: team}]}}}",
            "\"team\" is not a parent",
        ),
        (
            "{format: {json: {rows: $.a, start: $.b, where: [{path: $.c}], measures: [{name: a, path: $.a}]}}}",
            "compares nothing",
        ),
        (
            "{format: {json: {rows: $.a, start: $.b, where: [{from: $.c, below: 3}], measures: [{name: a, path: $.a}]}}}",
            "or `from` and `to`",
        ),
        (
            "{format: {json: {rows: $.a, start: $.b, measures: [{name: a, sum: [{path: $.a, unit: Percent}]}]}}}",
            "is a percentage, which cannot be added up",
        ),
        (
            "{format: {json: {rows: $.a, start: $.b, measures: [{name: a, count: {}}]}}}",
            "counts records, and the format has none",
        ),
        (
            "{format: {json: {rows: $.a, records: {at: $.b, slot: 1h}, measures: [{name: a, count: {}}]}}}",
            "is not the feed's cadence",
        ),
        (
            "{format: {json: {rows: $.a, records: {at: $.b}, measures: [{name: a, count: {}}, {name: b, path: $.b, of: a}]}}}",
            "b\" has `of`",
        ),
        (
            "{format: {json: {rows: $.a, time: Window, measures: [{name: a, path: $.a}]}}, window: {atMost: 3d}}",
            "each request asks for one slot",
        ),
        (
            "{quiet: Zeros, format: {json: {rows: $.a, start: $.b, measures: [{name: headcount, path: $.a}]}}}",
            "it is a level, not a count",
        ),
        (
            "{auth: {login: {url: 'https://a.example', json: '{}', secrets: [{name: id, secretRef: {name: a, key: b}}], token: $.t}}}",
            "is not used in json: write {id}",
        ),
        (
            "{files: {list: Sftp, name: 'c-{made:%Y%m%d}.csv'}, auth: {sshKey: {secretRef: {name: acme-sftp}}}}",
            "is not a folder of an SSH server: write sftp://",
        ),
        (
            "{url: 'sftp://u@sftp.acme.example/', files: {list: Sftp, name: 'c-{made:%Y%m%d}.csv'}, auth: {sshKey: {secretRef: {name: a}}}}",
            "without user name or password",
        ),
        (
            "{url: 'sftp://sftp.acme.example/a/', files: {list: Sftp, name: 'c-{made:%Y%m%d}.csv'}}",
            "write sshKey: {secretRef: {name: acme-sftp}}",
        ),
        (
            "{url: 'sftp://sftp.acme.example/a/', files: {list: Sftp, prefix: b/, name: 'c-{made:%Y%m%d}.csv'}, auth: {sshKey: {secretRef: {name: a}}}}",
            "a folder of SFTP are one folder",
        ),
        (
            "{url: 'sftp://sftp.acme.example/a/', files: {list: Sftp, name: 'c-{made:%Y%m%d}.csv'}, auth: {sshKey: {secretRef: {name: a}}}, tls: {}}",
            "does not belong to files.list: Sftp",
        ),
        ("{auth: {sshKey: {secretRef: {name: acme-sftp}}}}", "belongs to files.list: Sftp"),
        ("{url: 'sftp://sftp.acme.example/a/'}", "is not an address that can be used"),
    ] {
        let found = findings(members);
        assert!(found.iter().any(|finding| finding.contains(fragment)), "{members}: {found:#?}");
    }
}

#[test]
fn feeds_that_can_be_meant_are_accepted() {
    for members in [
        "{url: 'https://acd.acme.example/{since:%Y/%m/%d}.csv?n={length:Seconds}'}",
        "{request: {query: [{name: q, value: 'up{job=\"a\"}'}]}}",
        "{request: {method: Post, json: '{\"q\": \"{ a(c: {cursor}){id} }\"}'}, pagination: {cursor: {path: $.a, in: Body, first: NA}}}",
        "{cadence: 15m, window: {align: 1h, atMost: 1h, settle: 2h, history: 90d, perMinute: 1}}",
        "{format: {json: {rows: $.a, records: {at: {path: $.b, format: '%Y-%m-%d %H:%M'}}, measures: [{name: a, count: {}}]}}, quiet: Zeros}",
        "{format: {csv: {records: {at: {columns: [A]}}, measures: [{name: a, sum: [{from: A, to: B}]}]}}}",
        "{url: 'sftp://sftp.acme.example:2222/~/reports/', files: {list: Sftp, name: 'c-{made:%Y%m%d}.csv'}, auth: {sshKey: {secretRef: {name: a}}}}",
    ] {
        assert_eq!(findings(members), Vec::<String>::new(), "{members}");
    }
}
