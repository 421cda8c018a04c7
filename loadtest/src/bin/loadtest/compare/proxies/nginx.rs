//! nginx, one worker process for each thread.

use std::fs;
use std::process::Command;

use super::{POOL, Setup};
use crate::compare::relay::BACKLOG;
use crate::compare::work::{Upstream, Work};

pub(super) const PROGRAM: &str = "nginx";
pub(super) const INSTALL: &str = "apt install nginx-light";

pub(super) fn configure(command: &mut Command, setup: &Setup<'_>) -> anyhow::Result<()> {
    let path = setup.folder.join("nginx.conf");
    fs::write(&path, text(setup))?;
    command.arg("-c").arg(path).arg("-p").arg(setup.folder).args(["-e", "stderr"]);
    Ok(())
}

fn text(setup: &Setup<'_>) -> String {
    let Setup { listen, backend, threads, .. } = setup;
    let here = setup.folder.display();
    let protocol = match setup.work {
        Work::H2c | Work::Grpc => " http2",
        Work::Tls => " ssl",
        _ => "",
    };
    let tls = if setup.work == Work::Tls {
        format!("ssl_certificate {here}/certificate.pem; ssl_certificate_key {here}/key.pem; ssl_protocols TLSv1.3;")
    } else {
        String::new()
    };
    let pass = pass(setup.work.upstream());
    format!(
        "daemon off; worker_processes {threads}; pid {here}/nginx.pid; error_log stderr error;
events {{ worker_connections 32768; }}
http {{
  access_log off; keepalive_requests 1000000000; keepalive_timeout 1h; tcp_nodelay on; proxy_max_temp_file_size 0;
  client_body_temp_path {here}/body; proxy_temp_path {here}/proxy; fastcgi_temp_path {here}/fastcgi;
  uwsgi_temp_path {here}/uwsgi; scgi_temp_path {here}/scgi;
  upstream backend {{ server {backend}; keepalive {POOL}; keepalive_requests 1000000000; }}
  server {{
    listen {listen}{protocol} backlog={BACKLOG};
    {tls}
    location / {{
      {pass}
    }}
  }}
}}
"
    )
}

/// How requests are sent on.
fn pass(upstream: Upstream) -> &'static str {
    match upstream {
        Upstream::Http1 => {
            "proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection \"\";
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Request-Id $request_id;"
        }
        Upstream::Http2 => {
            "grpc_pass grpc://backend; grpc_set_header Host $host; grpc_set_header X-Forwarded-For $remote_addr;
      grpc_set_header X-Forwarded-Proto $scheme; grpc_set_header X-Request-Id $request_id;"
        }
        Upstream::WebSocket => {
            "proxy_pass http://backend; proxy_http_version 1.1; proxy_read_timeout 1h;
      proxy_set_header Connection upgrade; proxy_set_header Upgrade $http_upgrade; proxy_set_header Host $host;"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::tests::configured;
    use super::*;

    #[test]
    fn braces_are_balanced_and_each_work_has_its_protocols() {
        let cases = [
            (Work::H1, "listen 127.0.0.1:81 backlog=4096;", "proxy_pass"),
            (Work::H2c, "listen 127.0.0.1:81 http2 backlog=4096;", "proxy_pass"),
            (Work::Grpc, "listen 127.0.0.1:81 http2 backlog=4096;", "grpc_pass"),
            (Work::Tls, "listen 127.0.0.1:81 ssl backlog=4096;", "proxy_pass"),
            (Work::Websocket, "listen 127.0.0.1:81 backlog=4096;", "$http_upgrade"),
        ];
        for (work, listen, pass) in cases {
            let (_, text) = configured(Kind::Nginx, work, "nginx.conf");
            assert!(text.contains(listen) && text.contains(pass), "{text}");
            assert_eq!(text.matches('{').count(), text.matches('}').count(), "{text}");
            assert!(text.contains("worker_processes 2;") && text.contains("server 127.0.0.1:82; keepalive 512;"));
        }
    }
}
