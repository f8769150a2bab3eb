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
    client.set_nodelay(true)?;
    let (mut from_client, to_client) = client.into_split();
    // A connection that begins on a silent wire waits for it, as packets that are lost do.
    let Some(held) = hold(&mut from_client, Vec::new(), &mut states).await? else { return Ok(()) };
    if is(&states, Wire::Cut) {
        return Ok(());
    }
    let server = TcpStream::connect(("127.0.0.1", port)).await?;
    server.set_zero_linger()?;
    server.set_nodelay(true)?;
    let (from_server, to_server) = server.into_split();
    tokio::select! {
        ended = pass_requests(from_client, held, to_server, states.clone()) => ended,
        ended = pass_answers(from_server, to_client, states.clone()) => ended,
        _ = states.wait_for(|wire| *wire == Wire::Cut) => Ok(()),
    }
}

fn is(states: &watch::Receiver<Wire>, wire: Wire) -> bool {
    *states.borrow() == wire
}

/// Adds what a client sends to what is held, as long as the wire is silent. `None`: the client has closed meanwhile. Nobody sends again what
/// was lost then, so that it must not pass when the wire is whole.
async fn hold(
    from: &mut OwnedReadHalf,
    mut held: Vec<u8>,
    states: &mut watch::Receiver<Wire>,
) -> io::Result<Option<Vec<u8>>> {
    while is(states, Wire::Silent) {
        tokio::select! {
            // That the client has closed is seen first: both may be there at once.
            biased;
            read = from.read_buf(&mut held) => if read? == 0 { return Ok(None) },
            changed = states.changed() => changed.map_err(io::Error::other)?,
        }
    }
    Ok(Some(held))
}

/// Passes on what is held and what a client sends.
async fn pass_requests(
    mut from: OwnedReadHalf,
    mut held: Vec<u8>,
    mut to: OwnedWriteHalf,
    mut states: watch::Receiver<Wire>,
) -> io::Result<()> {
    loop {
        to.write_all(&held).await?;
        held.clear();
        if from.read_buf(&mut held).await? == 0 {
            return to.shutdown().await;
        }
        let Some(more) = hold(&mut from, held, &mut states).await? else { return Ok(()) };
        held = more;
    }
}

/// Passes on what a server answers. What is on the way when a wire falls silent is held back, and passes when it is whole again.
async fn pass_answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut states: watch::Receiver<Wire>,
) -> io::Result<()> {
    let mut bytes = vec![0; 16_384];
    loop {
        let read = from.read(&mut bytes).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        states.wait_for(|wire| *wire != Wire::Silent).await.map_err(io::Error::other)?;
        to.write_all(&bytes[..read]).await?;
    }
}

/// A server that takes one connection, repeats what it reads from it, and returns all of that in the end.
async fn echo() -> (u16, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let read = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut all = Vec::new();
        let mut bytes = [0; 64];
        // A connection that is reset has ended too.
        while let Ok(read @ 1..) = stream.read(&mut bytes).await {
            all.extend_from_slice(&bytes[..read]);
            drop(stream.write_all(&bytes[..read]).await);
        }
        all
    });
    (port, read)
}

#[tokio::test]
async fn what_a_client_sends_on_a_silent_wire_passes_when_it_is_whole_unless_the_client_has_closed_by_then() {
    for (closes_early, expected) in [(false, "before, after"), (true, "before")] {
        let (port, read) = echo().await;
        let link = Link::to(port).await;
        let mut client = TcpStream::connect(("127.0.0.1", link.port)).await.unwrap();
        client.write_all(b"before").await.unwrap();
        client.read_exact(&mut [0; 6]).await.unwrap();
        link.be(Wire::Silent);
        client.write_all(b", after").await.unwrap();
        if !closes_early {
            link.be(Wire::Whole);
            client.read_exact(&mut [0; 7]).await.unwrap();
        }
        drop(client);
        assert_eq!(String::from_utf8(read.await.unwrap()).unwrap(), expected, "closes early: {closes_early}");
    }
}
