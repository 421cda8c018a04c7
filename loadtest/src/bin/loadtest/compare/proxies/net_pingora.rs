//! net-pingora on a folder of manifests.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{POOL, Setup};
use crate::compare::work::{Upstream, Work};

pub(super) const PROGRAM: &str = "net-pingora";
pub(super) const INSTALL: &str = "cargo build --release --package net-pingora";

/// Clients of a comparison have one address.
const CONNECTIONS: &str = "50000";

pub(super) fn configure(command: &mut Command, setup: &Setup<'_>) -> anyhow::Result<()> {
    let manifests = setup.folder.join("manifests");
    fs::create_dir(&manifests)?;
    fs::write(manifests.join("all.yaml"), text(setup)?)?;
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("NET_PINGORA_")) {
        command.env_remove(name);
    }
    let (any, listen, threads) = ("127.0.0.1:0", setup.listen.to_string(), setup.threads.to_string());
    let (http, https) = if setup.work == Work::Tls { ("off", listen.as_str()) } else { (listen.as_str(), "off") };
    command.args(["serve", "--health", any, "--admin", any, "--internal-http", "off", "--internal-https", "off"]);
    command.args(["--external-http", http, "--external-https", https, "--log-level", "error"]);
    command.args(["--threads", &threads, "--upstream-pool", POOL, "--max-connections-per-address", CONNECTIONS]);
    command.args(["--drain-delay", "0s", "--drain-timeout", "0s"]).arg("--from").arg(manifests);
    Ok(())
}

/// A Service, and an Ingress of Knative for each host.
fn text(setup: &Setup<'_>) -> anyhow::Result<String> {
    let (ip, port) = (setup.backend.ip(), setup.backend.port());
    let name = if setup.work.upstream() == Upstream::Http2 { "h2c" } else { "http" };
    let mut text = format!(
        "apiVersion: v1
kind: Service
metadata: {{name: backend, namespace: default}}
spec:
  ports: [{{name: {name}, port: 80}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: backend, namespace: default, labels: {{kubernetes.io/service-name: backend}}}}
addressType: IPv4
ports: [{{name: {name}, port: {port}}}]
endpoints: [{{addresses: [\"{ip}\"], conditions: {{ready: true}}}}]
"
    );
    let mut tls = "";
    if setup.work == Work::Tls {
        text.push_str(&secret(setup.folder)?);
        tls = "{hosts: [app-0.example], secretName: tls, secretNamespace: default}";
    }
    for host in setup.work.hosts() {
        add_ingress(&mut text, &host, tls)?;
    }
    Ok(text)
}

fn add_ingress(text: &mut String, host: &str, tls: &str) -> std::fmt::Result {
    write!(
        text,
        "---
apiVersion: networking.internal.knative.dev/v1alpha1
kind: Ingress
metadata:
  name: {host}
  namespace: default
  annotations: {{networking.knative.dev/ingress.class: pingora.ingress.networking.knative.dev}}
spec:
  tls: [{tls}]
  rules:
    - hosts: [{host}]
      visibility: ExternalIP
      http:
        paths: [{{splits: [{{serviceNamespace: default, serviceName: backend, servicePort: 80, percent: 100}}]}}]
"
    )
}

fn secret(folder: &Path) -> anyhow::Result<String> {
    let indented = |file: &str| -> anyhow::Result<String> {
        let text = fs::read_to_string(folder.join(file))?;
        let lines: Vec<String> = text.lines().map(|line| format!("    {line}")).collect();
        Ok(lines.join("\n"))
    };
    let (certificate, key) = (indented("certificate.pem")?, indented("key.pem")?);
    Ok(format!(
        "---
apiVersion: v1
kind: Secret
metadata: {{name: tls, namespace: default}}
type: kubernetes.io/tls
stringData:
  tls.crt: |
{certificate}
  tls.key: |
{key}
"
    ))
}

#[cfg(test)]
mod tests {
    use super::super::Kind;
    use super::super::tests::configured;
    use super::*;

    #[test]
    fn each_host_has_an_ingress_and_each_work_its_listener_and_port() {
        let documents = |work| {
            let (flags, text) = configured(Kind::NetPingora, work, "manifests/all.yaml");
            (flags, text.matches("kind: ").count(), text)
        };
        let (flags, count, text) = documents(Work::H1);
        assert!(flags.contains("--external-http 127.0.0.1:81 --external-https off"), "{flags}");
        assert!(count == 3 && text.contains("{name: http, port: 82}"), "{text}");
        let (flags, count, text) = documents(Work::Tls);
        assert!(flags.contains("--external-http off --external-https 127.0.0.1:81"), "{flags}");
        assert!(count == 4 && text.contains("tls.crt: |\n    PEM\n  tls.key: |\n    PEM\n---"), "{text}");
        assert!(documents(Work::Grpc).2.contains("{name: h2c, port: 82}"));
        assert_eq!(documents(Work::Routes).1, 10_002);
    }
}
