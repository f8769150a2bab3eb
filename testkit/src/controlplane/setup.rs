//! What stays the same from the start of a control plane to its end: files, arguments of the servers, and calls of kubectl.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use std::{fs, io};

use tokio::io::AsyncWriteExt;
use tokio::process::{ChildStdin, Command};
use tokio::time::timeout;

use super::error::{ControlPlaneError, io_error};
use super::identity::{CONTROLLER_MANAGER_USER, Identity, ServerFiles};
use super::ports::Ports;
use super::process::RunFolder;
use super::programs::Programs;
use super::{ControlPlaneOptions, Output, audit, identity};

/// How long one call of kubectl may take, `kubectl wait` included.
pub(super) const KUBECTL_DEADLINE: Duration = Duration::from_secs(300);

/// What stays the same from start to end.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) options: ControlPlaneOptions,
    pub(super) programs: Programs,
    pub(super) files: ServerFiles,
    pub(super) ports: Ports,
    pub(super) folder: RunFolder,
}

/// Writes all of `input` and closes the pipe. A reader that stops early is accepted.
async fn write_all(stdin: Option<ChildStdin>, input: &str) -> io::Result<()> {
    let Some(mut stdin) = stdin else { return Ok(()) };
    match stdin.write_all(input.as_bytes()).await {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(()),
    }
}

impl Setup {
    pub(super) fn server_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports.api_server)
    }

    pub(super) fn kubeconfig_path(&self, user: &str) -> PathBuf {
        // Colons would part the path in the variable KUBECONFIG.
        self.folder.path().join("kubeconfigs").join(format!("{}.yaml", user.replace(':', "_")))
    }

    fn file(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Writes the audit policy, the tokens, and a kubeconfig for each identity.
    pub(super) fn write_files(&self) -> Result<(), ControlPlaneError> {
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

    pub(super) async fn run_kubectl(
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

    pub(super) fn etcd_arguments(&self) -> Vec<String> {
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

    pub(super) fn api_server_arguments(&self) -> Vec<String> {
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

    pub(super) fn controller_manager_arguments(&self) -> Vec<String> {
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
