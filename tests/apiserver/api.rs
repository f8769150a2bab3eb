//! The API as a real API server takes it: what it accepts, what it refuses and with which words, and what it makes of it.

mod accepted;
mod refused;
mod server;
mod transitions;
