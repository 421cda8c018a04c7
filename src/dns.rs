//! The DNS responder, on a thread of its own: questions from outside take no turn of requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;

use anyhow::Context;
use arc_swap::ArcSwap;
use net_pingora_config::NamesArgs;
use net_pingora_controller::Names;
use net_pingora_dns::{Counters, Responder, Settings, Zone, Zones};
use tokio::runtime;
use tokio::sync::watch;
use tracing::warn;

/// Zones whose names everybody writes addresses in.
const MAGIC: [&str; 2] = ["nip.io", "sslip.io"];

/// A responder that has begun.
#[derive(Debug)]
pub(crate) struct Dns {
    /// Where it listens.
    pub(crate) addresses: Vec<SocketAddr>,
    /// What it has answered.
    pub(crate) counters: Arc<Counters>,
}

/// Listens and answers for ever, if there is an address to listen on.
pub(crate) fn start(args: &NamesArgs, mut names: watch::Receiver<Names>) -> anyhow::Result<Option<Dns>> {
    let Some(listen) = args.dns.address() else { return Ok(None) };
    let own = args.magic_dns.zone().map(str::to_owned);
    let zones = Arc::new(ArcSwap::from_pointee(zones(&names.borrow_and_update(), own.as_deref())));
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let settings = Settings { listen: vec![listen], ..Settings::default() };
    let responder = {
        let _inside = runtime.enter();
        Responder::bind(settings, Arc::clone(&zones)).context("the DNS responder")?
    };
    let (addresses, counters) = (responder.local_addrs().to_vec(), responder.counters());
    let follow = async move {
        while names.changed().await.is_ok() {
            zones.store(Arc::new(self::zones(&names.borrow_and_update(), own.as_deref())));
        }
    };
    thread::Builder::new().name("dns".to_owned()).spawn(move || runtime.block_on(responder.run(follow)))?;
    Ok(Some(Dns { addresses, counters }))
}

/// The zones of our names. A domain that cannot be a zone is left out.
fn zones(names: &Names, own: Option<&str>) -> Zones {
    let Names { addresses, domains } = names;
    let magic = MAGIC.into_iter().chain(own).map(|zone| (zone, Zone::magic(addresses.iter().copied())));
    let domains = domains.iter().map(|domain| (domain.as_str(), Zone::domain(addresses.iter().copied())));
    let sound = |(name, zone): (&str, Zone)| match Zones::new([(name, zone.clone())]) {
        Ok(_) => Some((name.to_owned(), zone)),
        Err(error) => {
            warn!(%error, "a domain is not answered for");
            None
        }
    };
    let all: Vec<_> = magic.chain(domains).filter_map(sound).collect();
    Zones::new(all.iter().map(|(name, zone)| (name.as_str(), zone.clone()))).unwrap_or_default()
}
