//! One request through Pingora's proxy loop.
//!
//! `proxy` holds the loop's hooks; each is thin and calls a function here that does not know the
//! loop: `decide` routes, `headers` changes the request, `retry` says whether to try
//! again, `answer` speaks when the gateway answers itself, `record` counts and logs.

mod answer;
mod context;
mod decide;
mod headers;
mod proxy;
mod record;
mod retry;

use std::future::Future;
use std::sync::Arc;

pub(crate) use answer::body;
pub(crate) use headers::new_request_id;
pub(crate) use proxy::Exchange;

use crate::front::Connection;

tokio::task_local! {
    /// The connection of the request being served: Pingora's loop has no place to hand it through.
    static CONNECTION: Arc<Connection>;
}

/// Serves a request as one of this connection.
pub(crate) async fn on_connection<T>(connection: Arc<Connection>, request: impl Future<Output = T>) -> T {
    CONNECTION.scope(connection, request).await
}
