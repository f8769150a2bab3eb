//! A proxy between an operator and the API server: it passes every call on, and makes planned ones fail in every way that a network
//! and a loaded server can fail.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::StreamExt;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::call::{Fault, Moment, Outcome, is_mutating, kind_of, words_of};
use crate::harness::Installation;
use crate::wire::{Connection, Request};

/// Faults by kind of call: each meets one call of its kind, in this order.
pub(crate) type Plan = BTreeMap<String, VecDeque<Fault>>;

/// One call that came.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// When.
    pub at: Instant,
    /// Its kind, as [`kind_of`] names it.
    pub kind: String,
    /// What it asked for: path and query.
    pub target: String,
    /// What it met; `None`: the API server's own answer.
    pub fault: Option<Fault>,
}

/// The most calls within `span` from any call on that came while faults went on: from the first that failed to the last.
pub(crate) fn busiest(calls: &[Call], span: Duration) -> usize {
    let mut failed = calls.iter().filter(|call| call.fault.is_some()).map(|call| call.at);
    let Some(first) = failed.next() else { return 0 };
    let last = failed.next_back().unwrap_or(first);
    let from = calls.iter().map(|call| call.at).filter(|at| (first..=last).contains(at));
    let within = |from: Instant| calls.iter().filter(|call| (from..from + span).contains(&call.at)).count();
    from.map(within).max().unwrap_or_default()
}

/// A proxy; it ends with the value.
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

struct Shared {
    upstream: String,
    client: reqwest::Client,
    state: Mutex<State>,
    /// Counts how often all watches were expired.
    expired: watch::Sender<u64>,
    /// Counts how often the operator was killed.
    kills: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    plan: Plan,
    calls: Vec<Call>,
    /// What was written into Leases.
    leases: Vec<Value>,
    drops_events: bool,
    dropped: u64,
    /// What was watched, by its path.
    watched: BTreeSet<String>,
    /// The first answer to each list, by what was asked.
    first_lists: BTreeMap<String, Kept>,
    replays_lists: bool,
    replayed: BTreeSet<String>,
    /// The process of the operator, until a call meets its kill.
    operator: Option<u32>,
    /// The process that is about to be killed.
    doomed: Option<u32>,
    /// Whether a call has met its kill, and no other process has begun.
    is_dying: bool,
}

/// What becomes of a call.
#[derive(Debug, PartialEq)]
enum Noted {
    /// It is passed on.
    Passes,
    /// It meets a fault.
    Meets(Fault),
    /// It would change something, and comes from a process that is being killed: it is held until then and reset, or what it did would
    /// never be asked for again.
    TooLate,
}

impl State {
    /// Counts a call and returns what becomes of it.
    fn note(&mut self, kind: &str, target: &str) -> Noted {
        if kind.starts_with("watch ") {
            self.watched.insert(path_of(target).to_owned());
        }
        let may_kill = self.operator.is_some();
        let noted = if self.is_dying && is_mutating(kind) {
            Noted::TooLate
        } else {
            let faults = self.plan.get_mut(kind);
            let faults =
                faults.filter(|faults| may_kill || faults.front().is_none_or(|next| next.outcome != Outcome::Kill));
            faults.and_then(VecDeque::pop_front).map_or(Noted::Passes, Noted::Meets)
        };
        let fault = match noted {
            Noted::Meets(fault) => Some(fault),
            Noted::Passes | Noted::TooLate => None,
        };
        if fault.is_some_and(|fault| fault.outcome == Outcome::Kill) {
            self.doomed = self.operator.take();
            self.is_dying = true;
        }
        self.calls.push(Call { at: Instant::now(), kind: kind.to_owned(), target: target.to_owned(), fault });
        noted
    }

    fn begins(&mut self, operator: u32) {
        self.operator = Some(operator);
        self.is_dying = false;
    }
}

/// An answer that can be given again.
#[derive(Clone)]
struct Kept {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Proxy {
    /// Starts one in front of the API server of an installation.
    pub(crate) async fn start(installation: &Installation) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let authority = std::fs::read(installation.plane.authority_certificate_path()).unwrap();
        let client = reqwest::Client::builder()
            .no_proxy()
            .no_gzip()
            .http1_only()
            .tls_certs_only([reqwest::Certificate::from_pem(&authority).unwrap()])
            .build()
            .unwrap();
        let shared = Arc::new(Shared {
            upstream: installation.plane.server_url(),
            client,
            state: Mutex::default(),
            expired: watch::Sender::new(0),
            kills: watch::Sender::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let serving = tokio::spawn(accept(listener, shared.clone()));
        Proxy { port, shared, serving }
    }

    /// Where it listens on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Lets calls fail by a plan from now on; what is left of an earlier one is dropped.
    pub(crate) fn plan(&self, plan: Plan) {
        self.state().plan = plan;
    }

    /// Faults that have met no call yet.
    pub(crate) fn outstanding(&self) -> Vec<(String, Fault)> {
        let state = self.state();
        state.plan.iter().flat_map(|(kind, faults)| faults.iter().map(|fault| (kind.clone(), *fault))).collect()
    }

    /// Says which process is killed where the plan wants that. From a kill to the next process no call meets another kill.
    pub(crate) fn begins(&self, operator: u32) {
        self.state().begins(operator);
    }

    /// How often the operator was killed so far.
    pub(crate) fn kills(&self) -> usize {
        *self.shared.kills.borrow()
    }

    /// All calls so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// What was written into Leases so far, in order.
    pub(crate) fn leases(&self) -> Vec<Value> {
        self.state().leases.clone()
    }

    /// Hides changes in watches from the operator, or shows them again. Returns how many changes were dropped so far.
    pub(crate) fn drop_events(&self, drops: bool) -> u64 {
        let mut state = self.state();
        state.drops_events = drops;
        state.dropped
    }

    /// Answers lists as they were answered first, as an API server does that lags behind, or asks the real one again. A watch that
    /// begins at such a list repeats what happened since.
    pub(crate) fn replay_lists(&self, replays: bool) {
        let mut state = self.state();
        state.replays_lists = replays;
        state.replayed.clear();
    }

    /// Whether each list that a watch begins with was replayed since this began.
    pub(crate) fn all_lists_are_replayed(&self) -> bool {
        let state = self.state();
        let is_watched = |target: &&String| state.watched.contains(path_of(target));
        state.first_lists.keys().filter(is_watched).all(|target| state.replayed.contains(target))
    }

    /// Ends every watch with 410, so that all kinds are listed again.
    pub(crate) fn expire_watches(&self) {
        self.shared.expired.send_modify(|times| *times += 1);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        // What goes wrong on a connection is the client's to see.
        tokio::spawn(async move { drop(shared.serve(stream).await) });
    }
}

/// The installation as an operator sees it whose kubeconfig leads to a port of this machine.
pub(crate) fn leading_to(port: u16, direct: &Installation, folder: &Path) -> &'static Installation {
    let mut config: Value = serde_json::from_slice(&std::fs::read(&direct.kubeconfig).unwrap()).unwrap();
    config["clusters"][0]["cluster"] = json!({"server": format!("http://127.0.0.1:{port}")});
    let kubeconfig = folder.join(format!("kubeconfig-{port}.json"));
    std::fs::write(&kubeconfig, config.to_string()).unwrap();
    // It is asked for as long as the tests run.
    Box::leak(Box::new(Installation { plane: direct.plane, kubeconfig }))
}

/// What the API server answered.
struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    response: reqwest::Response,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(&self, stream: TcpStream) -> io::Result<()> {
        let mut connection = Connection::new(stream)?;
        while let Some(request) = connection.request().await? {
            let kind = kind_of(&request.method, &request.target);
            let noted = self.state().note(&kind, &request.target);
            if matches!(kind.as_str(), "create leases" | "update leases") && noted == Noted::Passes {
                let lease = serde_json::from_slice(&request.body)?;
                self.state().leases.push(lease);
            }
            let result = match noted {
                Noted::Passes => self.pass(&mut connection, &kind, &request).await,
                Noted::TooLate => {
                    self.until_killed().await;
                    Ok(Next::Reset)
                }
                Noted::Meets(Fault { outcome, moment: Moment::Before }) => fail(&mut connection, outcome).await,
                Noted::Meets(Fault { outcome, moment: Moment::After }) => match self.forward(&request).await {
                    Ok(answer) => lose(&mut connection, &kind, answer, outcome).await,
                    Err(error) => Err(error),
                },
            };
            if matches!(noted, Noted::Meets(Fault { outcome: Outcome::Kill, .. })) {
                self.kill();
            }
            match result? {
                Next::Serve => {}
                Next::Reset => return connection.reset(),
            }
        }
        Ok(())
    }

    /// Ends the operator at once.
    fn kill(&self) {
        let Some(process) = self.state().doomed else { return };
        let sent = std::process::Command::new("kill").args(["-s", "KILL", &process.to_string()]).status().unwrap();
        assert!(sent.success(), "the operator had ended by itself");
        self.state().doomed = None;
        self.kills.send_modify(|kills| *kills += 1);
    }

    /// Waits until nobody is about to be killed.
    async fn until_killed(&self) {
        let mut kills = self.kills.subscribe();
        // The sender lives as long as this.
        let _ = kills.wait_for(|_| self.state().doomed.is_none()).await;
    }

    async fn forward(&self, request: &Request) -> io::Result<Answer> {
        let method = request.method.parse().map_err(io::Error::other)?;
        let mut forward = self.client.request(method, format!("{}{}", self.upstream, request.target));
        for (name, value) in &request.headers {
            if !matches!(name.as_str(), "host" | "connection" | "content-length" | "accept-encoding") {
                forward = forward.header(name, value);
            }
        }
        let response = forward.body(request.body.clone()).send().await.map_err(io::Error::other)?;
        let kept = ["content-type", "date", "retry-after"];
        let headers = kept
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), response.headers().get(*name)?.to_str().ok()?.to_owned())));
        Ok(Answer { status: response.status().as_u16(), headers: headers.collect(), response })
    }

    async fn pass(&self, connection: &mut Connection, kind: &str, request: &Request) -> io::Result<Next> {
        let is_list = kind.starts_with("list ");
        if let Some(old) = self.old_list(&request.target).filter(|_| is_list) {
            connection.answer(200, &old.headers, &old.body).await?;
            return Ok(Next::Serve);
        }
        let answer = self.forward(request).await?;
        if kind.starts_with("watch ") && answer.status == 200 {
            return self.pass_watch(connection, answer).await;
        }
        let body = answer.response.bytes().await.map_err(io::Error::other)?;
        if is_list && answer.status == 200 {
            let kept = Kept { headers: answer.headers.clone(), body: body.to_vec() };
            self.state().first_lists.entry(request.target.clone()).or_insert(kept);
        }
        connection.answer(answer.status, &answer.headers, &body).await?;
        Ok(Next::Serve)
    }

    /// Passes a watch on, event by event, until it ends or is expired.
    async fn pass_watch(&self, connection: &mut Connection, answer: Answer) -> io::Result<Next> {
        connection.begin_chunks(answer.status, &answer.headers).await?;
        let mut expired = self.expired.subscribe();
        expired.mark_unchanged();
        let mut stream = answer.response.bytes_stream();
        let mut lines = Vec::new();
        loop {
            let more = tokio::select! {
                more = stream.next() => more,
                _ = expired.changed() => {
                    connection.chunk(&error_event(410)).await?;
                    break;
                }
            };
            let Some(bytes) = more else { break };
            lines.extend_from_slice(&bytes.map_err(io::Error::other)?);
            while let Some(end) = lines.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = lines.drain(..=end).collect();
                if !self.is_dropped(&line) {
                    connection.chunk(&line).await?;
                }
            }
        }
        connection.end_chunks().await?;
        Ok(Next::Serve)
    }

    fn old_list(&self, target: &str) -> Option<Kept> {
        let mut state = self.state();
        let found = state.first_lists.get(target).filter(|_| state.replays_lists).cloned();
        if found.is_some() {
            state.replayed.insert(target.to_owned());
        }
        found
    }

    fn is_dropped(&self, line: &[u8]) -> bool {
        let mut state = self.state();
        let dropped = state.drops_events && !line.starts_with(br#"{"type":"BOOKMARK""#);
        state.dropped += u64::from(dropped);
        dropped
    }
}

/// What happens to a connection after a call.
enum Next {
    Serve,
    Reset,
}

/// A call that the API server never sees.
async fn fail(connection: &mut Connection, outcome: Outcome) -> io::Result<Next> {
    match outcome {
        Outcome::Status(status) => {
            connection.answer(status, &[json_type()], status_object(status).to_string().as_bytes()).await?;
            Ok(Next::Serve)
        }
        Outcome::Reset | Outcome::Kill => Ok(Next::Reset),
        Outcome::Stall => {
            connection.until_it_goes().await;
            Ok(Next::Reset)
        }
    }
}

/// A call that took effect, and whose answer is lost.
async fn lose(connection: &mut Connection, kind: &str, answer: Answer, outcome: Outcome) -> io::Result<Next> {
    if kind.starts_with("watch ") {
        connection.begin_chunks(answer.status, &answer.headers).await?;
        if let Outcome::Status(status) = outcome {
            connection.chunk(&error_event(status)).await?;
            connection.end_chunks().await?;
            return Ok(Next::Serve);
        }
        return fail(connection, outcome).await;
    }
    let Answer { status, headers, response } = answer;
    let body = response.bytes().await.map_err(io::Error::other)?;
    if kind.starts_with("list ") && !matches!(outcome, Outcome::Status(_)) {
        connection.half(status, &headers, &body).await?;
    }
    fail(connection, outcome).await
}

/// What is asked for, without how.
fn path_of(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

fn json_type() -> (String, String) {
    ("content-type".to_owned(), "application/json".to_owned())
}

fn status_object(status: u16) -> Value {
    let (reason, message) = words_of(status);
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "reason": reason, "code": status})
}

fn error_event(status: u16) -> Vec<u8> {
    format!("{}\n", json!({"type": "ERROR", "object": status_object(status)})).into_bytes()
}

#[test]
fn calls_are_counted_from_the_first_that_failed_to_the_last() {
    let began = Instant::now();
    let refused = Some(Fault { outcome: Outcome::Reset, moment: Moment::Before });
    let call = |seconds, fault| {
        let (kind, target) = ("get secrets".to_owned(), "/".to_owned());
        Call { at: began + Duration::from_secs(seconds), kind, target, fault }
    };
    let quiet = [call(0, None), call(0, None), call(0, None)];
    assert_eq!(busiest(&quiet, Duration::from_secs(10)), 0, "nothing failed");
    let calls = [&quiet[..], &[call(5, refused), call(14, None), call(15, None), call(16, refused)]].concat();
    assert_eq!(busiest(&calls, Duration::from_secs(10)), 3);
    assert_eq!(busiest(&calls, Duration::from_secs(2)), 2);
    assert_eq!(busiest(&calls[..4], Duration::from_secs(10)), 1);
}

#[test]
fn from_a_kill_to_the_next_process_no_call_changes_anything_and_each_planned_one_is_still_to_come() {
    let kill = Fault { outcome: Outcome::Kill, moment: Moment::After };
    let plan = ["create events", "create leases"].map(|kind| (kind.to_owned(), [kill].into()));
    let mut state = State { plan: Plan::from(plan), ..State::default() };
    assert_eq!(state.note("create leases", "/"), Noted::Passes, "there is no process to kill yet");
    state.begins(7);
    assert_eq!(state.note("update leases", "/"), Noted::Passes);
    assert_eq!(state.note("create events", "/"), Noted::Meets(kill));
    assert_eq!(state.doomed, Some(7));
    for is_killed in [false, true] {
        for (kind, noted) in
            [("create leases", Noted::TooLate), ("patch slareports", Noted::TooLate), ("get secrets", Noted::Passes)]
        {
            assert_eq!(state.note(kind, "/"), noted, "{kind}, killed: {is_killed}");
        }
        state.doomed = None;
    }
    state.begins(8);
    assert_eq!(state.note("patch slareports", "/"), Noted::Passes);
    assert_eq!(state.note("create leases", "/"), Noted::Meets(kill));
    assert_eq!(state.doomed, Some(8));
}
