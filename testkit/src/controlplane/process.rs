//! The servers' processes and folders, and that none of them outlives the process that started them.
//!
//! A small shell, the *reaper*, holds the reading end of a pipe whose writing end this process holds. However this process
//! ends (normally, by a panic, by Ctrl-C, by SIGKILL), the pipe closes then, and the reaper kills the servers and removes
//! the folder. Should the reaper be killed as well, the next start finds the folder's lock free and removes the folder.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};

/// How many of a log's last lines an error quotes.
const QUOTED_LINES: usize = 20;

/// How many of a log's last bytes are read for that.
const QUOTED_BYTES: u64 = 16 * 1024;

/// When set, folders stay where they are for a look at the logs, until the next start without it.
const KEEP_VARIABLE: &str = "CONTROLPLANE_KEEP_FOLDER";

/// Reads `started PID` and `ended PID`; at the end of its input, kills what has started and not ended.
///
/// SIGKILL to all at once, because an API server that loses etcd first lingers for a minute and keeps its port. The folder
/// is removed in several tries, since a process that was sent SIGKILL may still write for a moment.
const REAPER: &str = r#"
trap '' INT TERM HUP
folder=$1
running=
while read -r event process; do
  case $event in
    started) running="$running $process" ;;
    ended)
      others=
      for other in $running; do [ "$other" = "$process" ] || others="$others $other"; done
      running=$others ;;
  esac
done
[ -z "$running" ] || kill -KILL $running 2>/dev/null
[ -n "$folder" ] || exit 0
for try in 1 2 3 4 5 6 7 8 9 10; do
  rm -rf "$folder" 2>/dev/null && exit 0
  sleep 0.1
done
"#;

/// The folder of one run, locked while the run lives.
#[derive(Debug)]
pub(crate) struct RunFolder {
    path: PathBuf,
    /// Locked until this process ends; never read.
    _lock: File,
}

impl RunFolder {
    /// Makes a folder inside of `parent`, after removing those of dead runs there.
    pub(crate) fn create(parent: &Path) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        // Held while folders come and go, so that nobody mistakes a folder that is not locked yet for a dead one.
        let parent_lock = File::create(parent.join(".lock"))?;
        parent_lock.lock()?;
        if !keeps_folders() {
            remove_dead_folders(parent)?;
        }

        let path = tempfile::Builder::new().prefix("run-").tempdir_in(parent)?.keep();
        let lock = File::create(path.join("lock"))?;
        lock.lock()?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn remove_dead_folders(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let path = entry?.path();
        let dead = match File::open(path.join("lock")) {
            Ok(lock) => lock.try_lock().is_ok(),
            Err(_) => path.is_dir(),
        };
        if dead {
            // A reaper may be removing the same folder at this moment; either way it will be gone.
            let _ = fs::remove_dir_all(&path);
        }
    }
    Ok(())
}

fn keeps_folders() -> bool {
    std::env::var_os(KEEP_VARIABLE).is_some_and(|value| !value.is_empty())
}

/// What ends the servers and removes the folder when this process ends, or when it is dropped.
#[derive(Debug)]
pub(crate) struct Reaper {
    shell: Child,
    pipe: Mutex<Option<ChildStdin>>,
}

impl Reaper {
    /// Starts the shell that watches over `folder`.
    pub(crate) fn start(folder: &RunFolder) -> io::Result<Self> {
        let removed = if keeps_folders() { Path::new("") } else { folder.path() };
        let mut shell = Command::new("/bin/sh")
            .args(["-c", REAPER, "controlplane-reaper"])
            .arg(removed)
            .current_dir("/")
            // Out of the terminal's foreground group: Ctrl-C reaches this process and not the reaper.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let pipe = Mutex::new(shell.stdin.take());
        Ok(Self { shell, pipe })
    }

    fn tell(&self, event: &str, process: u32) -> io::Result<()> {
        match self.pipe.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            Some(pipe) => writeln!(pipe, "{event} {process}"),
            None => Err(io::Error::other("the reaper has no pipe")),
        }
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        drop(self.pipe.lock().unwrap_or_else(PoisonError::into_inner).take());
        // An error can only mean that it has ended already.
        let _ = self.shell.wait();
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts a program whose output goes to the end of the file `log`.
    pub(crate) fn start(program: &Path, arguments: &[String], log: PathBuf, reaper: &Reaper) -> io::Result<Self> {
        let output = File::options().create(true).append(true).open(&log)?;
        let mut child = Command::new(program)
            .args(arguments)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()?;
        if let Err(error) = reaper.tell("started", child.id()) {
            let _ = child.kill();
            let _ = child.wait();
            return Err(error);
        }
        Ok(Self { child, log })
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// The last lines of its log.
    pub(crate) fn last_lines(&self) -> String {
        last_lines(&self.log).unwrap_or_else(|error| format!("({} cannot be read: {error})", self.log.display()))
    }

    /// Sends a signal by its name without `SIG`, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) -> io::Result<()> {
        // The shell's own kill: the standard library sends no signal but SIGKILL, and not every image has a kill program.
        let status = Command::new("/bin/sh")
            .args(["-c", r#"kill -s "$1" "$2""#, "controlplane-signal", name, &self.child.id().to_string()])
            .status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("kill -s {name} ended with {status}"))) }
    }

    /// Kills it by SIGKILL, which works on a stopped process too, and waits until it is gone.
    pub(crate) fn kill(mut self, reaper: &Reaper) -> io::Result<()> {
        self.child.kill()?;
        // Before the wait, after which another process could have the same number.
        let notified = reaper.tell("ended", self.child.id());
        self.child.wait()?;
        notified
    }

    /// Waits for the end of a server that the reaper has killed.
    pub(crate) fn wait(mut self) {
        let _ = self.child.wait();
    }
}

fn last_lines(log: &Path) -> io::Result<String> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(QUOTED_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.len().saturating_sub(QUOTED_LINES);
    Ok(lines.get(first..).unwrap_or_default().join("\n"))
}
