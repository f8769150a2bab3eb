//! The Grafana dashboard, written from the table of metrics: `bpo-operator dashboard` prints it and the chart ships it.

use serde_json::{Value, json};

use super::catalogue::{Metric, MetricDefinition, MetricKind};

/// A query of a panel: the expression, and what its lines are called.
type Query = (String, &'static str);

/// A panel: title, what it shows, Grafana's type of panel, unit, queries.
struct Panel {
    title: &'static str,
    description: &'static str,
    kind: &'static str,
    unit: &'static str,
    queries: Vec<Query>,
}

/// The dashboard as Grafana imports it.
pub fn dashboard() -> Value {
    let rows =
        [("Commitments", commitments()), ("Launches", launches()), ("Feeds", feeds()), ("The operator", operator())];
    let mut panels = Vec::new();
    let mut top = HEIGHT_OF_TEXT;
    place(&mut panels, commands(), [0, 0, 24, HEIGHT_OF_TEXT]);
    for (title, members) in rows {
        let row = json!({"type": "row", "title": title, "collapsed": false, "panels": []});
        place(&mut panels, row, [0, top, 24, 1]);
        top += 1;
        for (place_in_row, panel) in members.iter().enumerate() {
            let left = if place_in_row % 2 == 0 { 0 } else { 12 };
            place(&mut panels, drawn(panel), [left, top, 12, HEIGHT]);
            top += if left == 0 { 0 } else { HEIGHT };
        }
        top += if members.len() % 2 == 0 { 0 } else { HEIGHT };
    }
    json!({
        "uid": "bpo-operator",
        "title": "Business-process-outsourcing contracts",
        "tags": ["bpo-operator"],
        "schemaVersion": 39,
        "editable": true,
        "graphTooltip": 1,
        "time": {"from": "now-7d", "to": "now"},
        "refresh": "5m",
        "templating": {"list": [datasource(), choice(Metric::ContractCompliant, "namespace", ""), choice(Metric::ContractCompliant, "contract", "namespace=~\"$namespace\"")]},
        "panels": panels,
    })
}

/// Height of a panel in Grafana's grid.
const HEIGHT: usize = 8;
/// Height of a panel that holds a few lines of text.
const HEIGHT_OF_TEXT: usize = 3;

/// By which commands people see more than figures. The dashboard knows no address of the pages: the plugin makes them where it runs.
fn commands() -> Value {
    let content = "One contract, with its year and each KPI: `kubectl bpo scorecard CONTRACT -n NAMESPACE`. A month as both parties read it: \
                   `kubectl bpo report CONTRACT -n NAMESPACE --period 2026-05`. All pages in a browser: `kubectl bpo dashboard -n NAMESPACE`.";
    json!({
        "type": "text",
        "title": "More about a contract",
        "description": "The pages have what metrics have not: rows, relief, money step by step, dates and people.",
        "options": {"mode": "markdown", "content": content},
    })
}

fn place(panels: &mut Vec<Value>, mut panel: Value, [left, top, width, height]: [usize; 4]) {
    if let Value::Object(fields) = &mut panel {
        fields.insert("id".to_owned(), json!(panels.len() + 1));
        fields.insert("gridPos".to_owned(), json!({"x": left, "y": top, "w": width, "h": height}));
    }
    panels.push(panel);
}

fn drawn(panel: &Panel) -> Value {
    let targets: Vec<Value> = ('A'..)
        .zip(&panel.queries)
        .map(|(letter, (expression, legend))| {
            let instant = panel.kind != "timeseries";
            json!({"refId": letter.to_string(), "expr": expression, "legendFormat": legend, "instant": instant, "range": !instant})
        })
        .collect();
    json!({
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": targets,
    })
}

fn datasource() -> Value {
    json!({"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"})
}

/// A choice of the values that a label of a metric has.
fn choice(metric: Metric, label: &str, within: &str) -> Value {
    let series = metric.series().concat();
    let query = format!("label_values({series}{{{within}}}, {label})");
    json!({
        "name": label, "label": label, "type": "query", "query": {"query": query, "refId": "A"}, "refresh": 2,
        "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "includeAll": true, "multi": true, "allValue": ".*", "sort": 1,
    })
}

/// The series of a metric for the chosen namespaces and contracts.
fn chosen(metric: Metric, more: &str) -> String {
    let MetricDefinition { name, kind, labels, .. } = metric.definition();
    let end = match kind {
        MetricKind::Gauge => "",
        MetricKind::Counter => "_total",
        MetricKind::Histogram => "_bucket",
    };
    let choices = ["namespace", "contract"].into_iter().filter(|label| labels.contains(label));
    let mut matchers: Vec<String> = choices.map(|label| format!("{label}=~\"${label}\"")).collect();
    matchers.extend((!more.is_empty()).then(|| more.to_owned()));
    format!("bpo_{name}{end}{{{}}}", matchers.join(","))
}

fn commitments() -> Vec<Panel> {
    let whole = "tier=\"\"";
    let running = "tier=\"\",period=\"Running\"";
    vec![
        Panel {
            title: "Compliant contracts",
            description: "1: the latest closed period is compliant. 0: a KPI that carries credits was missed.",
            kind: "stat",
            unit: "bool_yes_no",
            queries: vec![(chosen(Metric::ContractCompliant, ""), "{{namespace}}/{{contract}}")],
        },
        Panel {
            title: "Credit of the latest closed period",
            description: "In the contract's currency.",
            kind: "stat",
            unit: "none",
            queries: vec![(chosen(Metric::ContractCredit, ""), "{{contract}} ({{state}})")],
        },
        Panel {
            title: "Score",
            description: "Of the latest closed period, 0 to 100.",
            kind: "timeseries",
            unit: "none",
            queries: vec![(chosen(Metric::ContractScore, ""), "{{contract}}")],
        },
        Panel {
            title: "Verdicts of the latest closed period",
            description: "How many KPIs have which verdict.",
            kind: "bargauge",
            unit: "none",
            queries: vec![(format!("sum by (verdict) ({})", chosen(Metric::KpiVerdict, whole)), "{{verdict}}")],
        },
        Panel {
            title: "Running period: value, projection and target",
            description: "The value of the period so far, its projected end, and the target.",
            kind: "timeseries",
            unit: "none",
            queries: vec![
                (chosen(Metric::KpiValue, running), "{{kpi_target}}"),
                (chosen(Metric::KpiProjected, running), "{{kpi_target}} projected"),
                (chosen(Metric::KpiTarget, running), "{{kpi_target}} target"),
            ],
        },
        Panel {
            title: "KPIs at risk",
            description: "KPIs whose running period is at risk.",
            kind: "table",
            unit: "none",
            queries: vec![(format!("{} == 1", chosen(Metric::KpiAtRisk, whole)), "{{kpi_target}}")],
        },
        Panel {
            title: "Two sources: how far apart",
            description: "How far the vendor's value and the client's own lie apart, in the KPI's unit.",
            kind: "timeseries",
            unit: "none",
            queries: vec![(chosen(Metric::KpiSourcesApart, ""), "{{kpi_target}} {{period}}")],
        },
    ]
}

fn launches() -> Vec<Panel> {
    vec![
        Panel {
            title: "Decisions",
            description: "The present decision of each launch.",
            kind: "table",
            unit: "none",
            queries: vec![(chosen(Metric::LaunchDecision, ""), "{{launch}}: {{decision}}")],
        },
        Panel {
            title: "Gates that are not passed",
            description: "Gates that are neither Passed nor Waived.",
            kind: "table",
            unit: "none",
            queries: vec![(chosen(Metric::LaunchGateState, "state!~\"Passed|Waived\""), "{{launch}}: {{gate}}")],
        },
    ]
}

fn feeds() -> Vec<Panel> {
    let behind = format!("time() - {}", chosen(Metric::FeedWatermark, ""));
    let overdue = format!("time() - {}", chosen(Metric::FeedDue, ""));
    let duration = chosen(Metric::FeedFetchSeconds, "");
    let p95 = format!("histogram_quantile(0.95, sum by (le, contract, feed) (rate({duration}[15m])))");
    let fetches = format!("sum by (outcome) (rate({}[15m]))", chosen(Metric::FeedFetches, ""));
    let rejected = format!("sum by (contract, feed, reason) (increase({}[1h]))", chosen(Metric::FeedRejectedRows, ""));
    let rows = format!("sum by (contract, feed) (rate({}[15m]))", chosen(Metric::FeedRows, ""));
    let panel =
        |title, description, unit, query| Panel { title, description, kind: "timeseries", unit, queries: vec![query] };
    vec![
        panel(
            "Behind",
            "How long ago the gapless data ends; below zero while there is no service.",
            "s",
            (behind, "{{contract}}/{{feed}}"),
        ),
        panel(
            "Overdue",
            "How long ago the next rows became late, by cadence, lateness and service hours; below zero while they are not.",
            "s",
            (overdue, "{{contract}}/{{feed}}"),
        ),
        panel("Fetches by outcome", "Fetched, or the kind of failure.", "reqps", (fetches, "{{outcome}}")),
        panel(
            "Duration of fetches, 95th percentile",
            "All pages and repeats of a fetch.",
            "s",
            (p95, "{{contract}}/{{feed}}"),
        ),
        panel(
            "Rows set aside in an hour",
            "Rows that could not be taken, by reason.",
            "none",
            (rejected, "{{contract}}/{{feed}}: {{reason}}"),
        ),
        panel("Rows", "Rows that were brought.", "rowsps", (rows, "{{contract}}/{{feed}}")),
    ]
}

fn operator() -> Vec<Panel> {
    let seconds = chosen(Metric::ReconcileSeconds, "");
    let panel =
        |title, description, unit, query| Panel { title, description, kind: "timeseries", unit, queries: vec![query] };
    vec![
        Panel {
            title: "Reconciles",
            description: "By kind and how they ended; slow ones read and judged for over 30 seconds.",
            kind: "timeseries",
            unit: "ops",
            queries: vec![
                (
                    format!("sum by (kind, outcome) (rate({}[5m]))", chosen(Metric::Reconciles, "")),
                    "{{kind}} {{outcome}}",
                ),
                (format!("sum by (kind) (rate({}[5m]))", chosen(Metric::SlowReconciles, "")), "{{kind}} slow"),
            ],
        },
        panel(
            "Duration of reconciles, 95th percentile",
            "By kind.",
            "s",
            (format!("histogram_quantile(0.95, sum by (le, kind) (rate({seconds}[5m])))"), "{{kind}}"),
        ),
        panel(
            "Writes to the API server",
            "Quiet while nothing changes.",
            "wps",
            (format!("sum by (kind, what) (rate({}[5m]))", chosen(Metric::ApiWrites, "")), "{{kind}} {{what}}"),
        ),
        panel(
            "Messages about alerts",
            "By kind of sink: delivered, failed (tried again) or given_up.",
            "none",
            (format!("sum by (sink, outcome) (increase({}[1h]))", chosen(Metric::Alerts, "")), "{{sink}} {{outcome}}"),
        ),
        panel(
            "Messages that wait",
            "Messages about alerts that no receiver has taken yet.",
            "none",
            (chosen(Metric::AlertOutbox, ""), "waiting"),
        ),
        Panel {
            title: "Memory for evidence",
            description: "Beyond the limit, rows of the contracts that were judged longest ago are read again when they are needed.",
            kind: "timeseries",
            unit: "bytes",
            queries: vec![
                (chosen(Metric::EvidenceMemory, ""), "{{kind}}"),
                (chosen(Metric::EvidenceMemoryLimit, ""), "limit"),
            ],
        },
        panel(
            "Rehearsal clock",
            "1: the operator does not run on the real time.",
            "none",
            (chosen(Metric::ClockRehearsal, ""), "rehearsal"),
        ),
        panel(
            "Clock ahead of the API server",
            "While the two differ by more than five minutes, nothing becomes Final or is recorded, and no feed is asked.",
            "s",
            (chosen(Metric::ClockDifference, ""), "ahead"),
        ),
        panel(
            "Room for evidence",
            "Below the reserve the store refuses rows.",
            "bytes",
            (chosen(Metric::EvidenceFree, ""), "free"),
        ),
        panel(
            "Reserve of the evidence's volume",
            "Kept for closings and reports.",
            "bytes",
            (chosen(Metric::EvidenceReserve, ""), "reserve"),
        ),
        panel(
            "Reports that follow from the evidence",
            "0: a Final report contradicts the evidence.",
            "none",
            (chosen(Metric::ContractConsistent, ""), "{{namespace}}/{{contract}}"),
        ),
    ]
}
