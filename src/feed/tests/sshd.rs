//! Real SSH servers over a folder of their own: OpenSSH's `sshd`, a process for each connection, for a user with a key; and one for a user
//! with a password, whom `sshd` could not have without an account of the machine. Both give out files by OpenSSH's SFTP server.

use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use jiff::Timestamp;
use russh::keys::{PrivateKey, decode_secret_key};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session};
use russh::{Channel, ChannelId};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use crate::outbound::credentials::tests::MemorySource;

const SSHD: &str = "/usr/sbin/sshd";
const SFTP_SERVER: &str = "/usr/lib/openssh/sftp-server";

/// A server and its folder. Ends when it is dropped.
pub(super) struct Sshd {
    pub(super) address: SocketAddr,
    directory: TempDir,
    connections: Arc<AtomicUsize>,
    /// The passwords that were sent to it.
    pub(super) passwords: Arc<Mutex<Vec<String>>>,
    worker: tokio::task::JoinHandle<()>,
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.worker.abort();
    }
}

impl Sshd {
    /// OpenSSH's server, which lets the user of this process in by a key.
    pub(super) async fn start() -> Self {
        let directory = prepared();
        if !Path::new(SSHD).exists() {
            testkit::debian::program("sshd", "openssh-server").unwrap_or_else(|advice| panic!("{advice}"));
        }
        // As root it wants a folder that the machine's own service makes where there is one.
        let _ = std::fs::create_dir_all("/run/sshd");
        let path = |name: &str| directory.path().join(name).display().to_string();
        let settings = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nPidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\nPasswordAuthentication yes\n\
             Subsystem sftp internal-sftp\n",
            path("host"),
            path("user.pub")
        );
        std::fs::write(directory.path().join("settings"), settings).unwrap();
        let settings = path("settings");
        Self::serve(directory, move |stream, _| {
            let settings = settings.clone();
            async move {
                let stream = stream.into_std().unwrap();
                stream.set_nonblocking(false).unwrap();
                let input = Stdio::from(OwnedFd::from(stream.try_clone().unwrap()));
                let output = Stdio::from(OwnedFd::from(stream));
                let child = Command::new(SSHD)
                    .args(["-i", "-e", "-f", &settings])
                    .stdin(input)
                    .stdout(output)
                    .stderr(Stdio::null())
                    .kill_on_drop(true)
                    .spawn();
                let _ = child.unwrap().wait().await;
            }
        })
        .await
    }

    /// A server that lets the user `acme` in by a password.
    pub(super) async fn with_password(password: &'static str) -> Self {
        let directory = prepared();
        if !Path::new(SFTP_SERVER).exists() {
            // The package of the server has this one with it.
            testkit::debian::program("sshd", "openssh-server").unwrap_or_else(|advice| panic!("{advice}"));
        }
        let key = std::fs::read_to_string(directory.path().join("host")).unwrap();
        let config = Arc::new(Config { keys: vec![private_key(&key)], ..Config::default() });
        Self::serve(directory, move |stream, passwords| {
            let config = config.clone();
            async move {
                let door = Door { password, passwords, channel: None, child: None };
                if let Ok(session) = russh::server::run_stream(config, stream, door).await {
                    let _ = session.await;
                }
            }
        })
        .await
    }

    async fn serve<F: Future<Output = ()> + Send + 'static>(
        directory: TempDir,
        serve: impl Fn(TcpStream, Arc<Mutex<Vec<String>>>) -> F + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, passwords) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let worker = tokio::spawn({
            let (connections, passwords) = (connections.clone(), passwords.clone());
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    connections.fetch_add(1, Ordering::SeqCst);
                    tokio::spawn(serve(stream, passwords.clone()));
                }
            }
        });
        Sshd { address, directory, connections, passwords, worker }
    }

    /// The address of the folder.
    pub(super) fn url(&self) -> String {
        self.url_of("files/")
    }

    pub(super) fn url_of(&self, folder: &str) -> String {
        format!("sftp://{}{}/{folder}", self.address, self.directory.path().display())
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Writes a file of the folder, as one that was changed at an instant.
    pub(super) fn put(&self, name: &str, content: impl AsRef<[u8]>, changed: &str) {
        let path = self.directory.path().join("files").join(name);
        std::fs::write(&path, content).unwrap();
        let changed = SystemTime::from(changed.parse::<Timestamp>().unwrap());
        File::options().write(true).open(path).unwrap().set_modified(changed).unwrap();
    }

    pub(super) fn remove(&self, name: &str) {
        std::fs::remove_file(self.directory.path().join("files").join(name)).unwrap();
    }

    /// Puts a link beside the files that leads to one of them.
    pub(super) fn link(&self, name: &str, to: &str) {
        let folder = self.directory.path().join("files");
        std::os::unix::fs::symlink(folder.join(to), folder.join(name)).unwrap();
    }

    pub(super) fn make_folder(&self, name: &str) {
        std::fs::create_dir(self.directory.path().join("files").join(name)).unwrap();
    }

    /// A file beside the folder, such as `user`.
    pub(super) fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(name)).unwrap()
    }

    /// What `ssh-keyscan` prints for the server.
    pub(super) fn known_hosts(&self) -> String {
        format!("# {} SSH-2.0-OpenSSH\n[127.0.0.1]:{} {}", self.address, self.address.port(), self.text("host.pub"))
    }

    /// Writes the Secret `acme-sftp` for the server, with these keys in place of the right ones.
    pub(super) fn secret(&self, source: &MemorySource, others: &[(&str, &str)]) {
        let right = [("username", user()), ("ssh-privatekey", self.text("user")), ("known_hosts", self.known_hosts())];
        let kept = right.iter().filter(|(key, _)| !others.iter().any(|(other, _)| other == key));
        let values: Vec<(&str, &str)> =
            kept.map(|(key, value)| (*key, value.as_str())).chain(others.iter().copied()).collect();
        source.put("team", "acme-sftp", &self.address.to_string(), &values);
    }
}

/// The user of this process.
pub(super) fn user() -> String {
    let found = std::process::Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(found.stdout).unwrap().trim().to_owned()
}

/// A public key that belongs to none of the servers.
pub(super) fn strange_key() -> String {
    let directory = tempfile::tempdir().unwrap();
    make_key(directory.path(), "strange", "ed25519");
    std::fs::read_to_string(directory.path().join("strange.pub")).unwrap()
}

fn prepared() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in ["host", "user"] {
        make_key(directory.path(), name, "ed25519");
    }
    make_key(directory.path(), "rsa", "rsa");
    std::fs::create_dir(directory.path().join("files")).unwrap();
    directory
}

fn make_key(folder: &Path, name: &str, kind: &str) {
    let made = std::process::Command::new("ssh-keygen")
        .args(["-q", "-t", kind, "-N", "", "-f"])
        .arg(folder.join(name))
        .status()
        .expect("these tests need ssh-keygen: install openssh-client");
    assert!(made.success());
}

fn private_key(text: &str) -> PrivateKey {
    decode_secret_key(text, None).unwrap()
}

/// One session of the server with a password.
struct Door {
    password: &'static str,
    passwords: Arc<Mutex<Vec<String>>>,
    channel: Option<Channel<Msg>>,
    child: Option<Child>,
}

impl Handler for Door {
    type Error = russh::Error;

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Self::Error> {
        self.passwords.lock().unwrap().push(password.to_owned());
        Ok(if user == "acme" && password == self.password { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        reply.accept().await;
        self.channel = Some(channel);
        Ok(())
    }

    async fn subsystem_request(&mut self, id: ChannelId, name: &str, session: &mut Session) -> Result<(), Self::Error> {
        let Some(channel) = self.channel.take().filter(|_| name == "sftp") else { return session.channel_failure(id) };
        session.channel_success(id)?;
        let child = Command::new(SFTP_SERVER).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true).spawn();
        let mut child = child.unwrap();
        let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        self.child = Some(child);
        let (mut from, mut to) = tokio::io::split(channel.into_stream());
        tokio::spawn(async move { tokio::io::copy(&mut from, &mut input).await });
        tokio::spawn(async move { tokio::io::copy(&mut output, &mut to).await });
        Ok(())
    }
}
