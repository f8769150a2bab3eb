//! The pages of `docs/reference`, made from the program: kinds, conditions and Events, metrics, alerts, flags, commands, values of the
//! chart.
//!
//! With `BPO_UPDATE=1` they are written; without it they must be as they would be written.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use bpo_operator::api::condition::{ConditionStatus, ConditionType, EventReason, Kind};
use bpo_operator::api::schema::custom_resource_definitions;
use bpo_operator::web::catalogue::Metric;
use clap::{Arg, Command, CommandFactory};
use serde_json::Value;

/// Compares a page with the one in the repository, or writes it.
fn hold(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference").join(name);
    if std::env::var_os("BPO_UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/reference/{name} drifted; `BPO_UPDATE=1 cargo test --test documents reference` writes it"
    );
}

/// A text as a cell of a table: one line, without bars that would end it.
fn cell(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('|', "\\|")
}

const KINDS: [(Kind, &str); 4] = [
    (Kind::VendorContract, "VendorContract"),
    (Kind::KpiTarget, "KpiTarget"),
    (Kind::ServiceTier, "ServiceTier"),
    (Kind::CampaignLaunch, "CampaignLaunch"),
];

#[test]
fn the_conditions_and_events_are_those_of_the_program() {
    let mut page = String::from(
        "# Conditions and Events\n\nMade from the program. Every condition of a kind is there from the first look on. A reason is a word that a program \
         can branch on, and\nthe message beside it is for people. What to do about each: [troubleshooting](../troubleshooting.md).\n\n",
    );
    for (kind, name) in KINDS {
        writeln!(page, "## {name}\n\n| condition | status | reasons |\n|---|---|---|").unwrap();
        for type_ in ConditionType::of_kind(kind) {
            for status in [ConditionStatus::True, ConditionStatus::False, ConditionStatus::Unknown] {
                let reasons: Vec<&str> = type_.reasons(status).iter().map(|reason| reason.as_str()).collect();
                if !reasons.is_empty() {
                    writeln!(page, "| {type_} | {status:?} | {} |", reasons.join(", ")).unwrap();
                }
            }
        }
        page.push('\n');
    }
    page.push_str("## Events\n\nEach is a transition, and is there once. `kubectl bpo events CONTRACT` shows those of a contract and of what belongs to it.\n\n| reason | type |\n|---|---|\n");
    for reason in EventReason::ALL {
        writeln!(page, "| {reason} | {} |", if reason.is_warning() { "Warning" } else { "Normal" }).unwrap();
    }
    hold("conditions.md", &page);
}

#[test]
fn the_metrics_are_those_of_the_program() {
    let mut page = String::from(
        "# Metrics\n\nMade from the program. All are served at `/metrics`. The series of an object that is deleted go with it.\n\n| metric | type | labels | what it is |\n|---|---|---|---|\n",
    );
    for metric in Metric::ALL {
        let definition = metric.definition();
        let total = if format!("{:?}", definition.kind) == "Counter" { "_total" } else { "" };
        let labels = if definition.labels.is_empty() { "–".to_owned() } else { definition.labels.join(", ") };
        let (name, kind) = (definition.name, definition.kind);
        writeln!(page, "| `bpo_{name}{total}` | {kind:?} | {labels} | {} |", cell(definition.help)).unwrap();
    }
    hold("metrics.md", &page);
}

/// The type of a field, in words: what a list or a map holds, and which words an enumeration has.
fn type_of(schema: &Value) -> String {
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        return words.join(", ");
    }
    match (schema["type"].as_str(), &schema["additionalProperties"]) {
        (Some("array"), _) => format!("list of {}", type_of(&schema["items"])),
        (Some("object"), inner) if inner.is_object() => format!("map of {}", type_of(inner)),
        (Some("string"), _) if schema["format"] == "date-time" => "instant".to_owned(),
        (Some(name), _) => name.to_owned(),
        (None, _) if schema["x-kubernetes-int-or-string"] == true => "number or string".to_owned(),
        (None, _) => "any".to_owned(),
    }
}

/// The fields of an object, each followed by those inside it, as rows of a table. Fields that were shown at another path are named, and not
/// repeated: `known` has the paths by their definitions.
fn fields(path: &str, schema: &Value, known: &mut BTreeMap<String, String>, page: &mut String) {
    let required = |name: &str| schema["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name));
    for (name, field) in schema["properties"].as_object().into_iter().flatten() {
        let place = format!("{path}.{name}");
        let (held, inside) = match field {
            field if field["items"].is_object() => (&field["items"], format!("{place}[]")),
            field if field["additionalProperties"].is_object() => {
                (&field["additionalProperties"], format!("{place}.*"))
            }
            field => (field, place.clone()),
        };
        let shape = held["properties"].as_object().map(|_| held["properties"].to_string());
        let shown = shape.as_ref().and_then(|shape| known.get(shape)).cloned();
        let default = match &field["default"] {
            Value::Null if required(name) => "required".to_owned(),
            Value::Null => String::new(),
            value => format!("`{value}`"),
        };
        let fields_of = shown.as_ref().map(|first| format!(" Fields as of `{first}`.")).unwrap_or_default();
        let description = format!("{}{fields_of}", field["description"].as_str().unwrap_or_default());
        writeln!(page, "| `{place}` | {} | {default} | {} |", type_of(field), cell(&description)).unwrap();
        if let (Some(shape), None) = (shape, shown) {
            known.insert(shape, inside.clone());
            fields(&inside, held, known, page);
        }
    }
}

#[test]
fn the_fields_are_those_of_the_definitions() {
    let mut page = String::from(
        "# Fields of all kinds\n\nMade from the definitions in `crds/`. `[]` is a member of a list, `.*` of a map. A default that depends on other fields is in the \
         description.\n`kubectl explain` shows the same: `kubectl explain vendorcontract.spec.credits`. Examples of every field: `examples/reference`.\n\n",
    );
    for (_, definition) in custom_resource_definitions().unwrap() {
        let kind = definition["spec"]["names"]["kind"].as_str().unwrap();
        let schema = &definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let description = schema["description"].as_str().unwrap();
        writeln!(page, "## {kind}\n\n{}\n", cell(description)).unwrap();
        let mut known = BTreeMap::new();
        for part in ["spec", "status"] {
            let fields_of = &schema["properties"][part];
            if fields_of["properties"].is_object() {
                page.push_str("| field | type | default | what it is |\n|---|---|---|---|\n");
                fields(part, fields_of, &mut known, &mut page);
                page.push('\n');
            }
        }
    }
    assert!(page.lines().count() > 600, "{} lines are too few to prove anything", page.lines().count());
    hold("kinds.md", &format!("{}\n", page.trim_end()));
}

/// What an alert means, as its runbook says it.
fn meaning<'a>(runbooks: &'a str, alert: &str) -> &'a str {
    let (_, section) = runbooks.split_once(&format!("\n## {alert}\n\n**Means**: ")).unwrap();
    let paragraph = section.split("\n\n").next().unwrap();
    paragraph.split("**If nobody acts**").next().unwrap()
}

#[test]
fn the_alerts_are_those_of_the_chart() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = fs::read_to_string(repository.join("charts/bpo-operator/files/alerting-rules.yaml")).unwrap();
    let runbooks = fs::read_to_string(repository.join("docs/runbooks.md")).unwrap();
    let rules: Value = serde_saphyr::from_str(&rules).unwrap();
    let mut page = String::from(
        "# Alerts of Prometheus\n\nMade from `charts/bpo-operator/files/alerting-rules.yaml` and the runbooks. An alert fires when its expression has held for the time \
         beside it.\n[Metrics](metrics.md) says what each series is; [alerts](../alerts.md) of contracts go to people, without Prometheus.\n\n\
         | alert | severity | for | expression | what it means |\n|---|---|---|---|---|\n",
    );
    for rule in rules["groups"].as_array().unwrap().iter().flat_map(|group| group["rules"].as_array().unwrap()) {
        let [alert, expression] = [&rule["alert"], &rule["expr"]].map(|text| text.as_str().unwrap());
        let severity = rule["labels"]["severity"].as_str().unwrap();
        let held = rule["for"].as_str().unwrap_or("–");
        let link = format!("[{alert}](../runbooks.md#{})", alert.to_lowercase());
        let meaning = cell(meaning(&runbooks, alert));
        writeln!(page, "| {link} | {severity} | {held} | `{}` | {meaning} |", cell(expression)).unwrap();
    }
    hold("alerts.md", &page);
}

/// How a flag or an argument is written.
fn usage(argument: &Arg) -> String {
    let values: Vec<String> = argument.get_value_names().into_iter().flatten().map(ToString::to_string).collect();
    let values = if argument.get_action().takes_values() { values.join(" ") } else { String::new() };
    let long = argument.get_long().map(|long| format!("--{long}"));
    let short = argument.get_short().map(|short| format!("-{short}"));
    match [short, long].into_iter().flatten().collect::<Vec<_>>().join(", ") {
        flag if flag.is_empty() && argument.is_required_set() => values,
        flag if flag.is_empty() => format!("[{values}]"),
        flag if values.is_empty() => flag,
        flag => format!("{flag} {values}"),
    }
}

/// The flags and arguments of a command as rows of a table.
fn rows(command: &Command, page: &mut String) {
    let own = command
        .get_arguments()
        .filter(|argument| !argument.is_hide_set() && !matches!(argument.get_id().as_str(), "help" | "version"));
    let mut own = own.peekable();
    if own.peek().is_none() {
        return;
    }
    page.push_str("| flag | variable | default | what it does |\n|---|---|---|---|\n");
    for argument in own {
        let variable = argument.get_env().map(|name| format!("`{}`", name.to_string_lossy())).unwrap_or_default();
        let defaults: Vec<String> =
            argument.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy())).collect();
        let default = if argument.get_action().takes_values() { defaults.join(" ") } else { String::new() };
        let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
        let usage = usage(argument).replace('|', "\\|");
        writeln!(page, "| `{usage}` | {variable} | {default} | {} |", cell(&help)).unwrap();
    }
    page.push('\n');
}

/// A section for each command, those inside of others after them.
fn sections(command: &Command, name: &str, page: &mut String) {
    let inner: Vec<&Command> =
        command.get_subcommands().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help").collect();
    if inner.is_empty() {
        writeln!(page, "## {name}\n").unwrap();
        let about = command.get_long_about().or(command.get_about()).map(ToString::to_string).unwrap_or_default();
        writeln!(page, "{}.\n", about.trim().trim_end_matches('.')).unwrap();
        rows(command, page);
    }
    for inner in inner {
        sections(inner, &format!("{name} {}", inner.get_name()), page);
    }
}

#[test]
fn the_flags_and_commands_are_those_of_both_programs() {
    let mut page = String::from(
        "# Flags of the operator\n\nMade from the program. Each flag is also a variable of the environment; lists have commas in variables. In the chart, flags without a\nvalue of their own go into `extraArgs`.\n\n",
    );
    sections(&bpo_operator::cli::operator::Cli::command(), "bpo-operator", &mut page);
    hold("operator.md", &format!("{}\n", page.trim_end()));
    let mut page = String::from(
        "# Commands of the plugin\n\nMade from the program. [The plugin](../kubectl-bpo.md) says which command is for what, and lists the exit codes.\n\n",
    );
    sections(&bpo_operator::cli::plugin::Cli::command(), "kubectl bpo", &mut page);
    hold("kubectl-bpo.md", &format!("{}\n", page.trim_end()));
}

/// The values of the chart with their comments, in the order of the file: path, default, comment.
fn values(text: &str) -> Vec<(String, String, String)> {
    let all: Value = serde_saphyr::from_str(text).unwrap();
    let (mut found, mut comment, mut path) = (Vec::new(), Vec::new(), Vec::<(usize, String)>::new());
    for line in text.lines() {
        let bare = line.trim_start();
        let indent = line.len() - bare.len();
        if let Some(words) = bare.strip_prefix('#') {
            comment.push(words.trim().to_owned());
        } else if let Some((key, _)) = bare.split_once(':').filter(|(key, _)| key.chars().all(char::is_alphanumeric)) {
            path.retain(|(outer, _)| *outer < indent);
            path.push((indent, key.to_owned()));
            let names: Vec<&str> = path.iter().map(|(_, name)| name.as_str()).collect();
            let value = &all[&names[0]];
            let value = names[1..].iter().fold(value, |value, name| &value[name]);
            let default = match value {
                Value::Object(members) if !members.is_empty() => String::new(),
                value => format!("`{value}`"),
            };
            found.push((names.join("."), default, comment.join(" ")));
            comment.clear();
        } else {
            comment.clear();
        }
    }
    found
}

#[test]
fn the_values_are_those_of_the_chart() {
    let text =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/bpo-operator/values.yaml")).unwrap();
    let mut page = String::from(
        "# Values of the chart\n\nMade from `charts/bpo-operator/values.yaml`. A value that is not listed is refused.\n\n| value | default | what it does |\n|---|---|---|\n",
    );
    let found = values(&text);
    assert!(found.len() > 60, "{} values are too few to prove anything", found.len());
    for (path, default, comment) in found {
        writeln!(page, "| `{path}` | {default} | {} |", cell(&comment)).unwrap();
    }
    hold("chart-values.md", &page);
}

/// The reasons by which something is wrong or waits, which people look up.
#[test]
fn every_reason_that_something_is_wrong_is_in_the_page_on_troubleshooting() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/troubleshooting.md")).unwrap();
    use ConditionStatus::{False, True, Unknown};
    let types = [
        (ConditionType::Ready, &[False, Unknown][..]),
        (ConditionType::Stalled, &[True]),
        (ConditionType::FeedHealthy, &[False, Unknown]),
        (ConditionType::SLACompliant, &[Unknown]),
        (ConditionType::Consistent, &[False]),
        (ConditionType::SourcesAgree, &[False, Unknown]),
        (ConditionType::LaunchReady, &[False, Unknown]),
        (ConditionType::GovernanceCurrent, &[False]),
        (ConditionType::Coherent, &[False]),
    ];
    let mut missing = Vec::new();
    for (type_, statuses) in types {
        for reason in statuses.iter().flat_map(|status| type_.reasons(*status)) {
            if !page.contains(&format!("`{reason}`")) {
                missing.push(format!("{type_} {reason}"));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:?}");
}

fn without_yaml(command: &Command, name: &str, found: &mut Vec<String>) {
    for output in command.get_arguments().filter(|argument| argument.get_long() == Some("output")) {
        let values: Vec<String> =
            output.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
        let has = |wanted: &str| values.iter().any(|value| value == wanted);
        if has("json") && !has("yaml") {
            found.push(format!("{name}: {values:?}"));
        }
    }
    for inner in command.get_subcommands() {
        without_yaml(inner, &format!("{name} {}", inner.get_name()), found);
    }
}

#[test]
fn what_prints_json_prints_yaml_too() {
    let mut found = Vec::new();
    without_yaml(&bpo_operator::cli::plugin::Cli::command(), "kubectl bpo", &mut found);
    assert!(found.is_empty(), "{found:?}");
}

/// Commands that people and programs both use, each with what it writes in addition to JSON and YAML.
const WRITES: [(&[&str], &[&str]); 13] = [
    (&["report"], &["text", "md", "html", "xlsx"]),
    (&["scorecard"], &["text", "md", "html"]),
    (&["portfolio"], &["text", "md", "csv", "html", "table"]),
    (&["launch", "report"], &["text", "md", "html", "markdown"]),
    (&["calendar"], &["ics", "text"]),
    (&["suspend"], &["text"]),
    (&["resume"], &["text"]),
    (&["reconcile"], &["text"]),
    (&["feed", "fetch"], &["text"]),
    (&["feed", "scaffold"], &["text"]),
    (&["ack"], &["text"]),
    (&["accept-loss"], &["text"]),
    (&["status"], &["table"]),
];

#[test]
fn commands_that_people_and_programs_use_write_json_and_yaml_and_what_is_promised() {
    for (words, promised) in WRITES {
        let mut command = bpo_operator::cli::plugin::Cli::command();
        for word in words {
            command = command.find_subcommand(word).unwrap_or_else(|| panic!("{words:?}")).clone();
        }
        let output = command.get_arguments().find(|argument| argument.get_long() == Some("output"));
        let values = output.unwrap_or_else(|| panic!("{words:?} has no --output")).get_possible_values();
        for wanted in promised.iter().chain(&["json", "yaml"]) {
            assert!(values.iter().any(|value| value.matches(wanted, false)), "{words:?} -o {wanted}");
        }
        assert!(!values.iter().any(|value| value.matches("pdf", false)), "{words:?}");
    }
}
