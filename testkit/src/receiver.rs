//! A receiver of alerts on loopback: it answers as a test wants and remembers every request.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;

/// One request that came.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its path.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
    /// The status that it was answered with.
    pub answered: u16,
}

impl Received {
    /// Its body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The alerts of a CloudEvent.
    pub fn alerts(&self) -> Vec<Value> {
        self.json()["data"]["alerts"].as_array().unwrap().clone()
    }
}

#[derive(Default)]
struct Shared {
    status: AtomicU16,
    silent: AtomicBool,
    poison: Mutex<Option<String>>,
    received: Mutex<Vec<Received>>,
}

/// The receiver. It ends with the runtime that started it.
#[derive(Clone)]
pub struct Receiver {
    /// Where it listens.
    pub address: SocketAddr,
    shared: Arc<Shared>,
}

impl Receiver {
    /// Starts one that answers 200.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared { status: AtomicU16::new(200), ..Shared::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = axum::Router::new().fallback(receive).with_state(shared.clone());
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Receiver { address, shared }
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers with this status from now on.
    pub fn answer(&self, status: u16) {
        self.shared.status.store(status, Ordering::SeqCst);
    }

    /// Takes requests and never answers them, or answers again.
    pub fn be_silent(&self, silent: bool) {
        self.shared.silent.store(silent, Ordering::SeqCst);
    }

    /// Answers 400 to whatever holds this text.
    pub fn refuse(&self, text: &str) {
        *self.shared.poison.lock().unwrap() = Some(text.to_owned());
    }

    /// What came so far.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// What was taken (answered with 200) so far.
    pub fn taken(&self) -> Vec<Received> {
        self.received().into_iter().filter(|received| received.answered == 200).collect()
    }

    /// Waits until something holds of what came.
    pub async fn until(&self, what: &str, mut holds: impl FnMut(&[Received]) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !holds(&self.received()) {
            let came: Vec<String> = self
                .received()
                .iter()
                .map(|one| format!("{} {}", one.answered, String::from_utf8_lossy(&one.body)))
                .collect();
            assert!(Instant::now() < deadline, "{what}; what came:\n{}", came.join("\n"));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn receive(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let poison = shared.poison.lock().unwrap().clone();
    let refused = poison.is_some_and(|text| String::from_utf8_lossy(&body).contains(&text));
    let answered = if refused { 400 } else { shared.status.load(Ordering::SeqCst) };
    let received = Received { path: uri.path().to_owned(), headers, body: body.to_vec(), answered };
    shared.received.lock().unwrap().push(received);
    while shared.silent.load(Ordering::SeqCst) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    StatusCode::from_u16(answered).unwrap()
}
