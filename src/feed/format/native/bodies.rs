//! Bodies of the native format, right and wrong: the parser is held to them, and so is the published description of the format.

/// The example of the documentation.
pub(crate) const EXAMPLE: &str = r#"{"schema": "bpo-feed/v1",
 "rows": [
   {"start": "2026-01-05T09:00:00Z", "end": "2026-01-05T09:30:00Z",
    "labels": {"queue": "billing", "tier": "gold"},
    "measures": {"offered": 97, "answered": 44, "answeredWithin": 2, "abandoned": 53, "abandonedWithin": 11},
    "revision": 1}],
 "next": null}"#;

/// A page with everything that may stand in one, in another order, beside what nobody knows.
pub(crate) const BESIDE: &str = r#"{"next":"abc","took":12,"rows":[{"measures":{"x":1.50},"extra":[1,{"a":2}],
 "recordedAt":"2026-01-06T00:00:00+01:00","end":"2026-01-05T10:00:00+01:00","start":"2026-01-05T09:30:00+01:00"}],
 "schema":"bpo-feed/v1"}"#;

const TIMES: &str = r#""start":"2026-01-05T09:00:00Z","end":"2026-01-05T09:30:00Z""#;

/// A page with a good row and this one.
pub(crate) fn page_of(row: &str) -> String {
    let good = r#"{"start":"2026-01-05T08:00:00Z","end":"2026-01-05T08:30:00Z","measures":{"offered":1}}"#;
    format!(r#"{{"schema":"bpo-feed/v1","rows":[{good},{row}],"next":null}}"#)
}

/// A page with a good row and one of these fields, given as JSON, beside its times.
pub(crate) fn page_with(fields: &str) -> String {
    page_of(&format!("{{{TIMES},{fields}}}"))
}

/// Bodies that are not JSON, or JSON that says something twice: no schema sees what is wrong with them.
pub(crate) fn no_json() -> Vec<String> {
    let measured = |number: &str| page_with(&format!(r#""measures":{{"offered":{number}}}"#));
    vec![
        String::new(),
        "   \n".into(),
        "<!DOCTYPE html><html><body>Login</body></html>".into(),
        r#"{"schema":"bpo-feed/v1","rows":[],"rows":[],"next":null}"#.into(),
        r#"{"schema":"bpo-feed/v1","rows":[],"next":null} trailing"#.into(),
        r#"{"schema":"bpo-feed/v1","rows":[],"next":null"#.into(),
        EXAMPLE[..EXAMPLE.len() / 2].into(),
        measured("NaN"),
        measured("Infinity"),
        measured("1e400"),
        measured("01"),
        measured("+1"),
        measured(r#"1,"offered":2"#),
        page_with(r#""measures":{"o\u0066fered":1,"offered":2}"#),
        page_with(r#""labels":{"queue":"a","queue":"b"},"measures":{"offered":1}"#),
        page_with(r#""start":"2026-01-05T09:00:00Z","measures":{"offered":1}"#),
        format!("{}{}", r#"{"schema":"bpo-feed/v1","rows":"#, "[".repeat(100_000)),
    ]
}

/// JSON of another shape.
pub(crate) fn wrong_shapes() -> Vec<String> {
    let measured = |number: &str| page_with(&format!(r#""measures":{{"offered":{number}}}"#));
    vec![
        "null".into(),
        "[]".into(),
        "42".into(),
        r#"{"schema":"bpo-feed/v1","rows":[],"thresholds":{"answeredWithin":"20s"}}"#.into(),
        r#"{"schema":"bpo-feed/v1","rows":[],"thresholds":{"answeredWithin":0}}"#.into(),
        r#"{"schema":"bpo-feed/v1","rows":[],"thresholds":{"answeredWithin":86401}}"#.into(),
        r#"{"schema":"bpo-feed/v1","rows":[],"thresholds":{"":20}}"#.into(),
        r#"{"schema":"bpo-feed/v1","rows":[],"thresholds":[20]}"#.into(),
        "{}".into(),
        r#"{"schema":"bpo-feed/v1"}"#.into(),
        r#"{"schema":"bpo-feed/v1","rows":null}"#.into(),
        r#"{"schema":"bpo-feed/v1","rows":{}}"#.into(),
        r#"{"schema":"bpo-feed/v2","rows":[],"next":null}"#.into(),
        r#"{"schema":1,"rows":[],"next":null}"#.into(),
        r#"{"rows":[],"next":null}"#.into(),
        r#"{"schema":"bpo-feed/v1","rows":[],"next":7}"#.into(),
        page_of("7"),
        page_of("null"),
        page_of("{}"),
        page_of(&format!("{{{TIMES}}}")),
        page_of(r#"{"end":"2026-01-05T09:30:00Z","measures":{"offered":1}}"#),
        page_of(r#"{"start":"2026-01-05T09:00:00Z","measures":{"offered":1}}"#),
        page_of(r#"{"start":1767603600,"end":1767605400,"measures":{"offered":1}}"#),
        page_of(r#"{"start":null,"end":"2026-01-05T09:30:00Z","measures":{"offered":1}}"#),
        page_with(r#""measures":null"#),
        page_with(r#""measures":[]"#),
        measured("\"97\""),
        measured("null"),
        measured("true"),
        measured("[1]"),
        page_with(r#""labels":{"queue":7},"measures":{"offered":1}"#),
        page_with(r#""labels":["a"],"measures":{"offered":1}"#),
        page_with(r#""labels":null,"measures":{"offered":1}"#),
        page_with(r#""revision":1.5,"measures":{"offered":1}"#),
        page_with(r#""revision":-1,"measures":{"offered":1}"#),
        page_with(r#""revision":"2","measures":{"offered":1}"#),
        page_with(r#""recordedAt":7,"measures":{"offered":1}"#),
    ]
}

/// Pages with a row that is well written and cannot be meant, and by which reason it is set aside.
pub(crate) fn set_aside() -> Vec<(String, &'static str)> {
    let timed = |start: &str, number: &str| {
        page_of(&format!(r#"{{"start":"{start}","end":"2026-01-05T09:30:00Z","measures":{{"offered":{number}}}}}"#))
    };
    vec![
        (timed("2026-02-30T09:00:00Z", "1"), "Malformed"),
        (timed("2026-01-05T25:00:00Z", "1"), "Malformed"),
        (timed("2026-01-05T09:00:00+25:00", "1"), "Malformed"),
        (timed("2026-01-05T09:00:00", "1"), "Malformed"),
        (timed("2026-01-05", "1"), "Malformed"),
        (timed("yesterday", "1"), "Malformed"),
        (timed("", "1"), "Malformed"),
        (timed("9999-12-31T00:00:00Z", "1"), "Malformed"),
        (timed("2026-01-05T09:00:00Z", "1e16"), "OutOfRange"),
        (timed("2026-01-05T09:00:00Z", "1e-40"), "OutOfRange"),
    ]
}
