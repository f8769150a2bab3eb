//! A wire between a client and a server that can be cut, or fall silent.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How a wire is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// Everything passes.
    Whole,
    /// Connections are reset, and new ones too.
    Cut,
    /// Nothing passes, and neither side gets an error.
    Silent,
}

/// A wire to a port of this machine; it ends with the value.
pub(crate) struct Link {
    /// Where clients connect.
    pub port: u16,
    state: Arc<watch::Sender<Wire>>,
    serving: JoinHandle<()>,
}

impl Link {
    /// A whole wire to a port of 127.0.0.1.
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let state = Arc::new(watch::Sender::new(Wire::Whole));
        let states = state.clone();
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let states = states.subscribe();
                tokio::spawn(async move { drop(join(client, port, states).await) });
            }
        });
        Link { port: own, state, serving }
    }

    /// Changes how the wire is, at once and for all its connections.
    pub(crate) fn be(&self, wire: Wire) {
        self.state.send_replace(wire);
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Passes bytes between a client and the server until one of them ends, or the wire is cut.
async fn join(client: TcpStream, port: u16, mut states: watch::Receiver<Wire>) -> io::Result<()> {
    client.set_zero_linger()?;
    // A connection that begins on a silent wire waits for it, as packets that are lost do.
    match *states.wait_for(|wire| *wire != Wire::Silent).await.map_err(io::Error::other)? {
        Wire::Cut => return Ok(()),
        Wire::Whole | Wire::Silent => {}
    }
    let server = TcpStream::connect(("127.0.0.1", port)).await?;
    server.set_zero_linger()?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    tokio::select! {
        ended = pass(from_client, to_server, states.clone()) => ended,
        ended = pass(from_server, to_client, states.clone()) => ended,
        _ = states.wait_for(|wire| *wire == Wire::Cut) => Ok(()),
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut states: watch::Receiver<Wire>) -> io::Result<()> {
    let mut bytes = vec![0; 16_384];
    loop {
        let read = from.read(&mut bytes).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        // What is on the way when a wire falls silent is held back, and passes when it is whole again.
        states.wait_for(|wire| *wire != Wire::Silent).await.map_err(io::Error::other)?;
        to.write_all(&bytes[..read]).await?;
    }
}
