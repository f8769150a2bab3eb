//! What the tests against the real API server share: the installation, an operator under test, and waiting with a deadline.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::controlplane::{ControlPlane, helm_path};
use crate::looking;

/// How long anything may take that the operator does by itself. Generous, since tests share two cores.
pub(crate) const DEADLINE: Duration = Duration::from_secs(90);

/// The namespace of the operator's ServiceAccount.
const SYSTEM: &str = "bpo-system";

/// The operator, as the API server's audit log names it.
pub(crate) const OPERATOR: &str = "system:serviceaccount:bpo-system:bpo-operator";

/// The control plane with the CRDs and the chart's objects, and the kubeconfig of the operator's own ServiceAccount.
pub(crate) struct Installation {
    /// The real API server.
    pub plane: &'static ControlPlane,
    /// The operator's access: the rights that the chart grants, and no others.
    pub kubeconfig: PathBuf,
}

/// Installs once for all tests of this program.
pub(crate) async fn installation() -> &'static Installation {
    static INSTALLED: OnceCell<Installation> = OnceCell::const_new();
    INSTALLED.get_or_init(install).await
}

async fn install() -> Installation {
    install_on(ControlPlane::shared().await.unwrap_or_else(|error| panic!("{error}"))).await
}

/// Installs on a control plane, such as one that a test stops and starts.
pub(crate) async fn install_on(plane: &'static ControlPlane) -> Installation {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crds = root.join("crds");
    plane.kubectl(&["apply", "--server-side", "-f", path(&crds)]).await.unwrap();
    plane.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", "-f", path(&crds)]).await.unwrap();
    plane.kubectl(&["create", "namespace", SYSTEM]).await.unwrap();
    let chart = root.join("charts/bpo-operator");
    let rendered = Command::new(helm_path().await.unwrap())
        .args(["template", "bpo-operator", path(&chart), "--namespace", SYSTEM, "--skip-tests"])
        .output()
        .unwrap();
    assert!(rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stderr));
    let manifests = String::from_utf8(rendered.stdout).unwrap();
    plane.kubectl_with_input(&["apply", "-n", SYSTEM, "-f", "-"], &manifests).await.unwrap();
    let kubeconfig = plane.service_account_kubeconfig(SYSTEM, "bpo-operator").await.unwrap();
    // The garbage collector learns of new kinds every 30 seconds, and of those that are there when it starts at once.
    plane.stop_controller_manager().unwrap();
    plane.start_controller_manager().await.unwrap();
    Installation { plane, kubeconfig }
}

/// A path as text.
pub(crate) fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A namespace of its own for one test, and short words for what tests ask kubectl.
pub(crate) struct Place {
    /// Its name.
    pub namespace: String,
    /// Where it is.
    pub installation: &'static Installation,
    /// Holds the evidence and logs; goes with the test.
    pub folder: tempfile::TempDir,
    /// Looks at objects.
    client: kube::Client,
}

impl Place {
    /// A fresh namespace.
    pub(crate) async fn fresh() -> Self {
        Self::fresh_on(installation().await).await
    }

    /// A fresh namespace of an installation.
    pub(crate) async fn fresh_on(installation: &'static Installation) -> Self {
        let namespace = installation.plane.fresh_namespace().await.unwrap();
        Self::named(installation, namespace, tempfile::tempdir().unwrap()).await
    }

    /// A namespace that is there, and a folder that may have evidence.
    pub(crate) async fn named(
        installation: &'static Installation,
        namespace: String,
        folder: tempfile::TempDir,
    ) -> Self {
        let admin = installation.plane.kubeconfig(crate::controlplane::ADMIN).unwrap();
        let client = looking::client(&admin).await;
        Place { namespace, installation, folder, client }
    }

    /// kubectl in this namespace; a failure is the test's.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> String {
        self.installation.plane.kubectl(&self.arguments(arguments)).await.unwrap_or_else(|error| panic!("{error}"))
    }

    /// kubectl in this namespace with standard input.
    pub(crate) async fn kubectl_with(&self, arguments: &[&str], input: &str) -> String {
        self.installation
            .plane
            .kubectl_with_input(&self.arguments(arguments), input)
            .await
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Whatever kubectl says, success or not: standard output and error together.
    pub(crate) async fn try_kubectl(&self, arguments: &[&str], input: &str) -> (bool, String) {
        let plane = self.installation.plane;
        let admin = plane.kubeconfig(crate::controlplane::ADMIN).unwrap();
        let output = plane.kubectl_as(&admin, &self.arguments(arguments), input).await.unwrap();
        (output.is_success(), format!("{}{}", output.stdout, output.stderr))
    }

    fn arguments<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        ["-n", &self.namespace].into_iter().chain(arguments.iter().copied()).collect()
    }

    /// Applies manifests.
    pub(crate) async fn apply(&self, manifests: &str) {
        self.kubectl_with(&["apply", "-f", "-"], manifests).await;
    }

    /// An object, or `None`.
    pub(crate) async fn get(&self, kind: &str, name: &str) -> Option<Value> {
        looking::get(&self.client, &self.namespace, kind, name).await
    }

    /// All objects of a kind.
    pub(crate) async fn list(&self, kind: &str) -> Vec<Value> {
        looking::list(&self.client, &self.namespace, kind).await
    }

    /// Waits until an object satisfies `wanted`, and returns it; the failure shows the object as it was instead.
    pub(crate) async fn wait_for(&self, kind: &str, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let started = Instant::now();
        loop {
            let object = self.get(kind, name).await;
            if let Some(object) = &object
                && wanted(object)
            {
                return object.clone();
            }
            assert!(
                started.elapsed() < DEADLINE,
                "{kind} {name}: {what}, which did not happen in time; it is {:#}",
                object.map(|object| object["status"].clone()).unwrap_or_default()
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Waits until something holds.
    pub(crate) async fn eventually<T>(&self, what: &str, look: impl AsyncFnMut() -> Option<T>) -> T {
        self.eventually_within(DEADLINE, what, look).await
    }

    /// The same with a deadline of its own.
    pub(crate) async fn eventually_within<T>(
        &self,
        deadline: Duration,
        what: &str,
        mut look: impl AsyncFnMut() -> Option<T>,
    ) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(started.elapsed() < deadline, "{what}: did not happen in time");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// Starts an operator for this namespace, on the evidence of this place.
    pub(crate) fn operator(&self) -> Operator {
        self.operator_with(&[])
    }

    /// The same with further flags.
    pub(crate) fn operator_with(&self, flags: &[&str]) -> Operator {
        self.operator_telling(flags, "info")
    }

    /// The same with further flags and a level of the log.
    pub(crate) fn operator_telling(&self, flags: &[&str], level: &str) -> Operator {
        self.operator_on(&self.data_dir(), flags, level)
    }

    /// The same on evidence that lies elsewhere.
    pub(crate) fn operator_on(&self, data_dir: &Path, flags: &[&str], level: &str) -> Operator {
        self.operator_in(data_dir, flags, level, &[])
    }

    /// The same on the evidence of this place, trusting the authority (PEM) in a file.
    pub(crate) fn operator_trusting(&self, authority: &Path, flags: &[&str]) -> Operator {
        self.operator_in(&self.data_dir(), flags, "info", &[("SSL_CERT_FILE", path(authority))])
    }

    /// The same with further variables of the environment.
    pub(crate) fn operator_in(
        &self,
        data_dir: &Path,
        flags: &[&str],
        level: &str,
        environment: &[(&str, &str)],
    ) -> Operator {
        if flags.contains(&"--clock-start") || flags.contains(&"--clock-steps") {
            self.label_for_rehearsals();
        }
        let mut command = Command::new(program());
        command
            .args(["run", "--namespace", &self.namespace, "--listen", "127.0.0.1:0"])
            .args(["--feed-allow-network", "127.0.0.0/8"])
            .args(["--data-dir", path(data_dir), "--lease-name", &self.namespace])
            .args(flags)
            .env("BPO_SETTLE", "1")
            .envs(environment.iter().copied());
        self.start(command, level)
    }

    /// Starts a program with its flags as the operator of this cluster, and keeps its log.
    pub(crate) fn start(&self, mut command: Command, level: &str) -> Operator {
        let log = self.folder.path().join(format!("operator-{}.log", unique()));
        let file = File::create(&log).unwrap();
        let child = command
            .env("KUBECONFIG", &self.installation.kubeconfig)
            .env("BPO_LOG", level)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap();
        Operator { child, log }
    }

    /// Labels the namespace, so that only operators on a rehearsal clock work in it.
    pub(crate) fn label_for_rehearsals(&self) {
        let plane = self.installation.plane;
        let admin = plane.kubeconfig(crate::controlplane::ADMIN).unwrap();
        let labelled = Command::new(plane.kubectl_path())
            .args(["label", "namespace", &self.namespace, "bpo-operator.io/rehearsal=true", "--overwrite"])
            .args(["--kubeconfig", path(&admin)])
            .output()
            .unwrap();
        assert!(labelled.status.success(), "{}", String::from_utf8_lossy(&labelled.stderr));
    }

    /// Where the evidence lies.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// `kubectl bpo` in this namespace, with the user's kubeconfig: exit code, what it printed, and what it complained of.
    pub(crate) fn plugin(&self, arguments: &[&str]) -> (i32, String, String) {
        let kubeconfig = self.installation.plane.kubeconfig(crate::controlplane::ADMIN).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"))
            .args(arguments)
            .args(["-n", &self.namespace, "--kubeconfig", path(&kubeconfig)])
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
    }

    /// `kubectl bpo reconcile` of an object such as `contract/care`, which waits as long as the tests do.
    pub(crate) fn reconcile(&self, object: &str) -> (i32, String, String) {
        self.plugin(&["reconcile", object, "--wait", &DEADLINE.as_secs().to_string()])
    }

    /// `kubectl bpo verify` on the evidence: exit code and output.
    pub(crate) fn verify(&self) -> (i32, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_kubectl-bpo"))
            .args(["verify", "--data-dir", path(&self.data_dir())])
            .output()
            .unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        (output.status.code().unwrap(), text)
    }
}

/// The operator that is tested: the one that was built with the tests, or that of `BPO_OPERATOR`, such as a release build to measure.
fn program() -> PathBuf {
    std::env::var_os("BPO_OPERATOR").map_or_else(|| env!("CARGO_BIN_EXE_bpo-operator").into(), PathBuf::from)
}

/// A file that moves the clock of operators, from instant to instant.
pub(crate) struct Hand {
    file: PathBuf,
}

impl Hand {
    /// A clock that stays at an instant.
    pub(crate) fn at(place: &Place, instant: &str) -> Self {
        let hand = Hand { file: place.folder.path().join("now") };
        hand.move_to(instant);
        hand
    }

    /// Moves the clock; operators follow within a moment.
    pub(crate) fn move_to(&self, instant: &str) {
        let next = self.file.with_extension("next");
        std::fs::write(&next, format!("{instant}\n")).unwrap();
        std::fs::rename(&next, &self.file).unwrap();
    }

    /// The flags of an operator on this clock.
    pub(crate) fn flags(&self) -> [&str; 2] {
        ["--clock-steps", path(&self.file)]
    }
}

/// An operator under test; it ends with the value.
pub(crate) struct Operator {
    child: Child,
    log: PathBuf,
}

impl Operator {
    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end and waits for that; returns its exit code.
    pub(crate) async fn stop(self) -> Option<i32> {
        self.signal("TERM");
        self.ended().await
    }

    /// The number of its process, with which its name as the holder of a Lease ends.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name without `SIG`, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.pid().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits until it has ended; returns its exit code.
    pub(crate) async fn ended(mut self) -> Option<i32> {
        let started = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(started.elapsed() < DEADLINE, "the operator did not end:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until it has logged something.
    pub(crate) async fn until_it_says(&self, text: &str) {
        let started = Instant::now();
        while !self.log().contains(text) {
            assert!(started.elapsed() < DEADLINE, "{text:?} was not logged in time:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn until_it_is_ready(&self) {
        let started = Instant::now();
        loop {
            let (status, missing) = self.http("/readyz").await;
            if status == 200 {
                return;
            }
            assert!(started.elapsed() < DEADLINE, "not ready: {missing}\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it takes now: MiB of resident memory and, of those, without pages of files; and seconds of processor time so far.
    pub(crate) fn takes(&self) -> (f64, f64, f64) {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap();
        let (status, stat) = (read("status"), read("stat"));
        let mebibytes = |line: &str| {
            let found = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
            found.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1_024.0
        };
        let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
        let seconds = (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0;
        (mebibytes("VmRSS:"), mebibytes("RssAnon:"), seconds)
    }

    /// Where its log is; it outlives the operator.
    pub(crate) fn log_path(&self) -> PathBuf {
        self.log.clone()
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// What it answers at a path of its own HTTP server: status line and body.
    pub(crate) async fn http(&self, path: &str) -> (u16, String) {
        let address = self.address().await;
        // reqwest needs a provider of TLS even where nothing is encrypted. Only the first call installs it: a later error is expected.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let response = reqwest::Client::builder()
            .no_proxy()
            .build()
            .unwrap()
            .get(format!("http://{address}{path}"))
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn address(&self) -> String {
        let started = Instant::now();
        loop {
            let log = self.log();
            if let Some(rest) = log.split("address=").nth(1) {
                return rest.split_whitespace().next().unwrap().to_owned();
            }
            assert!(started.elapsed() < DEADLINE, "the operator serves no HTTP:\n{log}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.log).unwrap_or_default();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("the operator's last lines:");
            for line in tail.into_iter().rev() {
                eprintln!("  {line}");
            }
        }
    }
}

fn unique() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Status and reason of a condition, such as `("False", "Timeout")`.
pub(crate) fn condition(object: &Value, type_: &str) -> (String, String) {
    let found = object["status"]["conditions"].as_array().and_then(|all| all.iter().find(|one| one["type"] == type_));
    let text = |name: &str| found.and_then(|one| one[name].as_str()).unwrap_or_default().to_owned();
    (text("status"), text("reason"))
}

/// Whether a condition has this status and reason.
pub(crate) fn has(object: &Value, type_: &str, status: &str, reason: &str) -> bool {
    condition(object, type_) == (status.to_owned(), reason.to_owned())
}

/// How many polls ended well, by the operator's metrics.
pub(crate) fn fetches(metrics: &str) -> u64 {
    let lines = metrics.lines().filter(|line| line.starts_with("bpo_feed_fetches_total{") && line.contains("Fetched"));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap() as u64).sum()
}
