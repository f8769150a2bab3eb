//! Real servers and tools that Debian packages: where they are, and their installation where that is possible.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The path of a program of a Debian package.
///
/// Where it is missing, and this is a Debian machine and the user is root, the package is installed; otherwise a sentence says what to do.
/// Several test programs may ask at once: one installs, the others wait.
pub fn program(name: &str, package: &str) -> Result<PathBuf, String> {
    if let Some(found) = find(name) {
        return Ok(found);
    }
    let lock = std::env::temp_dir().join("bpo-operator-debian.lock");
    let lock = File::create(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    lock.lock().map_err(|error| format!("cannot wait for another installation: {error}"))?;
    if let Some(found) = find(name) {
        return Ok(found);
    }
    eprintln!("{name} is missing: installing Debian's package {package}");
    let installed =
        apt_get(&["update", "-qq"]) && apt_get(&["install", "-y", "-qq", "--no-install-recommends", package]);
    let advice = format!("{name} is needed by this test: `apt-get install {package}` as root, or put it on the PATH");
    if installed { find(name).ok_or(advice) } else { Err(advice) }
}

fn apt_get(arguments: &[&str]) -> bool {
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// On the PATH, or where Debian keeps the programs of a PostgreSQL server.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    versions.sort();
    folders.extend(versions.into_iter().rev());
    folders.into_iter().map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Sends a signal by its name without `SIG`, such as `STOP`, to a process and to the processes that it started.
pub fn signal_with_children(process: u32, signal: &str) {
    let parent_of = |process: &u32| -> Option<u32> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // The name in parentheses may hold anything; after it come the state and the parent.
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse().ok()
    };
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let all = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let children = all.filter(|one| parent_of(one) == Some(process));
    // A child may have ended since it was seen.
    for one in [process].into_iter().chain(children) {
        let mut kill = Command::new("/bin/sh");
        kill.args(["-c", r#"kill -s "$1" "$2""#, "signal", signal, &one.to_string()]);
        let _ = kill.stderr(std::process::Stdio::null()).status();
    }
}
