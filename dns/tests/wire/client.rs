//! Packets, and how they are sent.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use hickory_proto::op::Message;
use socket2::{Domain, Socket, Type};

pub(crate) const A: u16 = 1;
pub(crate) const NS: u16 = 2;
pub(crate) const SOA: u16 = 6;
pub(crate) const TXT: u16 = 16;
pub(crate) const AAAA: u16 = 28;
pub(crate) const ANY: u16 = 255;

/// The id of [`question`].
pub(crate) const ID: [u8; 2] = [0x12, 0x34];

/// No answer takes as long.
const PATIENCE: Duration = Duration::from_secs(20);

/// A query that desires recursion, as stub resolvers send it.
pub(crate) fn question(name: &str, record_type: u16) -> Vec<u8> {
    let mut packet = [&ID[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
    packet.extend(encoded(name));
    packet.extend(record_type.to_be_bytes());
    packet.extend([0, 1]);
    packet
}

/// The name on the wire (RFC 1035 §3.1).
pub(crate) fn encoded(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut bytes: Vec<u8> =
        labels.flat_map(|label| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat()).collect();
    bytes.push(0);
    bytes
}

/// Adds an OPT record (RFC 6891 §6.1.2); the first octet of `ttl` is of a code, the second the version.
pub(crate) fn opt(packet: &mut Vec<u8>, payload: u16, ttl: [u8; 4], data: &[u8]) {
    packet[11] += 1;
    packet.extend([0, 0, 41]);
    packet.extend(payload.to_be_bytes());
    packet.extend(ttl);
    packet.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    packet.extend(data);
}

/// A query with an OPT record that has nothing special.
pub(crate) fn edns_question(name: &str, record_type: u16, payload: u16) -> Vec<u8> {
    let mut packet = question(name, record_type);
    opt(&mut packet, payload, [0; 4], &[]);
    packet
}

/// An option that is ignored and makes a query longer (RFC 7830).
pub(crate) fn padding(length: u16) -> Vec<u8> {
    [&[0, 12][..], &length.to_be_bytes(), &vec![0; usize::from(length)]].concat()
}

/// A client that asks by UDP.
pub(crate) struct Udp(UdpSocket);

impl Udp {
    pub(crate) fn new(server: SocketAddr) -> Self {
        Self::from([127, 0, 0, 1], server)
    }

    pub(crate) fn from(source: [u8; 4], server: SocketAddr) -> Self {
        let socket = UdpSocket::bind((IpAddr::from(source), 0)).unwrap();
        socket.connect(server).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    pub(crate) fn send(&self, packet: &[u8]) {
        self.0.send(packet).unwrap();
    }

    pub(crate) fn receive(&self) -> Vec<u8> {
        let mut buffer = vec![0; 65_535];
        let length = self.0.recv(&mut buffer).unwrap();
        buffer.truncate(length);
        buffer
    }

    pub(crate) fn ask(&self, packet: &[u8]) -> Vec<u8> {
        self.send(packet);
        self.receive()
    }

    /// The answers to a packet that may get none: what arrives before the answer to another question.
    pub(crate) fn ask_in_vain(&self, packet: &[u8]) -> Vec<Vec<u8>> {
        let mut marker = question("marker.example", A);
        marker[..2].copy_from_slice(b"!!");
        self.send(packet);
        self.send(&marker);
        std::iter::repeat_with(|| self.receive()).take_while(|answer| !answer.starts_with(b"!!")).collect()
    }
}

/// A client that asks by TCP.
pub(crate) struct Tcp(TcpStream);

impl Tcp {
    pub(crate) fn new(server: SocketAddr) -> Self {
        Self::from([127, 0, 0, 1], server)
    }

    pub(crate) fn from(source: [u8; 4], server: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
        socket.connect(&server.into()).unwrap();
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(stream)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.0.write_all(bytes)
    }

    /// One answer without its length; `None` when the connection has ended.
    pub(crate) fn receive(&mut self) -> Option<Vec<u8>> {
        let mut length = [0; 2];
        self.0.read_exact(&mut length).ok()?;
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        self.0.read_exact(&mut answer).ok()?;
        Some(answer)
    }

    pub(crate) fn ask(&mut self, packet: &[u8]) -> Option<Vec<u8>> {
        self.send(&framed(packet)).ok()?;
        self.receive()
    }

    /// Whether the server ends the connection, without an answer and in time.
    pub(crate) fn is_ended(&mut self) -> bool {
        match self.0.read(&mut [0; 1]) {
            Ok(length) => length == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }
}

/// A message behind its length (RFC 1035 §4.2.2).
pub(crate) fn framed(packet: &[u8]) -> Vec<u8> {
    [&u16::try_from(packet.len()).unwrap().to_be_bytes()[..], packet].concat()
}

pub(crate) fn read(answer: &[u8]) -> Message {
    Message::from_vec(answer).unwrap()
}

/// The addresses of an answer.
pub(crate) fn addresses(answer: &[u8]) -> Vec<IpAddr> {
    read(answer).answers.iter().filter_map(|record| record.data.ip_addr()).collect()
}
