//! A load generator for HTTP/1.1, HTTP/2, gRPC and WebSocket.
//!
//! A [`Plan`] says what to ask and when; [`run`] does it and returns a [`Report`]. Nothing is printed
//! here: [`report`] makes texts of a report, and the command `loadtest` prints them.

mod client;
mod connection;
mod failure;
mod names;
mod pace;
mod plan;
mod prepared;
mod record;
pub mod report;
mod run;
mod series;
mod shares;
mod target;
mod thresholds;
pub mod time;
mod work;

pub use failure::Kind;
pub use names::Names;
pub use plan::{Arrivals, End, Load, Plan, Request, Shares, ToldBy, Trust, Work};
pub use prepared::PlanError;
pub use record::{Bounds, Sample, Stages};
pub use report::Report;
pub use run::{Stop, run};
pub use series::Second;
pub use shares::{BadShare, Judged, Share};
pub use target::{BadUrl, Target};
pub use thresholds::{BadThreshold, Missed, Threshold};
