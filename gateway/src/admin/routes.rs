//! The admin port: the live table, for the machine itself.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::{io, vec};

use bytes::Bytes;
use futures::stream;
use http::{HeaderValue, StatusCode};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use net_pingora_routing::{Host, HostName, TableCell};
use tokio::net::TcpListener;
use tokio::task::spawn_blocking;

use super::server::{Page, Pages, page, serve, text};
use super::view::HostView;

/// Bytes of JSON that are made before the client has taken the last ones.
const CHUNK: usize = 32 * 1024;

/// The admin port is to be bound to an address others can reach.
#[derive(Debug, thiserror::Error)]
#[error("admin address {0} can be reached by others; use a loopback address such as 127.0.0.1:9000")]
pub struct NotLoopback(SocketAddr);

/// The live table.
struct Routes(Arc<TableCell>);

impl Routes {
    async fn routes(&self, query: Option<&str>) -> Page {
        let hosts = match self.hosts(query).await {
            Ok(hosts) => hosts,
            Err(wrong) => return text(StatusCode::BAD_REQUEST, format!("{wrong}\n")),
        };
        let json = Json { hosts: hosts.into_iter(), started: false, ended: false };
        let frames = json.map(|chunk| Ok::<_, Infallible>(Frame::data(chunk)));
        let kind = HeaderValue::from_static("application/json");
        page(StatusCode::OK, kind, StreamBody::new(stream::iter(frames)).boxed_unsync())
    }

    /// The hosts that `query` asks for, by name. They do not keep the table.
    async fn hosts(&self, query: Option<&str>) -> Result<Vec<Arc<Host>>, String> {
        let mut wanted = None;
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            match &*name {
                "host" => wanted = Some(value.into_owned()),
                _ => return Err(format!("query parameter `{name}` is unknown; `host` is the only one")),
            }
        }
        if let Some(host) = wanted {
            let name =
                HostName::parse(&host).ok_or_else(|| format!("query parameter `host`: `{host}` is no host name"))?;
            return Ok(self.0.load().host(&name).cloned().into_iter().collect());
        }
        let table = Arc::clone(&self.0);
        spawn_blocking(move || by_name(&table)).await.map_err(|error| error.to_string())
    }
}

/// All hosts, sorted.
fn by_name(table: &TableCell) -> Vec<Arc<Host>> {
    let mut hosts: Vec<_> = table.load().hosts().cloned().collect();
    hosts.sort_unstable_by(|a, b| a.name().cmp(b.name()));
    hosts
}

/// `{"hosts":[...]}`, one host a line, made chunk by chunk.
struct Json {
    hosts: vec::IntoIter<Arc<Host>>,
    started: bool,
    ended: bool,
}

impl Iterator for Json {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let mut chunk = Vec::with_capacity(CHUNK);
        match self.fill(&mut chunk) {
            Ok(()) => Some(chunk.into()),
            Err(error) => {
                tracing::error!(%error, "writing /routes failed");
                None
            }
        }
    }
}

impl Json {
    fn fill(&mut self, chunk: &mut Vec<u8>) -> io::Result<()> {
        if !self.started {
            chunk.extend_from_slice(b"{\"hosts\":[");
        }
        while chunk.len() < CHUNK {
            let Some(host) = self.hosts.next() else {
                chunk.extend_from_slice(b"\n]}\n");
                self.ended = true;
                break;
            };
            chunk.extend_from_slice(if self.started { b",\n" } else { b"\n" });
            self.started = true;
            serde_json::to_writer(&mut *chunk, &HostView::from(&*host))?;
        }
        Ok(())
    }
}

impl Pages for Routes {
    const LIST: &'static [(&'static str, &'static str)] =
        &[("/routes", "the live table as JSON; ?host=NAME for what serves one host")];

    async fn page(&self, path: &str, query: Option<&str>) -> Option<Page> {
        if path == "/routes" { Some(self.routes(query).await) } else { None }
    }
}

/// Serves `/routes` for ever, on the runtime it is called on.
///
/// # Errors
/// When the listener is not bound to a loopback address: routes are nobody else's business.
pub async fn serve_admin(listener: TcpListener, table: Arc<TableCell>) -> Result<(), NotLoopback> {
    if let Ok(address) = listener.local_addr()
        && !address.ip().to_canonical().is_loopback()
    {
        return Err(NotLoopback(address));
    }
    serve(listener, Arc::new(Routes(table))).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use net_pingora_routing::{
        Backend, BackendKey, CATCH_ALL, Change, EndpointSet, HeaderMatch, Ingress, ObjectKey, Path, Protocol,
        Publisher, ServicePort, Split, Splits, Target, Traffic, Transport, Upstream,
    };
    use serde_json::{Value, json};

    use super::super::server::tests::ask;
    use super::*;

    fn backend() -> Arc<Backend> {
        let key =
            BackendKey { namespace: "default".into(), service: "hello-00001".into(), port: ServicePort::Number(80) };
        let backend = Backend::new(key);
        let addresses = ["10.0.0.1:8012", "10.0.0.2:8012"].map(|address| address.parse().unwrap());
        let target = Target::Endpoints(EndpointSet::new(addresses, &EndpointSet::default()));
        backend.set(Upstream { protocol: Protocol::Http2, transport: Transport::Plain, target });
        backend
    }

    fn path(prefix: &str, backend: &Arc<Backend>) -> Arc<Path> {
        let key = ObjectKey::new("default", "hello");
        let traffic = Traffic::new(key.clone(), "hello-00001");
        let header = HeaderMatch { name: HeaderName::from_static("k-tag"), exact: HeaderValue::from_static("blue") };
        Arc::new(Path {
            ingress: Arc::new(Ingress { key, hash: HeaderValue::from_static("abc") }),
            rule: 0,
            index: 1,
            prefix: prefix.into(),
            headers: [header].into(),
            rewrite_host: Some(HeaderValue::from_static("inner.example")),
            append_headers: Arc::default(),
            redirect: false,
            splits: Splits::new([Split {
                percent: 100,
                backend: Arc::clone(backend),
                append_headers: [(HeaderName::from_static("x-revision"), HeaderValue::from_static("1"))].into(),
                traffic,
            }]),
        })
    }

    /// Asks for `/routes` and reads its JSON.
    async fn routes(publisher: &Publisher, query: &str) -> Value {
        let page = Routes(publisher.cell()).routes(Some(query)).await;
        assert_eq!(page.status(), StatusCode::OK);
        serde_json::from_slice(&page.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    #[tokio::test]
    async fn a_host_is_told_with_all_it_has() {
        let backend = backend();
        let busy = backend.endpoints().as_slice()[0].enter();
        let mut publisher = Publisher::default();
        let paths = [(path("/", &backend), true), (path("/private", &backend), false)];
        publisher.publish([Change::Set(Host::new("hello.example", paths))]);
        let told = routes(&publisher, "").await;
        let wanted = |prefix: &str| {
            json!({
                "prefix": prefix, "headers": [{"name": "k-tag", "value": "blue"}], "ingress": "default/hello",
                "rule": 0, "path": 1, "hash": "abc", "redirect": false, "rewriteHost": "inner.example",
                "splits": [{
                    "backend": "default/hello-00001:80", "percent": 100, "protocol": "h2c",
                    "target": {"endpoints": [
                        {"address": "10.0.0.1:8012", "inFlight": 1}, {"address": "10.0.0.2:8012", "inFlight": 0},
                    ]},
                    "appendHeaders": [{"name": "x-revision", "value": "1"}],
                }],
            })
        };
        let hosts = json!([{
            "host": "hello.example", "external": [wanted("/")], "internal": [wanted("/private"), wanted("/")],
        }]);
        assert_eq!(told, json!({"hosts": hosts}));
        drop(busy);
    }

    #[tokio::test]
    async fn hosts_come_sorted_and_can_be_asked_for() {
        let backend = backend();
        let mut publisher = Publisher::default();
        let names = || (0..2_000).map(|n| format!("host-{n:04}.example"));
        let set = |name: &str| Change::Set(Host::new(name, [(path("/", &backend), true)]));
        for query in ["", "host=a.example"] {
            assert!(hosts(&routes(&publisher, query).await).is_empty(), "nothing published, {query}");
        }
        publisher.publish(names().map(|name| set(&name)));
        for (query, wanted) in [
            ("", names().collect()),
            ("host=HOST-0007.example%3A80", vec!["host-0007.example".to_owned()]),
            ("host=unknown.example", vec![]),
        ] {
            assert_eq!(hosts(&routes(&publisher, query).await), wanted, "{query}");
        }
        publisher.publish([set(CATCH_ALL)]);
        assert_eq!(hosts(&routes(&publisher, "host=unknown.example").await), [CATCH_ALL]);
    }

    fn hosts(told: &Value) -> Vec<String> {
        let hosts = told["hosts"].as_array().unwrap();
        hosts.iter().map(|host| host["host"].as_str().unwrap().to_owned()).collect()
    }

    #[tokio::test]
    async fn a_table_is_never_wholly_in_memory_as_json() {
        let backend = backend();
        let mut publisher = Publisher::default();
        let one = |n| Change::Set(Host::new(&format!("host-{n}.example"), [(path("/", &backend), true)]));
        publisher.publish((0..500).map(one));
        let json = Json { hosts: by_name(&publisher.cell()).into_iter(), started: false, ended: false };
        let chunks: Vec<_> = json.map(|chunk| chunk.len()).collect();
        assert!(chunks.len() > 5 && chunks.iter().all(|&bytes| bytes < 2 * CHUNK), "{chunks:?}");
    }

    #[tokio::test]
    async fn a_wrong_query_is_told() {
        let publisher = Publisher::default();
        for (query, text) in [
            ("hosts=a", "query parameter `hosts` is unknown; `host` is the only one\n"),
            ("host=", "query parameter `host`: `` is no host name\n"),
        ] {
            let answer = ask(Arc::new(Routes(publisher.cell())), &format!("GET /routes?{query}")).await;
            assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with(text), "{answer}");
        }
    }

    #[tokio::test]
    async fn others_cannot_reach_it() {
        let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
        assert!(serve_admin(listener, Publisher::default().cell()).await.is_err());
    }
}
