//! From the version before the first release of this API to this one, and back, by the commands of `docs/upgrading.md`.
//!
//! `tests/data/upgrade` holds what that version left behind: its chart, its objects as they were stored, and its evidence. With
//! `BPO_OLDER_OPERATOR` set to a program of that version, the test that goes back records all of it again, and runs that program at the end.

mod recording;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use self::recording::{END, NAMESPACE, days, recorded_folder};
use crate::controlplane::{ADMIN, ControlPlane, ControlPlaneOptions, helm_path};
use crate::harness::{Installation, Operator, Place, has, path};
use crate::pages::{Shell, commands};
use crate::receiver::{Received, Receiver};
use crate::vendor::{Dataset, INTERVALS, VendorServer};

const PAGE: &str = "docs/upgrading.md";
const PLURALS: [(&str, &str); 5] = [
    ("CampaignLaunch", "campaignlaunches"),
    ("KpiTarget", "kpitargets"),
    ("ServiceTier", "servicetiers"),
    ("SlaReport", "slareports"),
    ("VendorContract", "vendorcontracts"),
];

/// Objects as they are stored: etcd, by its gateway for JSON.
pub(crate) struct Etcd {
    url: String,
    client: reqwest::Client,
}

impl Etcd {
    /// That of a control plane.
    pub(crate) fn of(plane: &ControlPlane) -> Self {
        // The HTTP client wants to know how to encrypt even where nothing is encrypted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Etcd { url: plane.etcd_url(), client: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    async fn ask(&self, what: &str, question: &Value) -> Value {
        let asked = self.client.post(format!("{}/v3/kv/{what}", self.url)).body(question.to_string()).send();
        let answer = asked.await.unwrap();
        assert!(answer.status().is_success(), "etcd: {}", answer.status());
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// Stores a text under a key.
    pub(crate) async fn put(&self, key: &str, value: &str) {
        self.ask("put", &json!({"key": STANDARD.encode(key), "value": STANDARD.encode(value)})).await;
    }

    /// The bytes under a key, as text.
    pub(crate) async fn get(&self, key: &str) -> Option<String> {
        let answer = self.ask("range", &json!({"key": STANDARD.encode(key)})).await;
        let value = answer["kvs"][0]["value"].as_str()?;
        Some(String::from_utf8(STANDARD.decode(value).unwrap()).unwrap())
    }
}

fn key(kind: &str, name: &str) -> String {
    let (_, plural) = PLURALS.into_iter().find(|(known, _)| *known == kind).unwrap();
    format!("/registry/bpo-operator.io/{plural}/{NAMESPACE}/{name}")
}

fn name(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap()
}

/// The objects that the older version left, as they were stored.
fn recorded_objects() -> Vec<Value> {
    let text = std::fs::read_to_string(recorded_folder().join("objects.yaml")).unwrap();
    let list: Value = serde_saphyr::from_str(&text).unwrap();
    let mut objects = list["items"].as_array().unwrap().clone();
    for object in &mut objects {
        // etcd counts it.
        object["metadata"].as_object_mut().unwrap().remove("resourceVersion");
    }
    assert!(PLURALS.iter().all(|(kind, _)| objects.iter().any(|object| object["kind"] == *kind)), "a kind is missing");
    objects
}

fn recorded(kind: &str, wanted: &str) -> Value {
    recorded_objects().into_iter().find(|object| object["kind"] == kind && name(object) == wanted).unwrap()
}

/// A cluster in which the older version worked until a moment ago.
struct Cluster {
    plane: &'static ControlPlane,
    etcd: Etcd,
    place: Place,
    shell: Shell,
}

impl Cluster {
    /// The older chart is installed, and the namespace is empty.
    async fn with_the_older_chart() -> Self {
        // A control plane of its own: the definitions are for the whole cluster.
        let options = ControlPlaneOptions { controller_manager: true, ..ControlPlaneOptions::default() };
        let plane: &'static ControlPlane = Box::leak(Box::new(ControlPlane::start(options).await.unwrap()));
        let folder = tempfile::tempdir().unwrap();
        let shell = shell(plane, folder.path()).await;
        shell.run("helm install bpo-operator chart.tgz --namespace bpo-system --create-namespace");
        shell.run("kubectl wait --for=condition=Established --timeout=60s $(kubectl get crds --output=name)");
        plane.kubectl(&["create", "namespace", NAMESPACE]).await.unwrap();
        let kubeconfig = plane.service_account_kubeconfig("bpo-system", "bpo-operator").await.unwrap();
        let installation = Box::leak(Box::new(Installation { plane, kubeconfig }));
        let place = Place::named(installation, NAMESPACE.to_owned(), folder).await;
        Cluster { plane, etcd: Etcd::of(plane), place, shell }
    }

    /// The older chart is installed, the objects are stored as it left them, and its evidence is on the volume.
    async fn of_the_older_version() -> Self {
        let cluster = Self::with_the_older_chart().await;
        for object in recorded_objects() {
            let kind = object["kind"].as_str().unwrap();
            cluster.etcd.put(&key(kind, name(&object)), &object.to_string()).await;
        }
        cluster.restore();
        let shown = cluster.place.get("slar", "care-2026-01").await.unwrap();
        assert_eq!(shown["spec"], recorded("SlaReport", "care-2026-01")["spec"], "the API server reads what is stored");
        cluster
    }

    /// Puts the backup that was made before the upgrade in the place of the volume, as `docs/backup.md` has it.
    fn restore(&self) {
        let data = self.place.data_dir();
        let _ = std::fs::remove_dir_all(&data);
        std::fs::create_dir(&data).unwrap();
        self.shell.run(&commands("docs/backup.md", Some("Restore SQLite")).concat());
    }

    /// Does what the page says of an upgrade.
    fn upgrade(&self) {
        self.shell.run(&commands(PAGE, Some("To a newer version")).concat());
    }

    /// What is stored of an object.
    async fn stored(&self, kind: &str, name: &str) -> String {
        self.etcd.get(&key(kind, name)).await.unwrap_or_else(|| panic!("{kind} {name} is gone"))
    }

    /// The format of the store, and how many rows it has.
    fn format_and_rows(&self) -> (i64, i64) {
        let store = rusqlite::Connection::open(self.place.data_dir().join("evidence.sqlite")).unwrap();
        let format = store.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        (format, store.query_row("SELECT sum(sequence) FROM heads", [], |row| row.get(0)).unwrap())
    }

    /// Verifies the store, and reports by it: `kubectl bpo verify` must find everything whole.
    async fn verify(&self, reports: &[&str]) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"));
        command.args(["verify", "--data-dir", path(&self.place.data_dir())]);
        for name in reports {
            let file = self.place.folder.path().join(format!("{name}.json"));
            std::fs::write(&file, self.place.get("slar", name).await.unwrap().to_string()).unwrap();
            command.args(["--report", path(&file)]);
        }
        let output = command.output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && text.contains("the evidence is whole"), "{reports:?}: {text}");
    }

    /// Ends what would run until the last test of this program does.
    fn end(self) {
        self.plane.stop_controller_manager().unwrap();
        self.plane.stop_api_server().unwrap();
        self.plane.stop_etcd().unwrap();
    }
}

/// A shell in a folder with what the page names, the older chart and the backup.
async fn shell(plane: &ControlPlane, folder: &Path) -> Shell {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    for part in ["charts", "crds"] {
        std::os::unix::fs::symlink(repository.join(part), folder.join(part)).unwrap();
    }
    for file in ["chart.tgz", "evidence.tar.gz"].into_iter().filter(|file| recorded_folder().join(file).exists()) {
        std::fs::copy(recorded_folder().join(file), folder.join(file)).unwrap();
    }
    let mut shell = Shell::new(folder, plane.kubectl_path(), &plane.kubeconfig(ADMIN).unwrap());
    std::os::unix::fs::symlink(helm_path().await.unwrap(), folder.join("bin/helm")).unwrap();
    shell.set("EVIDENCE", path(&folder.join("data")));
    for home in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
        shell.set(home, path(folder));
    }
    shell
}

/// Where the recorded contract finds its vendor and its hook: `HOST:PORT` of each.
fn recorded_addresses() -> (String, String) {
    let contract = recorded("VendorContract", "care");
    let authority = |url: &Value| url.as_str().unwrap().split('/').nth(2).unwrap().to_owned();
    (authority(&contract["spec"]["feeds"][0]["url"]), authority(&contract["spec"]["alerts"][0]["webhook"]["url"]))
}

/// The vendor and the hook of today, and a proxy that leads to them by the addresses that were recorded.
struct Outside {
    receiver: Receiver,
    vendor: VendorServer,
    proxy: String,
}

impl Outside {
    async fn start() -> Self {
        // The operator works by the real clock, as the one before it did: its store does not belong to a rehearsal.
        let rows = [days("2026-01-01", 31, 70), days("2026-02-01", 333, 90)].concat();
        let vendor = VendorServer::start(Dataset::default().with_feed(INTERVALS, rows)).await.unwrap();
        let receiver = Receiver::start().await;
        let (feed, hook) = recorded_addresses();
        let routes = BTreeMap::from([(feed, vendor.address()), (hook, receiver.address)]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let routes = routes.clone();
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(stream.read_u8().await?);
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    let target = head.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap();
                    let mut onward = TcpStream::connect(routes[target]).await?;
                    stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
                    copy_bidirectional(&mut stream, &mut onward).await
                });
            }
        });
        Outside { receiver, vendor, proxy }
    }

    /// An operator of today.
    fn operator(&self, place: &Place) -> Operator {
        let flags = ["--alert-allow-network", "127.0.0.0/8", "--settle-seconds", "0", "--proxy", &self.proxy];
        place.operator_with(&flags)
    }

    /// Status, name and fingerprint of each alert that came.
    fn summaries(&self) -> Vec<[String; 3]> {
        self.receiver.taken().iter().flat_map(Received::alerts).map(|alert| summary(&alert)).collect()
    }
}

fn summary(alert: &Value) -> [String; 3] {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    [text(&alert["status"]), text(&alert["labels"]["alertname"]), text(&alert["fingerprint"])]
}

/// What the hook heard from the older version.
fn recorded_alerts() -> Vec<[String; 3]> {
    let text = std::fs::read_to_string(recorded_folder().join("alerts.json")).unwrap();
    let alerts: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert!(!alerts.is_empty());
    alerts.iter().map(summary).collect()
}

/// Waits until today's operator has judged everything and signed February, which had not ended before; returns its report.
async fn judged_by_today(place: &Place, operator: &Operator) -> Value {
    operator.until_it_is_ready().await;
    for object in ["contract/care", "kpi/level", "tier/gold", "launch/spring"] {
        let (code, out, error) = place.reconcile(object);
        assert!(code == 0 && out.contains("Ready is True"), "{object}: {out}{error}\n{}", operator.log());
    }
    let is_final = |report: &Value| report["spec"]["state"] == "Final" && report["status"].is_object();
    place.wait_for("slar", "care-2026-02", "February is Final", is_final).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_older_version_left_is_taken_over_and_the_next_month_is_judged() {
    let cluster = Cluster::of_the_older_version().await;
    let (outside, place) = (Outside::start().await, &cluster.place);
    let signed = cluster.stored("SlaReport", "care-2026-01").await;
    cluster.upgrade();

    let operator = outside.operator(place);
    let february = judged_by_today(place, &operator).await;
    let line = &february["spec"]["kpis"][0];
    assert_eq!((&line["verdict"], &line["denominator"]), (&json!("Met"), &json!("2800")), "28 days of 100 contacts");
    // The end of the miss shows that messages are delivered: nothing that the older version sent came again before it.
    outside.receiver.until("the miss has ended", |received| !received.is_empty()).await;
    let recorded = recorded_alerts();
    let [_, missed, fingerprint] = recorded.iter().find(|alert| alert[1] == "TargetMissed").unwrap();
    let ended = ["resolved".to_owned(), missed.clone(), fingerprint.clone()];
    place.eventually("the miss has ended", async || outside.summaries().contains(&ended).then_some(())).await;
    assert!(outside.summaries().iter().all(|alert| !recorded.contains(alert)), "{:#?}", outside.summaries());
    let events = place.list("events").await;
    let finals: Vec<&Value> = events.iter().filter(|event| event["reason"] == "PeriodFinal").collect();
    assert!(finals.iter().all(|event| !event["message"].as_str().unwrap().contains("2026-01")), "{finals:#?}");
    assert!(!finals.is_empty() && outside.vendor.count(INTERVALS).rows > 0);
    assert_eq!(operator.stop().await, Some(0));

    assert_eq!(cluster.stored("SlaReport", "care-2026-01").await, signed, "what was signed stays, byte for byte");
    cluster.verify(&["care-2026-01", "care-2026-02"]).await;
    cluster.end();
}

/// Whether the API server, with the definitions that it has now, would take an object as a new one; all of its rules are asked.
async fn is_taken(place: &Place, object: &Value) -> (bool, String) {
    let mut new = object.clone();
    new["metadata"] = json!({"name": format!("{}-again", name(object)), "namespace": NAMESPACE});
    new.as_object_mut().unwrap().remove("status");
    let reports_are_the_operators = "--as=system:serviceaccount:bpo-system:bpo-operator";
    let create = ["create", "--dry-run=server", "--validate=strict", "--filename", "-"];
    match object["kind"] == "SlaReport" {
        true => place.try_kubectl(&[&create[..], &[reports_are_the_operators]].concat(), &new.to_string()).await,
        false => place.try_kubectl(&create, &new.to_string()).await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_way_back_is_the_older_definitions_and_chart_and_the_backup_of_before_the_upgrade() {
    let older = std::env::var_os("BPO_OLDER_OPERATOR").map(PathBuf::from);
    if let Some(program) = &older {
        recording::record(program).await;
    }
    let cluster = Cluster::of_the_older_version().await;
    let (outside, place) = (Outside::start().await, &cluster.place);
    let before = cluster.format_and_rows();
    let signed = cluster.stored("SlaReport", "care-2026-01").await;
    cluster.upgrade();
    let operator = outside.operator(place);
    judged_by_today(place, &operator).await;
    assert_eq!(operator.stop().await, Some(0));
    cluster.verify(&["care-2026-01"]).await;

    cluster.shell.run(&commands(PAGE, Some("Back to an older version")).concat());
    let older_definitions = "helm show crds chart.tgz | kubectl apply --server-side --force-conflicts --filename=-";
    cluster.shell.run(older_definitions);
    let deployed = cluster.shell.run("helm history bpo-operator --namespace bpo-system --output json");
    assert!(deployed.contains("Rollback to 1"), "{deployed}");
    for object in recorded_objects() {
        let (kind, of) = (object["kind"].as_str().unwrap(), name(&object));
        let now = place.get(kind, of).await.unwrap();
        if kind != "SlaReport" {
            assert_eq!(now["spec"], object["spec"], "{kind} {of} is as its owner wrote it");
        }
        let (is_taken, said) = is_taken(place, &now).await;
        assert!(is_taken, "{kind} {of}: {said}");
    }
    for report in place.list("slar").await {
        let (is_taken, said) = is_taken(place, &report).await;
        assert!(is_taken, "{}: {said}", name(&report));
    }
    cluster.restore();
    assert_eq!(cluster.format_and_rows(), before, "the store is as the older version wrote it");

    if let Some(program) = &older {
        judged_by_the_older_version(program, place, &outside).await;
    }
    assert_eq!(cluster.stored("SlaReport", "care-2026-01").await, signed, "what was signed stays, byte for byte");
    cluster.end();
}

/// Runs the older program until it has judged the contract; it sends nothing a second time.
async fn judged_by_the_older_version(program: &Path, place: &Place, outside: &Outside) {
    let (feed, hook) = recorded_addresses();
    // It knows no proxy.
    for (at, to) in [(feed, outside.vendor.address()), (hook, outside.receiver.address)] {
        let listener = TcpListener::bind(at).await.unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move { copy_bidirectional(&mut stream, &mut TcpStream::connect(to).await?).await });
            }
        });
    }
    let operator = recording::older_operator(program, place, END);
    let moved =
        |care: &Value| has(care, "Ready", "True", "Reconciled") && care["status"]["feeds"][0]["reason"] == "Fetched";
    place.wait_for("vc", "care", "the older version works with it", moved).await;
    let recorded = recorded_alerts();
    assert!(outside.summaries().iter().all(|alert| !recorded.contains(alert)), "{:#?}", outside.summaries());
    assert_eq!(operator.stop().await, Some(0));
}
