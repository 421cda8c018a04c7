//! What a connection runs: one worker, or one for each stream of HTTP/2.

use std::rc::Rc;
use std::sync::Arc;

use futures::future::join_all;

use crate::client::Client;
use crate::client::grpc::{Streaming, Unary};
use crate::client::http1::Http1;
use crate::client::http2::{Connection, Http2};
use crate::client::websocket::WebSocket;
use crate::plan::Work;
use crate::work::{Pace, Shared, work};

/// Works until there are no more requests; `paces` are those of its workers.
pub(crate) async fn run(shared: Rc<Shared>, paces: Vec<Pace>) {
    let (prepared, local) = (Arc::clone(&shared.prepared), Rc::clone(&shared.local));
    let work = prepared.plan.work;
    let connection = || Connection::new(Arc::clone(&prepared), Rc::clone(&local));
    match work {
        Work::Http1 => each(|| Http1::new(Arc::clone(&prepared), Rc::clone(&local)), paces, &shared).await,
        Work::WebSocket => each(|| WebSocket::new(Arc::clone(&prepared), Rc::clone(&local)), paces, &shared).await,
        Work::Http2 => {
            let connection = connection();
            each(|| Http2::new(Rc::clone(&connection)), paces, &shared).await;
        }
        Work::GrpcUnary => {
            let connection = connection();
            each(|| Unary::new(Rc::clone(&connection)), paces, &shared).await;
        }
        Work::GrpcStream => {
            let connection = connection();
            each(|| Streaming::new(Rc::clone(&connection)), paces, &shared).await;
        }
    }
}

/// A worker for each pace, all at once.
async fn each<C: Client>(mut client: impl FnMut() -> C, paces: Vec<Pace>, shared: &Shared) {
    join_all(paces.into_iter().map(|pace| work(client(), pace, shared))).await;
}
