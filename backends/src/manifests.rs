//! The manifests of `examples/`, with the ports the sample backends really got.

use std::net::SocketAddr;
use std::path::Path;

use crate::{Running, Sample, start};

/// One sample backend: its revision in the manifests, the port they name, what it is.
struct Revision {
    name: &'static str,
    port: u16,
    sample: fn(&'static str) -> Sample,
}

const REVISIONS: [Revision; 6] = [
    Revision { name: "hello-00001", port: 9101, sample: |name| Sample::Hello(name.to_owned()) },
    Revision { name: "hello-00002", port: 9102, sample: |name| Sample::Hello(name.to_owned()) },
    Revision { name: "slow-00001", port: 9103, sample: |_| Sample::Slow },
    Revision { name: "echo-00001", port: 9104, sample: |_| Sample::Echo },
    Revision { name: "grpc-00001", port: 9105, sample: |_| Sample::Grpc },
    Revision { name: "chat-00001", port: 9106, sample: |_| Sample::WebSocket },
];

/// Name and text of every manifest of `examples/`.
pub const FILES: [(&str, &str); 13] = [
    ("split.yaml", include_str!("../../examples/split.yaml")),
    ("tag.yaml", include_str!("../../examples/tag.yaml")),
    ("header.yaml", include_str!("../../examples/header.yaml")),
    ("path.yaml", include_str!("../../examples/path.yaml")),
    ("custom-domain.yaml", include_str!("../../examples/custom-domain.yaml")),
    ("route.yaml", include_str!("../../examples/route.yaml")),
    ("portal.yaml", include_str!("../../examples/portal.yaml")),
    ("slow.yaml", include_str!("../../examples/slow.yaml")),
    ("echo.yaml", include_str!("../../examples/echo.yaml")),
    ("grpc.yaml", include_str!("../../examples/grpc.yaml")),
    ("websocket.yaml", include_str!("../../examples/websocket.yaml")),
    ("services.yaml", include_str!("../../examples/services.yaml")),
    ("echo.proto", include_str!("../../examples/echo.proto")),
];

/// The file that says where the backends are.
const SERVICES: &str = "services.yaml";

/// The sample backends of the manifests, running.
#[derive(Debug)]
pub struct Backends {
    running: Vec<(&'static Revision, Running)>,
}

impl std::fmt::Debug for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.name.fmt(f)
    }
}

impl Backends {
    /// Starts every sample backend on loopback, on the port the manifests name or, where that is
    /// taken, on a free one.
    ///
    /// # Errors
    /// When there is no free port.
    pub async fn start() -> std::io::Result<Self> {
        let mut running = Vec::new();
        for revision in &REVISIONS {
            let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
            let wanted = start((revision.sample)(revision.name), at(revision.port)).await;
            let backend = match wanted {
                Ok(backend) => backend,
                Err(_) => start((revision.sample)(revision.name), at(0)).await?,
            };
            running.push((revision, backend));
        }
        Ok(Self { running })
    }

    /// Where the backend of a revision listens.
    pub fn address(&self, revision: &str) -> Option<SocketAddr> {
        self.running.iter().find(|(known, _)| known.name == revision).map(|(_, running)| running.address)
    }

    /// Writes the manifests into `folder`. Files that are there keep what the user made of them; only
    /// `services.yaml`, which names the ports, is always written.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write_manifests(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        for (name, text) in FILES {
            let file = folder.join(name);
            if name == SERVICES {
                std::fs::write(file, self.with_ports(text))?;
            } else if !file.exists() {
                std::fs::write(file, text)?;
            }
        }
        Ok(())
    }

    fn with_ports(&self, text: &str) -> String {
        let ports: Vec<_> = self.running.iter().map(|(known, at)| (known.port, at.address.port())).collect();
        let line = |line: &str| {
            let port = ports.iter().find(|(named, _)| line.trim() == format!("port: {named}"));
            port.map_or_else(|| line.to_owned(), |(named, got)| line.replace(&named.to_string(), &got.to_string()))
        };
        text.lines().map(|text| line(text) + "\n").collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn manifests_name_the_ports_the_backends_got_and_keep_edits() {
        let taken: Vec<_> =
            REVISIONS.iter().map(|revision| std::net::TcpListener::bind(("127.0.0.1", revision.port))).collect();
        let backends = Backends::start().await.unwrap();
        drop(taken);
        let folder = std::env::temp_dir().join(format!("net-pingora-manifests-{}", std::process::id()));
        backends.write_manifests(&folder).unwrap();
        std::fs::write(folder.join("split.yaml"), "edited").unwrap();
        backends.write_manifests(&folder).unwrap();
        let services = std::fs::read_to_string(folder.join(SERVICES)).unwrap();
        for revision in &REVISIONS {
            let port = backends.address(revision.name).unwrap().port();
            assert_ne!(port, revision.port);
            assert!(services.contains(&format!("port: {port}\n")), "{} {port}", revision.name);
            assert!(!services.contains(&format!("port: {}\n", revision.port)), "{}", revision.name);
        }
        assert_eq!(std::fs::read_to_string(folder.join("split.yaml")).unwrap(), "edited");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
