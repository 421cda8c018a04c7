//! The explanation for people.

use std::fmt;

use net_pingora_controller::HostOrigin;
use net_pingora_routing::{Backend, Header, Missing, Path, Pods, Protocol, Target};

use super::Answer;
use super::reason::{Reason, miss_text};

/// Addresses shown of one backend.
const MOST_ADDRESSES: usize = 8;

/// An answer, as text of several lines.
pub(super) struct Text<'a>(pub(super) &'a Answer);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.told.outcome {
            Ok(path) => self.routed(f, path)?,
            Err(miss) => {
                writeln!(f, "not routed, answered 404: {}", miss_text(*miss, &self.0.asked))?;
            }
        }
        if !self.0.nearest.is_empty() {
            writeln!(f, "hosts like it: {}", self.0.nearest.join(", "))?;
        }
        self.others(f)
    }
}

impl Text<'_> {
    fn routed(&self, f: &mut fmt::Formatter<'_>, path: &Path) -> fmt::Result {
        let Answer { asked, told, .. } = self.0;
        let host = told.matched.as_deref().unwrap_or_default();
        writeln!(f, "routed by {}, host {host}, prefix {}", self.0.position(path), path.prefix)?;
        self.origin(f)?;
        if told.redirect {
            return writeln!(f, "  answered 301 to https: httpOption is Redirected, and the client speaks plain HTTP");
        }
        writeln!(f, "  listeners: {}", asked.listeners())?;
        if let Some(host) = &path.rewrite_host {
            writeln!(f, "  Host becomes {}", String::from_utf8_lossy(host.as_bytes()))?;
        }
        append_headers(f, "  ", &path.append_headers)?;
        for split in path.splits.as_slice() {
            writeln!(f, "  {:>3} % to {}, {}", split.percent, split.backend.key, target(&split.backend))?;
            append_headers(f, "        ", &split.append_headers)?;
        }
        Ok(())
    }

    fn origin(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(HostOrigin { tag, rule, domain_template, tag_template }) = &self.0.origin else { return Ok(()) };
        if let Some(template) = tag_template {
            writeln!(f, "  tag {tag}, tag-template {template}")?;
        }
        writeln!(f, "  domain {rule}, domain-template {domain_template}")
    }

    fn others(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = &self.0.told;
        for step in told.steps.iter().filter(|step| !step.chosen) {
            let reason = Reason::of(step, self.0);
            writeln!(f, "not by {}, prefix {}: {reason}", self.0.position(&step.path), step.path.prefix)?;
        }
        Ok(())
    }
}

fn append_headers(f: &mut fmt::Formatter<'_>, indent: &str, headers: &[Header]) -> fmt::Result {
    headers.iter().try_for_each(|(name, value)| {
        writeln!(f, "{indent}header {name} becomes {}", String::from_utf8_lossy(value.as_bytes()))
    })
}

/// What a backend resolves to.
fn target(backend: &Backend) -> String {
    let upstream = backend.upstream();
    match &upstream.target {
        Target::Missing(Missing::Service) => "answered 503: there is no such Service".to_owned(),
        Target::Missing(Missing::Port) => "answered 503: the Service has no such port".to_owned(),
        Target::Internal => "our own internal Service: routed once more by the internal listeners".to_owned(),
        Target::Name { host, port } => format!("{} to {host}:{port} by DNS", protocol(upstream.protocol)),
        Target::Revision(pods) if pods.ready.as_slice().is_empty() => {
            format!("{}, once a pod of revision {} is ready", protocol(upstream.protocol), pods.revision.key)
        }
        Target::Endpoints(set) if set.as_slice().is_empty() => "answered 503: no endpoint is ready".to_owned(),
        Target::Endpoints(set) | Target::Revision(Pods { ready: set, .. }) => {
            let shown = set.as_slice().iter().take(MOST_ADDRESSES).map(|endpoint| endpoint.address.to_string());
            let more = match set.as_slice().len().saturating_sub(MOST_ADDRESSES) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("{} to {}{more}", protocol(upstream.protocol), shown.collect::<Vec<_>>().join(" "))
        }
    }
}

/// A protocol's name for people and programs.
pub(super) fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http1 => "HTTP/1.1",
        Protocol::Http2 => "h2c",
    }
}
