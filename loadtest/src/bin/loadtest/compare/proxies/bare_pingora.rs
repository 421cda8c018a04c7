//! The least that can be built on pingora-proxy: `tests/examples/bare-pingora.rs`.

use std::process::Command;

use super::{POOL, Setup};
use crate::compare::work::{Upstream, Work};

pub(super) const PROGRAM: &str = "bare-pingora";
pub(super) const INSTALL: &str = "cargo build --release --package net-pingora-tests --example bare-pingora";

pub(super) fn configure(command: &mut Command, setup: &Setup<'_>) {
    command.args([&setup.listen.to_string(), &setup.backend.to_string(), POOL]);
    command.args(["--threads", &setup.threads.to_string()]);
    if setup.work.upstream() == Upstream::Http2 {
        command.arg("--upstream-h2c");
    }
    if setup.work == Work::Tls {
        command.arg("--tls").arg(setup.folder.join("certificate.pem")).arg(setup.folder.join("key.pem"));
    }
}
