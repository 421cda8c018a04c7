//! A backend that says who it is and what it was sent.

use http::header::ACCEPT;
use http::request::Parts;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use serde_json::{Map, Value, json};

use crate::{Body, discard, respond};

/// Answers a probe as Knative's test images do (knative.dev/networking `pkg/http/probe/handler.go`).
pub(crate) fn probe(request: &Request<Incoming>) -> Option<Response<Body>> {
    let headers = request.headers();
    if headers.get("k-network-probe").is_none_or(|value| value != "probe") {
        return None;
    }
    let hash = headers.get("k-network-hash").cloned().unwrap_or(HeaderValue::from_static(""));
    if hash.is_empty() {
        return Some(respond(StatusCode::BAD_REQUEST, "text/plain", "a probe request must contain a K-Network-Hash\n"));
    }
    let mut response = respond(StatusCode::OK, "text/plain", "");
    response.headers_mut().insert("k-network-hash", hash);
    Some(response)
}

/// Says hello, or tells the request.
pub(crate) fn answer(name: &str, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    discard(body);
    let wants_json = head.headers.get(ACCEPT).is_some_and(|kind| kind == "application/json");
    if head.uri.path() == "/headers" || wants_json {
        return respond(StatusCode::OK, "application/json", format!("{:#}\n", told(name, &head)));
    }
    respond(StatusCode::OK, "text/plain; charset=utf-8", format!("Hello from {name}\n"))
}

/// The request as it came; every header is a list, since it may be there more than once.
fn told(name: &str, request: &Parts) -> Value {
    let mut headers = Map::new();
    for (key, value) in &request.headers {
        let values = headers.entry(key.as_str()).or_insert_with(|| json!([]));
        if let Value::Array(values) = values {
            values.push(json!(String::from_utf8_lossy(value.as_bytes())));
        }
    }
    json!({
        "name": name,
        "method": request.method.as_str(),
        "uri": request.uri.path_and_query().map(PathAndQuery::as_str),
        "host": request.uri.authority().map(Authority::as_str).or_else(|| request.headers.get("host")?.to_str().ok()),
        "httpVersion": format!("{:?}", request.version),
        "headers": headers,
    })
}
