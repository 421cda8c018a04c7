//! How clients outside find the gateway: its addresses, the domain made of them, and a DNS responder.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use thiserror::Error;

use crate::{Listen, address, deadline};

/// How clients outside find the gateway.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Names")]
pub struct NamesArgs {
    /// Our addresses for clients outside, with commas [default: those of our LoadBalancer Service]
    #[arg(long, value_name = "IP", env = "NET_PINGORA_ADDRESSES", value_delimiter = ',')]
    pub addresses: Vec<IpAddr>,

    /// Zone of names that say their address, for a default domain where config-domain has none:
    /// nip.io, sslip.io, one of your own, or off
    ///
    /// With 10.0.0.5 as our address and sslip.io, Route hello of namespace shop is
    /// hello.shop.10-0-0-5.sslip.io. It moves with the address. For Routes of Serving's the leader
    /// keeps it in config-domain, with the rights of `deploy/magic-dns`.
    #[arg(long, value_name = "ZONE", env = "NET_PINGORA_MAGIC_DNS", default_value = "off")]
    pub magic_dns: MagicDns,

    /// How long hosts go on to be served after the default domain has moved with our address
    #[arg(long, value_name = "TIME", env = "NET_PINGORA_OLD_DOMAIN", default_value = "1h", value_parser = deadline::time)]
    pub old_domain: Duration,

    /// DNS responder, UDP and TCP, for sites without internet; `off` disables it
    ///
    /// It answers for nip.io, sslip.io and the zone of --magic-dns where a name says an address of
    /// ours, and for the domains of config-domain and of DomainMappings. It asks nobody else.
    #[arg(long, value_name = "ADDRESS", env = "NET_PINGORA_DNS", default_value = "off", value_parser = address::everywhere)]
    pub dns: Listen,
}

/// The zone of names that say their address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MagicDns {
    /// None.
    Off,
    /// This one.
    Zone(String),
}

/// Why a text is no such zone.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("not a domain; write nip.io, sslip.io, a domain of your own such as apps.example.com, or off")]
pub struct MagicDnsError;

impl MagicDns {
    /// The zone, unless there is none.
    pub fn zone(&self) -> Option<&str> {
        match self {
            Self::Off => None,
            Self::Zone(zone) => Some(zone),
        }
    }
}

impl FromStr for MagicDns {
    type Err = MagicDnsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let zone = text.trim().trim_end_matches('.').to_ascii_lowercase();
        if zone == "off" {
            return Ok(Self::Off);
        }
        let fine = |label: &str| {
            let inner = label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
            inner && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
        };
        let valid =
            zone.contains('.') && zone.len() <= 200 && zone.split('.').all(fine) && zone.parse::<IpAddr>().is_err();
        if valid { Ok(Self::Zone(zone)) } else { Err(MagicDnsError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_a_domain_or_off() {
        let zone = |zone: &str| Ok(MagicDns::Zone(zone.to_owned()));
        for (text, wanted) in [
            ("off", Ok(MagicDns::Off)),
            ("nip.io", zone("nip.io")),
            ("Apps.Example.com.", zone("apps.example.com")),
            ("local", Err(MagicDnsError)),
            ("a..b", Err(MagicDnsError)),
            ("-a.b", Err(MagicDnsError)),
            ("10.0.0.5", Err(MagicDnsError)),
            ("", Err(MagicDnsError)),
        ] {
            assert_eq!(text.parse::<MagicDns>(), wanted, "{text}");
        }
    }
}
