//! Manifests in a folder of their own.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

/// A folder of manifests; removed when dropped.
#[derive(Debug)]
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> std::io::Result<Self> {
        TempDir::with_prefix("net-pingora-full-").map(Self)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a Service and where it is.
    pub(crate) fn service(&self, name: &str, address: SocketAddr) -> std::io::Result<()> {
        let (ip, port) = (address.ip(), address.port());
        let text = format!(
            "apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec:
  ports: [{{name: http, port: 80}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}, namespace: default, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{name: http, port: {port}}}]
endpoints: [{{addresses: [\"{ip}\"], conditions: {{ready: true}}}}]
"
        );
        self.replace(&format!("service-{name}.yaml"), &text)
    }

    /// Writes a KIngress: a host and the Services that share its requests, in percent. One that is there is
    /// replaced.
    pub(crate) fn route(&self, host: &str, splits: &[(&str, u8)]) -> std::io::Result<()> {
        self.ingress(host, "", splits)
    }

    /// Writes a KIngress of one host and one Service, with the Secret of its certificate.
    pub(crate) fn tls_route(&self, host: &str, service: &str, secret: &str) -> std::io::Result<()> {
        let tls = format!("{{hosts: [{host}], secretName: {secret}, secretNamespace: default}}");
        self.ingress(host, &tls, &[(service, 100)])
    }

    fn ingress(&self, host: &str, tls: &str, splits: &[(&str, u8)]) -> std::io::Result<()> {
        let split = |(service, percent): &(&str, u8)| {
            format!("{{serviceNamespace: default, serviceName: {service}, servicePort: 80, percent: {percent}}}")
        };
        let splits: Vec<_> = splits.iter().map(split).collect();
        let text = format!(
            "apiVersion: networking.internal.knative.dev/v1alpha1
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
      http: {{paths: [{{splits: [{}]}}]}}
",
            splits.join(", ")
        );
        self.replace(&format!("route-{host}.yaml"), &text)
    }

    /// Writes a Secret with a certificate and its key, both in PEM.
    pub(crate) fn secret(&self, name: &str, certificate: &str, key: &str) -> std::io::Result<()> {
        let (certificate, key) = (indented(certificate), indented(key));
        let text = format!(
            "apiVersion: v1
kind: Secret
metadata: {{name: {name}, namespace: default}}
type: kubernetes.io/tls
stringData:
  tls.crt: |
{certificate}
  tls.key: |
{key}
"
        );
        self.replace(&format!("secret-{name}.yaml"), &text)
    }

    /// Puts a whole file in the place of another at once.
    fn replace(&self, name: &str, text: &str) -> std::io::Result<()> {
        let hidden = self.path().join(format!(".{name}"));
        fs::write(&hidden, text)?;
        fs::rename(hidden, self.path().join(name))
    }
}

/// As the lines of a block in YAML.
fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}
