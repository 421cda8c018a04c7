//! Who holds requests for revisions without a pod.

use std::num::NonZeroUsize;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use thiserror::Error;

use crate::{Listen, address, cluster};

/// Port of the autoscaler's Service.
const AUTOSCALER_PORT: u16 = 8080;

/// Who holds requests for revisions without a pod.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Activator")]
pub struct ActivatorArgs {
    /// Who holds requests for revisions that are scaled to zero
    ///
    /// `external`: Knative's activator, to which the Services of such revisions lead. `embedded`: this process, which
    /// also asks pods whether they are ready, keeps to containerConcurrency and tells the autoscaler what is asked.
    #[arg(long, value_enum, env = "NET_PINGORA_ACTIVATOR", default_value_t = ActivatorMode::External)]
    pub activator: ActivatorMode,

    /// Where to stand in for Knative's activator over HTTP/1: its port 8012; with `embedded` only
    #[arg(long, value_name = "ADDRESS", env = "NET_PINGORA_ACTIVATOR_HTTP1", default_value = "off",
        value_parser = address::everywhere)]
    pub activator_http1: Listen,

    /// The same over HTTP/2 by prior knowledge: its port 8013. Both ports speak either
    #[arg(long, value_name = "ADDRESS", env = "NET_PINGORA_ACTIVATOR_HTTP2", default_value = "off",
        value_parser = address::everywhere)]
    pub activator_http2: Listen,

    /// The same in TLS, for clusters with system-internal-tls: its port 8112
    #[arg(long, value_name = "ADDRESS", env = "NET_PINGORA_ACTIVATOR_HTTPS", default_value = "off",
        value_parser = address::everywhere)]
    pub activator_https: Listen,

    /// Where Knative's autoscaler listens; with `--from` nobody is told unless this is set
    /// [default: `autoscaler.$SYSTEM_NAMESPACE.svc.$CLUSTER_DOMAIN:8080`]
    #[arg(long, value_name = "HOST:PORT", env = "NET_PINGORA_AUTOSCALER")]
    pub autoscaler: Option<HostPort>,

    /// Requests that may wait for pods in all: `auto` or a number; more are answered 503
    ///
    /// `auto` is one for each 64 KiB of the container's memory, and at most 100000.
    #[arg(long, value_name = "COUNT", env = "NET_PINGORA_MAX_HELD", default_value = "auto")]
    pub max_held: Held,

    /// Requests that may wait for the pods of one revision; more are answered 503
    #[arg(long, value_name = "COUNT", env = "NET_PINGORA_MAX_HELD_PER_REVISION", default_value = "10000")]
    pub max_held_per_revision: NonZeroUsize,

    /// Requests that a pod gets at once where its revision has no containerConcurrency; 0 any number
    ///
    /// Those that have waited go to a pod all at once otherwise, each on a connection of its own.
    #[arg(long, value_name = "COUNT", env = "NET_PINGORA_MAX_REQUESTS_PER_POD", default_value_t = 0)]
    pub max_requests_per_pod: u32,
}

impl ActivatorArgs {
    /// Whether this process holds requests.
    pub fn is_embedded(&self) -> bool {
        self.activator == ActivatorMode::Embedded
    }

    /// Where Knative's autoscaler listens, in a cluster.
    pub fn autoscaler(&self) -> HostPort {
        let default = || HostPort { host: cluster::service("autoscaler"), port: AUTOSCALER_PORT };
        self.autoscaler.clone().unwrap_or_else(default)
    }
}

/// Who holds requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ActivatorMode {
    /// Knative's activator.
    External,
    /// This process.
    Embedded,
}

/// How many requests may wait in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// By the memory of the container.
    Auto,
    /// So many.
    Count(NonZeroUsize),
}

impl FromStr for Held {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::Count) }
    }
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// DNS name or address.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// A text that is no host and port.
#[derive(Debug, Error)]
#[error("write HOST:PORT, such as autoscaler.knative-serving:8080")]
pub struct HostPortError;

impl FromStr for HostPort {
    type Err = HostPortError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (host, port) = text.rsplit_once(':').ok_or(HostPortError)?;
        let port = port.parse().ok().filter(|&port| port != 0 && !host.is_empty()).ok_or(HostPortError)?;
        Ok(Self { host: host.to_owned(), port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_and_a_port_are_told_apart() {
        for (text, wanted) in [
            ("autoscaler:8080", Some(("autoscaler", 8080))),
            ("[fd00::1]:80", Some(("[fd00::1]", 80))),
            ("autoscaler", None),
            (":80", None),
            ("a:0", None),
        ] {
            let parsed = text.parse::<HostPort>().ok();
            assert_eq!(parsed, wanted.map(|(host, port)| HostPort { host: host.to_owned(), port }), "{text}");
        }
    }
}
