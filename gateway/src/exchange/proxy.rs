//! The hooks of Pingora's proxy loop. Each calls a function that does not know the loop.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use bytes::Bytes;
use http::Version;
use http::header::{EXPECT, TRANSFER_ENCODING};
use net_pingora_routing::{Protocol, TableCell};
use pingora_core::modules::http::HttpModules;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_error::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, ProxyWarnLogContext, Session};
use tokio::sync::watch;

use super::context::Context;
use super::decide::{Verdict, decide};
use super::headers::Trust;
use super::{CONNECTION, answer, headers, record, retry};
use crate::observe::Observer;
use crate::observe::answers::{Answer, Reason};
use crate::observe::metrics::Counted;
use crate::upstream::{self, Names};

/// What all requests of a worker are served with.
pub(crate) struct Exchange {
    pub(crate) observer: Arc<Observer>,
    pub(crate) table: Arc<TableCell>,
    pub(crate) names: Arc<Names>,
    pub(crate) draining: watch::Receiver<bool>,
}

#[async_trait]
impl ProxyHttp for Exchange {
    type CTX = Context;

    fn new_ctx(&self) -> Context {
        let connection = CONNECTION.try_with(Arc::clone).ok();
        Context::new(connection, Counted::new(&self.observer.metrics.requests_in_flight))
    }

    /// No modules: Pingora would install one that compresses.
    fn init_downstream_modules(&self, _modules: &mut HttpModules) {}

    async fn request_filter(&self, session: &mut Session, ctx: &mut Context) -> Result<bool> {
        let Some(connection) = ctx.connection.clone() else { return Error::err(ErrorType::InternalError) };
        let request = session.req_header_mut();
        ctx.host = headers::host_value(request);
        ctx.request_id = Trust::of(&connection).request_id(request);
        headers::strip(request, &connection);
        match decide(&self.table, &connection, request) {
            Verdict::Forward(hops) => ctx.hops = hops,
            Verdict::Redirect(location) => {
                self.answer(session, ctx, Reason::Redirect, Some(&location), None).await?;
                return Ok(true);
            }
            Verdict::Refuse(reason) => {
                self.answer(session, ctx, reason, None, None).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    async fn upstream_peer(&self, session: &mut Session, ctx: &mut Context) -> Result<Box<HttpPeer>> {
        let hop = ctx.hops.last().and_then(|hop| Some((hop, hop.split()?)));
        let (Some((hop, split)), Some(connection)) = (hop, &ctx.connection) else {
            return Error::err(ErrorType::InternalError);
        };
        let choice = match upstream::choose(&hop.path, split, &self.names, &ctx.tried).await {
            Ok(choice) => choice,
            Err(unavailable) => {
                let reason = unavailable.reason();
                ctx.answer = Some(reason);
                let backend = split.backend.key.to_string();
                return Error::e_because(ErrorType::HTTPStatus(reason.status()), backend, unavailable);
            }
        };
        let upgrade = session.is_upgrade_req();
        // An upgrade is HTTP/1.1's (RFC 9113 §8.6), whatever the port's name says.
        ctx.protocol = if upgrade { Protocol::Http1 } else { choice.protocol };
        ctx.attempts += 1;
        ctx.unconnected = false;
        ctx.others = choice.others;
        ctx.upstream = Some(choice.endpoint.address);
        let peer = upstream::peer(&choice, ctx.protocol, upgrade, &connection.settings.timeouts);
        ctx.in_flight = Some(choice.endpoint.enter());
        Ok(peer)
    }

    async fn request_body_filter(
        &self,
        _session: &mut Session,
        body: &mut Option<Bytes>,
        end_of_stream: bool,
        _ctx: &mut Context,
    ) -> Result<()> {
        // cloudflare/pingora#935: an empty last chunk would end the upstream's body twice.
        if end_of_stream && body.as_ref().is_some_and(Bytes::is_empty) {
            *body = None;
        }
        Ok(())
    }

    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream_request: &mut RequestHeader,
        ctx: &mut Context,
    ) -> Result<()> {
        if let Some(connection) = &ctx.connection {
            let trust = Trust::of(connection);
            headers::forwarded(upstream_request, connection, trust, &ctx.host, &ctx.request_id)?;
        }
        if let Some(hop) = ctx.hops.last()
            && let Some(split) = hop.split()
        {
            headers::of_route(upstream_request, &hop.path, split)?;
        }
        // Pingora cannot read 1xx from an HTTP/2 upstream: we let the client go on ourselves.
        if ctx.protocol == Protocol::Http2 && upstream_request.remove_header(&EXPECT).is_some() {
            session.downstream_session.write_continue_response().await?;
        }
        Ok(())
    }

    async fn response_filter(
        &self,
        session: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Context,
    ) -> Result<()> {
        ctx.responded.get_or_insert_with(Instant::now);
        // RFC 9112 §6.1: HTTP/1.0 knows no chunks; its body ends with the connection.
        if session.req_header().version == Version::HTTP_10 {
            response.remove_header(&TRANSFER_ENCODING);
        }
        if *self.draining.borrow() {
            session.set_keepalive(None);
        }
        Ok(())
    }

    fn fail_to_connect(&self, _: &mut Session, _: &HttpPeer, ctx: &mut Context, mut e: Box<Error>) -> Box<Error> {
        self.observer.metrics.connect_failures.inc();
        ctx.unconnected = true;
        ctx.tried.extend(ctx.upstream);
        let again = ctx.others && ctx.attempts < retry::MOST_ATTEMPTS;
        e.set_retry(again);
        self.count_retry(again);
        e
    }

    fn error_while_proxy(
        &self,
        _peer: &HttpPeer,
        session: &mut Session,
        mut e: Box<Error>,
        ctx: &mut Context,
        client_reused: bool,
    ) -> Box<Error> {
        let safe = retry::is_safe(session.req_header(), session.as_ref().retry_buffer_truncated());
        let again = safe
            && ctx.attempts < retry::MOST_ATTEMPTS
            && session.response_written().is_none()
            && retry::asked_for(&mut e, client_reused);
        e.set_retry(again);
        self.count_retry(again);
        e
    }

    async fn fail_to_proxy(&self, session: &mut Session, e: &Error, ctx: &mut Context) -> FailToProxy {
        let reason = ctx.answer.or_else(|| retry::reason(e, ctx.unconnected));
        let status = reason.map_or(0, Reason::status);
        if let Some(reason) = reason
            && let Err(error) = self.answer(session, ctx, reason, None, Some(e)).await
        {
            tracing::debug!(%error, "client left before the answer");
        }
        FailToProxy { error_code: status, can_reuse_downstream: false }
    }

    async fn logging(&self, session: &mut Session, _: Option<&Error>, ctx: &mut Context) {
        record::record(&self.observer, session, ctx);
    }

    /// Own answers are logged with their reason, once.
    fn suppress_error_log(&self, _: &Session, _: &Context, error: &Error) -> bool {
        tracing::debug!(%error, "request failed");
        true
    }

    fn suppress_proxy_warn_log(&self, _: &Session, _: &Context, error: &Error, _: ProxyWarnLogContext) -> bool {
        tracing::debug!(%error, "attempt failed");
        true
    }
}

impl Exchange {
    /// Answers the request ourselves, and tells why in log and metrics.
    async fn answer(
        &self,
        session: &mut Session,
        ctx: &mut Context,
        reason: Reason,
        location: Option<&str>,
        cause: Option<&Error>,
    ) -> Result<()> {
        // A response that has begun can only be broken off.
        if session.response_written().is_some_and(|response| !response.status.is_informational()) {
            return Ok(());
        }
        ctx.answer = Some(reason);
        let request_id = ctx.request_id.to_str().unwrap_or_default();
        self.observer.answered(&Answer {
            reason,
            detail: cause.map(|cause| cause as &dyn Display),
            host: ctx.host.to_str().unwrap_or_default(),
            path: session.req_header().uri.path(),
            listener: ctx.listener(),
            request_id,
        });
        answer::write(session, reason, request_id, location).await
    }

    fn count_retry(&self, again: bool) {
        if again {
            self.observer.metrics.retries.inc();
        }
    }
}
