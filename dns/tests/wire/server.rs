//! A responder of one test.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::thread::JoinHandle;

use arc_swap::ArcSwap;
use net_pingora_dns::{Counters, Outcome, Responder, Settings, Transport, Zone, Zones};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

/// Runs until it is dropped.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) zones: Arc<ArcSwap<Zones>>,
    counters: Arc<Counters>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// One with [`zones`] and no rate.
    pub(crate) fn start() -> Self {
        Self::with(Settings { udp_rate: None, ..Settings::default() })
    }

    pub(crate) fn limited_to(rate: u32) -> Self {
        Self::with(Settings { udp_rate: NonZeroU32::new(rate), ..Settings::default() })
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let zones = Arc::new(ArcSwap::from_pointee(zones()));
        let (stop, stopped) = oneshot::channel();
        let (send, started) = std::sync::mpsc::channel();
        let theirs = Arc::clone(&zones);
        let thread = std::thread::spawn(move || {
            Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
                let responder = bind(&settings, &theirs);
                send.send((responder.local_addrs()[0], responder.counters())).unwrap();
                responder.run(async { stopped.await.unwrap_or_default() }).await;
            });
        });
        let (address, counters) = started.recv().unwrap();
        Self { address, zones, counters, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn count(&self, transport: Transport, outcome: Outcome) -> u64 {
        let mut counts = self.counters.snapshot();
        counts.find(|(of, what, _)| (*of, *what) == (transport, outcome)).map(|(_, _, count)| count).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

/// Binds a port that is free by UDP as well as by TCP.
fn bind(settings: &Settings, zones: &Arc<ArcSwap<Zones>>) -> Responder {
    let mut settings = settings.clone();
    if settings.listen.is_empty() {
        settings.listen.push("127.0.0.1:0".parse().unwrap());
    }
    let mut tries = (0..20).map(|_| Responder::bind(settings.clone(), Arc::clone(zones)));
    tries.find_map(Result::ok).unwrap()
}

/// Addresses of ours: what `nip.io`, `sslip.io` and `site.example` may say.
pub(crate) fn own() -> [IpAddr; 2] {
    ["10.0.0.5".parse().unwrap(), "2001:db8::5".parse().unwrap()]
}

fn zones() -> Zones {
    let many = |count: u8| Zone::domain((1..=count).map(|last| IpAddr::from([192, 0, 2, last])));
    Zones::new([
        ("nip.io", Zone::magic(own())),
        ("sslip.io", Zone::magic(own()).telling(["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()])),
        ("site.example", Zone::magic(own())),
        ("apps.example.com", Zone::domain(own())),
        ("four.example", Zone::domain(own().into_iter().take(1))),
        ("many.example", many(20)),
        ("most.example", many(80)),
    ])
    .unwrap()
}
