//! A thousand certificates, replaced one after the other under handshakes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use net_pingora_tls::Verifier;
use rcgen::{CertificateParams, KeyPair};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::accounting::resident;
use crate::backends;
use crate::findings::Findings;
use crate::manifests::Folder;
use crate::process::gateway_listening;

/// Whether a client was served.
type Visit = Result<(), String>;

const CERTIFICATES: usize = 1_000;
const QUICK_CERTIFICATES: usize = 50;
const REPLACEMENTS: usize = 600;
const QUICK_REPLACEMENTS: usize = 20;

/// From one replacement to the next.
const EVERY: Duration = Duration::from_millis(100);
/// Clients that shake hands, ask once and leave.
const CLIENTS: usize = 8;
/// Between two looks whether a new certificate is shown.
const LOOK: Duration = Duration::from_millis(1);
/// How long the gateway may take to read everything, and memory to settle.
const SETTLE: Duration = Duration::from_secs(5);

const MOST_P95: Duration = Duration::from_millis(100);
const MOST_DELAY: Duration = Duration::from_millis(500);
const MOST_BYTES: u64 = 20_000;

pub(crate) fn run(quick: bool) -> anyhow::Result<Findings> {
    let count = if quick { QUICK_CERTIFICATES } else { CERTIFICATES };
    let (folder, backends) = (Folder::new()?, backends::samples()?);
    folder.service("blue", backends.address("blue")?)?;
    for number in 0..count {
        folder.tls_route(&host(number), "blue", &secret(number))?;
    }
    let names = ["external-http", "external-https"];
    let gateway = gateway_listening(folder.path(), &["--external-https", "127.0.0.1:0"], None, &names)?;
    let at = gateway.address("external-https")?;
    sleep(SETTLE);
    let before = resident(gateway.id())?;
    for number in 0..count {
        renew(&folder, number)?;
    }
    sleep(SETTLE);
    let grown = resident(gateway.id())?.saturating_sub(before) / count as u64;
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (delays, handshakes) =
        replace(&runtime, &folder, at, count, if quick { QUICK_REPLACEMENTS } else { REPLACEMENTS })?;
    judge(grown, count, delays, &handshakes)
}

fn judge(grown: u64, count: usize, mut delays: Vec<Duration>, handshakes: &[Visit]) -> anyhow::Result<Findings> {
    delays.sort_unstable();
    let p95 = *delays.get((delays.len() * 95).div_ceil(100) - 1).context("no replacement")?;
    let (median, worst) = (delays[delays.len() / 2], delays[delays.len() - 1]);
    let millis = |delay: Duration| delay.as_secs_f64() * 1e3;
    let errors: Vec<_> = handshakes.iter().filter_map(|handshake| handshake.clone().err()).collect();
    let mut found = Findings::default();
    found.figure(format_args!("{count} certificates, {} replaced, {} handshakes", delays.len(), handshakes.len()));
    found.bound(grown <= MOST_BYTES, format_args!("{:.1} KB a certificate", grown as f64 / 1e3), "at most 20 KB");
    found.figure(format_args!("the new one shown p50 {:.1} ms", millis(median)));
    found.bound(p95 <= MOST_P95, format_args!("p95 {:.1} ms", millis(p95)), "at most 100 ms");
    found.bound(worst <= MOST_DELAY, format_args!("longest {:.1} ms", millis(worst)), "at most 500 ms");
    found.no_errors(&errors);
    Ok(found)
}

fn host(number: usize) -> String {
    format!("c{number}.example")
}

fn secret(number: usize) -> String {
    format!("certificate-{number}")
}

/// Writes a new certificate and returns it.
fn renew(folder: &Folder, number: usize) -> anyhow::Result<CertificateDer<'static>> {
    let key = KeyPair::generate()?;
    let made = CertificateParams::new(vec![host(number)])?.self_signed(&key)?;
    folder.secret(&secret(number), &made.pem(), &key.serialize_pem())?;
    Ok(made.der().clone())
}

/// Replaces one certificate after the other while clients come and go; returns how long each took to be shown.
fn replace(
    runtime: &Runtime,
    folder: &Folder,
    at: SocketAddr,
    count: usize,
    replacements: usize,
) -> anyhow::Result<(Vec<Duration>, Vec<Visit>)> {
    let done = Arc::<AtomicBool>::default();
    let clients: JoinSet<_> = {
        let _inside = runtime.enter();
        (0..CLIENTS).map(|first| client(at, first, count, Arc::clone(&done))).collect()
    };
    let looking = Client::new();
    let mut delays = Vec::new();
    for number in (0..count).cycle().take(replacements) {
        let next = Instant::now() + EVERY;
        let wanted = renew(folder, number)?;
        let start = Instant::now();
        while runtime.block_on(looking.visit(at, &host(number)))? != wanted {
            ensure!(start.elapsed() < SETTLE, "the new certificate of {} is not shown", host(number));
            sleep(LOOK);
        }
        delays.push(start.elapsed());
        sleep(next.saturating_duration_since(Instant::now()));
    }
    done.store(true, Ordering::Relaxed);
    Ok((delays, runtime.block_on(clients.join_all()).into_iter().flatten().collect()))
}

/// Visits one host after the other.
async fn client(at: SocketAddr, first: usize, count: usize, done: Arc<AtomicBool>) -> Vec<Visit> {
    let client = Client::new();
    let mut visits = Vec::new();
    for number in (0..count).cycle().skip(first * count / CLIENTS) {
        if done.load(Ordering::Relaxed) {
            break;
        }
        let visit = client.visit(at, &host(number)).await;
        visits.push(visit.map(drop).map_err(|error| format!("{}: {error:#}", host(number))));
    }
    visits
}

/// A client that shakes hands in full every time.
struct Client(TlsConnector);

impl Client {
    fn new() -> Self {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        // ring supports both versions.
        let Ok(builder) = builder else { unreachable!("no version of TLS") };
        // Which certificate it is, is what the check looks at.
        let anybody = Verifier::new(provider, |_, _, _| Ok(()));
        let mut config = builder.dangerous().with_custom_certificate_verifier(anybody).with_no_client_auth();
        config.resumption = Resumption::disabled();
        Self(TlsConnector::from(Arc::new(config)))
    }

    /// Connects, asks once, and tells which certificate was shown.
    async fn visit(&self, at: SocketAddr, host: &str) -> anyhow::Result<CertificateDer<'static>> {
        let socket = TcpStream::connect(at).await?;
        let mut stream = self.0.connect(ServerName::try_from(host.to_owned())?, socket).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first).context("no certificate")?.clone();
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut status = [0; 12];
        stream.read_exact(&mut status).await?;
        ensure!(status == *b"HTTP/1.1 200", "answered {}", String::from_utf8_lossy(&status));
        Ok(shown.into_owned())
    }
}
