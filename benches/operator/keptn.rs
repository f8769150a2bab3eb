//! Keptn's metrics operator beside this one: as many KeptnMetrics as the first fleet has contracts, of the same vendor, on the same API
//! server. docs/performance.md shows how to build it.
//!
//! It runs with the settings of its own chart, but for its adapter of the custom metrics API, which runs inside a cluster only: it takes
//! less without it. Its webhook server and its metrics listen on ports that it does not let anyone choose.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use kube::Client;
use kube::api::{Api, DynamicObject};
use kube::core::GroupVersionKind;
use serde_json::{Value, json};

use crate::figures::Figures;
use crate::fleet::{IDLE, WATCHED};
use crate::half_hours::Vendor;
use crate::harness::{Operator, Place, path};
use crate::objects::{client, create_all, objects, patch_all, writes};
use crate::process::{self, Window};
use crate::table::{Table, times};
use crate::waiting::Crowd;

/// How many metrics there are without a fleet to compare with.
const METRICS: usize = 200;
/// How often each is fetched, as the feeds of a fleet are.
const INTERVAL: u32 = 30;
/// A day, in which nothing is fetched again.
const NEVER: u32 = 86_400;
/// Longer than what was due before the interval changed is still looked at.
const SETTLED: Duration = Duration::from_secs(35);
/// Its webhook server and its metrics.
const PORTS: [u16; 2] = [9_443, 9_999];
const NAME: &str = "keptn";

/// The program, and the folder of its CRDs.
pub(crate) struct Program {
    binary: PathBuf,
    crds: PathBuf,
}

impl Program {
    /// What `BPO_BENCH_KEPTN` and `BPO_BENCH_KEPTN_CRDS` name, or `None`.
    pub(crate) fn named() -> Option<Self> {
        let named = |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
        let binary = named("BPO_BENCH_KEPTN")?;
        let crds = named("BPO_BENCH_KEPTN_CRDS").expect("BPO_BENCH_KEPTN_CRDS names the folder of its CRDs");
        for needed in [&binary, &crds] {
            assert!(needed.exists(), "{} is not there", needed.display());
        }
        let absolute = |path: PathBuf| path.canonicalize().unwrap();
        Some(Program { binary: absolute(binary), crds: absolute(crds) })
    }

    /// Measures it; `ours`: what it is compared with.
    pub(crate) async fn measure(&self, ours: Option<&Figures>, table: &mut Table) {
        let metrics = ours.map_or(METRICS, |ours| ours.objects);
        let place = Place::fresh().await;
        install(&place, &self.crds).await;
        let neighbour = Neighbour {
            vendor: Vendor::start(jiff::Timestamp::now(), jiff::Timestamp::now()).await,
            client: client(&place).await,
            place,
            metrics,
        };
        neighbour.create_metrics().await;
        let (operator, a_second) = neighbour.cold_start(&self.binary).await;
        let first = process::memory(operator.id());
        let before = neighbour.writes();
        let polls = Window::watch(operator.id(), WATCHED, || neighbour.vendor.queries()).await;
        let written = neighbour.writes() - before;
        let memory = process::memory(operator.id());
        let idle = neighbour.idle(&operator).await;
        let theirs = Figures { objects: metrics, a_second, polls, idle: Some(idle), memory };
        compare(&theirs, ours, table, &format!("{:.0} MiB right after the cold start", first.total), written);
    }
}

/// Its CRDs, and an account that may do everything, which the API server serves with the priority that it serves the operator.
async fn install(place: &Place, crds: &Path) {
    let plane = place.installation.plane;
    plane.kubectl(&["apply", "--server-side", "-f", path(crds)]).await.unwrap();
    plane.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", path(crds)]).await.unwrap();
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": NAME}});
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": place.namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": place.namespace}],
    });
    place.apply(&json!({"apiVersion": "v1", "kind": "List", "items": [account, binding]}).to_string()).await;
    for port in PORTS {
        let free = TcpListener::bind(("0.0.0.0", port));
        assert!(free.is_ok(), "Keptn's metrics operator listens on port {port}, which another program holds");
    }
}

struct Neighbour {
    place: Place,
    client: Client,
    vendor: Vendor,
    metrics: usize,
}

impl Neighbour {
    fn names(&self) -> impl Iterator<Item = String> + use<> {
        (0..self.metrics).map(|number| format!("metric-{number}"))
    }

    fn api(&self, kind: &str, plural: &str) -> Api<DynamicObject> {
        objects(&self.client, &self.place, &GroupVersionKind::gvk("metrics.keptn.sh", "v1", kind), plural)
    }

    fn writes(&self) -> usize {
        writes(&self.place, &format!("system:serviceaccount:{}:{NAME}", self.place.namespace)).len()
    }

    async fn create_metrics(&self) {
        let object = |kind: &str, name: &str, spec: Value| json!({"apiVersion": "metrics.keptn.sh/v1", "kind": kind, "metadata": {"name": name}, "spec": spec});
        let server = json!({"type": "prometheus", "targetServer": self.vendor.prometheus()});
        let provider = (
            self.api("KeptnMetricsProvider", "keptnmetricsproviders"),
            object("KeptnMetricsProvider", "vendor", server),
        );
        create_all(std::iter::once(provider)).await;
        let metrics = self.names().map(|name| {
            let spec = json!({"provider": {"name": "vendor"}, "query": name, "fetchIntervalSeconds": INTERVAL});
            (self.api("KeptnMetric", "keptnmetrics"), object("KeptnMetric", &name, spec))
        });
        create_all(metrics).await;
    }

    /// Starts it and waits until all metrics have a value. Returns it and how many a second had theirs.
    async fn cold_start(&self, binary: &Path) -> (Operator, f64) {
        let kubeconfig =
            self.place.installation.plane.service_account_kubeconfig(&self.place.namespace, NAME).await.unwrap();
        // Where its webhook server looks for its certificate, by `TMPDIR`.
        let certificates = self.place.folder.path().join("k8s-webhook-server/serving-certs");
        std::fs::create_dir_all(&certificates).unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        std::fs::write(certificates.join("tls.crt"), made.cert.pem()).unwrap();
        std::fs::write(certificates.join("tls.key"), made.signing_key.serialize_pem()).unwrap();
        let mut command = Command::new(binary);
        command
            .arg(format!("--kubeconfig={}", path(&kubeconfig)))
            .args([
                "--disable-webhook",
                "--metrics-bind-address=127.0.0.1:0",
                "--health-probe-bind-address=127.0.0.1:0",
            ])
            .env("TMPDIR", self.place.folder.path())
            .env("POD_NAMESPACE", &self.place.namespace)
            .env("POD_NAME", NAME)
            .env("ENABLE_CUSTOM_METRICS_API_SERVICE", "false");
        let operator = self.place.start(command, "info");
        let began = Instant::now();
        let crowd = Crowd {
            what: "values",
            count: self.metrics,
            of: self.api("KeptnMetric", "keptnmetrics"),
            beside: Vec::new(),
            process: operator.id(),
        };
        let text = |metric: &Value, field: &str| metric["status"][field].as_str().unwrap_or_default().to_owned();
        let error = |metric: &Value| Some(text(metric, "errMsg")).filter(|error| !error.is_empty());
        crowd.all(|metric| !text(metric, "value").is_empty(), error).await;
        (operator, self.metrics as f64 / began.elapsed().as_secs_f64())
    }

    /// What it takes when nothing is to be fetched for a day.
    async fn idle(&self, operator: &Operator) -> Window {
        let patch = json!({"spec": {"fetchIntervalSeconds": NEVER}});
        patch_all(&self.api("KeptnMetric", "keptnmetrics"), self.names(), &patch).await;
        tokio::time::sleep(SETTLED).await;
        let idle = Window::watch(operator.id(), IDLE, || self.vendor.queries()).await;
        assert_eq!(idle.polls, 0, "a metric is fetched before its time");
        idle
    }
}

/// Adds what was measured, and how many times as much or as fast this operator is.
fn compare(theirs: &Figures, ours: Option<&Figures>, table: &mut Table, first: &str, written: usize) {
    let ratio = |ratio: fn(&Figures) -> f64| times(ours.map(ratio), ratio(theirs));
    let what = |what: &str| format!("Keptn's metrics operator, {} metrics: {what}", theirs.objects);
    table.add(
        what("cold start until all have a value"),
        format!(
            "{:.1} s, {:.1} metrics a second{}",
            theirs.objects as f64 / theirs.a_second,
            theirs.a_second,
            ratio(|figures| figures.a_second)
        ),
    );
    table.add(what("resident"), format!("{} ({first}){}", theirs.memory, ratio(|figures| figures.memory.total)));
    table.add(
        what("a poll"),
        format!(
            "{:.2} ms of processor time ({} polls in {:.0} s, {written} writes){}",
            theirs.polls.a_poll(),
            theirs.polls.polls,
            theirs.polls.seconds,
            ratio(|figures| figures.polls.a_poll())
        ),
    );
    let net = |figures: &Figures| figures.idle.map(|idle| figures.polls.a_poll_beyond(&idle));
    let (Some(idle), Some(beyond)) = (theirs.idle, net(theirs)) else { return };
    table.add(
        what("while nothing is to be fetched"),
        format!(
            "{:.1} ms of processor time a second; without that a poll takes {beyond:.2} ms{}",
            idle.a_second(),
            times(ours.and_then(net), beyond)
        ),
    );
}
