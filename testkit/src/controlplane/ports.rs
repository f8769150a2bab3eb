//! The ports that the servers listen on.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// A port for each server.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) etcd_clients: u16,
    pub(super) etcd_peers: u16,
    pub(super) api_server: u16,
    pub(super) controller_manager: u16,
}

impl Ports {
    pub(super) fn choose() -> io::Result<Self> {
        // All four are held until the last one is chosen, so that they differ.
        let [etcd_clients, etcd_peers, api_server, controller_manager] =
            [bind_free_port()?, bind_free_port()?, bind_free_port()?, bind_free_port()?];
        Ok(Self {
            etcd_clients: etcd_clients.local_addr()?.port(),
            etcd_peers: etcd_peers.local_addr()?.port(),
            api_server: api_server.local_addr()?.port(),
            controller_manager: controller_manager.local_addr()?.port(),
        })
    }
}

/// Binds a port between 20000 and 32767, which is below those that Linux uses for outgoing connections.
///
/// With one of those, a client that tries again and again while the API server is stopped would in the end connect to
/// itself, and keep the port from the server that starts again.
fn bind_free_port() -> io::Result<TcpListener> {
    let mut tries = 0_u32;
    loop {
        // Every hasher of this kind has other keys: a source of randomness in the standard library.
        let random = RandomState::new().hash_one(tries);
        let port = 20_000 + u16::try_from(random % 12_768).unwrap_or_default();
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && tries < 1_000 => tries += 1,
            result => return result,
        }
    }
}
