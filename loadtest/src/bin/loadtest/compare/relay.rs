//! A relay of bytes, in a process of its own: what any proxy costs at the least.

use std::io;
use std::net::SocketAddr;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::{Builder, Runtime};

/// Connections that may wait to be accepted, as with all proxies.
pub(crate) const BACKLOG: u32 = 4096;

/// Is the relay until it is killed.
pub(crate) fn serve(address: SocketAddr, to: SocketAddr, threads: usize) -> anyhow::Result<()> {
    runtime(threads)?.block_on(async {
        let listener = listen(address)?;
        loop {
            let (client, _) = listener.accept().await?;
            // Either end may leave at any time; there is nobody to tell.
            tokio::spawn(async move { drop(relay(client, to).await) });
        }
    })
}

async fn relay(mut client: TcpStream, to: SocketAddr) -> io::Result<()> {
    let mut server = TcpStream::connect(to).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

/// One thread alone needs no stealing of work.
pub(crate) fn runtime(threads: usize) -> io::Result<Runtime> {
    let mut builder = if threads == 1 { Builder::new_current_thread() } else { Builder::new_multi_thread() };
    if threads > 1 {
        builder.worker_threads(threads);
    }
    builder.enable_all().build()
}

/// Listens within a runtime.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
