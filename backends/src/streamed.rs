//! Bodies that are made beside the response they belong to.

use std::io;

use bytes::Bytes;
use futures::SinkExt;
use futures::channel::mpsc;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use thiserror::Error;

use crate::Body;

/// Makes a body; whoever drops it ends the body.
pub(crate) struct Sender(mpsc::Sender<io::Result<Frame<Bytes>>>);

/// Nobody reads the body any more.
#[derive(Debug, Error)]
#[error("the client has left")]
pub(crate) struct Gone;

/// A body and what makes it, at most so many frames ahead of its reader and one.
///
/// Not `http_body_util::Channel` 0.1.5: there a body may end before the last frames that were sent (its `poll_frame`
/// looks for frames first and for the end then, and both may come in between).
pub(crate) fn streamed(ahead: usize) -> (Sender, Body) {
    let (sender, frames) = mpsc::channel(ahead);
    (Sender(sender), StreamBody::new(frames).boxed_unsync())
}

impl Sender {
    /// Sends the next frame.
    pub(crate) async fn send(&mut self, frame: Frame<Bytes>) -> Result<(), Gone> {
        self.0.send(Ok(frame)).await.map_err(|_| Gone)
    }

    /// Sends the next bytes.
    pub(crate) async fn send_data(&mut self, data: impl Into<Bytes>) -> Result<(), Gone> {
        self.send(Frame::data(data.into())).await
    }

    /// Breaks the body off.
    pub(crate) async fn abort(mut self, error: io::ErrorKind) {
        // The client may have left.
        let _ = self.0.send(Err(error.into())).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use futures::FutureExt;

    use super::*;

    #[test]
    fn a_body_does_not_end_before_what_was_sent_has_been_read() {
        let (give, taken) = channel::<Sender>();
        let send = |mut sender: Sender| matches!(sender.send_data("all").now_or_never(), Some(Ok(())));
        let writer = thread::spawn(move || taken.iter().all(send));
        for _ in 0..5_000 {
            let (sender, mut body) = streamed(4);
            give.send(sender).unwrap();
            // The reader does not sleep, so that it looks at every moment of the writer's, unless they share a core.
            let mut looks = (0_u32..).inspect(|look| {
                if look % 5_000 == 4_999 {
                    thread::yield_now();
                }
            });
            let frame = looks.find_map(|_| body.frame().now_or_never()).unwrap();
            assert_eq!(frame.unwrap().unwrap().into_data().unwrap(), "all");
        }
        drop(give);
        assert!(writer.join().unwrap());
    }
}
