//! h2spec, the test suite of HTTP/2 servers, against both ports that speak it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use rcgen::{CertificateParams, KeyPair};

use crate::findings::Findings;
use crate::manifests::Folder;
use crate::process::{Process, gateway_listening, this_program, workspace};
use crate::tools::Tool;

/// h2spec asks for it, as it is told the gateway's name so.
const HOST: &str = "localhost";

/// What cannot pass on a port, with the reason: on the plain one HTTP/1 is spoken too, so what is no preface of
/// HTTP/2 is answered 400 in HTTP/1 before the connection ends.
const EXCEPTIONS: [&str; 1] = ["2: Sends invalid connection preface"];

pub(crate) fn run() -> anyhow::Result<Findings> {
    let (folder, files) = (Folder::new()?, Folder::new()?);
    let program = build(files.path())?;
    // It reads a request to its end before it answers: an early answer is none of h2spec's business.
    let mut backend = Command::new(this_program());
    backend.args(["--helper", "seen"]).stderr(std::process::Stdio::null());
    let backend = Process::start(&mut backend, &["hyper"])?;
    folder.service("backend", backend.address("hyper")?)?;
    secret(&folder)?;
    folder.tls_route(HOST, "backend", "tls")?;
    let gateway = gateway_listening(
        folder.path(),
        &["--external-https", "127.0.0.1:0"],
        None,
        &["external-http", "external-https"],
    )?;
    let mut found = Findings::default();
    judge(&mut found, &program, "plain", gateway.address("external-http")?.port(), &[], &EXCEPTIONS)?;
    judge(&mut found, &program, "TLS", gateway.address("external-https")?.port(), &["-t", "-k"], &[])?;
    Ok(found)
}

fn build(folder: &Path) -> anyhow::Result<PathBuf> {
    let go = Tool::find("go", "golang-go")?;
    let program = folder.join("h2spec");
    let mut build = Command::new(go.path());
    build.arg("build").arg("-o").arg(&program).arg("github.com/summerwind/h2spec/cmd/h2spec").env("CGO_ENABLED", "0");
    let status = build.current_dir(workspace().join("tests/full/h2spec")).status()?;
    ensure!(status.success(), "{build:?} ends with {status}");
    Ok(program)
}

fn secret(folder: &Folder) -> anyhow::Result<()> {
    let key = KeyPair::generate()?;
    let made = CertificateParams::new(vec![HOST.to_owned()])?.self_signed(&key)?;
    Ok(folder.secret("tls", &made.pem(), &key.serialize_pem())?)
}

fn judge(
    found: &mut Findings,
    program: &Path,
    port: &str,
    number: u16,
    flags: &[&str],
    exceptions: &[&str],
) -> anyhow::Result<()> {
    let mut command = Command::new(program);
    let output = command.args(["-h", HOST, "-p", &number.to_string()]).args(flags).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let summary = said.lines().rev().find(|line| line.contains(" tests, ")).context("h2spec says nothing")?;
    found.figure(format_args!("{port}: {summary}"));
    let (_, failures) = said.split_once("Failures:").unwrap_or_default();
    for failure in failures.lines().filter_map(|line| line.trim().strip_prefix("× ")) {
        if exceptions.contains(&failure) {
            found.figure(format_args!("excepted: {failure}"));
        } else {
            found.violation(format_args!("{port}: {failure}"));
        }
    }
    Ok(())
}
