//! The published description of the native format says what the parser takes.

#[path = "../../src/feed/format/native/bodies.rs"]
mod bodies;

use std::path::Path;

use bodies::{BESIDE, EXAMPLE, no_json, page_of, page_with, set_aside, wrong_shapes};
use boon::{Compiler, SchemaIndex, Schemas};
use bpo_operator::feed::format::native;
use bpo_operator::feed::quality::{QualityRules, check};
use serde_json::Value;
use testkit::vendor;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use vendor::{Dataset, INTERVALS, OUTCOMES, TOTALS, VendorServer};

fn description() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/feed.openapi.yaml");
    serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The schema of a page, which asserts formats.
struct PageSchema {
    schemas: Schemas,
    page: SchemaIndex,
}

impl PageSchema {
    fn new() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.enable_format_assertions();
        compiler.add_resource("https://feeds.acme.example/openapi", description()).unwrap();
        let page = "https://feeds.acme.example/openapi#/components/schemas/Page";
        let page = compiler.compile(page, &mut schemas).unwrap();
        Self { schemas, page }
    }

    fn takes(&self, page: &Value) -> Result<(), String> {
        self.schemas.validate(page, self.page).map_err(|error| format!("{error:#}"))
    }
}

/// Whether the parser takes every row of a body.
fn parser_takes(body: &str) -> bool {
    let (now, cadence) = ("2026-12-31T00:00:00Z".parse().unwrap(), jiff::SignedDuration::from_mins(30));
    let rules = QualityRules { now, plan: false, cadence, derived: &[] };
    native::parse(body.as_bytes(), Some("application/json"), &jiff::tz::TimeZone::UTC)
        .is_ok_and(|page| page.rejected.is_empty() && check(page.rows, rules).1.is_empty())
}

#[test]
fn every_example_is_right_by_the_schema_and_for_the_parser() {
    let (schema, description) = (PageSchema::new(), description());
    let answers = "/paths/~1v1~1intervals/get/responses/200/content/application~1json/examples";
    let examples = description.pointer(answers).unwrap().as_object().unwrap();
    assert_eq!(examples.len(), 4);
    let described = examples.values().map(|example| example["value"].to_string());
    for body in described.chain([EXAMPLE.to_owned(), BESIDE.to_owned()]) {
        schema.takes(&serde_json::from_str(&body).unwrap()).unwrap_or_else(|error| panic!("{body}\n{error}"));
        assert!(parser_takes(&body), "{body}");
    }
}

/// What a feed of the vendor answers for January, by the barest of requests.
async fn body_of(server: &VendorServer, feed: &str) -> String {
    let mut connection = TcpStream::connect(server.address()).await.unwrap();
    let path = format!("/v1/{feed}?since=2026-01-01T00:00:00Z&until=2026-02-01T00:00:00Z");
    connection.write_all(format!("GET {path} HTTP/1.0\r\nHost: vendor\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

#[tokio::test]
async fn what_the_vendor_of_the_demo_answers_is_right_by_the_schema() {
    let schema = PageSchema::new();
    let server = VendorServer::start(Dataset::story()).await.unwrap();
    for feed in [INTERVALS, TOTALS, OUTCOMES] {
        let page: Value = serde_json::from_str(&body_of(&server, feed).await).unwrap();
        assert!(page["rows"].as_array().unwrap().len() > 20, "{feed}");
        schema.takes(&page).unwrap_or_else(|error| panic!("{feed}: {error}"));
    }
}

#[test]
fn what_the_parser_refuses_for_its_shape_is_wrong_by_the_schema_too() {
    let schema = PageSchema::new();
    let shapes = wrong_shapes();
    assert!(shapes.len() >= 30);
    for body in shapes {
        assert!(!parser_takes(&body), "{body}");
        assert!(schema.takes(&serde_json::from_str(&body).unwrap()).is_err(), "{body}");
    }
    // A schema sees the JSON alone: what is none, or says something twice, is seen before it or not at all.
    for body in no_json() {
        assert!(!parser_takes(&body), "{body:.200}");
    }
}

#[test]
fn what_is_set_aside_for_its_form_is_wrong_by_the_schema_too() {
    let schema = PageSchema::new();
    let many = |count: usize, value: &str| {
        (0..count).map(|number| format!(r#""n{number}":{value}"#)).collect::<Vec<_>>().join(",")
    };
    let labelled = |labels: &str| page_with(&format!(r#""labels":{{{labels}}},"measures":{{"offered":1}}"#));
    // What it is, and whether it is right.
    let limits = [
        (labelled(&many(10, "\"x\"")), true),
        (labelled(&many(11, "\"x\"")), false),
        (labelled(&format!(r#""{}":"x""#, "n".repeat(63))), true),
        (labelled(&format!(r#""{}":"x""#, "n".repeat(64))), false),
        (labelled(&format!(r#""queue":"{}""#, "ü".repeat(128))), true),
        (labelled(&format!(r#""queue":"{}""#, "x".repeat(129))), false),
        (page_with(&format!(r#""measures":{{{}}}"#, many(100, "1"))), true),
        (page_with(&format!(r#""measures":{{{}}}"#, many(101, "1"))), false),
        (page_with(r#""measures":{}"#), false),
        (page_with(r#""measures":{"":1}"#), false),
        (page_with(r#""measures":{"x":1e15}"#), true),
        (page_with(r#""measures":{"x":-1000000000000000}"#), true),
        (page_with(r#""measures":{"x":1000000000000001}"#), false),
        (page_with(r#""revision":null,"recordedAt":null,"measures":{"x":1}"#), true),
        (page_with(r#""recordedAt":"yesterday","measures":{"x":1}"#), false),
        (page_of(r#"{"start":"2026-01-05t09:00:00z","end":"2026-01-05T09:30:00.5+00:00","measures":{"x":1}}"#), true),
    ];
    // A date names a day; what is longer says where it ends.
    let limits = limits.into_iter().chain([
        (page_of(r#"{"start":"2026-01-05","measures":{"x":1}}"#), true),
        (page_of(r#"{"start":"2026-01-05","end":"2026-01-12","measures":{"x":1}}"#), true),
        (page_of(r#"{"start":"2026-01-05","end":"2026-01-12T00:00:00Z","measures":{"x":1}}"#), false),
        (page_of(r#"{"start":"2026-01-05T00:00:00Z","end":"2026-01-12","measures":{"x":1}}"#), false),
        (page_of(r#"{"start":"2026-02-30","measures":{"x":1}}"#), false),
        (page_of(r#"{"start":"2026-1-5","measures":{"x":1}}"#), false),
    ]);
    // Of numbers no schema says how many digits they have.
    let set_aside = set_aside().into_iter().filter(|(body, _)| !body.contains("1e-40")).map(|(body, _)| (body, false));
    for (body, right) in set_aside.chain(limits) {
        let found = (parser_takes(&body), schema.takes(&serde_json::from_str(&body).unwrap()).is_ok());
        assert_eq!(found, (right, right), "{body}");
    }
}

#[test]
fn the_description_names_every_parameter_that_the_operator_sends_and_every_reference_leads_somewhere() {
    let description = description();
    assert_eq!(description["openapi"], "3.1.0");
    let parameters = description["paths"]["/v1/intervals"]["get"]["parameters"].as_array().unwrap();
    let named: Vec<&str> = parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
    assert_eq!(named, ["since", "until", "cursor", "If-None-Match", "If-Modified-Since"]);
    let mut references = Vec::new();
    collect_references(&description, &mut references);
    assert!(references.len() >= 10);
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(description.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

fn collect_references(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            references.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
            object.values().for_each(|value| collect_references(value, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, references)),
        _ => {}
    }
}
