use jiff::tz::TimeZone;
use serde_json::json;

use super::*;
use crate::api::feed::Feed;
use crate::feed::format::mapping::Mapping;
use crate::feed::format::parse as parse_feed;
use crate::feed::offline::page_of;

#[test]
fn xml_is_the_same_tree_as_json() {
    let lists = ["row".to_owned()].into();
    for (text, expected) in [
        (r#"<?xml version="1.0"?><a><b>1</b></a>"#, json!({"a": {"b": "1"}})),
        (r#"<s:a xmlns:s="urn:x"><s:b> x &amp; &#65;&lt; </s:b></s:a>"#, json!({"a": {"@s": "urn:x", "b": "x & A<"}})),
        (r#"<a><b/><c></c><d><![CDATA[<raw>]]></d></a>"#, json!({"a": {"b": null, "c": null, "d": "<raw>"}})),
        (r#"<a><b>1</b><b>2</b></a>"#, json!({"a": {"b": ["1", "2"]}})),
        (r#"<a><row>1</row></a>"#, json!({"a": {"row": ["1"]}})),
        (r#"<a><row><n>1</n></row><row><n>2</n></row></a>"#, json!({"a": {"row": [{"n": "1"}, {"n": "2"}]}})),
        (r#"<a><b q="1">text</b></a>"#, json!({"a": {"b": {"@q": "1", "#text": "text"}}})),
        ("<a><!-- no --><b>1</b><?pi x?></a>", json!({"a": {"b": "1"}})),
    ] {
        assert_eq!(tree(text.as_bytes(), &lists).unwrap(), expected, "{text}");
    }
}

#[test]
fn an_incomplete_document_and_one_that_could_grow_are_refused() {
    let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
    for (text, fragment) in [
        ("", "not a whole XML"),
        ("Queue,Offered", "outside of every element"),
        ("<a><b></a>", "cannot be read"),
        ("<a><b>", "not a whole XML"),
        (r#"<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"#, "document type"),
        ("<a>&x;</a>", "entity"),
        (deep.as_str(), "levels"),
    ] {
        let error = tree(text.as_bytes(), &BTreeSet::new()).unwrap_err();
        assert!(error.message.contains(fragment) || fragment == "cannot be read", "{text}: {}", error.message);
    }
    assert!(tree(b"<a>\xff</a>", &BTreeSet::new()).is_err());
}

#[test]
fn rows_of_xml_are_read_by_the_mapping_of_json_even_if_there_is_only_one() {
    let feed = json!({"name": "acd", "url": "https://feeds.acme.example/v1", "format": {"xml": {
        "rows": "$.Envelope.Body.report.interval[*]", "start": "$['@from']", "labels": [{"name": "queue", "path": "$.queue"}],
        "measures": [{"name": "offered", "path": "$.offered"}, {"name": "talkSeconds", "path": "$.talk", "unit": "ClockTime"}]}}});
    let feed: Feed = serde_json::from_value(feed).unwrap();
    let zone = TimeZone::UTC;
    let mapping = Mapping { feed: &feed, zone, cadence: std::time::Duration::from_secs(1_800), window: None };
    let row =
        r#"<interval from="2026-01-05T09:00:00Z"><queue>a</queue><offered>97</offered><talk>0:02:14</talk></interval>"#;
    let second = row.replace("09:00", "09:30").replace("97", "-");
    for (rows, offered) in [(row.to_owned(), vec![Some(97)]), (format!("{row}{second}"), vec![Some(97), None])] {
        let body = format!(r#"<s:Envelope xmlns:s="urn:soap"><s:Body><report>{rows}</report></s:Body></s:Envelope>"#);
        let page = parse_feed(&mapping, &page_of(body.as_bytes())).unwrap();
        let found: Vec<Option<i64>> = page
            .rows
            .iter()
            .map(|row| row.measures.get("offered").map(|value| i64::try_from(*value).unwrap()))
            .collect();
        assert_eq!(found, offered);
        assert!(page.rows.iter().all(|row| row.measures["talkSeconds"] == 134.into()), "{:?}", page.rows);
    }
}
