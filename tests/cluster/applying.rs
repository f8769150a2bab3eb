//! GitOps tools apply the same objects again and again, one way or the other: nothing moves, and nobody fights over a field.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Place, has, path};
use crate::vendor::{Dataset, INTERVALS, OUTCOMES, VendorServer};

const CLOCK: [&str; 4] = ["--clock-start", "2026-02-10T00:00:00Z", "--clock-speed", "1"];
const TOKEN: &str = "a-token-of-the-vendor";
/// Kinds that people write.
const KINDS: &str = "vc,kpi,st,cl";
const REFERENCE_LAUNCH: &str = "winter-upgrade";

/// A way of applying.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    ClientSide,
    ServerSide,
}

impl Way {
    fn apply(self) -> &'static [&'static str] {
        match self {
            Way::ClientSide => &["apply"],
            Way::ServerSide => &["apply", "--server-side"],
        }
    }

    fn diff(self) -> &'static [&'static str] {
        match self {
            Way::ClientSide => &["diff"],
            Way::ServerSide => &["diff", "--server-side"],
        }
    }
}

/// The contract of the examples with all its objects but the Secret, read from a server that is there, and a launch.
fn manifests(place: &Place, server: &VendorServer) -> PathBuf {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let folder = place.folder.path().join("manifests");
    std::fs::create_dir(&folder).unwrap();
    let acme = std::fs::read_dir(examples.join("acme-care")).unwrap().map(|entry| entry.unwrap().path());
    let ours = acme.filter(|file| !file.ends_with("secret.yaml"));
    for file in ours.chain([examples.join("reference/campaign-launch.yaml")]) {
        let text = std::fs::read_to_string(&file).unwrap();
        let text = text
            .replace("https://feeds.acme.example/v1/intervals", &server.url(INTERVALS))
            .replace("https://feeds.acme.example/v1/outcomes", &server.url(OUTCOMES));
        std::fs::write(folder.join(file.file_name().unwrap()), text).unwrap();
    }
    folder
}

/// The Secret of the contract. kubectl calls a Secret with `stringData` changed each time, so it is not among the rest.
async fn create_secret(place: &Place, server: &VendorServer) {
    let token = format!("--from-literal=token={TOKEN}");
    place.kubectl(&["create", "secret", "generic", "acme-feed", &token]).await;
    let host = format!("bpo-operator.io/allowed-hosts={}", server.address());
    place.kubectl(&["annotate", "secret", "acme-feed", &host]).await;
}

/// Applies the folder in one way and returns the output of kubectl.
async fn apply(place: &Place, way: Way, folder: &Path) -> String {
    place.kubectl(&[way.apply(), &["-f", path(folder)]].concat()).await
}

/// What must never move: by object, its generation and spec.
async fn specs(place: &Place) -> Vec<(String, Value, Value)> {
    let mut specs = Vec::new();
    for object in place.list(KINDS).await {
        let name = format!("{}/{}", object["kind"], object["metadata"]["name"]);
        specs.push((name, object["metadata"]["generation"].clone(), object["spec"].clone()));
    }
    assert!(specs.len() >= 8, "{specs:#?}");
    specs
}

async fn versions(place: &Place) -> Vec<Value> {
    place.list(KINDS).await.iter().map(|object| object["metadata"]["resourceVersion"].clone()).collect()
}

/// Waits until every object was looked at in its present generation and every KPI's figures are in.
async fn reconciled(place: &Place) {
    for object in place.list(KINDS).await {
        let (kind, name) = (object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap());
        place
            .wait_for(kind, name, "ready and judged", |object| {
                let seen = object["status"]["observedGeneration"] == object["metadata"]["generation"];
                let judged =
                    || has(object, "FeedHealthy", "True", "Fetched") && !object["status"]["last"]["verdict"].is_null();
                seen && match kind {
                    // The launch of the reference names feeds that this contract does not have.
                    "CampaignLaunch" if name == REFERENCE_LAUNCH => has(object, "Ready", "False", "FeedNotFound"),
                    "KpiTarget" => has(object, "Ready", "True", "Reconciled") && judged(),
                    _ => has(object, "Ready", "True", "Reconciled"),
                }
            })
            .await;
    }
}

/// `kubectl diff` finds no difference, which its exit code says. It is asked in the way in which was applied last: the
/// annotation that kubectl itself keeps for client-side apply is written a little otherwise in the other way.
async fn no_difference(place: &Place, way: Way, folder: &Path) {
    place.kubectl(&[way.diff(), &["-f", path(folder)]].concat()).await;
}

/// The operator owns the status and nothing else; whoever applies owns the spec and not the status.
async fn no_shared_field(place: &Place) {
    let text = place.kubectl(&["get", KINDS, "-o", "json", "--show-managed-fields"]).await;
    let list: Value = serde_json::from_str(&text).unwrap();
    for object in list["items"].as_array().unwrap() {
        let entries = object["metadata"]["managedFields"].as_array().unwrap();
        let operator: Vec<&Value> = entries.iter().filter(|entry| entry["manager"] == "bpo-operator").collect();
        assert_eq!(operator.len(), 1, "{entries:#?}");
        assert_eq!((&operator[0]["subresource"], &operator[0]["operation"]), (&"status".into(), &"Apply".into()));
        for entry in entries {
            let owns: Vec<&String> = entry["fieldsV1"].as_object().unwrap().keys().collect();
            if entry["manager"] == "bpo-operator" {
                assert_eq!(owns, ["f:status"], "{entry:#}");
            } else {
                assert!(!owns.iter().any(|field| *field == "f:status"), "{entry:#}");
            }
        }
    }
}

/// A second time in the same way: kubectl says that nothing changed, and the API server stored nothing.
async fn repeat(place: &Place, way: Way, folder: &Path) {
    let before = versions(place).await;
    let answer = apply(place, way, folder).await;
    for line in answer.lines() {
        // A server-side apply has one word for both; that nothing was stored shows in the versions.
        let expected = if way == Way::ClientSide { "unchanged" } else { "serverside-applied" };
        assert!(line.ends_with(expected), "{way:?} once more: {line}");
    }
    assert_eq!(versions(place).await, before, "{way:?} once more wrote something");
}

async fn trial(ways: [Way; 2]) {
    let place = Place::fresh().await;
    let dataset = Dataset::story().with_token(TOKEN);
    let server = VendorServer::start(dataset).await.unwrap();
    let folder = manifests(&place, &server);
    create_secret(&place, &server).await;
    let _operator = place.operator_with(&CLOCK);
    apply(&place, ways[0], &folder).await;
    let first = specs(&place).await;
    reconciled(&place).await;
    for way in ways {
        apply(&place, way, &folder).await;
        repeat(&place, way, &folder).await;
        no_difference(&place, way, &folder).await;
        assert_eq!(specs(&place).await, first, "{way:?} moved a spec or a generation");
    }
    no_shared_field(&place).await;
    reconciled(&place).await;
    assert_eq!(specs(&place).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn applied_client_side_then_server_side_nothing_moves() {
    trial([Way::ClientSide, Way::ServerSide]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn applied_server_side_then_client_side_nothing_moves() {
    trial([Way::ServerSide, Way::ClientSide]).await;
}
