//! Manifests in a folder of their own.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;

use tempfile::TempDir;

/// A folder of manifests; removed when dropped.
#[derive(Debug)]
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> io::Result<Self> {
        TempDir::with_prefix("net-pingora-full-").map(Self)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Writes a Service and where it is.
    pub(crate) fn service(&self, name: &str, address: SocketAddr) -> io::Result<()> {
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
        self.put(&format!("service-{name}.yaml"), &text)
    }

    /// Writes a Revision with its two Services, as Serving makes them, and its pod, if there is one: where it is, and
    /// whether Kubernetes calls it ready.
    pub(crate) fn revision(&self, name: &str, pod: Option<(SocketAddr, bool)>) -> io::Result<()> {
        let port = pod.map_or(8012, |(pod, _)| pod.port());
        let pods = pod.map_or_else(String::new, |(pod, ready)| {
            format!("{{addresses: [\"{}\"], conditions: {{ready: {ready}}}}}", pod.ip())
        });
        let text = format!(
            "apiVersion: serving.knative.dev/v1
kind: Revision
metadata: {{name: {name}, namespace: default}}
spec: {{timeoutSeconds: 300}}
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: default}}
spec:
  ports: [{{name: http, port: 80}}]
---
apiVersion: v1
kind: Service
metadata:
  name: {name}-private
  namespace: default
  labels: {{networking.internal.knative.dev/serviceType: Private, serving.knative.dev/revision: {name}}}
spec:
  ports: [{{name: http, port: 80}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}-private, namespace: default, labels: {{kubernetes.io/service-name: {name}-private}}}}
addressType: IPv4
ports: [{{name: http, port: {port}}}]
endpoints: [{pods}]
"
        );
        self.put(&format!("revision-{name}.yaml"), &text)
    }

    /// Writes a KIngress: a host and the Services that share its requests, in percent. One that is there is
    /// replaced.
    pub(crate) fn route(&self, host: &str, splits: &[(&str, u8)]) -> io::Result<()> {
        self.ingress(host, "", splits)
    }

    /// Writes a KIngress of one host and one Service, with the Secret of its certificate.
    pub(crate) fn tls_route(&self, host: &str, service: &str, secret: &str) -> io::Result<()> {
        let tls = format!("{{hosts: [{host}], secretName: {secret}, secretNamespace: default}}");
        self.ingress(host, &tls, &[(service, 100)])
    }

    fn ingress(&self, host: &str, tls: &str, splits: &[(&str, u8)]) -> io::Result<()> {
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
        self.put(&format!("route-{host}.yaml"), &text)
    }

    /// Writes a Secret with a certificate and its key, both in PEM.
    pub(crate) fn secret(&self, name: &str, certificate: &str, key: &str) -> io::Result<()> {
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
        self.put(&format!("secret-{name}.yaml"), &text)
    }

    /// Puts a whole file, or in the place of another, at once.
    pub(crate) fn put(&self, name: &str, text: &str) -> io::Result<()> {
        let hidden = self.path().join(format!(".{name}"));
        fs::write(&hidden, text)?;
        fs::rename(hidden, self.path().join(name))
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path().join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// As the lines of a block in YAML.
fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}
