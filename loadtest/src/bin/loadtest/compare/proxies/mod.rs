//! The proxies: each file finds one, writes its configuration and says how it is started.
//!
//! What is the same in all: upstream connections stay open, no access log, a backlog of 4096, and, but for the bare
//! proxy and the relay, `X-Forwarded-For`, `X-Forwarded-Proto` and `X-Request-Id` set for the backend.

mod bare_pingora;
mod envoy;
mod haproxy;
mod net_pingora;
mod nginx;
mod relay;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use clap::ValueEnum;

use super::process::this_program;
use super::work::Work;

/// Unused upstream connections each worker keeps.
const POOL: &str = "512";

/// A proxy that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Kind {
    NetPingora,
    /// A bare pingora-proxy
    BarePingora,
    /// A relay of bytes: the least a proxy can cost
    Relay,
    Envoy,
    Nginx,
    Haproxy,
}

/// A proxy that is not installed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name} is left out: no {program}; to install it: {install}")]
pub(crate) struct Missing {
    name: &'static str,
    program: &'static str,
    install: &'static str,
}

/// What a proxy is to do.
#[derive(Debug)]
pub(crate) struct Setup<'a> {
    pub(crate) work: Work,
    /// Where it is to listen.
    pub(crate) listen: SocketAddr,
    /// Where it is to send requests.
    pub(crate) backend: SocketAddr,
    /// Its workers.
    pub(crate) threads: usize,
    /// A folder of its own, with `certificate.pem`, `key.pem`, and both in `both.pem`.
    pub(crate) folder: &'a Path,
}

impl Kind {
    /// Its name, for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NetPingora => "net-pingora",
            Self::BarePingora => "bare pingora-proxy",
            Self::Relay => "byte relay",
            Self::Envoy => "Envoy",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
        }
    }

    /// Whether it takes part in this work; the relay knows no TLS and keeps as many connections to the backend as it
    /// has clients, and only two are made for many routes.
    pub(crate) fn does(self, work: Work) -> bool {
        match work {
            Work::Routes => matches!(self, Self::NetPingora | Self::Envoy),
            Work::Tls | Work::Idle => self != Self::Relay,
            _ => true,
        }
    }

    /// Where its program is.
    pub(crate) fn find(self) -> Result<PathBuf, Missing> {
        let (program, install) = match self {
            Self::Relay => return this_program().map_err(|_| self.missing("loadtest", "")),
            Self::NetPingora => (net_pingora::PROGRAM, net_pingora::INSTALL),
            Self::BarePingora => (bare_pingora::PROGRAM, bare_pingora::INSTALL),
            Self::Envoy => (envoy::PROGRAM, envoy::INSTALL),
            Self::Nginx => (nginx::PROGRAM, nginx::INSTALL),
            Self::Haproxy => (haproxy::PROGRAM, haproxy::INSTALL),
        };
        find(program).ok_or_else(|| self.missing(program, install))
    }

    fn missing(self, program: &'static str, install: &'static str) -> Missing {
        Missing { name: self.name(), program, install }
    }

    /// Writes its configuration; how it is started.
    pub(crate) fn configure(self, program: &Path, setup: &Setup<'_>) -> anyhow::Result<Command> {
        let mut command = Command::new(program);
        match self {
            Self::NetPingora => net_pingora::configure(&mut command, setup),
            Self::BarePingora => {
                bare_pingora::configure(&mut command, setup);
                Ok(())
            }
            Self::Relay => {
                relay::configure(&mut command, setup);
                Ok(())
            }
            Self::Envoy => envoy::configure(&mut command, setup),
            Self::Nginx => nginx::configure(&mut command, setup),
            Self::Haproxy => haproxy::configure(&mut command, setup),
        }
        .with_context(|| format!("configure {}", self.name()))?;
        Ok(command)
    }

    /// What it says of its version.
    pub(crate) fn version(self, program: &Path) -> String {
        let flag = match self {
            Self::BarePingora | Self::Relay => return concat!("of loadtest ", env!("CARGO_PKG_VERSION")).to_owned(),
            Self::NetPingora | Self::Envoy => "--version",
            Self::Nginx | Self::Haproxy => "-v",
        };
        let Ok(output) = Command::new(program).arg(flag).output() else { return "unknown".to_owned() };
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        version_in(&text).unwrap_or("unknown").to_owned()
    }
}

/// The first number with dots that a text holds, with what hangs on it.
fn version_in(text: &str) -> Option<&str> {
    let words = text.split(|letter: char| letter.is_whitespace() || "/:,".contains(letter));
    let mut words = words.filter(|word| word.contains('.'));
    words.find(|word| word.starts_with(|letter: char| letter.is_ascii_digit()))
}

/// Looks for a program beside this one, among the examples built with it, in `envoy/bin` of the target folder, and on
/// PATH.
fn find(program: &str) -> Option<PathBuf> {
    let here = std::env::current_exe().ok()?;
    let built = here.parent()?;
    let beside = [built.to_owned(), built.join("examples")];
    let environment = built.parent().map(|target| target.join("envoy/bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = beside.into_iter().chain(environment).chain(std::env::split_paths(&path));
    folders.find_map(|folder| Some(folder.join(program)).filter(|program| program.is_file()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a proxy would be started with, and the file of its configuration.
    pub(super) fn configured(kind: Kind, work: Work, file: &str) -> (String, String) {
        let folder = tempfile::tempdir().unwrap();
        let (listen, backend) = ("127.0.0.1:81".parse().unwrap(), "127.0.0.1:82".parse().unwrap());
        for name in ["certificate.pem", "key.pem", "both.pem"] {
            std::fs::write(folder.path().join(name), "PEM\n").unwrap();
        }
        let setup = Setup { work, listen, backend, threads: 2, folder: folder.path() };
        let command = kind.configure(Path::new("proxy"), &setup).unwrap();
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
        (arguments.join(" "), std::fs::read_to_string(folder.path().join(file)).unwrap())
    }

    #[test]
    fn a_version_is_found_in_what_programs_say() {
        let cases = [
            ("net-pingora 0.1.0", Some("0.1.0")),
            ("\nenvoy  version: 1a2b/1.35.0/Clean/RELEASE/BoringSSL\n", Some("1.35.0")),
            ("nginx version: nginx/1.22.1", Some("1.22.1")),
            ("HAProxy version 2.6.12-1+deb12u4 2024/02/14 - https://haproxy.org/", Some("2.6.12-1+deb12u4")),
            ("nothing", None),
        ];
        for (text, wanted) in cases {
            assert_eq!(version_in(text), wanted, "{text}");
        }
    }

    #[test]
    fn a_missing_proxy_says_how_it_is_installed() {
        let missing = Kind::Nginx.missing("nginx", "apt install nginx-light").to_string();
        assert_eq!(missing, "nginx is left out: no nginx; to install it: apt install nginx-light");
        assert_eq!(find("no-such-program"), None);
    }
}
