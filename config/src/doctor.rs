//! The flags of `doctor`.

use clap::Args;

use crate::ObjectArgs;

/// The flags of `doctor`.
#[derive(Args, Debug)]
#[command(after_long_help = "\
Exit status: 0 no check failed, 1 a check failed or there is no cluster, 2 wrong use.

Examples:
  net-pingora doctor
  net-pingora doctor | grep FAIL
  KUBECONFIG=/etc/rancher/k3s/k3s.yaml net-pingora doctor")]
pub struct DoctorArgs {
    /// Which objects are ours.
    #[command(flatten)]
    pub objects: ObjectArgs,
}
