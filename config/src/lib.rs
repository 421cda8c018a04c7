//! What people set: the command line, its environment variables and their defaults.
//!
//! Every flag `--some-name` is also read from the variable `NET_PINGORA_SOME_NAME`; the flag wins.

mod activator;
mod address;
mod cluster;
mod command;
mod compile;
mod deadline;
mod doctor;
#[cfg(test)]
mod document;
mod explain;
mod live;
mod memory;
mod names;
mod objects;
mod serve;
mod tls;

pub use activator::{ActivatorArgs, ActivatorMode, Held, HostPort, HostPortError};
pub use address::{AddressError, Listen};
pub use cluster::{ClusterArgs, Pod, RoutesWhen, domain, pod, system_namespace};
pub use command::{CheckArgs, Cli, Command, CompletionArgs, DemoArgs};
pub use compile::{CompileArgs, CompileOutput};
pub use deadline::Deadline;
pub use doctor::DoctorArgs;
pub use explain::{ExplainArgs, HeaderArg, HeaderError, Output, UrlArg, UrlError};
pub use live::{KeyFault, LiveArgs, Overlaid, overlaid};
pub use memory::Memory;
pub use names::{MagicDns, MagicDnsError, NamesArgs};
pub use objects::{DEFAULT_CLASS, ObjectArgs, SourceArgs};
pub use serve::{ForwardArgs, LimitArgs, ListenArgs, LogArgs, LogFormat, ServeArgs, TimeoutArgs};
pub use tls::{SecretName, SecretNameError, TlsArgs};
