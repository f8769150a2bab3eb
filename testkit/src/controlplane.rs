//! A real Kubernetes control plane for tests and for the demo: etcd, an API server, and the built-in controllers.
//!
//! The programs come from the folder named by `KUBEBUILDER_ASSETS`, or are built once from Go modules into
//! `target/controlplane`. Everything listens on 127.0.0.1 only. Nothing stays behind, however this process ends.
//!
//! Tests of one file share one control plane by [`ControlPlane::shared`] and take a namespace each by
//! [`ControlPlane::fresh_namespace`]. A test that stops or pauses a server starts a control plane of its own.
//!
//! With `CONTROLPLANE_KEEP_FOLDER=1` the folder of a run, with its logs, stays until the next start without it.

mod audit;
mod building;
mod error;
mod identity;
mod ports;
mod process;
mod programs;
mod setup;

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep};

pub use audit::AuditEvent;
pub use building::{BuildError, Program};
pub use error::ControlPlaneError;
use error::io_error;
use identity::ServerFiles;
pub use identity::{ADMIN, CONTROLLER_MANAGER_USER, Identity, IdentityError};
use ports::Ports;
use process::{Reaper, RunFolder, Server};
use programs::Programs;
pub use programs::{helm_path, kubeconform_path, kubectl_path};
use setup::Setup;

const ETCD: &str = "etcd";
const API_SERVER: &str = "kube-apiserver";
const CONTROLLER_MANAGER: &str = "kube-controller-manager";

/// How long a server may take to become ready. It takes three seconds; a busy machine takes its time.
const READY_DEADLINE: Duration = Duration::from_secs(120);

/// How long to wait between two looks at whether a server is ready.
const READY_POLL: Duration = Duration::from_millis(50);

/// How often a start is tried when other programs take the ports that were free.
const START_TRIES: usize = 3;

/// How long the tokens of service accounts are valid; longer than any test or demo.
const TOKEN_DURATION: &str = "24h";

/// What a control plane has in addition to etcd and an API server.
#[derive(Debug, Clone, Default)]
pub struct ControlPlaneOptions {
    /// Whether to run the built-in controllers: garbage collection by owner references, the end of namespaces, and the
    /// `default` service account of each namespace.
    pub controller_manager: bool,
    /// Users with a token, beside `admin`.
    pub identities: Vec<Identity>,
    /// Further arguments of kube-apiserver, such as `--feature-gates=…`. A flag here overrides the default one.
    pub api_server_arguments: Vec<String>,
}

/// What a program printed and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// The exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Output {
    /// Whether the exit code is 0.
    pub fn is_success(&self) -> bool {
        self.code == Some(0)
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.code {
            Some(code) => write!(formatter, "exit code {code}")?,
            None => write!(formatter, "a signal")?,
        }
        write!(formatter, ":\n{}{}", self.stdout, self.stderr)
    }
}

/// A running control plane; it ends when this is dropped, or with this process.
#[derive(Debug)]
pub struct ControlPlane {
    // In the order of dropping: the servers' handles wait for what the reaper has killed.
    reaper: Option<Reaper>,
    etcd: Slot,
    api_server: Slot,
    controller_manager: Slot,
    setup: Setup,
    namespaces: AtomicU32,
}

/// A server that is running or is not. The lock is held for moments only, never while something is awaited.
#[derive(Debug, Default)]
struct Slot(Mutex<Option<Server>>);

impl Slot {
    fn lock(&self) -> MutexGuard<'_, Option<Server>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An error that quotes the log, if the server has ended or the deadline has passed.
    fn check_running(&self, program: &'static str, deadline: Instant) -> Result<(), ControlPlaneError> {
        let mut locked = self.lock();
        let server = locked.as_mut().ok_or(ControlPlaneError::NotRunning { program })?;
        if let Some(status) = server.ended().map_err(io_error(format!("looking at {program}")))? {
            let last_lines = server.last_lines();
            return Err(ControlPlaneError::Ended { program, status: status.to_string(), last_lines });
        }
        if Instant::now() >= deadline {
            return Err(ControlPlaneError::NotReady { program, last_lines: server.last_lines() });
        }
        Ok(())
    }
}

impl ControlPlane {
    /// Starts a control plane and waits until it is ready, which takes about three seconds.
    ///
    /// The first call on a machine builds the programs, which takes minutes. Errors quote the last lines of the log of the
    /// server that failed.
    pub async fn start(options: ControlPlaneOptions) -> Result<Self, ControlPlaneError> {
        let programs = Programs::find(options.controller_manager).await?;
        let mut tries = 1;
        loop {
            match Self::start_once(options.clone(), programs.clone()).await {
                // Between the choice of a free port and its use, somebody else was faster.
                Err(ControlPlaneError::Ended { last_lines, .. })
                    if tries < START_TRIES && last_lines.contains("address already in use") =>
                {
                    tries += 1;
                }
                result => return result,
            }
        }
    }

    /// The control plane that all tests of one file share: with controllers, and with no identity but `admin`.
    ///
    /// It runs until the process ends. An error is kept, so that the other tests fail at once and with the same words.
    pub async fn shared() -> Result<&'static Self, &'static ControlPlaneError> {
        static SHARED: OnceCell<Result<ControlPlane, ControlPlaneError>> = OnceCell::const_new();
        let options = ControlPlaneOptions { controller_manager: true, ..ControlPlaneOptions::default() };
        SHARED.get_or_init(|| Self::start(options)).await.as_ref()
    }

    async fn start_once(options: ControlPlaneOptions, programs: Programs) -> Result<Self, ControlPlaneError> {
        let runs = building::work_folder().join("runs");
        let folder = RunFolder::create(&runs).map_err(io_error(format!("making a folder in {}", runs.display())))?;
        let reaper = Reaper::start(&folder).map_err(io_error("starting the shell that ends the servers"))?;
        let files = ServerFiles::create(folder.path())?;
        let ports = Ports::choose().map_err(io_error("finding free ports"))?;
        let control_plane = Self {
            reaper: Some(reaper),
            etcd: Slot::default(),
            api_server: Slot::default(),
            controller_manager: Slot::default(),
            setup: Setup { options, programs, files, ports, folder },
            namespaces: AtomicU32::new(0),
        };
        control_plane.setup.write_files()?;
        control_plane.start_etcd().await?;
        control_plane.start_api_server().await?;
        if control_plane.setup.options.controller_manager {
            control_plane.start_controller_manager().await?;
        }
        Ok(control_plane)
    }

    /// The folder of the logs, certificates and kubeconfigs; it goes away with the control plane.
    pub fn folder(&self) -> &Path {
        self.setup.folder.path()
    }

    /// The address of the API server, `https://127.0.0.1:PORT`. It stays the same when the server is started again.
    pub fn server_url(&self) -> String {
        self.setup.server_url()
    }

    /// Where etcd answers clients, for tests that store an object as another version of the API left it.
    pub fn etcd_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.setup.ports.etcd_clients)
    }

    /// The PEM certificate of the authority that signed the API server's certificate.
    pub fn authority_certificate_path(&self) -> PathBuf {
        self.setup.files.authority_certificate.clone()
    }

    /// The kubeconfig of `admin` or of an identity from the options.
    pub fn kubeconfig(&self, user: &str) -> Result<PathBuf, ControlPlaneError> {
        if user != ADMIN && !self.setup.options.identities.iter().any(|identity| identity.user == user) {
            return Err(ControlPlaneError::UnknownIdentity { user: user.to_owned() });
        }
        Ok(self.setup.kubeconfig_path(user))
    }

    /// Makes a kubeconfig for a service account that exists, with a token that the API server issues for 24 hours.
    ///
    /// The kubeconfig's namespace is the service account's.
    pub async fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> Result<PathBuf, ControlPlaneError> {
        let arguments = ["create", "token", name, "--namespace", namespace, "--duration", TOKEN_DURATION];
        let token = self.kubectl(&arguments).await?;
        let user = format!("system:serviceaccount:{namespace}:{name}");
        let path = self.setup.kubeconfig_path(&user);
        let Setup { files, .. } = &self.setup;
        identity::write_kubeconfig(&path, &self.server_url(), files, &user, token.trim(), namespace)?;
        Ok(path)
    }

    /// Makes a namespace that no other test uses, with its `default` service account, and returns its name.
    pub async fn fresh_namespace(&self) -> Result<String, ControlPlaneError> {
        let name = format!("test-{}", self.namespaces.fetch_add(1, Ordering::Relaxed) + 1);
        // The service account comes from the controllers too, but a moment later, or never when there are none.
        let manifest = serde_json::json!({
            "apiVersion": "v1",
            "kind": "List",
            "items": [
                {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}},
                {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}},
            ],
        });
        self.kubectl_with_input(&["apply", "--server-side", "--filename", "-"], &manifest.to_string()).await?;
        Ok(name)
    }

    /// Runs kubectl as `admin` and answers its standard output; an exit code other than 0 is an error that quotes all output.
    pub async fn kubectl(&self, arguments: &[&str]) -> Result<String, ControlPlaneError> {
        self.kubectl_with_input(arguments, "").await
    }

    /// The same with text for its standard input, for `--filename -`.
    pub async fn kubectl_with_input(&self, arguments: &[&str], input: &str) -> Result<String, ControlPlaneError> {
        let output = self.kubectl_as(&self.setup.kubeconfig_path(ADMIN), arguments, input).await?;
        if output.is_success() {
            return Ok(output.stdout);
        }
        Err(ControlPlaneError::Kubectl { arguments: arguments.join(" "), output })
    }

    /// Runs kubectl with a kubeconfig; any exit code is accepted.
    pub async fn kubectl_as(
        &self,
        kubeconfig: &Path,
        arguments: &[&str],
        input: &str,
    ) -> Result<Output, ControlPlaneError> {
        self.setup.run_kubectl(kubeconfig, arguments, input).await
    }

    /// The path of kubectl.
    pub fn kubectl_path(&self) -> &Path {
        &self.setup.programs.kubectl
    }

    /// The API server's audit log, a JSON object per line.
    pub fn audit_log_path(&self) -> PathBuf {
        self.setup.folder.path().join("audit.log")
    }

    /// All requests that the API server has answered so far, in the order of their answers.
    ///
    /// An answer that a client has read to its end is in it.
    pub fn audit_events(&self) -> Result<Vec<AuditEvent>, ControlPlaneError> {
        let path = self.audit_log_path();
        audit::read(&path).map_err(io_error(format!("reading {}", path.display())))
    }

    /// Stops the API server's process where it is: connections stay open and nothing answers.
    pub fn pause_api_server(&self) -> Result<(), ControlPlaneError> {
        self.signal(&self.api_server, API_SERVER, "STOP")
    }

    /// Lets a paused API server go on.
    pub fn resume_api_server(&self) -> Result<(), ControlPlaneError> {
        self.signal(&self.api_server, API_SERVER, "CONT")
    }

    /// Kills the API server by SIGKILL: connections break, and new ones are refused. Does nothing if it is not running.
    pub fn stop_api_server(&self) -> Result<(), ControlPlaneError> {
        self.stop(&self.api_server, API_SERVER)
    }

    /// Starts the API server, on the same port and with the same data as before, and waits until it is ready.
    pub async fn start_api_server(&self) -> Result<(), ControlPlaneError> {
        self.run(&self.api_server, API_SERVER, &self.setup.programs.api_server, self.setup.api_server_arguments())?;
        self.wait_for_port(&self.api_server, API_SERVER, self.setup.ports.api_server).await?;
        let server = self.server_url();
        self.wait_for_kubectl(&self.api_server, API_SERVER, &["get", "--raw", "/readyz", "--server", &server]).await?;
        // The server makes its own namespaces after it calls itself ready.
        self.wait_for_kubectl(&self.api_server, API_SERVER, &["get", "namespaces", "default", "kube-system"]).await
    }

    /// Kills etcd by SIGKILL, so that the API server answers but fails. Does nothing if it is not running.
    pub fn stop_etcd(&self) -> Result<(), ControlPlaneError> {
        self.stop(&self.etcd, ETCD)
    }

    /// Starts etcd with the same data as before and waits until it accepts connections.
    pub async fn start_etcd(&self) -> Result<(), ControlPlaneError> {
        self.run(&self.etcd, ETCD, &self.setup.programs.etcd, self.setup.etcd_arguments())?;
        self.wait_for_port(&self.etcd, ETCD, self.setup.ports.etcd_clients).await
    }

    /// Kills the built-in controllers by SIGKILL. Does nothing if they are not running.
    pub fn stop_controller_manager(&self) -> Result<(), ControlPlaneError> {
        self.stop(&self.controller_manager, CONTROLLER_MANAGER)
    }

    /// Starts the built-in controllers and waits until they are healthy; they need `controller_manager` in the options.
    ///
    /// Garbage collection looks for new kinds every 30 s only. To have owner references of a new custom resource followed at
    /// once, stop and start the controllers after its definition is established.
    pub async fn start_controller_manager(&self) -> Result<(), ControlPlaneError> {
        let Setup { programs, ports, .. } = &self.setup;
        let missing = ControlPlaneError::NotRunning { program: CONTROLLER_MANAGER };
        let program = programs.controller_manager.as_ref().ok_or(missing)?;
        let slot = &self.controller_manager;
        self.run(slot, CONTROLLER_MANAGER, program, self.setup.controller_manager_arguments())?;
        self.wait_for_port(slot, CONTROLLER_MANAGER, ports.controller_manager).await?;
        let server = format!("https://127.0.0.1:{}", ports.controller_manager);
        self.wait_for_kubectl(slot, CONTROLLER_MANAGER, &["get", "--raw", "/healthz", "--server", &server]).await
    }

    fn reaper(&self) -> Result<&Reaper, ControlPlaneError> {
        self.reaper.as_ref().ok_or(ControlPlaneError::NotRunning { program: "the control plane" })
    }

    /// Starts a server unless it is running.
    fn run(
        &self,
        slot: &Slot,
        name: &'static str,
        program: &Path,
        arguments: Vec<String>,
    ) -> Result<(), ControlPlaneError> {
        let mut server = slot.lock();
        if server.is_none() {
            let log = self.setup.folder.path().join(format!("{name}.log"));
            let started = Server::start(program, &arguments, log, self.reaper()?);
            *server = Some(started.map_err(io_error(format!("starting {}", program.display())))?);
        }
        Ok(())
    }

    fn stop(&self, slot: &Slot, name: &'static str) -> Result<(), ControlPlaneError> {
        match slot.lock().take() {
            Some(server) => server.kill(self.reaper()?).map_err(io_error(format!("ending {name}"))),
            None => Ok(()),
        }
    }

    fn signal(&self, slot: &Slot, program: &'static str, signal: &str) -> Result<(), ControlPlaneError> {
        match slot.lock().as_ref() {
            Some(server) => server.signal(signal).map_err(io_error(format!("sending {signal} to {program}"))),
            None => Err(ControlPlaneError::NotRunning { program }),
        }
    }

    async fn wait_for_port(&self, slot: &Slot, program: &'static str, port: u16) -> Result<(), ControlPlaneError> {
        self.wait_until(slot, program, async || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok()).await
    }

    async fn wait_for_kubectl(
        &self,
        slot: &Slot,
        program: &'static str,
        arguments: &[&str],
    ) -> Result<(), ControlPlaneError> {
        let kubeconfig = self.setup.kubeconfig_path(ADMIN);
        let arguments = [arguments, &["--request-timeout=5s"]].concat();
        self.wait_until(slot, program, async || {
            self.setup.run_kubectl(&kubeconfig, &arguments, "").await.is_ok_and(|output| output.is_success())
        })
        .await
    }

    /// Asks again and again until the answer is yes, the server ends, or the deadline passes.
    async fn wait_until(
        &self,
        slot: &Slot,
        program: &'static str,
        ready: impl AsyncFn() -> bool,
    ) -> Result<(), ControlPlaneError> {
        let deadline = Instant::now() + READY_DEADLINE;
        while !ready().await {
            slot.check_running(program, deadline)?;
            sleep(READY_POLL).await;
        }
        Ok(())
    }
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // The reaper ends everything at once and removes the folder: the way that also works when this process dies.
        drop(self.reaper.take());
        for slot in [&self.api_server, &self.controller_manager, &self.etcd] {
            if let Some(server) = slot.lock().take() {
                server.wait();
            }
        }
    }
}
