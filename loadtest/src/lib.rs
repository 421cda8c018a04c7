//! A load generator for HTTP/1.1, HTTP/2, gRPC and WebSocket.
//!
//! A [`Plan`] says what to ask and when; [`run`] does it and returns a [`Report`]. Nothing is printed
//! here: [`report`] makes texts of a report, and the command `loadtest` prints them.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use net_pingora_loadtest::{Arrivals, End, Load, Plan, Stop, run};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut plan = Plan::new("http://127.0.0.1:8080/".parse()?);
//! plan.load = Load::Open { rate: 1000.0, arrivals: Arrivals::Constant };
//! plan.end = End::After(Duration::from_secs(30));
//! let report = run(plan, &Stop::default(), |_second| ())?;
//! assert!(report.percentile(99.0) < Duration::from_millis(10));
//! # Ok(())
//! # }
//! ```

pub mod churn;
mod client;
pub mod cold;
mod connection;
mod failure;
mod names;
mod order;
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
pub use record::{Bounds, Lost, Sample, Stages};
pub use report::Report;
pub use run::{Stop, run};
pub use series::Second;
pub use shares::{BadShare, Judged, Share};
pub use target::{BadUrl, Target};
pub use thresholds::{BadThreshold, Figure, Metric, Missed, Threshold, Unit};
