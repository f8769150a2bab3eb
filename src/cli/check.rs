//! `kubectl bpo check`: is the installation as it should be, and may I do what the plugin does.
//!
//! gather (cluster, with the caller's own rights) → `judge` (pure) → print.

use std::collections::BTreeSet;

use clap::Args;
use jiff::Timestamp;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DynamicObject, ListParams, PostParams};
use kube::{Api, ResourceExt};
use serde::Serialize;
use serde_json::{Value, json};

use super::answer::{Answer, Output};
use super::cluster::{Cluster, ClusterArguments, answered, wait_for};
use super::exec::LABEL;
use super::streams::print;
use super::tables;
use super::terminal::escaped;
use crate::api::{GROUP, VERSION};

/// Arguments of `kubectl bpo check`.
#[derive(Debug, Args)]
pub struct CheckArguments {
    /// The operator's namespace; default: whichever has its pods
    #[arg(long, value_name = "NAME")]
    operator_namespace: Option<String>,

    #[command(flatten)]
    cluster: ClusterArguments,

    /// How the result is printed
    #[arg(short = 'o', long, value_enum, default_value = "table")]
    output: Output,
}

/// The oldest API server on which the definitions and the admission policy work: major and minor version.
const OLDEST_SERVER: (u32, u32) = (1, 31);

/// How long after its last renewal a Lease counts as held, in seconds: the lease's own 15 s and some for clocks that differ.
const LEASE_SECONDS: i64 = 30;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Ok,
    /// It could not be checked with these rights.
    Unknown,
    /// It works, and should be looked at.
    Warning,
    /// It does not work.
    Failed,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Check {
    name: &'static str,
    state: State,
    message: String,
}

/// What was found in the cluster. An `Err` is what the cluster said instead.
struct Found {
    server: (String, String),
    /// The kinds that are served.
    kinds: Result<Vec<String>, String>,
    /// The installed definitions, by name; as far as they may be read.
    definitions: Result<Vec<(String, Value)>, String>,
    pods: Result<Vec<FoundPod>, String>,
    leases: Result<Vec<FoundLease>, String>,
    /// What the caller may do: the words for it, and whether.
    rights: Vec<(&'static str, Result<bool, String>)>,
    now: Timestamp,
}

/// A pod of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundPod {
    pub(super) place: String,
    pub(super) version: Option<String>,
    is_ready: bool,
    /// Why it does not run, in the words of Kubernetes.
    trouble: Option<String>,
}

/// A Lease of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
struct FoundLease {
    place: String,
    holder: Option<String>,
    renewed: Option<Timestamp>,
}

/// Prints the checks.
///
/// # Errors
/// When there is no connection.
pub fn run(arguments: &CheckArguments) -> Answer {
    let checks = judge(&wait_for(gather(arguments))?);
    match arguments.output {
        Output::Table => print(escaped(&table(&checks)))?,
        output => print(output.document(&json!(checks)).map_err(|error| vec![error.to_string()])?)?,
    }
    Ok(u8::from(checks.iter().any(|check| check.state == State::Failed)))
}

fn table(checks: &[Check]) -> String {
    let mut table = tables::table(&["CHECK", "RESULT", "FOUND"]);
    for check in checks {
        let state = match check.state {
            State::Ok => "ok",
            State::Unknown => "unknown",
            State::Warning => "warning",
            State::Failed => "FAILED",
        };
        table.add_row([check.name, state, &check.message]);
    }
    format!("{table}\n")
}

fn judge(found: &Found) -> Vec<Check> {
    let mut checks = vec![server(&found.server), kinds(&found.kinds), definitions(&found.definitions)];
    checks.extend([pods(&found.pods), versions(&found.pods), leases(&found.leases, found.now)]);
    checks.extend(found.rights.iter().map(|(name, right)| match right {
        Ok(true) => check(name, State::Ok, "you may"),
        Ok(false) => {
            check(name, State::Warning, "you may not: ask for the role `edit`, or for pods/exec, in that namespace")
        }
        Err(error) => check(name, State::Unknown, error),
    }));
    checks
}

fn check(name: &'static str, state: State, message: impl Into<String>) -> Check {
    Check { name, state, message: message.into() }
}

fn server((major, minor): &(String, String)) -> Check {
    const NAME: &str = "API server";
    let number = |text: &str| text.trim_end_matches('+').parse::<u32>().ok();
    let shown = format!("Kubernetes {major}.{minor}");
    match (number(major), number(minor)) {
        (Some(major), Some(minor)) if (major, minor) < OLDEST_SERVER => {
            let (major, minor) = OLDEST_SERVER;
            check(NAME, State::Failed, format!("{shown}: {major}.{minor} or newer is needed"))
        }
        (Some(_), Some(_)) => check(NAME, State::Ok, shown),
        _ => check(NAME, State::Unknown, shown),
    }
}

/// The kinds as the API server names them.
const KINDS: [&str; 5] = ["campaignlaunches", "kpitargets", "servicetiers", "slareports", "vendorcontracts"];

fn kinds(kinds: &Result<Vec<String>, String>) -> Check {
    const NAME: &str = "Kinds";
    match kinds {
        Err(error) => {
            check(NAME, State::Failed, format!("{error}; apply the definitions: kubectl apply --server-side -f crds/"))
        }
        Ok(served) => {
            let missing: Vec<&str> =
                KINDS.into_iter().filter(|kind| !served.iter().any(|found| found == kind)).collect();
            match missing.as_slice() {
                [] => check(NAME, State::Ok, format!("{GROUP}/{VERSION} has all five")),
                missing => check(
                    NAME,
                    State::Failed,
                    format!(
                        "not served: {}; apply the definitions: kubectl apply --server-side -f crds/",
                        missing.join(", ")
                    ),
                ),
            }
        }
    }
}

/// Whether the installed definitions are those of this program: an upgrade by helm leaves them as they were.
fn definitions(installed: &Result<Vec<(String, Value)>, String>) -> Check {
    const NAME: &str = "Definitions";
    let installed = match installed {
        Err(error) => return check(NAME, State::Unknown, error),
        Ok(installed) => installed,
    };
    let Ok(ours) = crate::api::schema::custom_resource_definitions() else {
        return check(NAME, State::Unknown, "the definitions of this program cannot be written");
    };
    let other: Vec<&str> = ours
        .iter()
        .filter(|(_, ours)| {
            let name = ours.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            let found = installed.iter().find(|(found, _)| found == name);
            found.is_none_or(|(_, found)| outline(found) != outline(ours))
        })
        .map(|(name, _)| name.as_ref())
        .collect();
    match other.as_slice() {
        [] => check(NAME, State::Ok, format!("as version {} has them", env!("CARGO_PKG_VERSION"))),
        other => check(
            NAME,
            State::Warning,
            format!(
                "of another version than this plugin ({}): {}; helm does not upgrade them: kubectl apply --server-side -f crds/",
                env!("CARGO_PKG_VERSION"),
                other.join(", ")
            ),
        ),
    }
}

/// The fields, words and rules of a definition. The API server writes some defaults and numbers in its own way, so that the whole
/// documents always differ.
fn outline(definition: &Value) -> BTreeSet<String> {
    fn collect(schema: &Value, path: &str, found: &mut BTreeSet<String>) {
        let description = schema.get("description").and_then(Value::as_str).unwrap_or_default();
        found.insert(format!("{path}: {description}"));
        for rule in schema.get("x-kubernetes-validations").and_then(Value::as_array).into_iter().flatten() {
            found.insert(format!("{path}: {}", rule.get("rule").and_then(Value::as_str).unwrap_or_default()));
        }
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            collect(property, &format!("{path}.{name}"), found);
        }
        for (key, inside) in [("items", "[]"), ("additionalProperties", "{}")] {
            if let Some(schema) = schema.get(key) {
                collect(schema, &format!("{path}{inside}"), found);
            }
        }
    }
    let mut found = BTreeSet::new();
    if let Some(schema) = definition.pointer("/spec/versions/0/schema/openAPIV3Schema") {
        collect(schema, "", &mut found);
    }
    found
}

fn pods(pods: &Result<Vec<FoundPod>, String>) -> Check {
    const NAME: &str = "Operator";
    let pods = match pods {
        Err(error) => {
            return check(
                NAME,
                State::Unknown,
                format!("{error}; name its namespace: --operator-namespace bpo-system"),
            );
        }
        Ok(pods) => pods,
    };
    let ready: Vec<&str> = pods.iter().filter(|pod| pod.is_ready).map(|pod| pod.place.as_str()).collect();
    let trouble: Vec<String> = pods
        .iter()
        .filter(|pod| !pod.is_ready)
        .map(|pod| format!("{} ({})", pod.place, pod.trouble.as_deref().unwrap_or("not ready")))
        .collect();
    match (ready.as_slice(), trouble.as_slice()) {
        ([], []) => check(NAME, State::Failed, format!("no pod has the label {LABEL}: is the chart installed?")),
        ([], trouble) => check(NAME, State::Failed, format!("no pod is ready: {}; see its log", trouble.join(", "))),
        (ready, []) => check(NAME, State::Ok, format!("ready: {}", ready.join(", "))),
        (ready, trouble) => {
            check(NAME, State::Warning, format!("ready: {}; not ready: {}", ready.join(", "), trouble.join(", ")))
        }
    }
}

fn versions(pods: &Result<Vec<FoundPod>, String>) -> Check {
    const NAME: &str = "Versions";
    let ours = env!("CARGO_PKG_VERSION");
    let found = pods.as_deref().unwrap_or_default().iter().filter_map(|pod| Some((pod, pod.version.as_ref()?)));
    let mut found = found.peekable();
    if found.peek().is_none() {
        return check(NAME, State::Unknown, format!("this plugin is {ours}; the operator's pods do not say"));
    }
    let other: Vec<String> = found
        .filter(|(_, version)| *version != ours)
        .map(|(pod, version)| format!("{} {version}", pod.place))
        .collect();
    match other.as_slice() {
        [] => check(NAME, State::Ok, format!("operator and plugin are {ours}")),
        other => check(
            NAME,
            State::Warning,
            format!("this plugin is {ours}, the operator is not: {}; use the same version of both", other.join(", ")),
        ),
    }
}

fn leases(leases: &Result<Vec<FoundLease>, String>, now: Timestamp) -> Check {
    const NAME: &str = "Lease";
    let leases = match leases {
        Err(error) => return check(NAME, State::Unknown, error),
        Ok(leases) => leases,
    };
    let held = leases.iter().find_map(|lease| {
        let renewed = lease.renewed?;
        let age = now.as_second().saturating_sub(renewed.as_second());
        let holder = lease.holder.as_ref().filter(|holder| !holder.is_empty())?;
        (age <= LEASE_SECONDS).then(|| format!("{} is held by {holder}, renewed {} s ago", lease.place, age.max(0)))
    });
    match (held, leases.as_slice()) {
        (Some(held), _) => check(NAME, State::Ok, held),
        (None, []) => check(NAME, State::Unknown, "no Lease was found"),
        (None, [first, ..]) => check(
            NAME,
            State::Failed,
            format!("{} is held by nobody: no operator works; see the log of its pods", first.place),
        ),
    }
}

async fn gather(arguments: &CheckArguments) -> Result<Found, String> {
    let cluster = Cluster::connect(&arguments.cluster).await?;
    let client = &cluster.client;
    let server = answered(client.apiserver_version()).await.map(|version| (version.major, version.minor));
    // Nothing else can be asked of a server that does not answer.
    let server = server?;
    let served = answered(client.list_api_group_resources(&format!("{GROUP}/{VERSION}"))).await;
    let kinds = served.map(|list| list.resources.into_iter().map(|resource| resource.name).collect());
    // As the server has them: a typed object would leave out what its type does not know.
    let resource = ApiResource::erase::<CustomResourceDefinition>(&());
    let definitions: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let mut installed = Ok(Vec::new());
    for kind in KINDS {
        let name = format!("{kind}.{GROUP}");
        match (answered(definitions.get_opt(&name)).await, &mut installed) {
            (Ok(Some(found)), Ok(list)) => list.push((name, found.data)),
            (Err(error), _) => {
                installed = Err(error);
                break;
            }
            _ => {}
        }
    }
    let pods = pods_of(&cluster, arguments.operator_namespace.as_deref()).await;
    let place = pods.as_ref().ok().and_then(|pods| pods.first()).and_then(|pod| pod.place.split_once('/'));
    let namespace = arguments.operator_namespace.clone().or_else(|| place.map(|(namespace, _)| namespace.to_owned()));
    let leases = match &namespace {
        Some(namespace) => leases_of(&cluster, namespace).await,
        None => Err("where the operator is was not found".to_owned()),
    };
    let mut rights = vec![
        ("Read contracts", may(&cluster, "list", "vendorcontracts", GROUP, &cluster.namespace).await),
        ("Ack, fetch, suspend", may(&cluster, "patch", "vendorcontracts", GROUP, &cluster.namespace).await),
    ];
    if let Some(namespace) = &namespace {
        rights.push(("Evidence (--exec)", may(&cluster, "create", "pods/exec", "", namespace).await));
    }
    Ok(Found { server, kinds, definitions: installed, pods, leases, rights, now: crate::clock::Clock::real().now() })
}

/// The operator's pods, in one namespace or in all.
///
/// # Errors
/// What the cluster said.
pub(super) async fn pods_of(cluster: &Cluster, namespace: Option<&str>) -> Result<Vec<FoundPod>, String> {
    let api: Api<Pod> = match namespace {
        Some(namespace) => Api::namespaced(cluster.client.clone(), namespace),
        None => Api::all(cluster.client.clone()),
    };
    let list = answered(api.list(&ListParams::default().labels(LABEL).limit(100))).await?;
    Ok(list.iter().map(found_pod).collect())
}

fn found_pod(pod: &Pod) -> FoundPod {
    let status = pod.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    let containers = status.and_then(|status| status.container_statuses.as_deref()).unwrap_or_default();
    let waiting = containers.iter().find_map(|container| container.state.as_ref()?.waiting.as_ref()?.reason.clone());
    let phase = status.and_then(|status| status.phase.clone());
    FoundPod {
        place: format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any()),
        version: pod.labels().get("app.kubernetes.io/version").cloned(),
        is_ready: conditions.iter().any(|condition| condition.type_ == "Ready" && condition.status == "True"),
        trouble: waiting.or(phase),
    }
}

async fn leases_of(cluster: &Cluster, namespace: &str) -> Result<Vec<FoundLease>, String> {
    let api: Api<Lease> = Api::namespaced(cluster.client.clone(), namespace);
    let list = answered(api.list(&ListParams::default().limit(100))).await?;
    let ours = list.iter().filter(|lease| lease.annotations().keys().any(|name| name.starts_with(GROUP)));
    Ok(ours
        .map(|lease| FoundLease {
            place: format!("{namespace}/{}", lease.name_any()),
            holder: lease.spec.as_ref().and_then(|spec| spec.holder_identity.clone()),
            renewed: lease.spec.as_ref().and_then(|spec| spec.renew_time.as_ref()).map(|time| time.0),
        })
        .collect())
}

async fn may(cluster: &Cluster, verb: &str, resource: &str, group: &str, namespace: &str) -> Result<bool, String> {
    let (resource, subresource) = resource.split_once('/').map_or((resource, None), |(one, two)| (one, Some(two)));
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                group: Some(group.to_owned()),
                namespace: Some(namespace.to_owned()),
                resource: Some(resource.to_owned()),
                subresource: subresource.map(str::to_owned),
                verb: Some(verb.to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let api: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let answer = answered(api.create(&PostParams::default(), &review)).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(is_ready: bool, version: Option<&str>) -> FoundPod {
        FoundPod {
            place: "bpo-system/operator-0".to_owned(),
            version: version.map(str::to_owned),
            is_ready,
            trouble: (!is_ready).then(|| "CrashLoopBackOff".to_owned()),
        }
    }

    #[test]
    fn a_server_is_new_enough_or_not() {
        let cases = [
            (("1", "30"), State::Failed),
            (("1", "31"), State::Ok),
            (("1", "33+"), State::Ok),
            (("2", "0"), State::Ok),
            (("one", "x"), State::Unknown),
        ];
        for ((major, minor), state) in cases {
            assert_eq!(server(&(major.to_owned(), minor.to_owned())).state, state, "{major}.{minor}");
        }
    }

    #[test]
    fn an_operator_works_where_one_pod_is_ready() {
        let cases = [
            (Ok(vec![]), State::Failed, "is the chart installed?"),
            (Ok(vec![pod(false, None)]), State::Failed, "CrashLoopBackOff"),
            (Ok(vec![pod(true, None)]), State::Ok, "ready: bpo-system/operator-0"),
            (Ok(vec![pod(true, None), pod(false, None)]), State::Warning, "not ready"),
            (Err("it refuses this".to_owned()), State::Unknown, "--operator-namespace"),
        ];
        for (found, state, words) in cases {
            let check = pods(&found);
            assert!(check.state == state && check.message.contains(words), "{check:?}");
        }
    }

    #[test]
    fn operator_and_plugin_should_be_of_one_version() {
        let ours = env!("CARGO_PKG_VERSION");
        let cases = [(Some(ours), State::Ok), (Some("0.0.9"), State::Warning), (None, State::Unknown)];
        for (version, state) in cases {
            assert_eq!(versions(&Ok(vec![pod(true, version)])).state, state, "{version:?}");
        }
    }

    #[test]
    fn a_lease_that_nobody_renews_means_that_no_operator_works() {
        let now: Timestamp = "2026-05-01T00:00:30Z".parse().unwrap();
        let lease = |holder: Option<&str>, renewed: &str| FoundLease {
            place: "bpo-system/bpo-operator".to_owned(),
            holder: holder.map(str::to_owned),
            renewed: Some(renewed.parse().unwrap()),
        };
        let cases = [
            (vec![lease(Some("one"), "2026-05-01T00:00:25Z")], State::Ok),
            (vec![lease(Some("one"), "2026-04-30T23:00:00Z")], State::Failed),
            (vec![lease(Some(""), "2026-05-01T00:00:25Z")], State::Failed),
            (vec![lease(None, "2026-05-01T00:00:25Z")], State::Failed),
            (vec![], State::Unknown),
        ];
        for (found, state) in cases {
            assert_eq!(leases(&Ok(found.clone()), now).state, state, "{found:?}");
        }
    }

    #[test]
    fn definitions_of_another_version_are_named() {
        let ours = crate::api::schema::custom_resource_definitions().unwrap();
        let named = |document: &Value| (document["metadata"]["name"].as_str().unwrap().to_owned(), document.clone());
        let mut installed: Vec<(String, Value)> = ours.iter().map(|(_, document)| named(document)).collect();
        assert_eq!(definitions(&Ok(installed.clone())).state, State::Ok);
        installed[0].1["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["description"] = json!("older");
        let check = definitions(&Ok(installed));
        assert!(check.state == State::Warning && check.message.contains("kubectl apply --server-side"), "{check:?}");
    }
}
