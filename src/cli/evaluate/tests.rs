use super::*;
use crate::cli::manifests;
use crate::domain::measuring::row::Row;

/// A contract with a feed of tests and one of rosters, a KPI by which training is checked, and a launch on 2 March with one gate.
const MANIFESTS: &str = r#"
apiVersion: bpo-operator.io/v1alpha1
kind: VendorContract
metadata: {name: acme}
spec:
  vendor: {name: Acme}
  term: {start: 2026-01-01, end: 2026-12-31}
  period: Weekly
  feeds:
    - {name: qa, url: https://feeds.acme.example/qa, cadence: 24h}
    - {name: wfm, url: https://feeds.acme.example/wfm, plan: true}
---
apiVersion: bpo-operator.io/v1alpha1
kind: KpiTarget
metadata: {name: training}
spec:
  contractRef: {name: acme}
  kpi: TrainingCompletion
  source: {feed: qa}
  objective: {target: 100}
---
apiVersion: bpo-operator.io/v1alpha1
kind: CampaignLaunch
metadata: {name: spring}
spec:
  contractRefs: [{name: acme}]
  product: Fibre
  launchAt: 2026-03-02T08:00:00Z
  channels: [{name: tv, type: Television, expectedContacts: 100}]
  staffing: {handleTime: 180s, scheduled: {feed: wfm, measure: scheduledAgents}}
  gates: [GATE]
"#;

/// The launch's decision on 20 March, with a gate and the rows that its feeds brought.
fn decision(gate: &str, feed: &str, rows: &[(&str, &str, &str, &[(&str, i64)])]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    std::fs::write(&file, MANIFESTS.replace("GATE", gate)).unwrap();
    let manifests = manifests::read(&[file]).unwrap();
    let rows: Vec<Row> = (1..)
        .zip(rows)
        .map(|(sequence, (start, end, known_at, measures))| Row {
            start: start.parse().unwrap(),
            end: end.parse().unwrap(),
            labels: BTreeMap::new(),
            measures: measures.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect(),
            revision: 1,
            known_at: known_at.parse().unwrap(),
            sequence,
        })
        .collect();
    let key = (String::new(), "acme".to_owned());
    let rows = BTreeMap::from([(key, BTreeMap::from([(feed.to_owned(), rows.into_iter().collect())]))]);
    let shown = view(&manifests, &rows, "2026-03-20T00:00:00Z".parse().unwrap());
    let (_, launch) = shown.launches.first_key_value().unwrap();
    format!("{:?}", launch.status.as_ref().unwrap().decision.unwrap())
}

#[test]
fn a_launch_that_is_over_is_decided_by_what_was_known_when_it_began() {
    let tested = "{name: test, type: EndToEndTest, due: 3d, check: {feed: qa, measure: endToEndPassed, atLeast: 1}}";
    let trained = "{name: training, type: Training, due: 3d, modules: [], check: {kpi: training}}";
    let staffed = "{name: staff, type: Staffing, due: 3d}";
    let passed: &[(&str, i64)] = &[("endToEndPassed", 1)];
    let complete: &[(&str, i64)] = &[("modulesCompleted", 5), ("modulesRequired", 5)];
    let day = ("2026-02-26T00:00:00Z", "2026-02-27T00:00:00Z");
    let (in_time, too_late) = ("2026-02-27T06:00:00Z", "2026-03-04T06:00:00Z");
    let shift = ("2026-03-02T00:00:00Z", "2026-03-03T00:00:00Z");
    let enough: &[(&str, i64)] = &[("scheduledAgents", 1_000)];
    for (gate, feed, rows, expected) in [
        (tested, "qa", &[(day.0, day.1, in_time, passed)][..], "Go"),
        (tested, "qa", &[(day.0, day.1, too_late, passed)], "NoGo"),
        (tested, "qa", &[("2026-03-03T00:00:00Z", "2026-03-04T00:00:00Z", too_late, passed)], "NoGo"),
        // The week before the launch was closed as Met, or its figures came after it.
        (trained, "qa", &[(day.0, day.1, in_time, complete)], "Go"),
        (trained, "qa", &[(day.0, day.1, too_late, complete)], "NoGo"),
        (staffed, "wfm", &[(shift.0, shift.1, in_time, enough)], "Go"),
        (staffed, "wfm", &[(shift.0, shift.1, too_late, enough)], "NoGo"),
    ] {
        assert_eq!(decision(gate, feed, rows), expected, "{gate} {rows:?}");
    }
}
