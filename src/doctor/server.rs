//! Whether there is a cluster and its API server answers.

use kube::{Client, Config};
use net_pingora_controller::kubernetes::connect;

use super::finding::Finding;
use super::reader::{Read, Reader, Unread};

const CHECK: &str = "API server";
const FIX: &str = "set KUBECONFIG (for K3s: /etc/rancher/k3s/k3s.yaml)";

/// Reaches the API server, or says why not.
pub(super) async fn reach() -> (Option<Client>, Finding) {
    let config = match Config::infer().await {
        Ok(config) => config,
        Err(error) => return (None, Finding::fail(CHECK, format!("no cluster is configured: {error}"), FIX)),
    };
    let client = match connect().await {
        Ok(client) => client,
        Err(error) => return (None, Finding::fail(CHECK, error.to_string(), FIX)),
    };
    let version = Reader::new(client.clone()).version().await;
    let finding = judge(&config.cluster_url.to_string(), &version);
    (version.is_ok().then_some(client), finding)
}

fn judge(url: &str, version: &Read<String>) -> Finding {
    let url = url.trim_end_matches('/');
    match version {
        Ok(version) => Finding::ok(CHECK, format!("{url} answers, Kubernetes {version}")),
        Err(Unread::Failed { why, .. }) => {
            let fix = format!("see that it runs, or {FIX}");
            Finding::fail(CHECK, format!("{url} does not answer as it should: {why}"), fix)
        }
        Err(Unread::Forbidden(what) | Unread::UnknownKind(what)) => {
            Finding::fail(CHECK, format!("{url} refuses to {what}"), FIX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_server_is_well_when_it_tells_its_version() {
        let why = "connection refused".to_owned();
        for (version, wanted) in [
            (Ok("v1.35.4".to_owned()), "ok    API server: https://a:6443 answers, Kubernetes v1.35.4"),
            (
                Err(Unread::Failed { what: "get /version".into(), why }),
                "FAIL  API server: https://a:6443 does not answer as it should: connection refused; \
                 see that it runs, or set KUBECONFIG (for K3s: /etc/rancher/k3s/k3s.yaml)",
            ),
            (
                Err(Unread::Forbidden("get /version".into())),
                "FAIL  API server: https://a:6443 refuses to get /version; \
                 set KUBECONFIG (for K3s: /etc/rancher/k3s/k3s.yaml)",
            ),
        ] {
            assert_eq!(judge("https://a:6443/", &version).to_string(), wanted);
        }
    }
}
