//! The messages by which an activator tells the autoscaler what is asked
//! (`knative.dev/serving` `pkg/autoscaler/metrics/stat.proto`).

/// One frame.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireStatMessages {
    #[prost(message, repeated, tag = "1")]
    pub(super) messages: Vec<WireStatMessage>,
}

/// What is asked of one revision.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WireStatMessage {
    #[prost(string, tag = "1")]
    pub(super) namespace: String,
    #[prost(string, tag = "2")]
    pub(super) name: String,
    #[prost(message, optional, tag = "3")]
    pub(super) stat: Option<Stat>,
}

/// What one pod has seen.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Stat {
    #[prost(string, tag = "1")]
    pub(super) pod_name: String,
    #[prost(double, tag = "2")]
    pub(super) average_concurrent_requests: f64,
    #[prost(double, tag = "3")]
    pub(super) average_proxied_concurrent_requests: f64,
    #[prost(double, tag = "4")]
    pub(super) request_count: f64,
    #[prost(double, tag = "5")]
    pub(super) proxied_request_count: f64,
    #[prost(double, tag = "6")]
    pub(super) process_uptime: f64,
    #[prost(int64, tag = "7")]
    pub(super) timestamp: i64,
}
