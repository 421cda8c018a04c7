//! HAProxy, one process with a thread for each worker.

use std::fs;
use std::process::Command;

use super::{POOL, Setup};
use crate::compare::relay::BACKLOG;
use crate::compare::work::{Upstream, Work};

pub(super) const PROGRAM: &str = "haproxy";
pub(super) const INSTALL: &str = "apt install haproxy";

pub(super) fn configure(command: &mut Command, setup: &Setup<'_>) -> anyhow::Result<()> {
    let path = setup.folder.join("haproxy.cfg");
    fs::write(&path, text(setup))?;
    command.arg("-db").arg("-f").arg(path);
    Ok(())
}

fn text(setup: &Setup<'_>) -> String {
    let Setup { listen, backend, threads, .. } = setup;
    let bind = match setup.work {
        Work::Tls => format!(" ssl crt {} ssl-min-ver TLSv1.3", setup.folder.join("both.pem").display()),
        work if work.is_http2() => " proto h2".to_owned(),
        _ => String::new(),
    };
    let proto = if setup.work.upstream() == Upstream::Http2 { " proto h2" } else { "" };
    format!(
        "global
  nbthread {threads}
  maxconn 12000
  no strict-limits
  tune.h2.max-concurrent-streams 256
defaults
  mode http
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
  unique-id-format %[uuid()]
  unique-id-header X-Request-Id
  option forwardfor
frontend clients
  bind {listen} backlog {BACKLOG}{bind}
  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
  default_backend backends
backend backends
  http-reuse always
  server one {backend} pool-max-conn {POOL}{proto}
"
    )
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::tests::configured;
    use super::*;

    #[test]
    fn each_work_has_its_protocols() {
        let cases = [
            (Work::H1, "bind 127.0.0.1:81 backlog 4096\n", "pool-max-conn 512\n"),
            (Work::H2c, "bind 127.0.0.1:81 backlog 4096 proto h2\n", "pool-max-conn 512\n"),
            (Work::Grpc, "bind 127.0.0.1:81 backlog 4096 proto h2\n", "pool-max-conn 512 proto h2\n"),
            (Work::Tls, "both.pem ssl-min-ver TLSv1.3\n", "pool-max-conn 512\n"),
        ];
        for (work, bind, server) in cases {
            let (_, text) = configured(Kind::Haproxy, work, "haproxy.cfg");
            assert!(text.contains(bind) && text.contains(server) && text.contains("nbthread 2\n"), "{text}");
        }
    }
}
