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
mod identity;
mod process;

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::process::{ChildStdin, Command};
use tokio::sync::OnceCell;
use tokio::time::{Instant, sleep, timeout};

pub use audit::AuditEvent;
pub use building::{BuildError, Program};
use identity::ServerFiles;
pub use identity::{ADMIN, CONTROLLER_MANAGER_USER, Identity, IdentityError};
use process::{Reaper, RunFolder, Server};

/// How long a server may take to become ready. It takes three seconds; a busy machine takes its time.
const READY_DEADLINE: Duration = Duration::from_secs(120);

/// How long to wait between two looks at whether a server is ready.
const READY_POLL: Duration = Duration::from_millis(50);

/// How long one call of kubectl may take, `kubectl wait` included.
const KUBECTL_DEADLINE: Duration = Duration::from_secs(300);

/// How often a start is tried when other programs take the ports that were free.
const START_TRIES: usize = 3;

/// How long the tokens of service accounts are valid; longer than any test or demo.
const TOKEN_DURATION: &str = "24h";

/// Why a control plane cannot be started or used.
#[derive(Debug, thiserror::Error)]
pub enum ControlPlaneError {
    /// A program is not there and cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// Certificates, tokens or kubeconfigs cannot be made.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// A server ended before it was ready.
    #[error("{program} ended with {status}; the last lines of its log:\n{last_lines}")]
    Ended {
        /// The server's name.
        program: &'static str,
        /// Its exit status in words.
        status: String,
        /// The end of its log.
        last_lines: String,
    },
    /// A server was not ready in time.
    #[error("{program} was not ready after {} s; the last lines of its log:\n{last_lines}", READY_DEADLINE.as_secs())]
    NotReady {
        /// The server's name.
        program: &'static str,
        /// The end of its log.
        last_lines: String,
    },
    /// A server that this needs was stopped before, or never started.
    #[error("{program} is not running")]
    NotRunning {
        /// The server's name.
        program: &'static str,
    },
    /// There is no such identity.
    #[error("no identity has the name {user}; name it in the options")]
    UnknownIdentity {
        /// The name that was asked for.
        user: String,
    },
    /// kubectl ended with an error.
    #[error("kubectl {arguments} ended with {output}")]
    Kubectl {
        /// What it was called with.
        arguments: String,
        /// What came of it.
        output: Output,
    },
    /// kubectl did not end in time.
    #[error("kubectl {arguments} did not end within {} s", KUBECTL_DEADLINE.as_secs())]
    KubectlDeadline {
        /// What it was called with.
        arguments: String,
    },
    /// A file or a process could not be used.
    #[error("{doing}: {source}")]
    Io {
        /// What was tried.
        doing: String,
        /// What the system answered.
        source: io::Error,
    },
}

/// Says what was tried when the system answers with an error.
fn io_error(doing: impl Into<String>) -> impl FnOnce(io::Error) -> ControlPlaneError {
    let doing = doing.into();
    move |source| ControlPlaneError::Io { doing, source }
}

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

/// What stays the same from start to end.
#[derive(Debug)]
struct Setup {
    options: ControlPlaneOptions,
    programs: Programs,
    files: ServerFiles,
    ports: Ports,
    folder: RunFolder,
}

#[derive(Debug, Clone)]
struct Programs {
    etcd: PathBuf,
    api_server: PathBuf,
    controller_manager: Option<PathBuf>,
    kubectl: PathBuf,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    etcd_clients: u16,
    etcd_peers: u16,
    api_server: u16,
    controller_manager: u16,
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

/// Writes all of `input` and closes the pipe. A reader that stops early is accepted.
async fn write_all(stdin: Option<ChildStdin>, input: &str) -> io::Result<()> {
    let Some(mut stdin) = stdin else { return Ok(()) };
    match stdin.write_all(input.as_bytes()).await {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

/// The path of helm; the first call on a machine builds it.
pub async fn helm_path() -> Result<PathBuf, ControlPlaneError> {
    find_or_build(Program::Helm).await
}

/// The path of kubeconform; the first call on a machine builds it.
pub async fn kubeconform_path() -> Result<PathBuf, ControlPlaneError> {
    find_or_build(Program::Kubeconform).await
}

/// The path of kubectl, for use without a control plane; the first call on a machine builds it.
pub async fn kubectl_path() -> Result<PathBuf, ControlPlaneError> {
    find_or_build(Program::Kubectl).await
}

async fn find_or_build(program: Program) -> Result<PathBuf, ControlPlaneError> {
    // On a thread that may block: a build takes minutes.
    match tokio::task::spawn_blocking(move || building::find_or_build(program)).await {
        Ok(result) => Ok(result?),
        Err(error) => Err(io_error(format!("finding {}", program.file_name()))(io::Error::other(error))),
    }
}

const ETCD: &str = "etcd";
const API_SERVER: &str = "kube-apiserver";
const CONTROLLER_MANAGER: &str = "kube-controller-manager";

impl Programs {
    async fn find(with_controller_manager: bool) -> Result<Self, ControlPlaneError> {
        let controller_manager = match with_controller_manager {
            true => Some(find_or_build(Program::ControllerManager).await?),
            false => None,
        };
        Ok(Self {
            etcd: find_or_build(Program::Etcd).await?,
            api_server: find_or_build(Program::ApiServer).await?,
            controller_manager,
            kubectl: find_or_build(Program::Kubectl).await?,
        })
    }
}

impl Ports {
    fn choose() -> io::Result<Self> {
        // All four are held until the last one is chosen, so that they differ.
        let [etcd_clients, etcd_peers, api_server, controller_manager] =
            [bind_free_port()?, bind_free_port()?, bind_free_port()?, bind_free_port()?];
        Ok(Self {
            etcd_clients: etcd_clients.local_addr()?.port(),
            etcd_peers: etcd_peers.local_addr()?.port(),
            api_server: api_server.local_addr()?.port(),
            controller_manager: controller_manager.local_addr()?.port(),
        })
    }
}

/// Binds a port between 20000 and 32767, which is below those that Linux uses for outgoing connections.
///
/// With one of those, a client that tries again and again while the API server is stopped would in the end connect to
/// itself, and keep the port from the server that starts again.
fn bind_free_port() -> io::Result<TcpListener> {
    let mut tries = 0_u32;
    loop {
        // Every hasher of this kind has other keys: a source of randomness in the standard library.
        let random = RandomState::new().hash_one(tries);
        let port = 20_000 + u16::try_from(random % 12_768).unwrap_or_default();
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < 1_000 => tries += 1,
            result => return result,
        }
    }
}

impl Setup {
    fn server_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports.api_server)
    }

    fn kubeconfig_path(&self, user: &str) -> PathBuf {
        // Colons would part the path in the variable KUBECONFIG.
        self.folder.path().join("kubeconfigs").join(format!("{}.yaml", user.replace(':', "_")))
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Writes the audit policy, the tokens, and a kubeconfig for each identity.
    fn write_files(&self) -> Result<(), ControlPlaneError> {
        let folder = self.folder.path();
        fs::create_dir(folder.join("kubeconfigs")).map_err(io_error("making the folder of kubeconfigs"))?;
        fs::write(folder.join("audit-policy.yaml"), audit::POLICY).map_err(io_error("writing the audit policy"))?;

        let mut identities = vec![Identity::admin(), Identity::controller_manager()];
        identities.extend(self.options.identities.iter().cloned());
        let tokens = identity::write_token_file(&folder.join("tokens.csv"), &identities)?;
        for (Identity { user, .. }, token) in identities.iter().zip(tokens) {
            let path = self.kubeconfig_path(user);
            identity::write_kubeconfig(&path, &self.server_url(), &self.files, user, &token, "default")?;
        }
        Ok(())
    }

    async fn run_kubectl(
        &self,
        kubeconfig: &Path,
        arguments: &[&str],
        input: &str,
    ) -> Result<Output, ControlPlaneError> {
        let running = async {
            let mut child = Command::new(&self.programs.kubectl)
                .arg("--kubeconfig")
                .arg(kubeconfig)
                .args(arguments)
                // Nothing of the user's: neither preferences nor what is known of other servers on the same port.
                .env("KUBERC", "off")
                .env("KUBECACHEDIR", self.folder.path().join("kubectl-cache"))
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .kill_on_drop(true)
                .spawn()?;
            let stdin = child.stdin.take();
            // At the same time: kubectl answers before it has read everything, and would wait for its answers to be read.
            let (written, output) = tokio::join!(write_all(stdin, input), child.wait_with_output());
            written.and(output)
        };
        let deadline = ControlPlaneError::KubectlDeadline { arguments: arguments.join(" ") };
        let output = timeout(KUBECTL_DEADLINE, running).await.map_err(|_| deadline)?;
        let output = output.map_err(io_error(format!("running {}", self.programs.kubectl.display())))?;
        Ok(Output {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    fn etcd_arguments(&self) -> Vec<String> {
        let Ports { etcd_clients, etcd_peers, .. } = self.ports;
        vec![
            "--name=default".to_owned(),
            format!("--data-dir={}", self.file("etcd")),
            format!("--listen-client-urls=http://127.0.0.1:{etcd_clients}"),
            format!("--advertise-client-urls=http://127.0.0.1:{etcd_clients}"),
            format!("--listen-peer-urls=http://127.0.0.1:{etcd_peers}"),
            format!("--initial-advertise-peer-urls=http://127.0.0.1:{etcd_peers}"),
            format!("--initial-cluster=default=http://127.0.0.1:{etcd_peers}"),
            // Nothing here needs to survive a loss of power, and waiting for the disk is most of what etcd does.
            "--unsafe-no-fsync".to_owned(),
            "--log-level=warn".to_owned(),
        ]
    }

    fn api_server_arguments(&self) -> Vec<String> {
        let ServerFiles { certificate, key, service_account_key, service_account_public_key, .. } = &self.files;
        let mut arguments = vec![
            "--bind-address=127.0.0.1".to_owned(),
            "--advertise-address=127.0.0.1".to_owned(),
            format!("--secure-port={}", self.ports.api_server),
            format!("--tls-cert-file={}", certificate.display()),
            format!("--tls-private-key-file={}", key.display()),
            format!("--etcd-servers=http://127.0.0.1:{}", self.ports.etcd_clients),
            "--authorization-mode=RBAC".to_owned(),
            format!("--token-auth-file={}", self.file("tokens.csv")),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            format!("--service-account-signing-key-file={}", service_account_key.display()),
            format!("--service-account-key-file={}", service_account_public_key.display()),
            "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
            // No pod reaches the server by a service, and a loopback address is not allowed as an endpoint.
            "--endpoint-reconciler-type=none".to_owned(),
            format!("--audit-policy-file={}", self.file("audit-policy.yaml")),
            format!("--audit-log-path={}", self.file("audit.log")),
            // One file, however long, so that a reader misses nothing.
            "--audit-log-maxsize=100000".to_owned(),
        ];
        arguments.extend(self.options.api_server_arguments.iter().cloned());
        arguments
    }

    fn controller_manager_arguments(&self) -> Vec<String> {
        let ServerFiles { authority_certificate, certificate, key, service_account_key, .. } = &self.files;
        vec![
            format!("--kubeconfig={}", self.kubeconfig_path(CONTROLLER_MANAGER_USER).display()),
            "--bind-address=127.0.0.1".to_owned(),
            format!("--secure-port={}", self.ports.controller_manager),
            format!("--tls-cert-file={}", certificate.display()),
            format!("--tls-private-key-file={}", key.display()),
            format!("--root-ca-file={}", authority_certificate.display()),
            format!("--service-account-private-key-file={}", service_account_key.display()),
            "--leader-elect=false".to_owned(),
            // There are no nodes, so what makes pods has nothing to do here.
            format!("--controllers={}", CONTROLLERS.join(",")),
        ]
    }
}

/// The built-in controllers that run.
const CONTROLLERS: [&str; 6] = [
    "clusterrole-aggregation-controller",
    "garbage-collector-controller",
    "namespace-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "validatingadmissionpolicy-status-controller",
];
