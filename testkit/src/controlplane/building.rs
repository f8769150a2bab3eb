//! Finds the control plane's programs, and builds them from their Go modules when there are none.
//!
//! The folder `tests/controlplane` holds the Go module. What is built from it is kept in `target/controlplane/bin`, beside
//! a stamp of everything that went into it, so that a build happens once and again only after the module changed.

use std::collections::VecDeque;
use std::env;
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

/// The variable with which users of envtest name their folder of etcd, kube-apiserver and kubectl.
const ASSETS_VARIABLE: &str = "KUBEBUILDER_ASSETS";

/// How many of a failed build's last lines its error quotes.
const QUOTED_LINES: usize = 20;

/// Why a program can neither be found nor built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is neither a folder of ready programs nor a Go to build them with.
    #[error(
        "{program} is needed: install Go 1.26 or newer, with which the project builds it once from its Go modules, or \
         set KUBEBUILDER_ASSETS to a folder that has it"
    )]
    NoGo {
        /// The program that was asked for.
        program: &'static str,
    },
    /// The folder named by `KUBEBUILDER_ASSETS` is not what it should be.
    #[error(
        "KUBEBUILDER_ASSETS is set to {folder}, which has no {program}; correct it, or unset it to build from Go modules"
    )]
    IncompleteAssets {
        /// The folder.
        folder: PathBuf,
        /// The program that it lacks.
        program: &'static str,
    },
    /// The Go module does not require a module whose version is needed.
    #[error("tests/controlplane/go.mod names no version of {module}")]
    NoVersion {
        /// The module's path.
        module: &'static str,
    },
    /// Go ended with an error.
    #[error("building {program} failed: go {status}; its last lines:\n{last_lines}")]
    Go {
        /// What was built.
        program: &'static str,
        /// Go's exit status in words.
        status: String,
        /// The end of what Go printed.
        last_lines: String,
    },
    /// A file or a process of the build could not be used.
    #[error("{doing}: {source}")]
    Io {
        /// What was tried, with the path.
        doing: String,
        /// What the system answered.
        source: io::Error,
    },
}

/// Says what was tried when the system answers with an error.
fn io_error(doing: impl Into<String>) -> impl FnOnce(io::Error) -> BuildError {
    let doing = doing.into();
    move |source| BuildError::Io { doing, source }
}

/// A program that tests and the demo run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The store behind the API server.
    Etcd,
    /// The API server.
    ApiServer,
    /// The built-in controllers: garbage collection, namespaces, service accounts.
    ControllerManager,
    /// The command-line client.
    Kubectl,
    /// The chart's tool.
    Helm,
    /// The validator of manifests against schemas, without a server.
    Kubeconform,
}

impl Program {
    /// The file name under which the program is found.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::ApiServer => "kube-apiserver",
            Self::ControllerManager => "kube-controller-manager",
            Self::Kubectl => "kubectl",
            Self::Helm => "helm",
            Self::Kubeconform => "kubeconform",
        }
    }

    /// Whether every folder of envtest's programs has it, so that its absence there is a mistake.
    fn belongs_to_assets(self) -> bool {
        matches!(self, Self::Etcd | Self::ApiServer | Self::Kubectl)
    }

    /// The build that makes it.
    fn target(self) -> &'static Target {
        match self {
            Self::Etcd | Self::ApiServer | Self::ControllerManager | Self::Kubectl => &CONTROL_PLANE,
            Self::Helm => &HELM,
            Self::Kubeconform => &KUBECONFORM,
        }
    }
}

/// One run of `go build`.
struct Target {
    /// The file that it makes.
    file_name: &'static str,
    /// The package that it builds, as Go names it.
    package: &'static str,
    /// What the user reads while it runs.
    announcement: &'static str,
    /// The module whose version the program reports.
    versioned_module: &'static str,
    /// The string variable of the package that holds the whole version, such as `v1.37.2`.
    version_variable: &'static str,
    /// The string variables for the version's first and second number, if the program has them.
    number_variables: Option<[&'static str; 2]>,
    /// Further names of the file: the program decides by its name what it is.
    links: &'static [&'static str],
}

const CONTROL_PLANE: Target = Target {
    file_name: "controlplane",
    package: ".",
    announcement: "building the control plane (etcd, kube-apiserver, kube-controller-manager, kubectl) from Go modules \
                   (once, about six minutes on two cores)",
    versioned_module: "k8s.io/kubernetes",
    version_variable: "k8s.io/component-base/version.gitVersion",
    number_variables: Some(["k8s.io/component-base/version.gitMajor", "k8s.io/component-base/version.gitMinor"]),
    links: &["etcd", "kube-apiserver", "kube-controller-manager", "kubectl"],
};

const HELM: Target = Target {
    file_name: "helm",
    package: "helm.sh/helm/v4/cmd/helm",
    announcement: "building helm from Go modules (once, half a minute after the control plane)",
    versioned_module: "helm.sh/helm/v4",
    version_variable: "helm.sh/helm/v4/internal/version.version",
    number_variables: None,
    links: &[],
};

const KUBECONFORM: Target = Target {
    file_name: "kubeconform",
    package: "github.com/yannh/kubeconform/cmd/kubeconform",
    announcement: "building kubeconform from Go modules (once, some seconds)",
    versioned_module: "github.com/yannh/kubeconform",
    version_variable: "main.version",
    number_variables: None,
    links: &[],
};

/// The path of a program that can be run, built first if there is none.
///
/// Looks into the folder of `KUBEBUILDER_ASSETS` first, if that is set. Blocks for minutes on the first build; progress
/// goes to stderr, past the capture of the test harness.
pub(crate) fn find_or_build(program: Program) -> Result<PathBuf, BuildError> {
    if let Some(folder) = env::var_os(ASSETS_VARIABLE).filter(|folder| !folder.is_empty()) {
        let folder = PathBuf::from(folder);
        let path = folder.join(program.file_name());
        if path.is_file() {
            return Ok(path);
        }
        if program.belongs_to_assets() {
            return Err(BuildError::IncompleteAssets { folder, program: program.file_name() });
        }
    }
    build_if_changed(program)?;
    Ok(bin_folder().join(program.file_name()))
}

/// The folder for everything that the control plane leaves on the disk.
pub(crate) fn work_folder() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty());
    project_folder().join(target.as_deref().unwrap_or(OsStr::new("target"))).join("controlplane")
}

fn bin_folder() -> PathBuf {
    work_folder().join("bin")
}

fn module_folder() -> PathBuf {
    project_folder().join("tests").join("controlplane")
}

/// The folder of the project: the package's own for tests and the demo, the one above it for `xtask`.
fn project_folder() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.ancestors().find(|folder| folder.join("tests/controlplane/go.mod").is_file()).unwrap_or(package)
}

/// Builds the target of a program unless what is there was made from the same files in the same way.
fn build_if_changed(program: Program) -> Result<(), BuildError> {
    let target = program.target();
    let linker_flags = linker_flags(target)?;
    let stamp = stamp(target, &linker_flags)?;
    let bin = bin_folder();
    let made = bin.join(target.file_name);
    let stamp_path = bin.join(format!("{}.stamp", target.file_name));
    let is_current = || made.is_file() && fs::read_to_string(&stamp_path).is_ok_and(|found| found == stamp);
    if is_current() {
        return Ok(());
    }

    fs::create_dir_all(&bin).map_err(io_error(format!("making {}", bin.display())))?;
    // Held to the end of this function: of two test processes, one builds and the other one finds it built.
    let _lock = lock(&work_folder().join("build.lock"), program)?;
    if is_current() {
        return Ok(());
    }

    // Under another name until it is whole: a build that is broken off leaves nothing that looks finished.
    let unfinished = bin.join(format!("{}.unfinished", target.file_name));
    run_go(program, target, &linker_flags, &unfinished)?;
    fs::rename(&unfinished, &made).map_err(io_error(format!("renaming {}", unfinished.display())))?;
    for link in target.links {
        replace_link(target.file_name, &bin.join(link))?;
    }
    fs::write(&stamp_path, stamp).map_err(io_error(format!("writing {}", stamp_path.display())))
}

fn lock(path: &Path, program: Program) -> Result<File, BuildError> {
    let file = File::create(path).map_err(io_error(format!("opening {}", path.display())))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(source)) => return Err(io_error(format!("locking {}", path.display()))(source)),
    }
    say(&format!("waiting for another process, which builds the control plane, for {}\n", program.file_name()));
    file.lock().map_err(io_error(format!("locking {}", path.display())))?;
    Ok(file)
}

/// Everything that decides what the build makes, as text. It is compared whole: that needs no hash.
fn stamp(target: &Target, linker_flags: &str) -> Result<String, BuildError> {
    let mut stamp = format!("package {}\nlinker flags {linker_flags}\n", target.package);
    for name in ["go.mod", "go.sum", "main.go"] {
        let path = module_folder().join(name);
        let text = fs::read_to_string(&path).map_err(io_error(format!("reading {}", path.display())))?;
        stamp.push_str(&format!("file {name}\n{text}\n"));
    }
    Ok(stamp)
}

/// The flags that strip the program of symbols and set its version, which the build cannot read from version control here.
fn linker_flags(target: &Target) -> Result<String, BuildError> {
    let path = module_folder().join("go.mod");
    let go_mod = fs::read_to_string(&path).map_err(io_error(format!("reading {}", path.display())))?;
    let missing = BuildError::NoVersion { module: target.versioned_module };
    let version = required_version(&go_mod, target.versioned_module).ok_or(missing)?;

    let mut flags = format!("-s -w -X {}={version}", target.version_variable);
    if let Some(variables) = target.number_variables {
        for (variable, number) in variables.iter().zip(version.trim_start_matches('v').split('.')) {
            flags.push_str(&format!(" -X {variable}={number}"));
        }
    }
    Ok(flags)
}

/// The version in `go.mod`'s line `module version`, in a block or after `require`.
fn required_version<'a>(go_mod: &'a str, module: &str) -> Option<&'a str> {
    go_mod.lines().find_map(|line| {
        let mut words = line.split_whitespace().skip_while(|word| *word == "require");
        (words.next() == Some(module)).then(|| words.next()).flatten().filter(|version| version.starts_with('v'))
    })
}

fn replace_link(target: &str, link: &Path) -> Result<(), BuildError> {
    match fs::remove_file(link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(io_error(format!("removing {}", link.display()))(error));
        }
        _ => {}
    }
    std::os::unix::fs::symlink(target, link).map_err(io_error(format!("linking {}", link.display())))
}

/// Runs `go build` and shows where it is.
fn run_go(program: Program, target: &Target, linker_flags: &str, output: &Path) -> Result<(), BuildError> {
    let mut go = Command::new("go")
        .current_dir(module_folder())
        .args(["build", "-v", "-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags", linker_flags, "-o"])
        .arg(output)
        .arg(target.package)
        .env("CGO_ENABLED", "0")
        .env("GOWORK", "off")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => BuildError::NoGo { program: program.file_name() },
            _ => io_error("starting go")(error),
        })?;

    let last_lines = match go.stderr.take() {
        Some(stderr) => show_progress(target.announcement, stderr),
        None => String::new(),
    };
    let status = go.wait().map_err(io_error("waiting for go"))?;
    if status.success() {
        return Ok(());
    }
    Err(BuildError::Go { program: program.file_name(), status: status.to_string(), last_lines })
}

/// Shows the time and the last line until Go closes its output, then answers its last lines.
fn show_progress(announcement: &str, stderr: impl io::Read + Send + 'static) -> String {
    let (sender, lines) = mpsc::channel();
    // A thread of its own reads, so that the clock goes on while Go is silent, as it is for a minute when it links.
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });

    let terminal = io::stderr().is_terminal();
    let interval = Duration::from_secs(if terminal { 1 } else { 15 });
    let begin = Instant::now();
    let mut due = begin;
    let mut last_lines = VecDeque::new();
    loop {
        match lines.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(line) => {
                if last_lines.len() == QUOTED_LINES {
                    last_lines.pop_front();
                }
                last_lines.push_back(line);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if Instant::now() >= due {
            let doing = last_lines.back().map_or("", String::as_str);
            say_progress(terminal, &format!("{announcement}: {} s {doing}", begin.elapsed().as_secs()));
            due = Instant::now() + interval;
        }
    }
    say_progress(terminal, &format!("{announcement}: ended after {} s", begin.elapsed().as_secs()));
    if terminal {
        say("\n");
    }
    Vec::from(last_lines).join("\n")
}

/// On a terminal, one line that is written over; elsewhere, a line each.
fn say_progress(terminal: bool, line: &str) {
    if terminal {
        let fitting: String = line.chars().take(160).collect();
        say(&format!("\r\x1b[2K{fitting}"));
    } else {
        say(&format!("{line}\n"));
    }
}

/// Writes to stderr itself: what `eprint!` writes, the test harness would hold back until the test fails.
fn say(text: &str) {
    let mut stderr = io::stderr();
    // Progress that nobody can read does not stop the build.
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}
