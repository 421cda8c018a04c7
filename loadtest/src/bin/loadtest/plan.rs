//! A plan made of the command line.

use std::time::Duration;

use anyhow::{Context, bail};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use net_pingora_loadtest::{Arrivals, End, Load, Names, Plan, Shares, Target, ToldBy, Trust, Work};

use super::args::{Args, Grpc, Output, ProtocolArgs, RequestArgs};

/// What is added to every User-Agent, as hey adds itself.
const AGENT: &str = concat!("loadtest/", env!("CARGO_PKG_VERSION"));

/// Requests a CSV has at most, as in hey.
const SAMPLES: usize = 1_000_000;

pub(crate) fn plan(args: &Args) -> anyhow::Result<Plan> {
    let mut plan = asking(&args.url, &args.request, &args.protocol)?;
    plan.load = match args.rate {
        Some(rate) if args.poisson => Load::Open { rate, arrivals: Arrivals::Poisson },
        Some(rate) => Load::Open { rate, arrivals: Arrivals::Constant },
        None => Load::Closed { each: args.q.filter(|rate| *rate != 0.0) },
    };
    plan.end = args.z.filter(|time| !time.is_zero()).map_or(End::Requests(args.n), End::After);
    if args.rate.is_none() && matches!(plan.end, End::Requests(count) if count < args.c as u64) {
        bail!("-n cannot be less than -c");
    }
    plan.connections = args.c;
    plan.threads = args.threads.unwrap_or(plan.threads);
    plan.timeout = patience(args.t)?;
    plan.warmup = args.warmup;
    plan.shares = shares(args)?;
    plan.samples = if args.output == Some(Output::Csv) { SAMPLES } else { 0 };
    Ok(plan)
}

/// What is asked, of whom and by which protocol; when is left to the caller.
pub(crate) fn asking(url: &Target, request: &RequestArgs, protocol: &ProtocolArgs) -> anyhow::Result<Plan> {
    let mut plan = Plan::new(url.clone());
    plan.work = match protocol.grpc {
        Some(Grpc::Unary) => Work::GrpcUnary,
        Some(Grpc::Stream) => Work::GrpcStream,
        None if protocol.h2 => Work::Http2,
        None if url.websocket => Work::WebSocket,
        None => Work::Http1,
    };
    plan.streams = protocol.streams;
    plan.connect.clone_from(&protocol.connect);
    plan.proxy =
        protocol.x.as_deref().map(|proxy| proxy.trim_start_matches("http://").trim_end_matches('/').to_owned());
    plan.trust = match &protocol.ca {
        _ if protocol.insecure => Trust::Anyone,
        Some(file) => Trust::Authorities(file.clone()),
        None => Trust::System,
    };
    plan.keep_alive = !protocol.disable_keepalive;
    plan.redirects = !protocol.disable_redirects;
    plan.request.method = request.m.to_ascii_uppercase().parse::<Method>().context("-m must be a method")?;
    plan.request.headers = headers(request, protocol)?;
    // In place of one -H would give, as hey's -host is.
    if let Some(host) = plan.request.headers.remove(header::HOST) {
        plan.request.hosts = Names::One(host.to_str().context("-H Host")?.to_owned());
    }
    if let Some(hosts) = hosts(request)? {
        plan.request.hosts = hosts;
    }
    if let (Some(pattern), Some(count)) = (&request.path_pattern, request.path_count) {
        let paths = Names::pattern(pattern, count);
        plan.request.paths = paths.context("--path-pattern needs {} and --path-count at least 1")?;
    }
    plan.request.body = body(request, protocol, plan.work)?;
    Ok(plan)
}

/// How long a request may take; 0 is for ever.
pub(crate) fn patience(seconds: f64) -> anyhow::Result<Option<Duration>> {
    let patience = Duration::try_from_secs_f64(seconds).context("-t must be a number of seconds")?;
    Ok(Some(patience).filter(|patience| !patience.is_zero()))
}

fn shares(args: &Args) -> anyhow::Result<Option<Shares>> {
    let told_by = match &args.share_header {
        Some(name) => ToldBy::Header(name.clone()),
        None if args.share_body => ToldBy::Body,
        None if args.shares.is_empty() => return Ok(None),
        None => bail!("--share needs --share-header HEADER or --share-body"),
    };
    Ok(Some(Shares { told_by, expected: args.shares.clone() }))
}

fn hosts(request: &RequestArgs) -> anyhow::Result<Option<Names>> {
    if let Some(file) = &request.hosts {
        let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
        let hosts: Vec<String> =
            text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
        if hosts.is_empty() {
            bail!("{}: no hosts; write one a line", file.display());
        }
        return Ok(Some(Names::List(hosts)));
    }
    if let (Some(pattern), Some(count)) = (&request.host_pattern, request.host_count) {
        let hosts = Names::pattern(pattern, count);
        return Ok(Some(hosts.context("--host-pattern needs {} and --host-count at least 1")?));
    }
    Ok(request.host.clone().map(Names::One))
}

/// Headers in hey's order of precedence.
fn headers(request: &RequestArgs, protocol: &ProtocolArgs) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    let mut set = |name: HeaderName, value: &str| -> anyhow::Result<()> {
        let value = HeaderValue::from_str(value).with_context(|| format!("header {name}: {value:?}"))?;
        headers.insert(name, value);
        Ok(())
    };
    set(header::CONTENT_TYPE, &request.content_type)?;
    if !protocol.disable_compression {
        set(header::ACCEPT_ENCODING, "gzip")?;
    }
    if let Some(user) = &request.a {
        if !user.contains(':') {
            bail!("-a: write user:password");
        }
        set(header::AUTHORIZATION, &format!("Basic {}", BASE64_STANDARD.encode(user)))?;
    }
    let mut agent = None;
    for text in &request.headers {
        let (name, value) = text.split_once(':').with_context(|| format!("-H {text}: write 'Name: value'"))?;
        let name: HeaderName = name.trim().parse().with_context(|| format!("-H {text}: no header name"))?;
        if name == header::USER_AGENT {
            agent = Some(value.trim());
        }
        set(name, value.trim())?;
    }
    if let Some(accept) = &request.accept {
        set(header::ACCEPT, accept)?;
    }
    let agent = request.user_agent.as_deref().or(agent);
    set(header::USER_AGENT, &agent.map_or_else(|| AGENT.to_owned(), |agent| format!("{agent} {AGENT}")))?;
    Ok(headers)
}

fn body(request: &RequestArgs, protocol: &ProtocolArgs, work: Work) -> anyhow::Result<Bytes> {
    if let Some(file) = &request.body_file {
        return Ok(std::fs::read(file).with_context(|| format!("read {}", file.display()))?.into());
    }
    if let Some(size) = protocol.message_size {
        return Ok(message(size, work));
    }
    Ok(request.d.clone().unwrap_or_default().into())
}

/// A message of so many bytes; for gRPC it is valid protobuf, with the text in field 1, where its size allows.
fn message(size: usize, work: Work) -> Bytes {
    let text = |length| std::iter::repeat_n(b'x', length);
    if !matches!(work, Work::GrpcUnary | Work::GrpcStream) {
        return text(size).collect();
    }
    for prefix in 2..=6 {
        let Some(length) = size.checked_sub(prefix) else { break };
        let varint = varint(length);
        if varint.len() + 1 == prefix {
            // Field 1, of bytes (protobuf, "Message Structure").
            return std::iter::once(0x0a).chain(varint).chain(text(length)).collect();
        }
    }
    text(size).collect()
}

fn varint(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).unwrap_or_default();
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::flags;

    fn read(line: &str) -> anyhow::Result<Plan> {
        let words = ["loadtest"].into_iter().chain(line.split(' ')).map(Into::into);
        plan(&Args::try_parse_from(flags::normal(&Args::command(), words))?)
    }

    #[test]
    fn heys_flags_mean_what_they_mean_in_hey() {
        let plan =
            read("-n 10 -c 5 -q 2 -t 3 -m post -d hi -A a/b -T c/d -U me -host x.example http://a.example/p").unwrap();
        assert_eq!(plan.end, End::Requests(10));
        assert_eq!(plan.load, Load::Closed { each: Some(2.0) });
        assert_eq!((plan.connections, plan.timeout), (5, Some(Duration::from_secs(3))));
        assert_eq!(plan.request.method, Method::POST);
        assert_eq!(plan.request.hosts, Names::One("x.example".to_owned()));
        assert_eq!(plan.request.body, "hi");
        let headers = [("accept", "a/b"), ("content-type", "c/d"), ("accept-encoding", "gzip")];
        for (name, value) in headers.into_iter().chain([("user-agent", format!("me {AGENT}").as_str())]) {
            assert_eq!(plan.request.headers[name], value, "{name}");
        }
        let plan =
            read("-n 1 -z 1m30s -t 0 -disable-keepalive -disable-redirects -disable-compression http://a").unwrap();
        assert_eq!((plan.end, plan.timeout), (End::After(Duration::from_secs(90)), None));
        assert!(!plan.keep_alive && !plan.redirects && !plan.request.headers.contains_key("accept-encoding"));
        let plan = read("-a user:pass http://a").unwrap();
        assert_eq!(plan.request.headers["authorization"], "Basic dXNlcjpwYXNz");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for line in [
            "http://a -n 5 -c 6",
            "a.example",
            "http://a -a user",
            "http://a -H nothing",
            "http://a --rate 5 -q 5",
            "http://a --share blue=5",
            "http://a --host-pattern app.example --host-count 5",
            "http://a --poisson",
            "http://a -z 10",
            "http://a -o xml",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_grpc_message_of_a_size_is_protobuf_of_that_size() {
        for size in [2, 129, 130, 131, 16_000, 20_000] {
            let message = message(size, Work::GrpcUnary);
            assert_eq!(message.len(), size);
            if size != 130 {
                assert_eq!(message[0], 0x0a, "{size}");
            }
        }
        assert_eq!(&message(5, Work::WebSocket)[..], b"xxxxx");
    }
}
