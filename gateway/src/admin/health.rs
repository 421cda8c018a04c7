//! The health port: what kubelet, load balancers and Prometheus ask.

use std::fmt::Display;
use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use http_body_util::{BodyExt, Full};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;

use super::server::{Page, Pages, page, serve, text};
use super::{Readiness, State};
use crate::observe::metrics::Metrics;

/// What the health port tells of.
#[derive(Debug)]
pub struct Health {
    readiness: Arc<Readiness>,
    metrics: Arc<Metrics>,
    /// One scrape at a time: a crowd that asks together costs no more than one core.
    scrape: Mutex<()>,
}

impl Health {
    /// Tells of this gateway.
    pub fn new(readiness: Arc<Readiness>, metrics: Arc<Metrics>) -> Self {
        Self { readiness, metrics, scrape: Mutex::new(()) }
    }

    fn ready(&self) -> Page {
        match self.readiness.get() {
            State::Starting => text(StatusCode::SERVICE_UNAVAILABLE, "starting: the first table is not there yet\n"),
            State::Ready => text(StatusCode::OK, "ready\n"),
            State::Draining => text(StatusCode::SERVICE_UNAVAILABLE, "draining: no new requests, please\n"),
        }
    }

    async fn metrics(&self) -> Page {
        let turn = self.scrape.lock().await;
        let metrics = Arc::clone(&self.metrics);
        let scraped = spawn_blocking(move || metrics.text()).await;
        drop(turn);
        match scraped {
            Ok(Ok((body, kind))) => {
                let kind = HeaderValue::try_from(kind).unwrap_or_else(|_| HeaderValue::from_static("text/plain"));
                page(StatusCode::OK, kind, Full::new(body.into()).boxed_unsync())
            }
            Ok(Err(error)) => failed(&error),
            Err(error) => failed(&error),
        }
    }
}

fn failed(error: &dyn Display) -> Page {
    tracing::error!(%error, "collecting metrics failed");
    text(StatusCode::INTERNAL_SERVER_ERROR, format!("collecting metrics failed: {error}\n"))
}

impl Pages for Health {
    const LIST: &'static [(&'static str, &'static str)] = &[
        ("/ready", "200 when requests are welcome, else 503 with the reason"),
        ("/live", "200 as long as the process works"),
        ("/metrics", "Prometheus metrics"),
    ];

    async fn page(&self, path: &str, _query: Option<&str>) -> Option<Page> {
        match path {
            "/ready" => Some(self.ready()),
            "/live" => Some(text(StatusCode::OK, "live\n")),
            "/metrics" => Some(self.metrics().await),
            _ => None,
        }
    }
}

/// Serves `/ready`, `/live` and `/metrics` for ever, on the runtime it is called on.
pub async fn serve_health(listener: TcpListener, health: Health) {
    serve(listener, Arc::new(health)).await;
}

#[cfg(test)]
mod tests {
    use net_pingora_routing::Publisher;

    use super::super::server::tests::ask;
    use super::*;

    #[tokio::test]
    async fn readiness_is_told_with_its_reason() {
        let readiness = Arc::<Readiness>::default();
        let metrics = Arc::new(Metrics::new(Publisher::default().cell(), None).unwrap());
        let health = Arc::new(Health::new(Arc::clone(&readiness), metrics));
        for (state, ready) in [
            (State::Starting, ("503", "\r\n\r\nstarting: the first table is not there yet\n")),
            (State::Ready, ("200", "\r\n\r\nready\n")),
            (State::Draining, ("503", "\r\n\r\ndraining: no new requests, please\n")),
        ] {
            readiness.advance(state);
            for (page, (status, end)) in [("/ready", ready), ("/live", ("200", "\r\n\r\nlive\n"))] {
                let answer = ask(Arc::clone(&health), &format!("GET {page}")).await;
                assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{state:?} {page}: {answer}");
                assert!(answer.ends_with(end), "{state:?} {page}: {answer}");
            }
        }
    }

    #[tokio::test]
    async fn metrics_come_in_the_text_format() {
        let metrics = Arc::new(Metrics::new(Publisher::default().cell(), None).unwrap());
        let answer = ask(Arc::new(Health::new(Arc::default(), metrics)), "GET /metrics").await;
        for part in ["content-type: text/plain; version=0.0.4\r\n", "\n# TYPE net_pingora_answers_total counter\n"] {
            assert!(answer.contains(part), "{part} is not in {answer}");
        }
    }
}
