//! The configurations, as they are written for the proxies.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::compare::contestant::Installed;
use crate::compare::proxies::Setup;
use crate::compare::work::Work;

/// Where examples listen, and where they send requests.
const LISTEN: ([u8; 4], u16) = ([127, 0, 0, 1], 8080);
const BACKEND: ([u8; 4], u16) = ([127, 0, 0, 1], 9090);

/// How a proxy is started for HTTP/1.1 and one route, and the files it is given.
pub(crate) fn text(installed: &Installed, threads: usize) -> anyhow::Result<String> {
    let folder = tempfile::tempdir()?;
    let (listen, backend) = (LISTEN.into(), BACKEND.into());
    let setup = Setup { work: Work::H1, listen, backend, threads, folder: folder.path() };
    let command = installed.kind.configure(&installed.program, &setup)?;
    let name = installed.program.file_name().unwrap_or_default().to_string_lossy();
    let mut text = format!("$ {name}");
    for argument in command.get_args() {
        let _ = write!(text, " {}", argument.display());
    }
    text.push('\n');
    add_files(&mut text, folder.path())?;
    Ok(text.replace(&folder.path().display().to_string(), "FOLDER"))
}

fn add_files(text: &mut String, folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            add_files(text, &path)?;
        } else {
            let _ = write!(text, "\n$ cat {}\n{}", path.display(), fs::read_to_string(&path)?);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::proxies::Kind;

    #[test]
    fn a_configuration_is_told_with_its_files_and_without_where_they_were() {
        let installed = |kind| Installed { kind, program: "/opt/bin/proxy".into() };
        let told = text(&installed(Kind::Haproxy), 3).unwrap();
        assert!(told.starts_with("$ proxy -db -f FOLDER/haproxy.cfg\n\n$ cat FOLDER/haproxy.cfg\nglobal\n"), "{told}");
        assert!(told.contains("nbthread 3") && told.contains("bind 127.0.0.1:8080"), "{told}");
        let told = text(&installed(Kind::NetPingora), 1).unwrap();
        assert!(told.contains("\n$ cat FOLDER/manifests/all.yaml\napiVersion: v1\n"), "{told}");
        assert_eq!(
            text(&installed(Kind::Relay), 1).unwrap(),
            "$ proxy compare relay 127.0.0.1:8080 127.0.0.1:9090 1\n"
        );
    }
}
