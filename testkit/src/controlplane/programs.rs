//! Where the programs are.

use std::io;
use std::path::PathBuf;

use super::building::{self, Program};
use super::error::{ControlPlaneError, io_error};

/// The paths of the programs that a control plane runs.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    pub(super) etcd: PathBuf,
    pub(super) api_server: PathBuf,
    pub(super) controller_manager: Option<PathBuf>,
    pub(super) kubectl: PathBuf,
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

impl Programs {
    pub(super) async fn find(with_controller_manager: bool) -> Result<Self, ControlPlaneError> {
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
