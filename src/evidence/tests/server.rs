//! The PostgreSQL server that the tests of this process share, started by the first that needs it, and databases on it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::evidence::postgres::EvidenceUrl;
pub(in crate::evidence) use crate::postgres_server::Server;

/// The server that the tests of this process share.
pub(in crate::evidence) fn shared() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| Server::start("", &[]))
}

/// A database of its own on the shared server.
pub(in crate::evidence) struct Database {
    pub name: String,
}

impl Database {
    pub(in crate::evidence) fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        shared().execute("postgres", &format!("CREATE DATABASE {name} STRATEGY file_copy"));
        Self { name }
    }

    pub(in crate::evidence) fn url(&self) -> EvidenceUrl {
        shared().address("127.0.0.1", &self.name).parse().unwrap()
    }

    pub(in crate::evidence) fn execute(&self, statements: &str) {
        shared().execute(&self.name, statements);
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            shared().execute("postgres", &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
        }
    }
}
