//! `explain`: which object serves a URL, told by the proxy's own code.

mod json;
mod nearest;
mod reason;
mod text;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;

use http::HeaderMap;
use http::header::HOST;
use net_pingora_config::{ExplainArgs, Output, UrlArg};
use net_pingora_controller::api::Kind;
use net_pingora_controller::{Engine, HostOrigin};
use net_pingora_routing::{Explanation, Listener, Miss, ObjectKey, Path, Request};

/// Exit status for a request that no object serves.
const NOT_ROUTED: u8 = 4;

/// The request that is asked about.
#[derive(Debug)]
struct Asked {
    url: UrlArg,
    listener: Listener,
    headers: HeaderMap,
}

/// How the proxy decides it.
#[derive(Debug)]
struct Answer {
    asked: Asked,
    told: Explanation,
    /// The objects behind KIngresses that nobody has written.
    sources: BTreeMap<ObjectKey, Kind>,
    /// What made the host, if a Route did.
    origin: Option<HostOrigin>,
    /// Hosts of the table that look like the one asked for; only when that one is unknown.
    nearest: Vec<String>,
}

/// Explains the URL; exits 4 when nothing serves it.
pub(crate) fn run(args: &ExplainArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let loaded = crate::objects::read(args.source.from.as_deref(), &args.source.objects)?;
    if !loaded.faults.is_empty() {
        let count = loaded.faults.len();
        let from = args.source.from.as_ref().map(|from| format!(" {}", from.display())).unwrap_or_default();
        eprintln!("net-pingora: {count} faults may matter; `net-pingora check{from}` names them");
    }
    let answer = Answer::new(Asked::new(args), &loaded.engine);
    match args.output {
        Output::Text => write!(out, "{}", text::Text(&answer))?,
        Output::Json => writeln!(out, "{:#}", json::json(&answer))?,
    }
    Ok(if answer.told.outcome.is_ok() { ExitCode::SUCCESS } else { NOT_ROUTED.into() })
}

impl Asked {
    fn new(args: &ExplainArgs) -> Self {
        let listener = if args.internal { Listener::Internal } else { Listener::External };
        let headers = args.headers.iter().map(|header| (header.name.clone(), header.value.clone()));
        let mut headers: HeaderMap = headers.collect();
        let mut url = args.url.clone();
        if let Some(host) = headers.remove(HOST).as_ref().and_then(|host| host.to_str().ok()) {
            host.clone_into(&mut url.host);
        }
        Self { url, listener, headers }
    }

    fn listeners(&self) -> &'static str {
        match self.listener {
            Listener::External => "external",
            Listener::Internal => "internal",
            Listener::Activator => "activator",
        }
    }

    fn request(&self) -> Request<'_> {
        Request {
            listener: self.listener,
            tls: self.url.tls,
            host: &self.url.host,
            path: &self.url.path,
            headers: &self.headers,
        }
    }
}

impl Answer {
    /// The path that serves the request.
    fn chosen(&self) -> Option<&Path> {
        self.told.outcome.as_ref().ok().map(|path| &**path)
    }

    /// A path's place in its object.
    fn position(&self, path: &Path) -> String {
        let Path { ingress, rule, index, .. } = path;
        match self.sources.get(&ingress.key).copied().unwrap_or(Kind::Ingress) {
            Kind::Ingress => format!("KIngress {} rules[{rule}].http.paths[{index}]", ingress.key),
            kind => format!("{kind} {}, which makes rules[{rule}].http.paths[{index}]", ingress.key),
        }
    }

    fn new(asked: Asked, engine: &Engine) -> Self {
        let table = engine.table().load();
        let told = net_pingora_routing::explain(&table, &asked.request());
        let nearest = match (&told.outcome, &told.host) {
            (Err(Miss::UnknownHost), Some(host)) => nearest::nearest(host, table.hosts().map(|host| host.name())),
            _ => Vec::new(),
        };
        let chosen = told.outcome.as_ref().ok().map(|path| &path.ingress.key);
        let keys = told.steps.iter().map(|step| &step.path.ingress.key).chain(chosen);
        let sources = keys.map(|key| (key.clone(), engine.source_of(key).kind)).collect();
        let origin = chosen.and_then(|key| engine.host_origin(key, told.matched.as_deref()?));
        Self { asked, told, sources, origin, nearest }
    }
}
