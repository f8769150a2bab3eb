//! `--exec`: commands about evidence run inside the operator's pod, where the evidence is, by `kubectl exec`.
//!
//! The image has no shell, but it has this program. kubectl is run, and not the protocol of exec spoken, so that whatever a user's
//! kubeconfig needs (plugins for logging in, proxies) works as it does for kubectl itself; and the rights are the user's own.

use std::io::Write;
use std::process::{Command, Stdio};

use clap::Args;
use k8s_openapi::api::core::v1::{Container, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use super::cluster::{Cluster, ClusterArguments, answered, wait_for};

/// Where a command runs.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct ExecArguments {
    /// Run inside the operator's pod, where its evidence is, by the kubectl on the PATH and with your own right to exec there; -n
    /// names the operator's namespace
    #[arg(long, conflicts_with = "data_dir")]
    exec: bool,

    /// With --exec: the operator's pod; default: a running one with the label app.kubernetes.io/name=bpo-operator
    #[arg(long, value_name = "NAME", requires = "exec")]
    pod: Option<String>,

    #[command(flatten)]
    pub(super) cluster: ClusterArguments,
}

/// The label by which the chart's pods are found.
pub(super) const LABEL: &str = "app.kubernetes.io/name=bpo-operator";
/// The chart's name of the operator's container.
const CONTAINER: &str = "operator";
/// This program in the image.
const PROGRAM: &str = "kubectl-bpo";

/// A pod of the operator, and how its evidence is reached from inside.
pub(super) struct OperatorPod {
    cluster: ClusterArguments,
    namespace: String,
    name: String,
    container: String,
    /// Flags that name the evidence; none where the pod's own environment does.
    evidence: Vec<String>,
}

impl ExecArguments {
    /// The pod to run in, where `--exec` was given.
    pub(super) fn pod(&self) -> Result<Option<OperatorPod>, Vec<String>> {
        if !self.exec {
            return Ok(None);
        }
        wait_for(self.find()).map(Some)
    }

    async fn find(&self) -> Result<OperatorPod, String> {
        let cluster = Cluster::connect(&self.cluster).await?;
        let pods: Api<Pod> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
        let found = match &self.pod {
            Some(name) => answered(pods.get_opt(name)).await?,
            None => {
                let list = answered(pods.list(&ListParams::default().labels(LABEL))).await?;
                let is_running =
                    |pod: &Pod| pod.status.as_ref().and_then(|status| status.phase.as_deref()) == Some("Running");
                list.into_iter().find(is_running)
            }
        };
        let Some(pod) = found else {
            let wanted = self
                .pod
                .as_ref()
                .map_or_else(|| format!("running pod with the label {LABEL}"), |name| format!("pod {name}"));
            return Err(format!(
                "there is no {wanted} in namespace {}: name the operator's namespace with -n, such as -n bpo-system, or its pod with --pod",
                cluster.namespace
            ));
        };
        let containers = pod.spec.as_ref().map_or(&[][..], |spec| &spec.containers);
        let container = containers.iter().find(|container| container.name == CONTAINER).or_else(|| containers.first());
        Ok(OperatorPod {
            cluster: self.cluster.clone(),
            namespace: cluster.namespace.clone(),
            name: pod.name_any(),
            container: container.map_or(CONTAINER, |container| &container.name).to_owned(),
            evidence: container.map_or_else(Vec::new, evidence_of),
        })
    }
}

/// The flags for the evidence of an operator in this container.
fn evidence_of(container: &Container) -> Vec<String> {
    let mut arguments = container.args.iter().flatten().chain(container.command.iter().flatten());
    while let Some(argument) = arguments.next() {
        if let Some(folder) = argument.strip_prefix("--data-dir=") {
            return vec!["--data-dir".to_owned(), folder.to_owned()];
        }
        if argument == "--data-dir"
            && let Some(folder) = arguments.next()
        {
            return vec!["--data-dir".to_owned(), folder.clone()];
        }
    }
    let variable = |name: &str| container.env.iter().flatten().find(|variable| variable.name == name);
    match (variable("BPO_EVIDENCE_URL"), variable("BPO_DATA_DIR").and_then(|variable| variable.value.clone())) {
        // The program in the pod reads the same variable.
        (Some(_), _) => Vec::new(),
        (None, Some(folder)) => vec!["--data-dir".to_owned(), folder],
        // The operator's own default.
        (None, None) => vec!["--data-dir".to_owned(), "./data".to_owned()],
    }
}

impl OperatorPod {
    /// Runs this program in the pod with `command`, such as `["verify"]`, and further arguments. Returns its exit code.
    pub(super) fn run(
        &self,
        command: &[&str],
        arguments: &[String],
        input: Option<String>,
        output: Stdio,
    ) -> Result<u8, Vec<String>> {
        let mut kubectl = Command::new("kubectl");
        if let Some(file) = &self.cluster.kubeconfig {
            kubectl.arg("--kubeconfig").arg(file);
        }
        if let Some(context) = &self.cluster.context {
            kubectl.args(["--context", context]);
        }
        kubectl.args(["--namespace", &self.namespace, "exec", &self.name, "--container", &self.container]);
        if input.is_some() {
            kubectl.arg("--stdin");
        }
        kubectl.args(["--", PROGRAM]).args(command).args(&self.evidence).args(arguments);
        let stdin = if input.is_some() { Stdio::piped() } else { Stdio::null() };
        let failed =
            |error: std::io::Error| vec![format!("kubectl, which --exec needs on the PATH, cannot be run: {error}")];
        let mut child = kubectl.stdin(stdin).stdout(output).spawn().map_err(failed)?;
        if let (Some(mut stdin), Some(input)) = (child.stdin.take(), input) {
            // What it does not want to read, it says in its own words.
            let _ = stdin.write_all(input.as_bytes());
        }
        let status = child.wait().map_err(failed)?;
        Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(2))
    }

    /// The same, with the result on standard output.
    pub(super) fn show(&self, command: &[&str], arguments: &[String]) -> Result<u8, Vec<String>> {
        self.run(command, arguments, None, Stdio::inherit())
    }
}

/// Adds a flag with its value, where there is one.
pub(super) fn push(arguments: &mut Vec<String>, flag: &str, value: Option<impl ToString>) {
    if let Some(value) = value {
        arguments.extend([flag.to_owned(), value.to_string()]);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_evidence_of_a_pod_is_where_its_operator_keeps_it() {
        let cases = [
            (json!({"args": ["run", "--data-dir=/var/lib/bpo-operator"]}), vec!["--data-dir", "/var/lib/bpo-operator"]),
            (json!({"args": ["run", "--data-dir", "/data", "--leader-elect"]}), vec!["--data-dir", "/data"]),
            (json!({"args": ["run"], "env": [{"name": "BPO_EVIDENCE_URL", "value": "postgres://h/d"}]}), vec![]),
            (
                json!({"args": ["run"], "env": [{"name": "BPO_DATA_DIR", "value": "/data"}]}),
                vec!["--data-dir", "/data"],
            ),
            (json!({"args": ["run"]}), vec!["--data-dir", "./data"]),
        ];
        for (mut container, expected) in cases {
            container["name"] = json!("operator");
            assert_eq!(evidence_of(&serde_json::from_value(container.clone()).unwrap()), expected, "{container}");
        }
    }
}
