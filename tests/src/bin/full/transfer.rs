//! One huge body each way, over HTTP/1.1.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{bail, ensure};

/// Bytes of one write or read.
const PIECE: usize = 64 << 10;

/// How long the other side may take nothing or say nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends `size` bytes to the echo backend's `/drain`, which must have counted all of them.
pub(crate) fn upload(gateway: SocketAddr, host: &str, size: u64) -> anyhow::Result<()> {
    let mut stream = connect(gateway)?;
    write!(stream, "POST /drain HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {size}\r\n\r\n")?;
    std::io::copy(&mut std::io::repeat(b'x').take(size), &mut std::io::BufWriter::with_capacity(PIECE, &stream))?;
    let mut stream = BufReader::new(stream);
    read_head(&mut stream)?;
    let mut said = String::new();
    stream.read_to_string(&mut said)?;
    ensure!(said.starts_with(&format!("{size} ")), "upload: {size} bytes sent, the backend says {said:?}");
    Ok(())
}

/// Fetches `size` bytes from the echo backend's `/bytes`, each of which must be `x`.
pub(crate) fn download(gateway: SocketAddr, host: &str, size: u64) -> anyhow::Result<()> {
    let mut stream = connect(gateway)?;
    write!(stream, "GET /bytes/{size} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
    let mut stream = BufReader::with_capacity(PIECE, stream);
    read_head(&mut stream)?;
    let mut read = 0;
    loop {
        let piece = stream.fill_buf()?;
        if piece.is_empty() {
            break;
        }
        ensure!(piece.iter().all(|byte| *byte == b'x'), "download: a wrong byte after {read}");
        let length = piece.len();
        read += length as u64;
        stream.consume(length);
    }
    ensure!(read == size, "download: {read} bytes of {size}");
    Ok(())
}

fn connect(gateway: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(gateway)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Reads the head of a response, which must be a 200.
fn read_head(stream: &mut impl BufRead) -> anyhow::Result<()> {
    let mut status = String::new();
    stream.read_line(&mut status)?;
    ensure!(status.starts_with("HTTP/1.1 200 "), "answered {status:?}");
    for line in stream.lines() {
        if line?.is_empty() {
            return Ok(());
        }
    }
    bail!("the head is cut off")
}
