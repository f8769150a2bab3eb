//! What the tests of the rules share.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::calendar::Calendar;
use super::catalogue::{Definition, definition};
use super::measures::Row;
use crate::api::kpi_target::KpiTargetSpec;
use crate::api::vendor_contract::VendorContractSpec;

/// An instant.
pub fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A contract of 2026, with some more fields.
pub fn contract(fields: Value) -> VendorContractSpec {
    let mut spec = json!({"vendor": {"name": "acme"}, "term": {"start": "2026-01-01", "end": "2026-12-31"}});
    for (field, value) in fields.as_object().unwrap() {
        spec[field] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

/// A calendar of a zone.
pub fn calendar(zone: &str, calendar: Value) -> Calendar {
    Calendar::of(&contract(json!({"timeZone": zone, "calendar": calendar}))).unwrap()
}

/// A KpiTarget, with some more fields.
pub fn target(fields: Value) -> KpiTargetSpec {
    let mut spec = json!({"contractRef": {"name": "acme"}, "source": {"feed": "acd"}, "objective": {"target": 80}});
    for (field, value) in fields.as_object().unwrap() {
        spec[field] = value.clone();
    }
    serde_json::from_value(spec).unwrap()
}

/// How a KpiTarget is computed.
pub fn defined(fields: Value) -> Definition {
    definition(&target(fields)).unwrap()
}

/// A row that is known from its end.
pub fn row(start: &str, end: &str, labels: &[(&str, &str)], measures: &[(&str, i64)]) -> Row {
    Row {
        start: at(start),
        end: at(end),
        labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        measures: measures
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).into()))
            .collect::<BTreeMap<_, _>>(),
        revision: 1,
        known_at: at(end),
        sequence: 1,
    }
}
