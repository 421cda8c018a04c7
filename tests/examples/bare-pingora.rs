//! The least that can be built on pingora-proxy, to hold the gateway's cost against: one fixed upstream, no
//! modules, no routing, no metrics, one thread. `bare-pingora LISTEN UPSTREAM POOL`

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
struct Bare(SocketAddr);

#[async_trait]
impl ProxyHttp for Bare {
    type CTX = ();

    fn new_ctx(&self) {}

    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn upstream_peer(&self, _session: &mut Session, _ctx: &mut ()) -> pingora_core::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.0, false, String::new())))
    }
}

fn main() {
    net_pingora_allocator::configure();
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((listen, upstream, pool)) = read(&args) else {
        eprintln!("usage: bare-pingora LISTEN UPSTREAM POOL");
        exit(2);
    };
    let conf = ServerConf {
        threads: 1,
        // One thread has nobody to steal from.
        work_stealing: false,
        upstream_keepalive_pool_size: pool,
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut service = http_proxy_service(&server.configuration, Bare(upstream));
    if let Some(proxy) = service.app_logic_mut() {
        let mut options = HttpServerOptions::default();
        options.h2c = true;
        proxy.server_options = Some(options);
    }
    service.add_tcp(listen);
    server.add_service(service);
    server.run_forever();
}

fn read(args: &[String]) -> Option<(&str, SocketAddr, usize)> {
    let [listen, upstream, pool] = args else { return None };
    Some((listen, upstream.parse().ok()?, pool.parse().ok()?))
}
