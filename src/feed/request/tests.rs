use super::*;

fn call(request: &str, url: &str, cursor: Option<&str>) -> Result<Call, FetchError> {
    let each = r#"[{"name":"queue","values":["a/b & <c>"]},{"name":"site","values":["7"]}]"#;
    let feed = format!(r#"{{"name":"acd","url":{url:?},"request":{request},"each":{each}}}"#);
    let feed: Feed = serde_json::from_str(&feed).unwrap();
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let window = Window { since: at("2026-01-05T23:00:00Z"), until: at("2026-01-06T00:30:00Z") };
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let blank = Blank::new(&feed, window, at("2026-01-08T12:00:00Z"), &zone).unwrap();
    blank.of_selection(Selection::first_of(&feed)).filled(cursor)
}

fn body(request: &str, cursor: Option<&str>) -> String {
    let call = call(request, "https://feeds.acme.example/v1", cursor);
    call.map_or_else(|error| format!("! {}", error.message), |call| String::from_utf8(call.post.unwrap().body).unwrap())
}

#[test]
fn placeholders_are_filled_into_addresses_and_the_window_is_not_appended_then() {
    for (url, request, expected) in [
        ("https://h/v1", "{}", "https://h/v1?since=2026-01-05T23%3A00%3A00Z&until=2026-01-06T00%3A30%3A00Z"),
        ("https://h/v1", r#"{"appendWindow":false}"#, "https://h/v1"),
        ("https://h/{since:%Y/%m-%d}.csv", "{}", "https://h/2026%2F01-06.csv"),
        ("https://h/{queue}/{since:%d}?s={site}", "{}", "https://h/a%2Fb%20%26%20%3Cc%3E/06?s=7"),
        ("https://h/x?d={daysAgo:since}&n={length:Seconds}", "{}", "https://h/x?d=2&n=5400"),
        (
            "https://h/x",
            r#"{"query":[{"name":"to","value":"{until:UnixMilliseconds}"}]}"#,
            "https://h/x?to=1767659400000",
        ),
        (
            "https://h/x",
            r#"{"query":[{"name":"to","value":"{until:%H:%M}"}],"timeZone":"UTC"}"#,
            "https://h/x?to=00%3A30",
        ),
        (
            "https://h/x",
            r#"{"query":[{"name":"q","value":"a{job=\"x\"}"}]}"#,
            "https://h/x?q=a%7Bjob%3D%22x%22%7D&since=2026-01-05T23%3A00%3A00Z&until=2026-01-06T00%3A30%3A00Z",
        ),
    ] {
        assert_eq!(call(request, url, None).unwrap().url.as_str(), expected, "{url} {request}");
    }
    assert!(call("{}", "https://h/{sinse}", None).unwrap_err().message.contains("{sinse} is not a placeholder"));
}

#[test]
fn a_value_never_changes_the_structure_of_a_body() {
    let evil = r#"","x":"1"#;
    for (request, cursor, expected) in [
        (
            r#"{"method":"Post","json":"{\"a\":\"{since:UnixSeconds}\",\"b\":\"{since}/{until}\",\"c\":\"{cursor}\"}"}"#,
            None,
            r#"{"a":1767654000,"b":"2026-01-05T23:00:00Z/2026-01-06T00:30:00Z"}"#,
        ),
        (
            r#"{"method":"Post","json":"{\"c\":\"{cursor}\",\"d\":[\"{cursor}\",1.50]}"}"#,
            Some(evil),
            r#"{"c":"\",\"x\":\"1","d":["\",\"x\":\"1",1.5]}"#,
        ),
        (
            r#"{"method":"Post","json":"{\"q\":\"{ t(c:\\\"{cursor}\\\"){id} }\"}"}"#,
            Some("AB+/=_.-"),
            r#"{"q":"{ t(c:\"AB+/=_.-\"){id} }"}"#,
        ),
        (r#"{"method":"Post","json":"{\"q\":\"{ t(c:\\\"{cursor}\\\"){id} }\"}"}"#, Some(evil), "! the cursor"),
        (
            r#"{"method":"Post","form":"from={since:%d.%m.%Y %H:%M}&next={cursor}&g=a%26b"}"#,
            Some("1&admin=1"),
            "from=06.01.2026+00%3A00&next=1%26admin%3D1&g=a%26b",
        ),
        (r#"{"method":"Post","form":"from={since:%d}&next={cursor}"}"#, None, "from=06"),
        (r#"{"method":"Post","text":"SELECT {since:UnixSeconds} {x}"}"#, None, "SELECT 1767654000 {x}"),
        (r#"{"method":"Post","text":"{cursor}"}"#, Some("a b"), "! the cursor"),
        (r#"{"method":"Post","json":"{"}"#, None, "! request.json cannot be read"),
        (r#"{"method":"Post","json":"{\"q\":\"{queue}\",\"s\":\"{site}\"}"}"#, None, r#"{"q":"a/b & <c>","s":"7"}"#),
        (r#"{"method":"Post","form":"q={queue}"}"#, None, "q=a%2Fb+%26+%3Cc%3E"),
        (r#"{"method":"Post","text":"SELECT {site}"}"#, None, "SELECT 7"),
        (r#"{"method":"Post","text":"SELECT {queue}"}"#, None, "! the queue"),
        (
            r#"{"method":"Post","xml":"<q from=\"{since:%H:%M}\" next=\"{cursor}\">{queue}<![CDATA[{cursor}]]></q>"}"#,
            Some("\" x=\"1]]>"),
            r#"<q from="00:00" next="&quot; x=&quot;1]]&gt;">a/b &amp; &lt;c&gt;<![CDATA[&quot; x=&quot;1]]&gt;]]></q>"#,
        ),
    ] {
        let found = body(request, cursor);
        assert!(
            found.starts_with(expected) && (found.len() == expected.len() || expected.starts_with('!')),
            "{request}: {found}"
        );
    }
}
