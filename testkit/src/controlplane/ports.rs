//! The ports that the servers listen on.

use std::io;

use crate::ports::bind_free_port;

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
