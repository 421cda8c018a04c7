//! The relay of bytes, which is this program.

use std::process::Command;

use super::Setup;

pub(super) fn configure(command: &mut Command, setup: &Setup<'_>) {
    command.args(["compare", "relay"]);
    command.args([setup.listen.to_string(), setup.backend.to_string(), setup.threads.to_string()]);
}
