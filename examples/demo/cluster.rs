//! The cluster of the demo: a control plane that it builds and starts itself, or one that exists.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::controlplane::{self, ADMIN, ControlPlane, ControlPlaneOptions};
use super::failure::{Failure, OrAdvise, Result};
use super::screen::Screen;

/// A cluster that is ready.
pub(crate) struct Cluster {
    /// Ends with the demo, if the demo started it.
    control_plane: Option<ControlPlane>,
    kubectl: PathBuf,
    kubeconfig: Option<PathBuf>,
    context: Option<String>,
}

impl Cluster {
    /// Builds and starts a control plane.
    pub(crate) async fn start(screen: &Screen) -> Result<Self> {
        const ADVICE: &str = "install Go 1.26 or newer and make sure that it can download modules (GOPROXY); or set \
            KUBEBUILDER_ASSETS to a folder with etcd, kube-apiserver and kubectl; or use a cluster that exists with --kubeconfig";
        // It shows its own progress, for minutes on the first run.
        let kubectl = controlplane::kubectl_path().await.or_advise("building the control plane", ADVICE)?;
        let step = screen.step("Starting a control plane (etcd, API server, controllers) on this machine");
        let options = ControlPlaneOptions { controller_manager: true, ..ControlPlaneOptions::default() };
        let started = ControlPlane::start(options).await;
        let control_plane = started.or_advise("starting the control plane", ADVICE)?;
        let kubeconfig = control_plane.kubeconfig(ADMIN).or_advise("finding the kubeconfig", "please report this")?;
        step.done(&format!("{} answers", control_plane.server_url()));
        Ok(Self { control_plane: Some(control_plane), kubectl, kubeconfig: Some(kubeconfig), context: None })
    }

    /// Uses a cluster that exists.
    pub(crate) async fn existing(
        screen: &Screen,
        kubeconfig: Option<PathBuf>,
        context: Option<String>,
    ) -> Result<Self> {
        let kubectl = match find_on_path("kubectl") {
            Some(path) => path,
            None => {
                let built = controlplane::kubectl_path().await;
                built.or_advise("building kubectl", "install kubectl, or Go to build it")?
            }
        };
        let cluster = Self { control_plane: None, kubectl, kubeconfig, context };
        let step = screen.step("Asking the cluster for its version");
        let version = cluster.kubectl(&["version", "--output=json"], "").await?;
        let version: Value = serde_json::from_str(&version).unwrap_or_default();
        let git_version = version.pointer("/serverVersion/gitVersion").and_then(Value::as_str);
        step.done(git_version.unwrap_or("it answers"));
        Ok(cluster)
    }

    /// Runs kubectl and answers what it printed.
    pub(crate) async fn kubectl(&self, arguments: &[&str], input: &str) -> Result<String> {
        let mut command = Command::new(&self.kubectl);
        command.args(arguments).args(self.flags()).env("KUBERC", "off").kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let words = arguments.join(" ");
        let tried = format!("kubectl {words}");
        let advice = "try it by hand with the same arguments; the message above is kubectl's own";
        let mut child = command.spawn().or_advise(&tried, advice)?;
        let stdin = child.stdin.take();
        let writing = async move {
            if let Some(mut stdin) = stdin {
                // What kubectl does not want to read, it says in its own words.
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let ((), output) = tokio::join!(writing, child.wait_with_output());
        let output = output.or_advise(&tried, advice)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(Failure::new(format!("{tried} failed: {said}"), advice))
    }

    /// A client of the same cluster, for watching.
    pub(crate) async fn client(&self) -> Result<Client> {
        let advice = "check the kubeconfig and the context with kubectl";
        let kubeconfig = match &self.kubeconfig {
            Some(path) => Kubeconfig::read_from(path),
            None => Kubeconfig::read(),
        };
        let kubeconfig = kubeconfig.or_advise("reading the kubeconfig", advice)?;
        let options = KubeConfigOptions { context: self.context.clone(), ..KubeConfigOptions::default() };
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await;
        Client::try_from(config.or_advise("using the kubeconfig", advice)?).or_advise("making a client", advice)
    }

    /// Writes a kubeconfig with which a program is a service account instead of who the user is.
    pub(crate) async fn write_service_account_kubeconfig(
        &self,
        namespace: &str,
        name: &str,
        path: &Path,
    ) -> Result<()> {
        let advice = "check with kubectl auth whoami that you may create tokens of service accounts";
        let arguments = ["create", "token", name, "--namespace", namespace, "--duration=24h"];
        let token = self.kubectl(&arguments, "").await?;
        let view = self.kubectl(&["config", "view", "--raw", "--minify", "--flatten", "--output=json"], "").await?;
        let mut kubeconfig: Value = serde_json::from_str(&view).or_advise("reading the kubeconfig", advice)?;
        let mut replace = |pointer: &str, value: Value| match kubeconfig.pointer_mut(pointer) {
            Some(place) => {
                *place = value;
                Ok(())
            }
            None => Err(Failure::new(format!("the kubeconfig has no {pointer}"), advice)),
        };
        replace("/users", json!([{"name": name, "user": {"token": token.trim()}}]))?;
        replace("/contexts/0/context/user", json!(name))?;
        fs::write(path, kubeconfig.to_string()).or_advise(format!("writing {}", path.display()), advice)
    }

    /// How to call kubectl for this cluster, for the user to copy.
    pub(crate) fn kubectl_command(&self) -> String {
        let flags: Vec<String> = self.flags().iter().map(|flag| flag.to_string_lossy().into_owned()).collect();
        format!("{} {}", self.kubectl.display(), flags.join(" ")).trim_end().to_owned()
    }

    /// What to type so that `kubectl` is the right program and speaks to this cluster.
    pub(crate) fn setting_up_kubectl(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(path) = &self.kubeconfig {
            lines.push(format!("export KUBECONFIG={}", path.display()));
        }
        if let Some(context) = &self.context {
            lines.push(format!("kubectl config use-context {context}"));
        }
        if find_on_path("kubectl").is_none() {
            lines.push(format!("alias kubectl={}", self.kubectl.display()));
        }
        lines
    }

    /// Whether the demo started it, so that it goes away with the demo.
    pub(crate) fn is_own(&self) -> bool {
        self.control_plane.is_some()
    }

    fn flags(&self) -> Vec<std::ffi::OsString> {
        let flag = |name: &str, value: &OsStr| {
            let mut flag = std::ffi::OsString::from(name);
            flag.push(value);
            flag
        };
        let kubeconfig = self.kubeconfig.iter().map(|path| flag("--kubeconfig=", path.as_os_str()));
        let context = self.context.iter().map(|context| flag("--context=", context.as_ref()));
        kubeconfig.chain(context).collect()
    }
}

/// The path of a program that the user has.
pub(crate) fn find_on_path(program: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH")?;
    std::env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}
