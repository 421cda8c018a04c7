//! The subcommands.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;

use crate::{CompileArgs, DoctorArgs, ExplainArgs, ObjectArgs, ServeArgs};

/// The ingress gateway for Knative, on Pingora.
///
/// It reads Knative's networking objects and proxies the traffic itself. They come from a cluster;
/// with `serve --from DIR` they are ordinary Kubernetes manifests in a folder, and none is needed.
#[derive(Debug, Parser)]
#[command(name = "net-pingora", version, arg_required_else_help = true, after_long_help = EXAMPLES, args_override_self = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Begin here:
  net-pingora demo                                  sample routes and backends to send curl and hey at
  net-pingora check DIR                             find the faults in a folder of manifests
  net-pingora serve --from DIR                      serve it
  net-pingora serve                                 serve the cluster this pod runs in
  net-pingora explain --from DIR http://HOST/PATH   why a URL is routed the way it is

Every flag --some-name is also read from the variable NET_PINGORA_SOME_NAME; the flag wins.";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve sample routes and backends, to try the gateway without any set-up
    ///
    /// Routes and backends are inside this process. The routes come from a folder of manifests
    /// that is printed and may be edited while the demo runs: a saved change is in effect at once.
    /// Exact curl and hey lines are printed too. It needs neither root nor DNS, it listens on
    /// loopback only, and ports that are taken are replaced by free ones.
    Demo(DemoArgs),

    /// Serve the objects of a cluster or of a folder
    ///
    /// A saved change is in effect at once; an object with a fault is reported and its last good
    /// version keeps serving. What each listener got is printed on standard output, one line each:
    /// `listening external-http http://[::]:8080`. SIGTERM drains: readiness fails, requests in
    /// flight finish, then the process ends. SIGINT (Ctrl-C) ends it at once.
    Serve(Box<ServeArgs>),

    /// Name every fault in a folder of objects, or in a cluster
    ///
    /// It reads the objects as `serve` does and prints every fault on one line of its own:
    /// `file:line: Kind namespace/name: field: what is wrong; what to write instead`.
    /// Faults go to standard output, their count to standard error. Subfolders, JSON and YAML with
    /// several documents are read. Kinds that the gateway does not use are named once and skipped.
    Check(CheckArgs),

    /// Tell which object serves a URL, and why the others do not
    ///
    /// The answer comes from the gateway's own code: it names the KIngress, the rule, the path and
    /// the splits that serve the URL, and says of every other path of the host why it does not.
    /// Nothing is sent and nothing listens.
    Explain(ExplainArgs),

    /// Print the KIngress objects that Routes and DomainMappings stand for
    ///
    /// With Knative Serving they are what its controllers write; without them, what is served.
    /// KIngress objects that were written by hand are not printed. Faults go to standard error.
    Compile(CompileArgs),

    /// Tell what a cluster lacks until it serves requests, and what to do
    ///
    /// It asks the cluster of KUBECONFIG, or the one this pod runs in, and prints one line a check:
    /// `ok`, `warn` or `FAIL`, what was checked, what was found and, where something is wrong, what
    /// to do. Nothing is changed.
    Doctor(DoctorArgs),

    /// Print the completion script for a shell
    Completion(CompletionArgs),
}

/// The flags of `demo`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Examples:
  net-pingora demo              press Ctrl-C to end with a summary
  net-pingora demo --dir play   keep the manifests, and the edits to them, in ./play
  net-pingora demo --check      run every printed line, say what passed, exit 0 or 1")]
pub struct DemoArgs {
    /// Folder of the manifests; edits in it are kept [default: a new temporary folder]
    #[arg(long, value_name = "DIR", env = "NET_PINGORA_DIR")]
    pub dir: Option<PathBuf>,

    /// Run every printed line, check its answer and end; exits 1 when one of them fails
    #[arg(long, env = "NET_PINGORA_CHECK", value_parser = clap::builder::BoolishValueParser::new())]
    pub check: bool,
}

/// The flags of `check`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Exit status: 0 no fault, 1 any fault, 2 wrong use.

Examples:
  net-pingora check
  net-pingora check manifests
  net-pingora check manifests | grep KIngress")]
pub struct CheckArgs {
    /// Folder of the objects [default: the cluster that KUBECONFIG names]
    #[arg(value_name = "DIR")]
    pub from: Option<PathBuf>,

    /// Which objects are ours.
    #[command(flatten)]
    pub objects: ObjectArgs,
}

/// The flags of `completion`.
#[derive(Args, Clone, Copy, Debug)]
#[command(after_long_help = "\
Examples:
  net-pingora completion bash > /etc/bash_completion.d/net-pingora
  net-pingora completion zsh > \"${fpath[1]}/_net-pingora\"
  net-pingora completion fish > ~/.config/fish/completions/net-pingora.fish")]
pub struct CompletionArgs {
    /// The shell
    pub shell: Shell,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_flag_is_also_a_variable() {
        for command in Cli::command().get_subcommands() {
            for argument in command.get_arguments() {
                let Some(flag) = argument.get_long() else { continue };
                let wanted = format!("NET_PINGORA_{}", flag.to_uppercase().replace('-', "_"));
                let variable = argument.get_env().and_then(|name| name.to_str());
                assert_eq!(variable, Some(wanted.as_str()), "{} --{flag}", command.get_name());
            }
        }
    }
}
