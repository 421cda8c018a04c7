//! The least that can be built on pingora-proxy, to hold the gateway's cost against: one fixed upstream, no
//! modules, no routing, no metrics. `bare-pingora LISTEN UPSTREAM POOL [--threads COUNT] [--upstream-h2c]
//! [--tls CERTIFICATE KEY]`

use std::net::SocketAddr;
use std::process::exit;

use async_trait::async_trait;
use pingora_core::apps::HttpServerOptions;
use pingora_core::modules::http::HttpModules;
use pingora_core::server::Server;
use pingora_core::server::configuration::ServerConf;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_proxy::{ProxyHttp, Session, http_proxy_service};

// The gateway's allocator, so that only the code differs.
#[global_allocator]
static ALLOCATOR: net_pingora_allocator::MiMalloc = net_pingora_allocator::MiMalloc;

/// Sends everything to one address.
struct Bare {
    upstream: SocketAddr,
    h2c: bool,
}

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) {}

    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn upstream_peer(&self, _session: &mut Session, _ctx: &mut ()) -> pingora_core::Result<Box<HttpPeer>> {
        let mut peer = HttpPeer::new(self.upstream, false, String::new());
        if self.h2c {
            peer.options.set_http_version(2, 2);
        }
        Ok(Box::new(peer))
    }
}

struct Options {
    listen: String,
    upstream: SocketAddr,
    pool: usize,
    threads: usize,
    h2c: bool,
    tls: Option<(String, String)>,
}

fn main() {
    net_pingora_allocator::configure();
    let Some(options) = read(std::env::args().skip(1)) else {
        eprintln!(
            "usage: bare-pingora LISTEN UPSTREAM POOL [--threads COUNT] [--upstream-h2c] [--tls CERTIFICATE KEY]"
        );
        exit(2);
    };
    let conf = ServerConf {
        threads: options.threads,
        // Threads that share nothing, as the gateway's.
        work_stealing: false,
        upstream_keepalive_pool_size: options.pool,
        // Ends at once on SIGTERM.
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(0),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let bare = Bare { upstream: options.upstream, h2c: options.h2c };
    let mut service = http_proxy_service(&server.configuration, bare);
    if let Some(proxy) = service.app_logic_mut() {
        let mut options = HttpServerOptions::default();
        options.h2c = true;
        proxy.server_options = Some(options);
    }
    match &options.tls {
        None => service.add_tcp(&options.listen),
        Some((certificate, key)) => {
            if let Err(error) = service.add_tls(&options.listen, certificate, key) {
                eprintln!("bare-pingora: {error}");
                exit(1);
            }
        }
    }
    server.add_service(service);
    server.run_forever();
}

fn read(mut args: impl Iterator<Item = String>) -> Option<Options> {
    let (listen, upstream, pool) = (args.next()?, args.next()?.parse().ok()?, args.next()?.parse().ok()?);
    let mut options = Options { listen, upstream, pool, threads: 1, h2c: false, tls: None };
    while let Some(flag) = args.next() {
        match flag.as_str() {
            "--threads" => options.threads = args.next()?.parse().ok()?,
            "--upstream-h2c" => options.h2c = true,
            "--tls" => options.tls = Some((args.next()?, args.next()?)),
            _ => return None,
        }
    }
    Some(options)
}
