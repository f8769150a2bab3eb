//! `cargo demo`: builds the demo and the control plane that it runs on at the same time, then runs the demo.
//!
//! Cargo and Go each leave a processor idle for minutes (one crate, one linker), so that building both beside each
//! other ends sooner than one after the other. Everything after `cargo demo --` is given to the demo.

#[path = "../../testkit/src/controlplane/building.rs"]
#[allow(dead_code, reason = "the demo alone needs no helm, and the tests need it all")]
mod building;

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};

const USAGE: &str = "usage: cargo demo [-- --exit | --context NAME | --help]";

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    match arguments.next().as_deref().and_then(|word| word.to_str()) {
        Some("demo") => demo(arguments.filter(|word| word != "--").collect()),
        Some("controlplane") => match building::find_or_build(building::Program::ApiServer) {
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => failure(&error.to_string()),
        },
        _ => failure(USAGE),
    }
}

/// Runs the demo by cargo, with the control plane's build beside cargo's.
fn demo(arguments: Vec<OsString>) -> ExitCode {
    let mut beside = if needs_control_plane(&arguments) { build_control_plane() } else { None };
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(&cargo).current_dir(&project).args(["build", "--example", "demo"]).status();
    if !built.as_ref().is_ok_and(|status| status.success()) {
        // Nobody will wait for it any more.
        if let Some(child) = &mut beside {
            let _ = child.kill();
        }
        return failure("the demo could not be built; the messages above say why");
    }
    // What is not built yet the demo waits for, and what failed beside cargo it tries again and explains.
    let run = Command::new(cargo)
        .current_dir(project)
        .args(["run", "--quiet", "--example", "demo", "--"])
        .args(arguments)
        .status();
    match run {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => failure(&format!("cargo cannot be run: {error}")),
    }
}

/// Whether the demo will start a control plane of its own, which a cluster that exists makes needless.
fn needs_control_plane(arguments: &[OsString]) -> bool {
    let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
    !words.iter().any(|word| word.starts_with("--kubeconfig") || word.starts_with("--context") || word == "--help")
}

/// Starts the build in a process of its own, quietly: two progress displays on one terminal cannot be read.
fn build_control_plane() -> Option<Child> {
    let own = env::current_exe().ok()?;
    Command::new(own).arg("controlplane").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().ok()
}

fn failure(message: &str) -> ExitCode {
    eprintln!("{message}");
    ExitCode::FAILURE
}
