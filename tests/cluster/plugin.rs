//! The plugin against a cluster: evidence commands inside the operator's pod, a fetch that is asked for, and refusals in words.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use crate::figures::hours;
use crate::harness::{Place, has, path};
use crate::judged::{contract, kpi};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

/// A kubectl that reaches into the pod as a kubelet would: it runs here what it is asked to run there, and keeps the words.
fn kubectl_of_a_pod(place: &Place) -> PathBuf {
    let folder = place.folder.path().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let (kubectl, plugin) = (folder.join("kubectl"), env!("CARGO_BIN_EXE_kubectl-bpo"));
    let words = folder.join("words");
    let script = format!(
        "#!/bin/sh\necho \"$*\" >> {}\nwhile [ \"$1\" != -- ]; do shift; done\nshift 2\nexec {plugin} \"$@\"\n",
        path(&words)
    );
    std::fs::write(&kubectl, script).unwrap();
    std::fs::set_permissions(&kubectl, std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// `kubectl bpo … --exec` in this namespace.
fn in_the_pod(place: &Place, bin: &std::path::Path, arguments: &[&str]) -> Output {
    let kubeconfig = place.installation.plane.kubeconfig(crate::controlplane::ADMIN).unwrap();
    let search = format!("{}:{}", path(bin), std::env::var("PATH").unwrap());
    Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"))
        .args(arguments)
        .args(["--exec", "-n", &place.namespace, "--kubeconfig", path(&kubeconfig)])
        .env("PATH", search)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

async fn judged(place: &Place) -> VendorServer {
    let rows = hours("2026-01-01T00:00:00Z", "2026-02-10T00:00:00Z", 90);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let contract = contract("care", "UTC", "Monthly", ("2026-01-01", "2026-01-31"), &server.url(INTERVALS));
    let level = kpi("level", "care", "kpi: ServiceLevel\nobjective: {target: 80}");
    place.apply(&format!("{contract}{level}")).await;
    server
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_is_verified_and_exported_inside_the_operators_pod() {
    let place = Place::fresh().await;
    let _server = judged(&place).await;
    let _operator = place.operator();
    place
        .wait_for("slar", "care-2026-01", "it is Final", |report| {
            report["spec"]["state"] == "Final" && report["status"].is_object()
        })
        .await;
    let bin = kubectl_of_a_pod(&place);
    let missing = in_the_pod(&place, &bin, &["verify"]);
    assert_eq!(missing.status.code(), Some(2));
    assert!(
        text(&missing.stderr).contains("there is no running pod with the label app.kubernetes.io/name=bpo-operator")
    );
    // No kubelet runs it here: the pod is there as the API server knows it.
    let pod = serde_json::json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": "operator-0", "labels": {"app.kubernetes.io/name": "bpo-operator"}},
        "spec": {"containers": [{"name": "operator", "image": "bpo-operator:1", "args": ["run", format!("--data-dir={}", path(&place.data_dir()))]}]},
    });
    place.apply(&pod.to_string()).await;
    place
        .kubectl(&[
            "patch",
            "pod",
            "operator-0",
            "--subresource=status",
            "--patch",
            r#"{"status":{"phase":"Running"}}"#,
        ])
        .await;

    let report = place.kubectl(&["get", "slar", "care-2026-01", "-o", "yaml"]).await;
    let file = place.folder.path().join("report.yaml");
    std::fs::write(&file, report).unwrap();
    let verified = in_the_pod(&place, &bin, &["verify", "--report", path(&file)]);
    assert!(verified.status.success() && text(&verified.stdout).contains("the evidence is whole"), "{verified:?}");
    let words = std::fs::read_to_string(bin.join("words")).unwrap();
    let wanted = format!(
        "--namespace {} exec operator-0 --container operator --stdin -- kubectl-bpo verify --data-dir",
        place.namespace
    );
    assert!(words.contains(&wanted), "{words}");

    // The bundle comes out of the pod as a file here, or on standard output, and both are the one that is written beside the store.
    let contract = format!("{}/care", place.namespace);
    let (inside, beside) = (place.folder.path().join("inside.ndjson"), place.folder.path().join("beside.ndjson"));
    let exported = in_the_pod(&place, &bin, &["export", "--contract", &contract, "--to", path(&inside)]);
    assert!(exported.status.success(), "{exported:?}");
    let piped = in_the_pod(&place, &bin, &["export", "--contract", &contract, "--to", "-"]);
    let data = place.data_dir();
    let here = ["export", "--data-dir", path(&data), "--contract", &contract, "--to", path(&beside)];
    assert!(Command::new(env!("CARGO_BIN_EXE_kubectl-bpo")).args(here).output().unwrap().status.success());
    let beside = std::fs::read(&beside).unwrap();
    assert!(!beside.is_empty() && std::fs::read(&inside).unwrap() == beside && piped.stdout == beside);
    let unknown =
        in_the_pod(&place, &bin, &["export", "--contract", "nobody", "--to", path(&place.folder.path().join("no"))]);
    assert_eq!(unknown.status.code(), Some(2), "{unknown:?}");
    assert!(!place.folder.path().join("no").exists(), "what is not whole must not pass for a bundle");
    for list in [&["alert", "list"][..], &["feed", "rejected"]] {
        assert!(in_the_pod(&place, &bin, list).status.success(), "{list:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_is_asked_for_comes_now_and_once() {
    let place = Place::fresh().await;
    let rows = hours("2026-01-01T00:00:00Z", "2026-02-10T00:00:00Z", 90);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    // The feed's own turn comes twice a day.
    let contract = contract("care", "UTC", "Monthly", ("2026-01-01", "2030-12-31"), &server.url(INTERVALS));
    let contract = contract.replace("interval: 30s", "interval: 12h");
    place.apply(&format!("{contract}{}", kpi("level", "care", "kpi: ServiceLevel\nobjective: {target: 80}"))).await;
    let _operator = place.operator();
    let fetched = |contract: &serde_json::Value| {
        let feed = &contract["status"]["feeds"][0];
        (feed["reason"] == "Fetched" || feed["reason"] == "Late") && feed["backfilling"] != true
    };
    place.wait_for("vc", "care", "the past is fetched", fetched).await;
    let before = server.count(INTERVALS).requests;
    // The vendor has been silent since February: the feed is late, and the command says so.
    let (code, out, error) = place.plugin(&["feed", "fetch", "care", "acd", "--wait", "1"]);
    assert_eq!(code, 1, "{out}{error}");
    assert!(error.contains("Late"), "{error}");
    let asked = async || (server.count(INTERVALS).requests > before).then_some(());
    place.eventually("the vendor is asked now", asked).await;
    let (code, _, error) = place.plugin(&["feed", "fetch", "care", "nothing"]);
    assert!(code == 2 && error.contains("care has no feed nothing; it has: acd"), "{error}");
    // The annotation stays and asks for nothing more, whatever else changes.
    let after = server.count(INTERVALS).requests;
    place.kubectl(&["annotate", "vc", "care", "bpo-operator.io/acknowledged=nobody at 2026-01-01T00:00:00Z"]).await;
    place.kubectl(&["patch", "kpi", "level", "--type=merge", "-p", r#"{"spec":{"weight":2}}"#]).await;
    place
        .wait_for("kpi", "level", "the edit is seen", |kpi| {
            kpi["status"]["observedGeneration"] == 2 && has(kpi, "Ready", "True", "Reconciled")
        })
        .await;
    assert_eq!(server.count(INTERVALS).requests, after);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_is_asked_for_is_waited_for_and_the_status_of_each_kind_shows_it() {
    let place = Place::fresh().await;
    let rows = hours("2026-01-01T00:00:00Z", "2026-02-10T00:00:00Z", 90);
    let server = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
    let care = contract("care", "UTC", "Monthly", ("2026-01-01", "2030-12-31"), &server.url(INTERVALS));
    place.apply(&format!("{care}{}", kpi("level", "care", "kpi: ServiceLevel\nobjective: {target: 80}"))).await;
    place.apply(TIER_AND_LAUNCH).await;
    // Nobody works here yet: the wish stays, and the command says what to do.
    let (code, out, error) = place.plugin(&["reconcile", "contract/care", "--wait", "0"]);
    assert!(code == 1 && out.is_empty() && error.contains("no operator has looked at VendorContract care"), "{error}");
    let operator = place.operator();
    let handled = |object: &serde_json::Value| {
        let wish = &object["metadata"]["annotations"]["bpo-operator.io/requested-at"];
        wish.is_string() && object["status"]["lastHandledRequest"] == *wish
    };
    place.wait_for("vc", "care", "the wish of before is handled", handled).await;
    place.wait_for("kpi", "level", "it is judged", |kpi| has(kpi, "Ready", "True", "Reconciled")).await;
    let wishes = [
        ("contract/care", "vc", "care"),
        ("kpi/level", "kpi", "level"),
        ("servicetier.bpo-operator.io/gold", "servicetier", "gold"),
        ("launch/spring", "campaignlaunch", "spring"),
    ];
    for (object, kind, name) in wishes {
        let (code, out, error) = place.reconcile(object);
        assert!(code == 0 && out.contains(&format!("{name} was looked at: Ready is ")), "{object}: {out}{error}");
        let found = place.get(kind, name).await.unwrap();
        assert!(handled(&found), "{object}: {found:#}");
        // A second wish is another one.
        let before = found["status"]["lastHandledRequest"].clone();
        assert_eq!(place.reconcile(object).0, 0, "{object}");
        assert_ne!(place.get(kind, name).await.unwrap()["status"]["lastHandledRequest"], before, "{object}");
    }
    // A text of any length is handled, as far as the status takes it.
    let long = format!("bpo-operator.io/requested-at={}", "x".repeat(300));
    place.kubectl(&["annotate", "--overwrite", "vc", "care", &long]).await;
    let cut = |care: &serde_json::Value| care["status"]["lastHandledRequest"] == "x".repeat(64);
    place.wait_for("vc", "care", "the long wish is handled", cut).await;
    let (code, _, error) = place.plugin(&["reconcile", "kpi/nothing"]);
    assert!(code == 2 && error.contains("there is no KpiTarget nothing"), "{error}");
    assert_eq!(operator.stop().await, Some(0));
}

const TIER_AND_LAUNCH: &str = "
---
apiVersion: bpo-operator.io/v1alpha1
kind: ServiceTier
metadata: {name: gold}
spec: {rank: 1, customerValue: {measure: LifetimeValue, currency: GBP, atLeast: 1000}}
---
apiVersion: bpo-operator.io/v1alpha1
kind: CampaignLaunch
metadata: {name: spring}
spec:
  contractRefs: [{name: care}]
  product: Home fibre upgrade
  launchAt: 2030-06-10T08:00:00Z
  endsAt: 2030-07-10T18:00:00Z
  channels: [{name: letters, type: DirectMail, volume: 2000, responsePercent: \"1.5\", dayShares: [50, 50]}]
";

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_api_server_is_a_sentence_with_the_role_that_helps() {
    let place = Place::fresh().await;
    let plane = place.installation.plane;
    let kubeconfig = plane.service_account_kubeconfig(&place.namespace, "default").await.unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"))
        .args(["explain", "care-2026-01", "-n", &place.namespace, "--kubeconfig", path(&kubeconfig)])
        .output()
        .unwrap();
    let said = text(&output.stderr);
    let user = format!("system:serviceaccount:{}:default", place.namespace);
    let expected = format!(
        "{user} may not get slareports.bpo-operator.io in namespace {}; the role view grants it: kubectl create rolebinding",
        place.namespace
    );
    assert!(said.contains(&expected) && !said.contains("Status {"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn status_events_suspend_check_and_completion_show_what_the_cluster_has() {
    let place = Place::fresh().await;
    let _server = judged(&place).await;
    place.apply(&kpi("stray", "nobody", "kpi: ServiceLevel\nobjective: {target: 80}")).await;
    let _operator = place.operator();
    place.wait_for("slar", "care-2026-01", "it is Final", |report| report["spec"]["state"] == "Final").await;
    let lost = |kpi: &serde_json::Value| has(kpi, "Ready", "False", "ContractNotFound");
    place.wait_for("kpi", "stray", "its contract is missing", lost).await;
    let said = |arguments: &[&str], code: i32| {
        let (found, out, error) = place.plugin(arguments);
        assert_eq!(found, code, "{arguments:?}: {out}{error}");
        (out, error)
    };

    let (tree, _) = said(&["status", "--exit-code"], 1);
    let expected = [
        format!("[ok] VendorContract {}/care: ended; January 2026, score 100\n", place.namespace),
        "│   WellFormed FindingsPresent: OnlyTechnicalKpis".to_owned(),
        "├── [ok] Feed acd: reaches 2026-02-04T00:00:00Z\n".to_owned(),
        "└── [ok] KpiTarget level: Service level, 90".to_owned(),
        format!("[!!] KpiTarget {}/stray: Service level, no period has closed yet\n", place.namespace),
        "    Ready ContractNotFound: ".to_owned(),
    ];
    for line in expected {
        assert!(tree.contains(&line), "{line:?} is not in\n{tree}");
    }
    assert!(!said(&["status", "care", "--exit-code"], 0).0.contains("stray"));
    let (_, error) = said(&["status", "cares"], 2);
    assert!(error.contains("there is no VendorContract cares in this namespace; there are: care"), "{error}");

    let (events, _) = said(&["events", "care"], 0);
    assert!(events.contains("PeriodFinal") && !events.contains("stray"), "{events}");
    assert!(!said(&["events", "care", "--warnings"], 0).0.contains("PeriodFinal"));

    said(&["suspend", "kpi", "level"], 0);
    place.wait_for("kpi", "level", "it is suspended", |kpi| has(kpi, "Ready", "True", "Suspended")).await;
    let (resumed, _) = said(&["resume", "kpi", "level", "-o", "json"], 0);
    let resumed: serde_json::Value = serde_json::from_str(&resumed).unwrap();
    assert_eq!(
        (&resumed["kind"], &resumed["name"], &resumed["suspend"]),
        (&"KpiTarget".into(), &"level".into(), &false.into())
    );
    place.wait_for("kpi", "level", "it goes on", |kpi| has(kpi, "Ready", "True", "Reconciled")).await;
    let (_, error) = said(&["suspend", "contract", "nobody"], 2);
    assert!(error.contains("there is no VendorContract nobody"), "{error}");

    // No chart is installed here: the definitions are there, the pods are not.
    let (checks, _) = said(&["check", "--operator-namespace", &place.namespace], 1);
    for words in
        ["bpo-operator.io/v1alpha1 has all five", "Definitions  ok", "is the chart installed?", "Read contracts"]
    {
        let squeezed = checks.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(squeezed.contains(&words.split_whitespace().collect::<Vec<_>>().join(" ")), "{words:?}: {checks}");
    }

    let kubeconfig = place.installation.plane.kubeconfig(crate::controlplane::ADMIN).unwrap();
    let complete = |words: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_kubectl-bpo")).args(["__complete", "--"]).args(words).output().unwrap();
        text(&output.stdout)
    };
    let near = ["-n", place.namespace.as_str(), "--kubeconfig", path(&kubeconfig)];
    assert_eq!(complete(&[&["scorecard"][..], &near, &["c"]].concat()), "care\n:4\n");
    assert_eq!(complete(&[&["feed", "fetch"][..], &near, &["care", ""]].concat()), "acd\n:4\n");
    assert_eq!(complete(&[&["reconcile"][..], &near, &["contract/"]].concat()), "contract/care\n:4\n");
    assert_eq!(complete(&["scorecard", "--kubeconfig", "/nowhere", ""]), ":4\n", "completion prints no errors");
}
