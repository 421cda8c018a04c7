//! One request, from its head to the last byte of its response.
//!
//! `serve` leads through it: `decide` routes, `stand_in` does so at the activator's own ports, `probes` answers Knative's, `forward` tries upstreams,
//! `outgoing` makes the head an upstream sees and `response` the one the client sees, `pump` carries the bodies, `tunnel`
//! what is no HTTP any more, `retry` says whether to try again, `answer` speaks when the gateway answers itself, `record`
//! counts and logs.
//!
//! Rules of headers: `headers` has what a request loses and gets, `hop_by_hop` what is for neighbours only in
//! either direction, `via` what keeps names from leading in circles, `outgoing` and `response` what a change of
//! protocol asks for.

mod answer;
mod context;
mod decide;
mod downstream;
mod forward;
mod headers;
mod hop_by_hop;
mod knative;
mod outgoing;
mod probes;
mod pump;
mod record;
mod response;
mod retry;
mod serve;
mod session;
mod stand_in;
mod tunnel;
mod via;

pub(crate) use answer::body;
pub(crate) use downstream::Downstream;
pub(crate) use headers::new_request_id;
pub(crate) use serve::{After, Exchange};
