//! The backends that are asked, each in a process of its own that writes down what it saw.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::ensure;

use crate::process::{Process, free_address, this_program, workspace};
use crate::tools::Tool;

/// A backend and where it writes what it saw.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) name: &'static str,
    pub(super) address: SocketAddr,
    pub(super) log: PathBuf,
    /// Runs as long as it is asked.
    _process: Process,
}

/// Starts one of each; their files are in `folder`.
pub(super) fn start(folder: &Path) -> anyhow::Result<Vec<Backend>> {
    Ok(vec![go(folder)?, nginx(folder)?, hyper(folder)?])
}

fn go(folder: &Path) -> anyhow::Result<Backend> {
    let go = Tool::find("go", "golang-go")?;
    let program = folder.join("seen");
    let mut build = Command::new(go.path());
    build.arg("build").arg("-o").arg(&program).env("CGO_ENABLED", "0");
    let status = build.current_dir(workspace().join("tests/full/seen")).status()?;
    ensure!(status.success(), "{build:?} ends with {status}");
    telling("go", &mut Command::new(program), folder)
}

fn hyper(folder: &Path) -> anyhow::Result<Backend> {
    telling("hyper", Command::new(this_program()).args(["--helper", "seen"]), folder)
}

/// One that says where it listens, and what it saw on standard error.
fn telling(name: &'static str, command: &mut Command, folder: &Path) -> anyhow::Result<Backend> {
    let log = folder.join(format!("{name}.log"));
    let process = Process::start(command.stderr(File::create(&log)?), &[name])?;
    Ok(Backend { name, address: process.address(name)?, log, _process: process })
}

/// nginx answers by way of itself: what it passes on it reads to the end first, and then logs.
fn nginx(folder: &Path) -> anyhow::Result<Backend> {
    let nginx = Tool::find("nginx", "nginx-light")?;
    let (address, log) = (free_address()?, folder.join("nginx.log"));
    let path = folder.join("nginx.conf");
    fs::write(&path, config(folder, address))?;
    let mut command = Command::new(nginx.path());
    command.arg("-c").arg(&path).arg("-p").arg(folder).stderr(Stdio::null());
    let process = Process::start_at(&mut command, address)?;
    Ok(Backend { name: "nginx", address, log, _process: process })
}

fn config(folder: &Path, address: SocketAddr) -> String {
    let here = folder.display();
    format!(
        r#"daemon off; master_process off; pid {here}/nginx.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  client_body_temp_path {here}; proxy_temp_path {here}; fastcgi_temp_path {here}; uwsgi_temp_path {here}; scgi_temp_path {here};
  log_format seen escape=json '{{"id":"$http_x_request_id","line":"$request",'
    '"host":"$http_host","marker":"$http_x_marker","connection":"$http_connection","length":"$content_length","status":$status}}';
  keepalive_requests 1000000; client_max_body_size 0;
  server {{
    listen {address};
    access_log {here}/nginx.log seen;
    location / {{ proxy_pass http://unix:{here}/inner.sock; }}
  }}
  server {{
    listen unix:{here}/inner.sock;
    access_log off;
    return 200 "saw $http_x_marker\n";
  }}
}}
"#
    )
}
