//! The connection to the API server.

use std::time::Duration;

use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube::client::{Body, ConfigExt};
use kube::{Client, Config};
use thiserror::Error;
use tower::{BoxError, ServiceBuilder};

/// How long a connection attempt may take.
const CONNECT: Duration = Duration::from_secs(1);
/// Silence after which the kernel asks whether the other side is there, and between questions.
const KEEPALIVE: Duration = Duration::from_secs(5);
/// How long data, or those questions, may stay unanswered until the connection counts as dead.
const UNANSWERED: Duration = Duration::from_secs(15);

/// There is no way to the API server.
#[derive(Debug, Error)]
pub enum ConnectError {
    /// Neither a kubeconfig nor a pod's service account was found, or it cannot be used.
    #[error("cannot find the cluster: {0}; set KUBECONFIG, run in a pod, or serve a folder with --from DIR")]
    Config(#[source] kube::config::InferConfigError),
    /// The credentials or certificates cannot be used.
    #[error("cannot use the cluster's credentials: {0}; see KUBECONFIG")]
    Credentials(#[source] kube::Error),
}

/// A client of the cluster that KUBECONFIG names, or of the one this pod runs in.
///
/// Dead connections are noticed by the kernel, so that an idle watch needs no traffic of its own.
///
/// # Errors
/// When no cluster is configured, or its credentials cannot be used. Nothing is sent yet.
pub async fn connect() -> Result<Client, ConnectError> {
    let config = Config::infer().await.map_err(ConnectError::Config)?;
    let https = config.rustls_https_connector_with_connector(connector()).map_err(ConnectError::Credentials)?;
    let client: HttpClient<_, Body> = HttpClient::builder(TokioExecutor::new()).build(https);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer().map_err(ConnectError::Credentials)?)
        .layer(config.extra_headers_layer().map_err(ConnectError::Credentials)?)
        .map_err(BoxError::from)
        .service(client);
    Ok(Client::new(service, config.default_namespace))
}

fn connector() -> HttpConnector {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(CONNECT));
    connector.set_nodelay(true);
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_keepalive_interval(Some(KEEPALIVE));
    connector.set_tcp_user_timeout(Some(UNANSWERED));
    connector
}
