//! Placeholder by the lead so that controller compiles; the owner of this crate replaces it.
#![allow(missing_docs)]
use net_pingora_routing::ObjectKey;
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub uid: Box<str>,
    pub generation: i64,
}
#[derive(Clone, Debug)]
pub enum Event {
    Connected,
    Serves(Vec<(ObjectKey, Option<Version>)>),
    Disconnected,
}
#[derive(Clone, Debug)]
pub struct Report {
    pub replica: String,
    pub event: Event,
}
#[derive(Clone, Debug)]
pub enum Leadership {
    Unknown,
    Us,
}
#[derive(Clone, Debug, Default)]
pub struct Served;
pub struct Channel {
    pub listen: std::net::SocketAddr,
    pub advertised: std::net::SocketAddr,
    pub token_file: std::path::PathBuf,
    pub service_account: String,
}
pub struct Settings {
    pub identity: String,
    pub namespace: String,
    pub lease: String,
    pub channel: Option<Channel>,
}
pub struct Replicas(tokio::sync::watch::Sender<Leadership>, tokio::sync::mpsc::Sender<Report>);
impl Replicas {
    pub fn start(
        _s: Settings,
        _c: kube::Client,
        _v: Served,
    ) -> std::io::Result<(Self, tokio::sync::watch::Receiver<Leadership>, tokio::sync::mpsc::Receiver<Report>)> {
        let (a, b) = tokio::sync::watch::channel(Leadership::Unknown);
        let (c, d) = tokio::sync::mpsc::channel(9);
        a.send_replace(Leadership::Us);
        Ok((Self(a, c), b, d))
    }
    pub async fn release(&self) {}
}
impl Served {
    pub fn apply(&self, _c: Vec<(ObjectKey, Option<Version>)>) {}
}
