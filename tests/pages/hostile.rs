//! What people write is shown and never obeyed: every text that the objects of the examples hold is replaced by a hostile one,
//! wherever the kinds let it be, and each document is made of them.

use std::io::Cursor;
use std::path::Path;
use std::process::Command;

use bpo_operator::api::{CampaignLaunch, KpiTarget, SlaReport, SlaReportSpec, VendorContract};
use bpo_operator::view::dates::Dates;
use bpo_operator::view::kpi::{self, KpiPage};
use bpo_operator::view::launch::{self, Document};
use bpo_operator::view::links::Links;
use bpo_operator::view::portfolio::{self, Portfolio};
use bpo_operator::view::report::{self, PeriodReport};
use bpo_operator::view::scorecard::{self, Scorecard};
use calamine::{Data, Reader, Xlsx};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::judged::judged;

const HOSTILE: &str = "=cmd|' /C calc'!A0</style></title><script>alert(1)</script><img src=x onerror=alert(1)>\
    [x](javascript:1)`\"'}\\;,\r\nEND:VEVENT\r\n\u{1b}[2J\u{7}";

/// The places of all texts in a JSON value, as pointers.
fn places(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                places(member, &format!("{path}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| places(item, &format!("{path}/{index}"), found));
        }
        Value::String(_) => found.push(path.to_owned()),
        _ => {}
    }
}

/// The object with the hostile text in each field that can hold it.
fn poisoned<K: Serialize + DeserializeOwned>(object: &K) -> (K, usize) {
    let mut value = serde_json::to_value(object).unwrap();
    let mut found = Vec::new();
    places(&value, "", &mut found);
    let mut count = 0;
    for place in found {
        // The names by which objects find each other, and the zone and hours in which their days are.
        let kept = ["/spec/timeZone", "/spec/calendar", "/metadata", "/spec/contractRef"];
        if kept.iter().any(|kept| place.starts_with(kept)) {
            continue;
        }
        let mut tried = value.clone();
        *tried.pointer_mut(&place).unwrap() = Value::String(HOSTILE.to_owned());
        if serde_json::from_value::<K>(tried.clone()).is_ok() {
            value = tried;
            count += 1;
        }
    }
    (serde_json::from_value(value).unwrap(), count)
}

/// The objects of one kind that an example would have in the cluster, poisoned.
fn of_kind<K: Serialize + DeserializeOwned>(folder: &str, now: &str, kind: &str) -> Vec<K> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(folder);
    let objects = judged(&path, now).objects;
    let own = objects.iter().filter(|object| object["kind"] == kind);
    let found: Vec<(K, usize)> =
        own.map(|object| poisoned(&serde_json::from_value::<K>(object.clone()).unwrap())).collect();
    assert!(found.iter().all(|(_, count)| *count > 5), "{kind}: too few fields to prove anything");
    found.into_iter().map(|(object, _)| object).collect()
}

struct Poisoned {
    contracts: Vec<VendorContract>,
    kpis: Vec<KpiTarget>,
    launches: Vec<CampaignLaunch>,
    reports: Vec<SlaReport>,
}

const NOW: &str = "2026-06-01T00:00:00Z";

fn all() -> Poisoned {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/uk-service-points");
    let reports = judged(&folder, NOW).reports;
    assert!(reports.len() > 3);
    let reports = reports.into_iter().map(|(namespace, name, spec)| {
        let (mut spec, count) = poisoned::<SlaReportSpec>(&spec);
        assert!(count > 20, "{count}");
        // By this the views find what belongs together.
        spec.contract = "uk-service-points".to_owned();
        let mut report = SlaReport::new(&name, spec);
        report.metadata.namespace = Some(namespace).filter(|namespace| !namespace.is_empty());
        report
    });
    Poisoned {
        contracts: of_kind("uk-service-points", NOW, "VendorContract"),
        kpis: of_kind("uk-service-points", NOW, "KpiTarget"),
        launches: of_kind("launch-goes", "2026-03-25T00:00:00Z", "CampaignLaunch"),
        reports: reports.collect(),
    }
}

/// Every document by its name; pages in both forms.
fn documents(all: &Poisoned) -> Vec<(String, String)> {
    let now = NOW.parse().unwrap();
    let contract = &all.contracts[0];
    let specs: Vec<&SlaReportSpec> = all.reports.iter().map(|report| &report.spec).collect();
    let mut found = Vec::new();
    for links in [Links::None, Links::Dashboard] {
        let facts = portfolio::Facts {
            contracts: &all.contracts,
            kpis: &all.kpis,
            launches: &all.launches,
            reports: &all.reports,
            now,
        };
        found.push(("portfolio.html".to_owned(), portfolio::html(&Portfolio::of(&facts), links)));
        found.push((
            "scorecard.html".to_owned(),
            scorecard::html(&Scorecard::of(contract, &all.kpis).in_year(contract, &all.launches, now), links),
        ));
        for kpi in &all.kpis {
            let page =
                KpiPage::of(&kpi::Facts { kpi, contract, counter: all.kpis.first(), reports: &specs, evidence: None });
            found.push(("kpi.html".to_owned(), kpi::html(&page, links)));
        }
        for launch in &all.launches {
            let document = Document::of(launch, Some(&contract.spec), now);
            found.push(("launch.html".to_owned(), launch::html(&document, links)));
            found.push(("launch.md".to_owned(), launch::markdown(&[&document])));
        }
        for spec in &specs {
            let report = PeriodReport::of(&facts_of(spec, &specs));
            found.push(("report.html".to_owned(), report::html(&report, links)));
            found.push(("report.md".to_owned(), report::markdown(&report)));
        }
    }
    found.push(("calendar.ics".to_owned(), Dates::of(contract, &all.launches, now).unwrap().ics(now)));
    found
}

fn facts_of<'a>(spec: &'a SlaReportSpec, earlier: &'a [&'a SlaReportSpec]) -> report::Facts<'a> {
    report::Facts {
        namespace: HOSTILE,
        name: HOSTILE,
        report: spec,
        status: None,
        terms: None,
        earlier,
        evidence: None,
    }
}

#[test]
fn hostile_text_in_every_field_is_text_in_every_document() {
    let all = all();
    for (name, text) in documents(&all) {
        let has = |what: &str| assert!(!text.contains(what), "{name} holds {what:?}:\n{text}");
        match name.rsplit_once('.').unwrap().1 {
            "html" => {
                assert!(text.contains("&lt;script&gt;alert(1)"), "{name} shows nothing of it");
                ["<script>alert", "<img", "\u{1b}", "\u{7}"].iter().for_each(|what| has(what));
                assert_eq!(
                    (text.matches("</style>").count(), text.matches("</title>").count() > 0),
                    (1, true),
                    "{name}"
                );
                // No attribute ends early: no element has one that nobody wrote.
                has(" onerror=alert(1)>");
            }
            "md" => {
                assert!(text.contains("alert(1)"), "{name} shows nothing of it");
                ["<script", "<img", "[x](javascript", "\u{1b}", "\u{7}"].iter().for_each(|what| has(what));
            }
            "ics" => {
                assert!(text.contains("=cmd"), "{name} shows nothing of it");
                ["\u{1b}", "\u{7}"].iter().for_each(|what| has(what));
                let lines = |wanted: &str| text.split("\r\n").filter(|line| *line == wanted).count();
                assert_eq!(lines("BEGIN:VEVENT"), lines("END:VEVENT"), "an entry was ended by a name");
                assert!(text.split("\r\n").all(|line| line.len() <= 75 && !line.contains(['\r', '\n'])), "{text}");
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn hostile_text_in_every_field_of_a_report_is_text_in_its_workbook() {
    let all = all();
    let specs: Vec<&SlaReportSpec> = all.reports.iter().map(|report| &report.spec).collect();
    for spec in &specs {
        let bytes = report::xlsx(&facts_of(spec, &specs)).unwrap();
        let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).unwrap();
        let mut shown = 0;
        for name in book.sheet_names() {
            let formulas = book.worksheet_formula(&name).unwrap();
            assert!(formulas.rows().flatten().all(|formula| !formula.contains("cmd")), "{name}");
            let cells = book.worksheet_range(&name).unwrap();
            for cell in cells.rows().flatten() {
                if let Data::String(text) = cell {
                    shown += usize::from(text.starts_with("=cmd|"));
                    assert!(!text.contains(['\u{1b}', '\u{7}']), "{name}: {text:?}");
                }
            }
        }
        assert!(shown > 10, "only {shown} cells show it");
    }
}

#[test]
fn hostile_text_in_a_manifest_is_text_in_a_table_and_in_a_file_for_spreadsheets() {
    let manifest = "apiVersion: bpo-operator.io/v1alpha1\nkind: VendorContract\nmetadata: {name: care}\nspec:\n  \
        vendor: {name: \"=cmd|' /C calc'!A0\\x1b[2J\\x07\"}\n  term: {start: 2026-01-01, end: 2026-12-31}\n  \
        feeds: [{name: acd, url: https://feeds.acme.example/v1/intervals}]\n";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("contract.yaml");
    std::fs::write(&file, manifest).unwrap();
    for output in ["csv", "table"] {
        let said = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"))
            .args(["portfolio", "-o", output, "--now", NOW, "-f"])
            .arg(&file)
            .output()
            .unwrap();
        let text = String::from_utf8(said.stdout).unwrap();
        assert!(text.contains("=cmd|"), "{output}: {text}{}", String::from_utf8_lossy(&said.stderr));
        assert!(!text.contains(['\u{1b}', '\u{7}']), "{output}: {text:?}");
        if output == "csv" {
            let mut records = csv::Reader::from_reader(text.as_bytes());
            let cells: Vec<String> =
                records.records().flat_map(|it| it.unwrap().iter().map(str::to_owned).collect::<Vec<_>>()).collect();
            assert!(cells.iter().all(|cell| !cell.starts_with(['=', '+', '@'])), "{cells:?}");
        }
    }
}
