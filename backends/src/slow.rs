//! A backend that takes its time, like Knative's test image `timeout`.

use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use tokio::time::sleep;

use crate::streamed::streamed;
use crate::{Body, discard, feed, query};

/// Longest sleep, in milliseconds.
const LONGEST: u64 = 600_000;

/// Sleeps `initialTimeout` ms, sends the head, sleeps `timeout` ms, sends the body.
pub(crate) async fn answer(request: Request<Incoming>) -> Response<Body> {
    let millis = |name| Duration::from_millis(query(&request, name).unwrap_or(0_u64).min(LONGEST));
    let (before, between) = (millis("initialTimeout"), millis("timeout"));
    discard(request.into_body());
    sleep(before).await;
    let (mut sender, body) = streamed(0);
    feed(async move {
        sleep(between).await;
        let text = format!("Slept {} ms, then {} ms\n", before.as_millis(), between.as_millis());
        // The client may have left meanwhile.
        let _ = sender.send_data(text).await;
    });
    Response::new(body)
}
