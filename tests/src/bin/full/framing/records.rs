//! What the gateway says it routed, and what a backend says it saw.

use std::fmt;
use std::fs;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

/// A request of the gateway's access log.
#[derive(Clone, Debug, Default)]
pub(super) struct Routed {
    pub(super) id: String,
    pub(super) client: String,
    pub(super) request: Request,
    pub(super) status: u64,
    /// Whether a connection to a backend was chosen.
    pub(super) sent: bool,
    /// Whether the gateway answered it itself.
    pub(super) refused: bool,
}

/// A request as a backend has understood it.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) id: String,
    pub(super) marker: String,
    /// Whether `Connection` asks for an upgrade.
    pub(super) upgrade: bool,
    pub(super) request: Request,
    /// Whether it came to its end, and the backend took it.
    pub(super) whole: bool,
}

/// What both tell of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    /// In the origin form.
    pub(super) target: String,
    /// In small letters, without its port.
    pub(super) host: String,
    /// Bytes of the body, without its framing.
    pub(super) length: u64,
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, target, host, length } = self;
        write!(f, "{} {} of {host} with {length} bytes", method.escape_debug(), target.escape_debug())
    }
}

impl fmt::Display for Routed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let by = if self.refused { "the gateway" } else { "the backend" };
        write!(f, "{}, answered {} by {by}", self.request, self.status)
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.whole { "whole" } else { "refused or broken off" };
        write!(f, "{}, marked {:?}, {how}", self.request, self.marker)
    }
}

impl Routed {
    /// Reads a line of the access log.
    fn read(line: &Value) -> Self {
        Self {
            id: text(line, "request_id"),
            client: text(line, "client").rsplit_once(':').map_or_else(String::new, |(ip, _)| ip.to_owned()),
            request: Request {
                method: text(line, "method"),
                target: text(line, "path"),
                host: host(&text(line, "host")),
                length: number(line, "bytes_in"),
            },
            status: number(line, "status"),
            sent: line.get("upstream").is_some(),
            refused: line.get("answer").is_some(),
        }
    }

    /// Whether a backend has answered it as one it understands.
    pub(super) fn answered(&self) -> bool {
        self.sent && !self.refused && self.status == 200
    }

    /// Whether a backend has answered that it does not understand it.
    pub(super) fn refused_there(&self) -> bool {
        self.sent && !self.refused && (400..600).contains(&self.status) && self.status != 499
    }
}

impl Seen {
    /// Reads a report.
    fn read(line: &Value) -> Self {
        let (method, target) = first_line(line);
        Self {
            id: text(line, "id"),
            marker: text(line, "marker"),
            upgrade: text(line, "connection").to_ascii_lowercase().contains("upgrade"),
            request: Request {
                method,
                target: origin_form(&target),
                host: host(&text(line, "host")),
                length: number(line, "length"),
            },
            whole: number(line, "status") == 200,
        }
    }
}

/// Method and target, also where nginx tells the line they were read from.
fn first_line(report: &Value) -> (String, String) {
    let line = text(report, "line");
    let split = line.split_once(' ').and_then(|(method, rest)| Some((method, rest.rsplit_once(' ')?.0)));
    split.map_or_else(
        || (text(report, "method"), text(report, "target")),
        |(method, target)| (method.to_owned(), target.to_owned()),
    )
}

/// The gateway's log until now.
pub(super) fn routed(log: &Path) -> anyhow::Result<Vec<Routed>> {
    Ok(lines(log)?.iter().map(Routed::read).collect())
}

/// A backend's reports until now.
pub(super) fn seen(log: &Path) -> anyhow::Result<Vec<Seen>> {
    Ok(lines(log)?.iter().map(Seen::read).collect())
}

fn lines(log: &Path) -> anyhow::Result<Vec<Value>> {
    let bytes = fs::read(log)?;
    let text = String::from_utf8_lossy(&bytes);
    text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("no JSON: {line}"))).collect()
}

fn text(line: &Value, name: &str) -> String {
    line.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A number, also where nginx writes it as text, or nothing for none.
fn number(line: &Value, name: &str) -> u64 {
    let value = line.get(name);
    value.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok())).unwrap_or_default()
}

fn host(host: &str) -> String {
    host.split_once(':').map_or(host, |(host, _)| host).to_ascii_lowercase()
}

/// Path and query of a target that names a host too.
fn origin_form(target: &str) -> String {
    let Some((_, rest)) = target.split_once("://").filter(|_| !target.starts_with('/')) else {
        return target.to_owned();
    };
    match rest.find(['/', '?']).and_then(|at| rest.get(at..)) {
        Some(path) if path.starts_with('/') => path.to_owned(),
        rest => format!("/{}", rest.unwrap_or_default()),
    }
}
