//! Why a control plane cannot be started or used.

use std::io;

use super::building::BuildError;
use super::identity::IdentityError;
use super::setup::KUBECTL_DEADLINE;
use super::{Output, READY_DEADLINE};

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
pub(super) fn io_error(doing: impl Into<String>) -> impl FnOnce(io::Error) -> ControlPlaneError {
    let doing = doing.into();
    move |source| ControlPlaneError::Io { doing, source }
}
