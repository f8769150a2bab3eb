//! What monitoring and GitOps tools are given: alerting rules and dashboard read by the real promtool, health scripts run by a real Lua and a
//! real CEL.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use bpo_operator::web::catalogue::Metric;
use bpo_operator::web::dashboard::dashboard;
use mlua::{Lua, LuaSerdeExt};
use serde_json::{Value, json};
use testkit::debian;

use crate::docs::{fault_of_command, our_commands};

fn repository(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

const RULES: &str = "charts/bpo-operator/files/alerting-rules.yaml";
const DASHBOARD: &str = "charts/bpo-operator/files/dashboard.json";

/// promtool in a folder that holds the rules; its output is the failure's.
fn promtool(folder: &Path, arguments: &[&str]) {
    let promtool = debian::program("promtool", "prometheus").unwrap_or_else(|advice| panic!("{advice}"));
    let output = Command::new(promtool).current_dir(folder).args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}

#[test]
fn promtool_takes_the_alerting_rules_and_they_fire_when_they_should() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(repository(RULES), folder.path().join("alerting-rules.yaml")).unwrap();
    std::fs::copy(repository("tests/data/alerting-rules-test.yaml"), folder.path().join("test.yaml")).unwrap();
    promtool(folder.path(), &["check", "rules", "--lint-fatal", "alerting-rules.yaml"]);
    promtool(folder.path(), &["test", "rules", "test.yaml"]);
}

#[test]
fn every_alert_has_a_test_of_its_own_and_is_explained() {
    let rules: Value = serde_saphyr::from_str(&std::fs::read_to_string(repository(RULES)).unwrap()).unwrap();
    let alerts: Vec<&str> = rules["groups"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|group| group["rules"].as_array().unwrap())
        .map(|rule| rule["alert"].as_str().unwrap())
        .collect();
    let (tests, page) = (include_str!("../data/alerting-rules-test.yaml"), include_str!("../../docs/gitops/README.md"));
    let runbooks = include_str!("../../docs/runbooks.md");
    let missing = |alert: &&&str| {
        !tests.contains(&format!("alertname: {alert}\n"))
            || !page.contains(&format!("`{alert}`"))
            || !runbooks.contains(&format!("\n## {alert}\n\n**Means**: "))
    };
    let missing: Vec<&&str> = alerts.iter().filter(missing).collect();
    assert!(alerts.len() >= 10 && missing.is_empty(), "{missing:?}");
    assert_eq!(runbooks.matches("\n## ").count(), alerts.len(), "a runbook of an alert that no longer exists");
}

/// The expressions of the dashboard's panels, with its variables as Grafana would fill them in.
fn expressions() -> Vec<String> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let filled = |target: &Value| {
        let text = target["expr"].as_str().unwrap();
        text.replace("$namespace", ".*").replace("$contract", ".*")
    };
    targets.map(filled).collect()
}

#[test]
fn promtool_understands_every_query_of_the_dashboard() {
    let rules: Vec<Value> = (0..)
        .zip(expressions())
        .map(|(place, expression)| json!({"record": format!("panel:query{place}"), "expr": expression}))
        .collect();
    assert!(rules.len() >= 15, "{rules:#?}");
    let folder = tempfile::tempdir().unwrap();
    let file = json!({"groups": [{"name": "dashboard", "rules": rules}]}).to_string();
    std::fs::write(folder.path().join("rules.yaml"), file).unwrap();
    promtool(folder.path(), &["check", "rules", "--lint=none", "rules.yaml"]);
}

#[test]
fn rules_and_dashboard_name_only_series_that_exist_and_the_dashboard_shows_every_metric() {
    let known: BTreeSet<String> = Metric::ALL.iter().flat_map(|metric| metric.series()).collect();
    let named = |text: &str| -> BTreeSet<String> {
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        words.filter(|word| word.starts_with("bpo_")).map(str::to_owned).collect()
    };
    let rules = named(&std::fs::read_to_string(repository(RULES)).unwrap());
    let panels = named(&expressions().join(" "));
    assert_eq!(rules.union(&panels).filter(|name| !known.contains(*name)).collect::<Vec<_>>(), Vec::<&String>::new());
    let unseen = |metric: &&Metric| !metric.series().iter().any(|series| panels.contains(series));
    assert_eq!(Metric::ALL.iter().filter(unseen).collect::<Vec<_>>(), Vec::<&Metric>::new());
}

#[test]
fn the_dashboard_names_commands_that_exist_for_what_metrics_do_not_show() {
    let dashboard = dashboard();
    let texts = dashboard["panels"].as_array().unwrap().iter().filter_map(|panel| panel["options"]["content"].as_str());
    let commands: Vec<Vec<String>> = texts.flat_map(our_commands).map(|(_, words)| words).collect();
    let named: Vec<&str> = commands.iter().map(|words| words[1].as_str()).collect();
    assert_eq!(named, ["scorecard", "report", "dashboard"]);
    let faults: Vec<String> = commands.iter().filter_map(|words| fault_of_command(words)).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn the_chart_has_the_dashboard_that_the_program_prints() {
    let printed = Command::new(env!("CARGO_BIN_EXE_bpo-operator")).arg("dashboard").output().unwrap();
    assert!(printed.status.success());
    if std::env::var_os("BPO_UPDATE").is_some() {
        std::fs::write(repository(DASHBOARD), &printed.stdout).unwrap();
    }
    let shipped = std::fs::read(repository(DASHBOARD)).unwrap_or_default();
    assert!(
        shipped == printed.stdout,
        "drifted; `BPO_UPDATE=1 cargo test --test documents monitoring` writes it again"
    );
}

/// Objects in a state, and the health that Argo CD and Flux must see: `None` is an object that Flux does not watch.
fn states() -> Vec<(&'static str, Value, &'static str, Option<&'static str>)> {
    let object = |seen: Option<i64>, conditions: Value| {
        let mut object = json!({"kind": "VendorContract", "metadata": {"generation": 2}, "spec": {}});
        if let Some(seen) = seen {
            object["status"] = json!({"observedGeneration": seen, "conditions": conditions});
        }
        object
    };
    let conditions = |ready: &str, reason: &str, stalled: &str, compliant: &str| {
        json!([
            {"type": "Ready", "status": ready, "reason": reason, "message": "shown"},
            {"type": "Stalled", "status": stalled, "reason": "Progressing", "message": "shown"},
            {"type": "SLACompliant", "status": compliant, "reason": "TargetMissed", "message": "shown"},
        ])
    };
    let report = json!({"kind": "SlaReport", "metadata": {"generation": 1}, "spec": {"revision": 1, "state": "Final"}});
    vec![
        ("not seen yet", object(None, json!([])), "Progressing", Some("inProgress")),
        (
            "edited since",
            object(Some(1), conditions("True", "Reconciled", "False", "True")),
            "Progressing",
            Some("inProgress"),
        ),
        ("ready", object(Some(2), conditions("True", "Reconciled", "False", "True")), "Healthy", Some("current")),
        ("missed", object(Some(2), conditions("True", "Reconciled", "False", "False")), "Healthy", Some("current")),
        (
            "suspended",
            object(Some(2), conditions("True", "Suspended", "False", "Unknown")),
            "Suspended",
            Some("current"),
        ),
        (
            "a Secret is missing",
            object(Some(2), conditions("False", "SecretNotFound", "False", "True")),
            "Progressing",
            None,
        ),
        (
            "a wrong zone",
            object(Some(2), conditions("False", "InvalidSpec", "True", "Unknown")),
            "Degraded",
            Some("failed"),
        ),
        ("a report", report, "Healthy", None),
    ]
}

#[test]
fn argo_cd_reads_health_from_readiness_and_not_from_commitments() {
    let script = std::fs::read_to_string(repository("docs/gitops/argocd-health.lua")).unwrap();
    for (what, object, expected, _) in states() {
        let lua = Lua::new();
        lua.globals().set("obj", lua.to_value(&object).unwrap()).unwrap();
        let health: Value = lua.from_value(lua.load(&script).eval().unwrap()).unwrap();
        assert_eq!(health["status"], expected, "{what}: {health}");
        assert!(!health["message"].as_str().unwrap().is_empty(), "{what}");
    }
}

#[test]
fn flux_reads_health_from_readiness_and_not_from_commitments() {
    let checks = std::fs::read_to_string(repository("docs/gitops/flux-health-checks.yaml")).unwrap();
    let checks: Vec<Value> = serde_saphyr::from_str(&checks).unwrap();
    let kinds: Vec<&str> = checks.iter().map(|check| check["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["VendorContract", "ServiceTier", "KpiTarget", "CampaignLaunch"]);
    for (check, (what, object, _, expected)) in
        checks.iter().flat_map(|check| states().into_iter().map(move |state| (check, state)))
    {
        if object["kind"] == "SlaReport" {
            continue;
        }
        // Flux asks in this order and takes the first that holds; while none does, it waits.
        let found = ["inProgress", "failed", "current"]
            .into_iter()
            .find(|question| holds(check[question].as_str().unwrap(), &object));
        assert_eq!(found, expected, "{what} of {}", check["kind"]);
    }
}

fn holds(expression: &str, object: &Value) -> bool {
    let program = cel::Program::compile(expression).unwrap();
    let mut context = cel::Context::default();
    for field in ["metadata", "spec", "status"] {
        let value = object.get(field).cloned().unwrap_or_else(|| json!({}));
        context.add_variable(field, value).unwrap();
    }
    match program.execute(&context).unwrap() {
        cel::Value::Bool(answer) => answer,
        other => panic!("{expression} returns {other:?}"),
    }
}
