//! A request on its way to an upstream, tried again where that is safe.

use net_pingora_routing::{Listener, Protocol};
use pingora_error::{Error, ErrorSource, ErrorType, Result, RetryType};

use super::context::Context;
use super::downstream::Downstream;
use super::outgoing::Outgoing;
use super::probes;
use super::pump::{End, Pump};
use super::retry;
use super::serve::Exchange;
use super::via;
use crate::observe::answers::Reason;
use crate::observe::metrics::ConnectFailure;
use crate::upstream::{self, Choice, Traveller, Upstream};

/// Forwards the request until an upstream has responded, or none will; the upstream when a tunnel to it begins.
pub(super) async fn forward(exchange: &Exchange, down: &mut Downstream, ctx: &mut Context) -> Result<Option<Upstream>> {
    loop {
        let mut error = match attempt(exchange, down, ctx).await {
            Ok(joined) => return Ok(joined),
            Err(error) => error,
        };
        if !may_try_again(down, ctx, &mut error) {
            return Err(error);
        }
        exchange.observer.metrics.retries.inc();
        tracing::debug!(%error, "attempt failed");
    }
}

async fn attempt(exchange: &Exchange, down: &mut Downstream, ctx: &mut Context) -> Result<Option<Upstream>> {
    // Whatever ends this attempt says nothing of the one before.
    (ctx.unconnected, ctx.reused, ctx.others, ctx.slot) = (false, false, false, None);
    ctx.attempts += 1;
    let (upgrade, counts) = (down.session.asks_for_websocket(), !probes::is_probe(down.request()));
    let choice = tokio::select! {
        biased;
        choice = choose(exchange, upgrade, counts, ctx) => choice?,
        error = down.left() => return Err(error),
    };
    if choice.is_named() && via::goes_in_circles(&down.request().headers) {
        ctx.answer = Some(Reason::Loop);
        return Error::e_explain(ErrorType::HTTPStatus(Reason::Loop.status()), "a name leads back to us");
    }
    let outgoing = Outgoing::new(down, ctx, &choice)?;
    let mut up = connect(exchange, down, ctx, &choice).await?;
    let end = converse(exchange, down, &mut up, ctx, outgoing).await.inspect_err(|error| {
        give_up(&mut up, error);
        if !down.has_begun() && retry::reason(error, false) == Some(Reason::UpstreamClosed) {
            choice.closed();
            ask_pod(exchange, ctx, &choice);
        }
    })?;
    choice.endpoint.serves();
    match end {
        End::Switched => return Ok(Some(up)),
        End::Reusable => exchange.connections.keep(&choice, up),
        End::Spent => {}
    }
    Ok(None)
}

/// A connection to the endpoint that was chosen.
async fn connect(exchange: &Exchange, down: &mut Downstream, ctx: &mut Context, choice: &Choice) -> Result<Upstream> {
    let open = exchange.connections.open(choice, ctx.protocol, ctx.attempts > 1, &ctx.connection.settings.timeouts);
    let opened = tokio::select! {
        biased;
        opened = open => opened,
        error = down.left() => return Err(error),
    };
    let up = opened.map_err(|error| {
        not_connected(exchange, ctx, choice, &error);
        error.into_up()
    })?;
    ctx.reused = up.reused;
    if !up.reused {
        choice.endpoint.serves();
    }
    Ok(up)
}

/// Takes note of an endpoint that took no connection.
fn not_connected(exchange: &Exchange, ctx: &mut Context, choice: &Choice, error: &Error) {
    ctx.unconnected = true;
    choice.connect_failed(error, ctx.connection.settings.eject_after, &exchange.observer.metrics);
    ask_pod(exchange, ctx, choice);
}

/// Asks the pod that was chosen, if it was one, whether it is still ready.
fn ask_pod(exchange: &Exchange, ctx: &Context, choice: &Choice) {
    if let Some(revision) = choice.revision()
        && let Some(split) = ctx.last_hop().and_then(|hop| hop.split())
    {
        exchange.activator.probe(&split.backend, revision);
    }
}

/// The upstream of this attempt.
async fn choose(exchange: &Exchange, upgrade: bool, counts: bool, ctx: &mut Context) -> Result<Choice> {
    let hop = ctx.hops.last().and_then(|hop| Some((hop, hop.split()?)));
    let Some((hop, split)) = hop else { return Error::err(ErrorType::InternalError) };
    let (under_way, held) = (ctx.under_way.take(), ctx.held);
    let (path, tried, began) = (&*hop.path, &*ctx.tried, ctx.started);
    // What comes to the ports of an activator may come from another replica.
    let may_pass_on = ctx.connection.kind != Listener::Activator;
    let mut traveller = Traveller { path, split, tried, began, counts, may_pass_on, under_way, held };
    let chosen = upstream::choose(&mut traveller, &exchange.names, &exchange.activator).await;
    (ctx.under_way, ctx.held) = (traveller.under_way, traveller.held);
    let mut choice = match chosen {
        Ok(choice) => choice,
        Err(unavailable) => {
            let reason = unavailable.reason();
            ctx.answer = Some(reason);
            let backend = split.backend.key.to_string();
            return Error::e_because(ErrorType::HTTPStatus(reason.status()), backend, unavailable);
        }
    };
    // An upgrade is HTTP/1.1's (RFC 9113 §8.6), whatever the port's name says.
    ctx.protocol = if upgrade { Protocol::Http1 } else { choice.protocol };
    ctx.others = choice.others;
    ctx.upstream = Some(choice.endpoint.address);
    ctx.slot = choice.slot.take();
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
        down.session.write_continue().map_err(Error::into_down)?;
    }
    up.begin(outgoing.head, outgoing.empty).map_err(|mut error| {
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
    let again = retry::is_safe(down.request(), down.session.is_replay_lost())
        && retry::asked_for(error, ctx.reused, ctx.others);
    // A kept HTTP/1 connection may end at any time, which says nothing of its endpoint: that gets a new one.
    if again && ctx.others && !(ctx.reused && ctx.protocol == Protocol::Http1) {
        ctx.tried.extend(ctx.upstream);
    }
    again
}
