//! The flags of `compile`.

use clap::{Args, ValueEnum};

use crate::SourceArgs;

/// The flags of `compile`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Exit status: 0 no fault, 1 any fault (what has none is printed), 2 wrong use.

Examples:
  net-pingora compile --from manifests
  net-pingora compile --from manifests --output kingress > kingress.yaml")]
pub struct CompileArgs {
    /// Where the objects come from.
    #[command(flatten)]
    pub source: SourceArgs,

    /// What to print
    #[arg(long, value_enum, default_value_t = CompileOutput::Kingress, env = "NET_PINGORA_OUTPUT")]
    pub output: CompileOutput,
}

/// What `compile` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CompileOutput {
    /// The KIngress objects, as YAML documents.
    Kingress,
}
