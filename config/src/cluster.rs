//! What a replica in a cluster is told, by flags and by what Knative's manifests set.

use std::env;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::deadline;

/// How to take part in a cluster; without effect with `--from`.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Cluster")]
pub struct ClusterArgs {
    /// Full DNS name of our own Service for clients outside, written to the status of KIngress objects
    /// [default: net-pingora.$SYSTEM_NAMESPACE.svc.$CLUSTER_DOMAIN]
    #[arg(long, value_name = "HOST", env = "NET_PINGORA_EXTERNAL_SERVICE")]
    pub external_service: Option<String>,

    /// Who serves Routes and DomainMappings that no KIngress is made of
    ///
    /// `auto`: the gateway, while none of Serving's controllers has been there for three minutes;
    /// `always`: the gateway, whatever Serving does; `never`: nobody.
    #[arg(long, value_enum, value_name = "WHEN", env = "NET_PINGORA_ROUTES", default_value_t = RoutesWhen::Auto)]
    pub routes: RoutesWhen,

    /// Make the objects that Serving would make beside KIngresses, while it is not there: Services by
    /// which pods reach Routes, and claims of domains
    ///
    /// It takes the rights of `deploy/standalone`.
    #[arg(long, value_name = "BOOL", env = "NET_PINGORA_PLACEHOLDERS", num_args = 0..=1, require_equals = true,
        default_value = "false", default_missing_value = "true", action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new())]
    pub placeholders: bool,

    /// Where the leader listens for what the other replicas serve; only with `POD_NAME` and `POD_IP` set
    #[arg(long, value_name = "ADDRESS", env = "NET_PINGORA_REPLICAS", default_value = "[::]:9002")]
    pub replicas: SocketAddr,

    /// How long a ready replica that does not answer keeps a change from being Ready
    #[arg(long, value_name = "TIME", env = "NET_PINGORA_REPLICA_TIMEOUT", default_value = "60s",
        value_parser = deadline::time)]
    pub replica_timeout: Duration,

    /// Token by which the leader knows this replica: a service account's, for the audience net-pingora
    #[arg(
        long,
        value_name = "FILE",
        env = "NET_PINGORA_REPLICA_TOKEN",
        default_value = "/var/run/secrets/net-pingora/token"
    )]
    pub replica_token: PathBuf,
}

impl ClusterArgs {
    /// Full DNS name of our own Service for clients outside.
    pub fn external_service(&self) -> String {
        self.external_service.clone().unwrap_or_else(|| service("net-pingora"))
    }
}

/// When the gateway serves Routes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RoutesWhen {
    /// While Serving's controllers are not there.
    Auto,
    /// Whoever else does.
    Always,
    /// Never.
    Never,
}

/// The pod this process runs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its name, from `POD_NAME`.
    pub name: String,
    /// Its address, from `POD_IP`.
    pub address: IpAddr,
}

/// The pod this process runs in, if `POD_NAME` and `POD_IP` are set.
pub fn pod() -> Option<Pod> {
    Some(Pod { name: variable("POD_NAME")?, address: variable("POD_IP")?.parse().ok()? })
}

/// The namespace of Knative's own objects, from `SYSTEM_NAMESPACE`.
pub fn system_namespace() -> String {
    variable("SYSTEM_NAMESPACE").unwrap_or_else(|| "knative-serving".to_owned())
}

/// The full DNS name of a Service in the system namespace.
pub(crate) fn service(name: &str) -> String {
    format!("{name}.{}.svc.{}", system_namespace(), domain())
}

/// The cluster's domain, found as knative.dev/networking `pkg/network/domain.go` does.
pub fn domain() -> String {
    let resolv_conf = || fs::read_to_string("/etc/resolv.conf").ok();
    variable("CLUSTER_DOMAIN").or_else(|| search_domain(&resolv_conf()?)).unwrap_or_else(|| "cluster.local".to_owned())
}

/// The first search domain that begins with `svc.`, without that.
fn search_domain(resolv_conf: &str) -> Option<String> {
    let mut words = resolv_conf.lines().filter_map(|line| line.strip_prefix("search")).flat_map(str::split_whitespace);
    words.find_map(|word| word.strip_prefix("svc.")).map(|domain| domain.trim_end_matches('.').to_owned())
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cluster_domain_is_that_of_services_in_the_search_list() {
        for (text, wanted) in [
            ("search default.svc.c1.local svc.c1.local. c1.local\nnameserver 10.0.0.10\n", Some("c1.local")),
            ("nameserver 1.1.1.1\nsearch\tlan svc.cluster.local", Some("cluster.local")),
            ("search lan", None),
            ("", None),
        ] {
            assert_eq!(search_domain(text).as_deref(), wanted, "{text}");
        }
    }
}
