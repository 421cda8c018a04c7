//! A small HTTP/1.1 server for pages: one request a connection, and a bound on everything.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// Connections served at once; more wait in the backlog.
const CONNECTIONS: usize = 64;
/// From accept to the end of the request's head.
const HEAD: Duration = Duration::from_secs(5);
/// From accept to the end of the response.
const TOTAL: Duration = Duration::from_mins(1);
/// Bytes of a head, and of what is buffered for a slow reader.
const BUFFER: usize = 16 * 1024;
/// How long a failed accept (no file descriptors left) is not tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// What is sent for a page.
pub(super) type Page = Response<UnsyncBoxBody<Bytes, Infallible>>;

/// The pages of one server.
pub(super) trait Pages: Send + Sync + 'static {
    /// Path and meaning of each, for `/`.
    const LIST: &'static [(&'static str, &'static str)];

    /// The page at `path`; `None` is answered 404.
    fn page(&self, path: &str, query: Option<&str>) -> impl Future<Output = Option<Page>> + Send;
}

/// A page of text.
pub(super) fn text(status: StatusCode, text: impl Into<Bytes>) -> Page {
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    page(status, plain, Full::new(text.into()).boxed_unsync())
}

/// A page of any kind.
pub(super) fn page(status: StatusCode, kind: HeaderValue, body: UnsyncBoxBody<Bytes, Infallible>) -> Page {
    let mut page = Response::new(body);
    *page.status_mut() = status;
    page.headers_mut().insert(CONTENT_TYPE, kind);
    page
}

/// Serves the pages for ever.
pub(super) async fn serve<P: Pages>(listener: TcpListener, pages: Arc<P>) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(slot) = Arc::clone(&slots).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let pages = Arc::clone(&pages);
                tokio::spawn(async move {
                    connection(stream, pages).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accepting for health or admin failed");
                sleep(PAUSE).await;
            }
        }
    }
}

async fn connection<P: Pages>(stream: TcpStream, pages: Arc<P>) {
    let service = service_fn(|request| {
        let pages = Arc::clone(&pages);
        async move { Ok::<_, Infallible>(answer(&*pages, &request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(TOTAL, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection for health or admin failed"),
        Err(_) => tracing::debug!("a connection for health or admin took too long"),
    }
}

async fn answer<P: Pages>(pages: &P, request: &Request<Incoming>) -> Page {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut page = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        page.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return page;
    }
    let path = request.uri().path();
    if path == "/" {
        return text(StatusCode::OK, list::<P>());
    }
    let not_found = || text(StatusCode::NOT_FOUND, format!("no such page; there are:\n{}", list::<P>()));
    pages.page(path, request.uri().query()).await.unwrap_or_else(not_found)
}

fn list<P: Pages>() -> String {
    P::LIST.iter().flat_map(|(path, meaning)| [path, "  ", meaning, "\n"]).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// Sends `METHOD TARGET` to a server of these pages and reads the whole answer.
    pub(in crate::admin) async fn ask<P: Pages>(pages: Arc<P>, request: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let server = tokio::spawn(serve(listener, pages));
        client.write_all(format!("{request} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        server.abort();
        answer
    }

    struct Hello;

    impl Pages for Hello {
        const LIST: &'static [(&'static str, &'static str)] = &[("/hello", "says hello")];

        async fn page(&self, path: &str, query: Option<&str>) -> Option<Page> {
            (path == "/hello").then(|| text(StatusCode::OK, format!("hello {}", query.unwrap_or("world"))))
        }
    }

    #[tokio::test]
    async fn only_get_and_head_of_known_pages_are_served() {
        let long = format!("GET /hello?{}", "x".repeat(BUFFER));
        for (request, status, end) in [
            ("GET /hello", "200 OK", "\r\n\r\nhello world"),
            ("GET /hello?you", "200 OK", "\r\n\r\nhello you"),
            ("HEAD /hello", "200 OK", "\r\n\r\n"),
            ("GET /", "200 OK", "\r\n\r\n/hello  says hello\n"),
            ("GET /other", "404 Not Found", "there are:\n/hello  says hello\n"),
            ("POST /hello", "405 Method Not Allowed", "only GET and HEAD\n"),
            (&long, "431 Request Header Fields Too Large", "\r\n\r\n"),
        ] {
            let answer = ask(Arc::new(Hello), request).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request}: {answer}");
            assert!(answer.ends_with(end), "{request}: {answer}");
        }
    }
}
