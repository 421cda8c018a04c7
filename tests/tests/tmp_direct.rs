use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use net_pingora_backends::{Sample, start};
use net_pingora_tests::gateway::{Route, TestGateway};
use net_pingora_tests::http2::Http2;
fn post(path: &str) -> Request<()> {
    Request::post(format!("http://a.example{path}")).body(()).unwrap()
}
#[tokio::test]
async fn direct_trailers() {
    let b = start(Sample::Echo, ([127, 0, 0, 1], 0).into()).await.unwrap();
    let client = Http2::connect(b.address).await.unwrap();
    let (mut upload, pending) = client.open(post("/")).await.unwrap();
    upload.send(Bytes::from_static(b"body")).await.unwrap();
    upload.finish_with(HeaderMap::from_iter([("x-sum".parse().unwrap(), HeaderValue::from_static("4"))])).unwrap();
    let mut answer = pending.answer().await.unwrap();
    while let Some(d) = answer.body_mut().data().await.unwrap() {
        println!("{d:?}")
    }
    println!("{:?}", answer.body_mut().trailers().await);
}
#[tokio::test]
async fn direct_bytes() {
    tracing_subscriber::fmt().with_env_filter("pingora_proxy=debug,net_pingora_gateway=debug,pingora_core::protocols::http=debug,h2::codec::framed_write=debug").init();
    let b = start(Sample::Echo, ([127,0,0,1],0).into()).await.unwrap();
    let size = 1usize << 20;
    for r in [Route::to("a.example", b.address)] {
        let g = TestGateway::start([r]); for _ in 0..30 {
        let client = Http2::connect(g.external).await.unwrap();
        println!("gw POST {size} {:?}", client.send(post(&format!("/bytes/{size}")).map(|()| Bytes::new())).await.map(|a| (a.0.body().len(), a.1))); }
    }
}
