//! Magic DNS names, and a small authoritative DNS responder for sites without internet.
//!
//! [`names`] reads and writes names that say their address, such as `app.default.10-0-0-5.sslip.io`.
//!
//! [`Responder`] answers for them, and for domains of the cluster, by UDP and TCP. It asks nobody: what is in none of
//! its [`Zones`] is refused. Whoever forges the address of another gains nothing from it: an answer by UDP has at
//! most four times the octets of its question, and every source address has a rate.
//!
//! ```
//! use std::net::IpAddr;
//! use std::sync::Arc;
//!
//! use net_pingora_dns::{Responder, Settings, Zone, Zones, names};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let own: IpAddr = "10.0.0.5".parse()?;
//! assert_eq!(names::domain_of(own, "sslip.io"), "10-0-0-5.sslip.io");
//!
//! let zones = Zones::new([("sslip.io", Zone::magic([own])), ("apps.example.com", Zone::domain([own]))])?;
//! let zones = Arc::new(arc_swap::ArcSwap::from_pointee(zones));
//! let settings = Settings { listen: vec!["127.0.0.1:0".parse()?], ..Settings::default() };
//! let responder = Responder::bind(settings, Arc::clone(&zones))?;
//! # let stop = std::future::ready(());
//! responder.run(stop).await;
//! # Ok(())
//! # }
//! ```
//!
//! # What is answered
//!
//! | Query | Answer |
//! |---|---|
//! | A, AAAA for a name with such addresses | they, with AA |
//! | SOA, NS for the name of a zone | they; the name server is `ns` in the zone |
//! | another type, for a name that exists | none, with the SOA (RFC 2308) |
//! | a name of a magic zone that says no address | NXDOMAIN, with the SOA |
//! | a name of a magic zone that says an address which is not to be told | REFUSED |
//! | a name outside of all zones, another class, ANY, a transfer | REFUSED |
//! | another operation than QUERY | NOTIMP |
//! | another version of EDNS than 0 | BADVERS |
//! | what cannot be read, and other than one question | FORMERR |
//! | a response, less than a header | nothing |

mod answer;
mod counters;
#[cfg(test)]
mod fuzz;
pub mod names;
mod rate;
mod request;
mod responder;
mod service;
mod zones;

pub use counters::{Counters, Outcome, Transport};
pub use responder::{BindError, Responder, Settings};
pub use zones::{Zone, ZoneError, Zones};
