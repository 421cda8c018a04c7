//! A gRPC backend: service `demo.Echo` of examples/echo.proto, on HTTP/2's own frames.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Channel};
use hyper::body::{Frame, Incoming};
use prost::Message as _;

use crate::{Body, feed, respond};

/// Bytes of one message at most.
const LARGEST: usize = 4 << 20;

/// Messages of a server stream.
const STREAMED: usize = 5;

/// The only message of `demo.Echo`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Message {
    /// What is echoed.
    #[prost(string, tag = "1")]
    pub text: String,
}

/// A message as gRPC sends it: a flag, its length, itself (gRPC over HTTP2, "Length-Prefixed-Message").
pub fn frame(message: &Message) -> Bytes {
    let length = message.encoded_len();
    let mut bytes = BytesMut::with_capacity(5 + length);
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    bytes.extend_from_slice(&message.encode_to_vec());
    bytes.freeze()
}

impl Message {
    /// Cuts the first whole message off; `None` when more bytes are needed.
    ///
    /// # Errors
    /// When the bytes are no message, or one that is too large.
    pub fn cut(bytes: &mut BytesMut) -> Result<Option<Self>, prost::DecodeError> {
        let Some(length) = bytes.get(1..5).map(|mut length| length.get_u32() as usize) else { return Ok(None) };
        if length > LARGEST {
            // The decoder's own error for a message that has no end.
            return Self::decode(&[0x0a_u8][..]).map(Some);
        }
        if bytes.len() < 5 + length {
            return Ok(None);
        }
        bytes.advance(5);
        Self::decode(bytes.split_to(length)).map(Some)
    }
}

/// Answers one call.
pub(crate) fn answer(request: Request<Incoming>) -> Response<Body> {
    let is_grpc = request
        .headers()
        .get(http::header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"));
    if !is_grpc {
        return respond(StatusCode::UNSUPPORTED_MEDIA_TYPE, "text/plain", "this backend speaks gRPC\n");
    }
    let method = request.uri().path().to_owned();
    let (sender, body) = Channel::<Bytes, std::io::Error>::new(4);
    feed(call(method, request.into_body(), sender));
    let mut response = Response::new(body.boxed_unsync());
    response.headers_mut().insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

type Sender = http_body_util::channel::Sender<Bytes, std::io::Error>;

async fn call(method: String, incoming: Incoming, mut sender: Sender) {
    let status = match &*method {
        "/demo.Echo/Unary" => each(incoming, &mut sender, 1).await,
        "/demo.Echo/BidiStream" => each(incoming, &mut sender, usize::MAX).await,
        "/demo.Echo/ServerStream" => repeat(incoming, &mut sender).await,
        "/demo.Echo/ClientStream" => join(incoming, &mut sender).await,
        "/demo.Echo/Fail" => 7,
        _ => 12,
    };
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(status));
    // The client may have left.
    let _ = sender.send(Frame::trailers(trailers)).await;
}

/// Reads messages one by one.
struct Messages {
    incoming: Incoming,
    bytes: BytesMut,
}

impl Messages {
    fn new(incoming: Incoming) -> Self {
        Self { incoming, bytes: BytesMut::new() }
    }

    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = Message::cut(&mut self.bytes).ok()? {
                return Some(message);
            }
            if let Ok(data) = self.incoming.frame().await?.ok()?.into_data() {
                self.bytes.extend_from_slice(&data);
            }
        }
    }
}

/// Echoes up to `most` messages as they come.
async fn each(incoming: Incoming, sender: &mut Sender, most: usize) -> u16 {
    let mut messages = Messages::new(incoming);
    let mut echoed = 0;
    while echoed < most
        && let Some(message) = messages.next().await
    {
        if sender.send_data(frame(&message)).await.is_err() {
            return 1;
        }
        echoed += 1;
    }
    if echoed == 0 && most == 1 { 3 } else { 0 }
}

async fn repeat(incoming: Incoming, sender: &mut Sender) -> u16 {
    let Some(message) = Messages::new(incoming).next().await else { return 3 };
    for number in 1..=STREAMED {
        let text = format!("{} {number}", message.text);
        if sender.send_data(frame(&Message { text })).await.is_err() {
            return 1;
        }
    }
    0
}

async fn join(incoming: Incoming, sender: &mut Sender) -> u16 {
    let mut messages = Messages::new(incoming);
    let mut texts = Vec::new();
    let mut length = 0;
    while let Some(message) = messages.next().await {
        length += message.text.len();
        if length > LARGEST {
            return 8;
        }
        texts.push(message.text);
    }
    u16::from(sender.send_data(frame(&Message { text: texts.join(" ") })).await.is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_where_they_end() {
        let message = Message { text: "hello".to_owned() };
        let whole = frame(&message);
        let mut bytes = BytesMut::from(&whole[..3]);
        assert_eq!(Message::cut(&mut bytes), Ok(None));
        bytes.extend_from_slice(&whole[3..]);
        bytes.extend_from_slice(&whole);
        assert_eq!(Message::cut(&mut bytes), Ok(Some(message.clone())));
        assert_eq!(Message::cut(&mut bytes), Ok(Some(message)));
        assert_eq!(Message::cut(&mut bytes), Ok(None));
        assert!(Message::cut(&mut BytesMut::from(&[0, 255, 255, 255, 255][..])).is_err());
    }
}
