//! Settings that change while the gateway serves, from the command line and from ConfigMap `config-pingora`.

use std::collections::BTreeMap;
use std::env;
use std::sync::Arc;

use net_pingora_config::{KeyFault, LiveArgs, Overlaid, SecretName, TlsArgs, overlaid};
use net_pingora_controller::api::FieldFault;
use net_pingora_controller::{Configure, Configured, DefaultCertificates};
use net_pingora_gateway::settings::{Limits, LiveSettings, SettingsCell, Timeouts};
use net_pingora_routing::ObjectKey;
use net_pingora_tls::Policy;

/// Hands the settings to the data plane, and what is the control plane's back to it.
#[derive(Debug)]
pub(crate) struct Live(pub(crate) Arc<SettingsCell>);

impl Configure for Live {
    fn configure(&self, data: &BTreeMap<String, String>) -> Configured {
        let Overlaid { settings, faults, refused } = overlaid(env::args_os(), data);
        if let Some(settings) = &settings {
            self.0.set(of_traffic(settings));
        }
        Configured {
            default_certificates: settings.map(|settings| default_certificates(&settings.tls)),
            faults: faults.into_iter().map(fault).collect(),
            refused: refused.into_iter().map(fault).collect(),
        }
    }
}

fn fault(fault: KeyFault) -> FieldFault {
    FieldFault::new(format!("data[{:?}]", fault.key), fault.problem, fault.fix)
}

/// The data plane's part.
pub(crate) fn of_traffic(args: &LiveArgs) -> LiveSettings {
    let (limits, timeouts) = (&args.limits, &args.timeouts);
    LiveSettings {
        limits: Limits {
            head_bytes: limits.max_head_bytes.get(),
            headers: limits.max_headers.get(),
            uri_bytes: limits.max_uri_bytes.get(),
            connections: limits.max_connections.get(),
            handshakes: limits.max_handshakes.get(),
            streams: limits.max_streams.get(),
        },
        timeouts: Timeouts {
            head: timeouts.head_timeout,
            handshake: timeouts.handshake_timeout,
            idle: timeouts.idle_timeout,
            connect: timeouts.connect_timeout,
            upstream_idle: timeouts.upstream_idle_timeout,
            response: timeouts.response_timeout.duration(),
            drain: timeouts.drain_timeout,
            drain_delay: timeouts.drain_delay,
        },
        tls: Policy { min_version: args.tls.tls_min_version, cipher_suites: args.tls.tls_cipher_suites.clone() },
        proxy_protocol: args.forward.networks().to_vec(),
        trusted_hops: args.forward.trusted_hops,
        access_log: args.access_log,
    }
}

/// The control plane's part.
pub(crate) fn default_certificates(args: &TlsArgs) -> DefaultCertificates {
    let key =
        |secret: &Option<SecretName>| secret.as_ref().map(|secret| ObjectKey::new(&secret.namespace, &secret.name));
    DefaultCertificates { external: key(&args.default_certificate), internal: key(&args.cluster_certificate) }
}
