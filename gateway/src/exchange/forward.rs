//! A request on its way to an upstream, tried again where that is safe.

use net_pingora_routing::Protocol;
use pingora_error::{Error, ErrorSource, ErrorType, Result, RetryType};

use super::context::Context;
use super::downstream::Downstream;
use super::outgoing::Outgoing;
use super::pump::{End, Pump};
use super::retry;
use super::serve::Exchange;
use super::told::Told;
use super::via;
use crate::observe::answers::Reason;
use crate::observe::metrics::ConnectFailure;
use crate::upstream::{self, Choice, Upstream};

/// Forwards the request until an upstream has responded, or none will; the upstream when a tunnel to it begins.
pub(super) async fn forward(exchange: &Exchange, down: &mut Downstream, ctx: &mut Context) -> Result<Option<Upstream>> {
    down.session.enable_retry_buffering();
    loop {
        let mut error = match attempt(exchange, down, ctx).await {
            Ok(joined) => return Ok(joined),
            Err(error) => error,
        };
        if !may_try_again(down, ctx, &mut error) {
            return Err(error);
        }
        exchange.observer.metrics.retries.inc();
        tracing::debug!(error = %Told(&error), "attempt failed");
    }
}

async fn attempt(exchange: &Exchange, down: &mut Downstream, ctx: &mut Context) -> Result<Option<Upstream>> {
    // Whatever ends this attempt says nothing of the one before.
    (ctx.unconnected, ctx.reused, ctx.others) = (false, false, false);
    ctx.attempts += 1;
    let choice = choose(exchange, down, ctx).await?;
    let mut outgoing = Outgoing::new(down, ctx, choice.encryption.is_some())?;
    if choice.named {
        via::mark(&mut outgoing.head)?;
    }
    let open = exchange.connections.open(&choice, ctx.protocol, ctx.attempts > 1, &ctx.connection.settings.timeouts);
    let opened = tokio::select! {
        biased;
        opened = open => opened,
        error = down.left() => return Err(error),
    };
    let mut up = opened.map_err(|error| {
        choice.connect_failed(&error, ctx.connection.settings.eject_after, &exchange.observer.metrics);
        ctx.unconnected = true;
        error.into_up()
    })?;
    ctx.reused = up.reused;
    if !up.reused {
        choice.endpoint.serves();
    }
    let end = converse(exchange, down, &mut up, ctx, outgoing).await.inspect_err(|error| give_up(&mut up, error))?;
    choice.endpoint.serves();
    match end {
        End::Switched => return Ok(Some(up)),
        End::Reusable => exchange.connections.keep(&choice, up).await,
        End::Spent => {}
    }
    Ok(None)
}

/// The upstream of this attempt.
async fn choose(exchange: &Exchange, down: &Downstream, ctx: &mut Context) -> Result<Choice> {
    let hop = ctx.hops.last().and_then(|hop| Some((hop, hop.split()?)));
    let Some((hop, split)) = hop else { return Error::err(ErrorType::InternalError) };
    let choice = match upstream::choose(&hop.path, split, &exchange.names, &ctx.tried).await {
        Ok(choice) => choice,
        Err(unavailable) => {
            let reason = unavailable.reason();
            ctx.answer = Some(reason);
            let backend = split.backend.key.to_string();
            return Error::e_because(ErrorType::HTTPStatus(reason.status()), backend, unavailable);
        }
    };
    if choice.named && via::goes_in_circles(down.request()) {
        ctx.answer = Some(Reason::Loop);
        return Error::e_explain(ErrorType::HTTPStatus(Reason::Loop.status()), "a name leads back to us");
    }
    // An upgrade is HTTP/1.1's (RFC 9113 §8.6), whatever the port's name says.
    ctx.protocol = if down.grant.is_some() { Protocol::Http1 } else { choice.protocol };
    ctx.others = choice.others;
    ctx.upstream = Some(choice.endpoint.address);
    ctx.in_flight = Some(choice.endpoint.enter());
    Ok(choice)
}

/// Request there and response back.
async fn converse(
    exchange: &Exchange,
    down: &mut Downstream,
    up: &mut Upstream,
    ctx: &mut Context,
    outgoing: Outgoing,
) -> Result<End> {
    if outgoing.waits {
        // Pingora reads no 1xx from an HTTP/2 upstream: we let the client go on ourselves.
        down.session.write_continue_response().await.map_err(Error::into_down)?;
    }
    up.begin(outgoing.head, outgoing.empty).await.map_err(|mut error| {
        // The upstream may have closed a kept connection meanwhile.
        error.retry = RetryType::ReusedOnly;
        error.into_up()
    })?;
    Pump::new(down, up, ctx, &exchange.draining).run().await
}

/// Lets the upstream know that nobody listens any more.
fn give_up(up: &mut Upstream, error: &Error) {
    let silent = *error.esource() == ErrorSource::Upstream && *error.etype() == ErrorType::ReadTimedout;
    if silent {
        up.distrust();
    }
    if silent || *error.esource() == ErrorSource::Downstream {
        up.cancel();
    }
}

fn may_try_again(down: &Downstream, ctx: &mut Context, error: &mut Error) -> bool {
    if ctx.attempts >= retry::MOST_ATTEMPTS || down.has_begun() {
        return false;
    }
    if ctx.unconnected {
        ctx.tried.extend(ctx.upstream);
        // Local ports are used up for one address at a time, files for all.
        return ctx.others && upstream::failure(error) != ConnectFailure::Files;
    }
    let again = retry::is_safe(down.request(), down.session.retry_buffer_truncated())
        && retry::asked_for(error, ctx.reused, ctx.others);
    // A kept HTTP/1 connection may end at any time, which says nothing of its endpoint: that gets a new one.
    if again && ctx.others && !(ctx.reused && ctx.protocol == Protocol::Http1) {
        ctx.tried.extend(ctx.upstream);
    }
    again
}
