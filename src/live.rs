//! Settings that change while the gateway serves, from the command line and from ConfigMap `config-pingora`.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::sync::Arc;

use anyhow::bail;
use net_pingora_config::{KeyFault, LiveArgs, Memory, Overlaid, SecretName, TlsArgs, overlaid};
use net_pingora_controller::api::FieldFault;
use net_pingora_controller::{Configure, Configured, DefaultCertificates};
use net_pingora_gateway::settings::{Limits, LiveSettings, MemoryCap, SettingsCell, Timeouts};
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

/// Refuses variables of external authorization: a site that sets one believes to be protected.
///
/// # Errors
/// Names the first such variable among `names`.
pub(crate) fn refuse_authorization(names: impl IntoIterator<Item = OsString>) -> anyhow::Result<()> {
    let asks = |name: &OsString| {
        let name = name.to_string_lossy();
        ["KOURIER_EXTAUTHZ_", "NET_PINGORA_EXTAUTHZ_"].iter().any(|prefix| name.starts_with(prefix))
    };
    let Some(name) = names.into_iter().find(asks) else { return Ok(()) };
    bail!(
        "{} asks for external authorization, which this gateway does not have; remove it and authorize elsewhere",
        name.display()
    )
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
            connections_per_address: limits.max_connections_per_address.get(),
            requests: limits.max_requests.get(),
            handshakes: limits.max_handshakes.get(),
            streams: limits.max_streams.get(),
            resets: limits.max_resets.get(),
            control_frames: limits.max_control_frames.get(),
            malformed: limits.max_malformed.get(),
            memory: memory_cap(limits.max_memory),
            min_rate: limits.min_rate.get(),
        },
        timeouts: Timeouts {
            head: timeouts.head_timeout,
            handshake: timeouts.handshake_timeout,
            idle: timeouts.idle_timeout,
            stall: timeouts.stall_timeout,
            connection_age: timeouts.max_connection_age.duration(),
            connect: timeouts.connect_timeout,
            upstream_idle: timeouts.upstream_idle_timeout,
            response: timeouts.response_timeout.duration(),
            drain: timeouts.drain_timeout,
            drain_delay: timeouts.drain_delay,
        },
        tls: Policy {
            min_version: args.tls.tls_min_version,
            cipher_suites: args.tls.tls_cipher_suites.clone(),
            client_certificates: args.tls.client_certificates,
        },
        proxy_protocol: args.forward.networks().to_vec(),
        trusted_hops: args.forward.trusted_hops,
        eject_after: args.forward.eject_after,
        access_log: args.access_log,
    }
}

fn memory_cap(memory: Memory) -> MemoryCap {
    match memory {
        Memory::Auto => MemoryCap::Auto,
        Memory::Off => MemoryCap::Off,
        Memory::Bytes(bytes) => MemoryCap::Bytes(bytes),
    }
}

/// The control plane's part.
pub(crate) fn default_certificates(args: &TlsArgs) -> DefaultCertificates {
    let key =
        |secret: &Option<SecretName>| secret.as_ref().map(|secret| ObjectKey::new(&secret.namespace, &secret.name));
    DefaultCertificates { external: key(&args.default_certificate), internal: key(&args.cluster_certificate) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_of_external_authorization_is_refused() {
        let refused = |name: &str| refuse_authorization([OsString::from("PATH"), OsString::from(name)]).is_err();
        assert!(refused("KOURIER_EXTAUTHZ_HOST") && refused("NET_PINGORA_EXTAUTHZ_HOST"));
        assert!(!refused("NET_PINGORA_CLASS") && !refused("KOURIER_GATEWAY_NAMESPACE"));
    }
}
