//! The way of one request through the exchange.

use std::fmt::Display;
use std::sync::Arc;

use http::Method;
use net_pingora_routing::{Listener, TableCell};
use pingora_error::{Error, Result};
use pingora_http::RequestHeader;
use tokio::sync::watch;

use super::context::Context;
use super::decide::{Verdict, decide};
use super::downstream::Downstream;
use super::headers::Trust;
use super::tunnel::Tunnel;
use super::{answer, forward, headers, record, retry, stand_in};
use crate::activator::Activator;
use crate::front::Connection;
use crate::http1::Stream;
use crate::memory::Memory;
use crate::observe::Observer;
use crate::observe::answers::{Answer, Reason};
use crate::observe::metrics::Counted;
use crate::upstream::{Connections, Names, Upstream};

/// What all requests of a worker are served with.
pub(crate) struct Exchange {
    pub(crate) observer: Arc<Observer>,
    pub(crate) table: Arc<TableCell>,
    pub(crate) names: Arc<Names>,
    pub(crate) memory: Arc<Memory>,
    pub(crate) activator: Activator,
    pub(crate) connections: Arc<Connections>,
    pub(crate) draining: watch::Receiver<bool>,
}

/// What becomes of a client's connection after a request.
pub(crate) enum After {
    /// Another request may follow.
    Request(Stream),
    /// It is joined to an upstream's.
    Tunnel(Box<Tunnel>),
    /// It has ended.
    Nothing,
}

impl Exchange {
    /// Serves a request whose head was read.
    pub(crate) async fn serve(&self, connection: &Arc<Connection>, mut down: Downstream) -> After {
        let mut ctx = Context::new(Arc::clone(connection), Counted::new(&self.observer.metrics.requests_in_flight));
        if *self.draining.borrow() || connection.is_old() {
            down.session.close();
        }
        let served = self.respond(&mut down, &mut ctx).await;
        if let Ok(Some(up)) = served {
            return Tunnel::new(down, up, ctx, &self.observer).map_or(After::Nothing, After::Tunnel);
        }
        if let Err(error) = &served {
            tracing::debug!(%error, "request failed");
            self.fail(&mut down, &mut ctx, error).await;
        }
        record::record(&self.observer, &ctx, &down.exchanged());
        let limit = connection.settings.timeouts.head;
        if served.is_ok() {
            return down.reuse(connection.settings.pace(), limit).await.map_or(After::Nothing, After::Request);
        }
        down.close(ctx.answer.is_some(), limit).await;
        After::Nothing
    }

    /// Responds to a request; the upstream when it is to be joined to the client.
    async fn respond(&self, down: &mut Downstream, ctx: &mut Context) -> Result<Option<Upstream>> {
        match self.route(down.session.request_mut(), ctx) {
            Verdict::Forward(hops) => {
                ctx.hops = hops;
                return forward::forward(self, down, ctx).await;
            }
            Verdict::Probed(told) => answer::probed(down, told).await?,
            Verdict::Redirect(location) => self.answer(down, ctx, Reason::Redirect, Some(&location), None).await?,
            Verdict::Refuse(reason) => self.answer(down, ctx, reason, None, None).await?,
        }
        Ok(None)
    }

    fn route(&self, request: &mut RequestHeader, ctx: &mut Context) -> Verdict {
        ctx.host = headers::host_value(request);
        ctx.request_id = Trust::of(&ctx.connection).request_id(request);
        if request.method == Method::CONNECT {
            return Verdict::Refuse(Reason::Connect);
        }
        if self.is_overloaded(&ctx.connection) {
            return Verdict::Refuse(Reason::Overloaded);
        }
        headers::strip(request, &ctx.connection);
        if ctx.connection.kind == Listener::Activator {
            return stand_in::decide(&self.activator, request);
        }
        decide(&self.table, &ctx.connection, request)
    }

    fn is_overloaded(&self, connection: &Connection) -> bool {
        let in_flight = usize::try_from(self.observer.metrics.requests_in_flight.get()).unwrap_or_default();
        in_flight > connection.settings.limits.requests || self.memory.is_full()
    }

    /// Answers a request that failed, if there is still somebody to answer.
    async fn fail(&self, down: &mut Downstream, ctx: &mut Context, error: &Error) {
        if retry::is_stalled_client(error) {
            self.observer.metrics.stalled_clients.inc();
        }
        let reason = ctx.answer.or_else(|| retry::reason(error, ctx.unconnected));
        let Some(reason) = reason else { return };
        down.session.close();
        if let Err(error) = self.answer(down, ctx, reason, None, Some(error)).await {
            tracing::debug!(%error, "client left before the answer");
        }
    }

    /// Answers the request ourselves, and tells why in log and metrics.
    async fn answer(
        &self,
        down: &mut Downstream,
        ctx: &mut Context,
        reason: Reason,
        location: Option<&str>,
        cause: Option<&Error>,
    ) -> Result<()> {
        // A response that has begun can only be broken off.
        if down.has_begun() {
            return Ok(());
        }
        ctx.answer = Some(reason);
        let request_id = ctx.request_id.to_str().unwrap_or_default();
        self.observer.answered(&Answer {
            reason,
            detail: cause.map(|cause| cause as &dyn Display),
            host: ctx.host.to_str().unwrap_or_default(),
            path: down.request().uri.path(),
            listener: ctx.connection.listener,
            request_id,
        });
        answer::write(down, reason, request_id, location).await
    }
}
