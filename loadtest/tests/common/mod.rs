//! Servers to load, each on a runtime of its own.

#![allow(dead_code, reason = "every test file uses some of it")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use net_pingora_backends::{Running, Sample, start};
use net_pingora_loadtest::{End, Plan, Report, Stop, run};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;

/// Any free port of loopback.
pub(crate) const ANY: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// A sample backend.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    running: Option<Running>,
    _runtime: Runtime,
}

impl Backend {
    pub(crate) fn start(sample: Sample) -> Self {
        let runtime = Runtime::new().unwrap();
        let running = runtime.block_on(start(sample, ANY.into())).unwrap();
        Self { address: running.address, running: Some(running), _runtime: runtime }
    }

    pub(crate) fn requests(&self) -> u64 {
        self.running.as_ref().map_or(0, Running::requests)
    }
}

/// A server whose connections a function serves.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    _runtime: Runtime,
}

impl Server {
    pub(crate) fn start<F: Future<Output = ()> + Send + 'static>(
        serve: impl Fn(TcpStream) -> F + Send + 'static,
    ) -> Self {
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind(SocketAddr::from(ANY))).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                tokio::spawn(serve(stream));
            }
        });
        Self { address, _runtime: runtime }
    }

    /// Answers every request, which has no body, with what `answer` makes of its head.
    pub(crate) fn answering(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        let answer = Arc::new(answer);
        Self::start(move |stream| {
            let answer = Arc::clone(&answer);
            let mut stream = BufStream::new(stream);
            async move {
                while let Some(head) = head(&mut stream).await {
                    let answer = answer(&head);
                    if stream.write_all(answer.as_bytes()).await.is_err() || stream.flush().await.is_err() {
                        return;
                    }
                }
            }
        })
    }
}

/// The next request's head; `None` at the end of the connection.
pub(crate) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// An answer of status 200 with this body.
pub(crate) fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// A plan of so many requests on four connections of two threads.
pub(crate) fn plan(address: SocketAddr, path: &str, requests: u64) -> Plan {
    let mut plan = Plan::new(format!("http://{address}{path}").parse().unwrap());
    plan.connections = 4;
    plan.threads = 2;
    plan.timeout = Some(Duration::from_secs(10));
    plan.end = End::Requests(requests);
    plan
}

/// Runs a plan to its end.
pub(crate) fn load(plan: Plan) -> Report {
    run(plan, &Stop::default(), |_| ()).unwrap()
}

/// What a server has been told.
pub(crate) type Heard = Arc<Mutex<Vec<String>>>;
