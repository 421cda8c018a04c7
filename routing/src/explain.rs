//! The routing decision, told aloud: which paths were asked and what each of them said.

use std::sync::Arc;

use crate::decide::{redirects, served};
use crate::{HostName, Listener, Miss, Path, PathVerdict, Request, Table};

/// One path that was asked.
#[derive(Clone, Debug)]
pub struct Step {
    /// The path.
    pub path: Arc<Path>,
    /// Whether the request's listener serves it; if not, it was not asked.
    pub served: bool,
    /// Whether its prefix matches.
    pub prefix: bool,
    /// The first header that does not match: name and wanted value.
    pub header: Option<(String, String)>,
    /// Whether it serves the request; later ones that match too are shadowed by it.
    pub chosen: bool,
}

/// How a request is decided.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The name the table was asked for, if the host has a valid form.
    pub host: Option<String>,
    /// The host of the table that answered; `*` for the catch-all.
    pub matched: Option<String>,
    /// All paths of the host, in the order they are asked.
    pub steps: Vec<Step>,
    /// The path that serves the request, or why none does.
    pub outcome: Result<Arc<Path>, Miss>,
    /// Whether the request is redirected to HTTPS instead of being served.
    pub redirect: bool,
}

/// Explains what [`crate::route`] decides, by the same steps.
pub fn explain(table: &Table, request: &Request<'_>) -> Explanation {
    let name = HostName::parse(request.host);
    let host = name.as_ref().and_then(|name| table.host(name));
    let outcome = crate::decide::select(table, request).map(Arc::clone);
    let steps = host.map(|host| {
        let reachable = served(host, request.listener);
        let chosen = outcome.as_ref().ok();
        let step = |path: &Arc<Path>| tell(path, request, reachable, chosen);
        served(host, Listener::Internal).iter().map(step).collect()
    });
    Explanation {
        host: name.map(|name| name.as_str().to_owned()),
        matched: host.map(|host| host.name().to_owned()),
        steps: steps.unwrap_or_default(),
        redirect: outcome.as_ref().is_ok_and(|path| redirects(path, request)),
        outcome,
    }
}

fn tell(path: &Arc<Path>, request: &Request<'_>, reachable: &[Arc<Path>], chosen: Option<&Arc<Path>>) -> Step {
    let verdict = path.verdict(request.path, request.headers);
    Step {
        path: Arc::clone(path),
        served: reachable.iter().any(|other| Arc::ptr_eq(other, path)),
        prefix: verdict != PathVerdict::OtherPrefix,
        header: match verdict {
            PathVerdict::OtherHeader(wanted) => {
                Some((wanted.name.to_string(), String::from_utf8_lossy(wanted.exact.as_bytes()).into_owned()))
            }
            _ => None,
        },
        chosen: chosen.is_some_and(|chosen| Arc::ptr_eq(chosen, path)),
    }
}
