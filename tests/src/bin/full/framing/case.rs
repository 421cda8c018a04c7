//! What is sent: one wire text, and what must become of it.

use std::fmt::Display;

/// The digits of a case's number, in its wire text until it has one: of the same length, so that lengths hold.
const NUMBER: &[u8] = b"####";

/// What follows every case on its connection.
const SENTINEL: &[u8] = b"GET /sentinel-#### HTTP/1.1\r\nHost: a.example\r\nX-Marker: sentinel-####\r\n\r\n";

/// Without this, an `Upgrade` says nothing.
const UPGRADE: &[u8] = b"\r\nconnection: upgrade";

/// What must become of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Its head is at fault: nothing of it reaches a backend.
    Refused,
    /// Its body is at fault, which shows when the head has been sent: no backend takes it for whole.
    Broken,
    /// It is clean: a backend answers it, and the sentinel after it.
    Served,
    /// It announces more than is sent: the gateway waits, and the sentinel is taken for a part of it.
    Unfinished,
    /// RFC 9112 leaves it open, or a cautious gateway refuses it.
    Either,
}

/// A request of its own wire text.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) name: String,
    pub(super) wire: Vec<u8>,
    pub(super) wanted: Wanted,
}

impl Case {
    /// The digits of case `at`.
    pub(super) fn number(at: usize) -> String {
        format!("{at:04}")
    }

    /// Whether it asks its next hop for an upgrade (RFC 9110 §7.8).
    pub(super) fn asks_for_upgrade(&self) -> bool {
        self.wire.to_ascii_lowercase().windows(UPGRADE.len()).any(|window| window == UPGRADE)
    }

    /// The bytes of a connection: the case with its number, then its sentinel.
    pub(super) fn connection(&self, at: usize) -> Vec<u8> {
        let mut bytes = [self.wire.as_slice(), SENTINEL].concat();
        let number = Self::number(at);
        while let Some(place) = bytes.windows(NUMBER.len()).position(|window| window == NUMBER) {
            bytes.splice(place..place + NUMBER.len(), number.bytes());
        }
        bytes
    }
}

/// The cases of one subject.
#[derive(Debug)]
pub(super) struct Table {
    subject: &'static str,
    pub(super) cases: Vec<Case>,
}

impl Table {
    pub(super) fn new(subject: &'static str) -> Self {
        Self { subject, cases: Vec::new() }
    }

    /// Adds a case; the name says what is odd about it.
    pub(super) fn add(&mut self, wanted: Wanted, name: impl Display, wire: Vec<u8>) {
        let name = format!("{}: {name}", self.subject);
        self.cases.push(Case { name, wire, wanted });
    }

    /// Adds a case for each of the texts that stand alone, named by themselves.
    pub(super) fn add_each(&mut self, wanted: Wanted, texts: &[&[u8]], wire: impl Fn(&[u8]) -> Vec<u8>) {
        for text in texts {
            self.add(wanted, text.escape_ascii(), wire(text));
        }
    }
}

/// A request: its first line without CRLF, further headers each with its CRLF, and what follows.
pub(super) fn request(line: &[u8], headers: &[u8], body: &[u8]) -> Vec<u8> {
    let own = b"\r\nHost: a.example\r\nX-Marker: case-####\r\n";
    [line, own, headers, b"\r\n", body].concat()
}

/// A POST with further headers, each with its CRLF, and what follows.
pub(super) fn post(headers: &[u8], body: &[u8]) -> Vec<u8> {
    request(b"POST /case-#### HTTP/1.1", headers, body)
}

/// A GET with further headers, each with its CRLF.
pub(super) fn get(headers: &[u8]) -> Vec<u8> {
    request(b"GET /case-#### HTTP/1.1", headers, b"")
}

/// What an attacker would like a backend to take for a request.
pub(super) fn smuggled() -> &'static [u8] {
    b"GET /inner-#### HTTP/1.1\r\nHost: a.example\r\nX-Marker: inner-####\r\n\r\n"
}
