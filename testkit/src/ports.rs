//! Ports that stay free for a server that is started a moment later, or again.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::net::{Ipv4Addr, TcpListener};

/// Binds a port between 20000 and 32767, which is below those that Linux uses for outgoing connections.
///
/// With one of those, a client that tries again and again while a server is stopped would in the end connect to itself, and
/// keep the port from the server that starts again.
///
/// # Errors
/// When none can be bound.
pub fn bind_free_port() -> io::Result<TcpListener> {
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

/// A port that was free a moment ago. Another program may take it before it is listened on: then another one is chosen.
///
/// # Errors
/// When none can be bound.
pub fn free_port() -> io::Result<u16> {
    Ok(bind_free_port()?.local_addr()?.port())
}

/// How often another port is chosen.
pub const TRIES: usize = 5;
