//! The backend on hyper: tells every request it was sent on standard error, a line of JSON each.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

/// Serves until it is killed.
pub(crate) async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    println!("listening hyper {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream));
    }
}

async fn connection(stream: TcpStream) {
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)).await;
    if served.is_err_and(|error| error.is_parse()) {
        eprintln!("{}", json!({ "status": 400 }));
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, mut body) = request.into_parts();
    let (mut length, mut status) = (0, 200);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => length += frame.data_ref().map_or(0, Bytes::len),
            Err(_) => status = 400,
        }
    }
    let marker = header(&head.headers, "x-marker");
    let report = json!({
        "id": header(&head.headers, "x-request-id"),
        "method": head.method.as_str(),
        "target": head.uri.to_string(),
        "host": header(&head.headers, "host"),
        "marker": marker,
        "connection": header(&head.headers, "connection"),
        "length": length,
        "status": status,
    });
    // In one piece, so that reports do not run into each other.
    eprintln!("{report}");
    Ok(Response::new(format!("saw {marker}\n").into()))
}

fn header(headers: &HeaderMap, name: &str) -> String {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}
