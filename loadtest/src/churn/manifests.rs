//! Objects in a directory, with names of their own; they are removed at the end.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::{Error, Plan};

/// The files of one run.
#[derive(Debug)]
pub(crate) struct Manifests {
    directory: PathBuf,
    namespace: String,
    class: String,
    /// What all names begin with.
    prefix: String,
    /// Files that are there, in the order in which they were written.
    written: Vec<PathBuf>,
}

impl Manifests {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            directory: plan.directory.clone(),
            namespace: plan.namespace.clone(),
            class: plan.class.clone(),
            prefix: format!("churn-{:08x}", fastrand::u32(..)),
            written: Vec::new(),
        }
    }

    /// The host of a route.
    pub(crate) fn host(&self, route: usize) -> String {
        format!("r{route}.{}.test", self.prefix)
    }

    /// Writes a Service and where it is.
    pub(crate) fn backend(&mut self, backend: usize, address: SocketAddr) -> Result<(), Error> {
        let (name, namespace) = (self.service(backend), &self.namespace);
        let (ip, port) = (address.ip(), address.port());
        let text = format!(
            "apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  ports: [{{name: http, port: 80}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {{name: {name}, namespace: {namespace}, labels: {{kubernetes.io/service-name: {name}}}}}
addressType: IPv4
ports: [{{name: http, port: {port}}}]
endpoints: [{{addresses: [\"{ip}\"], conditions: {{ready: true}}}}]
"
        );
        self.put(&name, &text)
    }

    /// Writes a KIngress that leads a route's host to a backend, in the place of the one that is there.
    pub(crate) fn route(&mut self, route: usize, backend: usize) -> Result<(), Error> {
        let (name, host, service) = (format!("{}-{route}", self.prefix), self.host(route), self.service(backend));
        let (namespace, class) = (&self.namespace, &self.class);
        let text = format!(
            "apiVersion: networking.internal.knative.dev/v1alpha1
kind: Ingress
metadata:
  name: {name}
  namespace: {namespace}
  annotations: {{networking.knative.dev/ingress.class: {class}}}
spec:
  rules:
    - hosts: [{host}]
      visibility: ExternalIP
      http:
        paths:
          - splits:
              - {{serviceNamespace: {namespace}, serviceName: {service}, servicePort: 80, percent: 100}}
"
        );
        self.put(&name, &text)
    }

    /// Removes all files, the youngest first: what leads to a backend goes before it.
    pub(crate) fn remove(&mut self) -> Result<(), Error> {
        while let Some(file) = self.written.pop() {
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::File(file, error)),
                _ => {}
            }
        }
        Ok(())
    }

    fn service(&self, backend: usize) -> String {
        format!("{}-backend-{backend}", self.prefix)
    }

    /// Puts a whole file, or in the place of another, at once.
    fn put(&mut self, name: &str, text: &str) -> Result<(), Error> {
        let (file, hidden) =
            (self.directory.join(format!("{name}.yaml")), self.directory.join(format!(".{name}.yaml")));
        if !file.exists() {
            self.written.push(file.clone());
        }
        let put = fs::write(&hidden, text).and_then(|()| fs::rename(&hidden, &file));
        put.map_err(|error| Error::File(file, error))
    }
}

impl Drop for Manifests {
    /// Removes what is left after an error, which tells more than another one here.
    fn drop(&mut self) {
        drop(self.remove());
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_files_of_its_own_are_written_and_none_is_left() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("other.yaml"), "").unwrap();
        let plan = Plan {
            gateway: "http://127.0.0.1/".parse().unwrap(),
            directory: directory.path().to_owned(),
            namespace: "default".to_owned(),
            class: "a.b".to_owned(),
            routes: 2,
            changes: 1,
            pause: Duration::ZERO,
            rate: 1.0,
            connections: 1,
            timeout: Duration::from_secs(1),
            grace: Duration::ZERO,
            patience: Duration::ZERO,
        };
        let mut manifests = Manifests::new(&plan);
        manifests.backend(0, (Ipv4Addr::LOCALHOST, 81).into()).unwrap();
        for (route, backend) in [(0, 0), (1, 0), (0, 1)] {
            manifests.route(route, backend).unwrap();
        }
        let names = || fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names().count(), 4);
        let text = fs::read_to_string(directory.path().join(format!("{}-0.yaml", manifests.prefix))).unwrap();
        assert!(text.contains(&format!("hosts: [{}]", manifests.host(0))) && text.contains("-backend-1,"), "{text}");
        drop(manifests);
        assert_eq!(names().collect::<Vec<_>>(), ["other.yaml"]);
    }
}
