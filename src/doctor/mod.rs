//! `doctor`: what a cluster lacks until it serves requests, one line a check.
//!
//! Everything is read first, by [`facts`]; each other file judges one thing by what was read.

mod address;
mod class;
mod domain;
mod facts;
mod finding;
mod gateway;
mod ingresses;
mod internal;
mod kubectl;
mod leader;
mod name;
mod reader;
mod server;
mod serving;

use std::io::Write;
use std::process::ExitCode;

use k8s_openapi::jiff::Timestamp;
use net_pingora_config::{DoctorArgs, ObjectArgs, system_namespace};
use tokio::runtime;

use self::facts::{Facts, Place};
use self::finding::{Finding, Level};
use self::name::Question;
use self::reader::{Read, Reader};

/// Prints what every check found; exits 1 when one failed.
pub(crate) fn run(args: &DoctorArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let findings = runtime.block_on(examine(&args.objects));
    // A lookup that DNS does not answer must not keep the process.
    runtime.shutdown_background();
    for finding in &findings {
        writeln!(out, "{finding}")?;
    }
    let failed = findings.iter().any(|finding| finding.level == Level::Fail);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

async fn examine(args: &ObjectArgs) -> Vec<Finding> {
    let (client, server) = server::reach().await;
    let Some(client) = client else { return vec![server] };
    let place = Place::new(system_namespace(), &args.internal_service());
    let facts = Box::pin(facts::read(&Reader::new(client), &place)).await;
    let mut findings = vec![server];
    findings.extend(judge(&facts, &place, &args.class));
    findings.push(match question(&facts, &place, &args.class) {
        Some((host, domain, address)) => {
            name::check(Question { host: &host, domain, address, namespace: &place.namespace }).await
        }
        None => name::nothing_to_look_up(),
    });
    findings
}

/// Judges all but the name, which is not the cluster's to tell.
fn judge(facts: &Facts, place: &Place, class: &str) -> Vec<Finding> {
    let namespace = place.namespace.as_str();
    let mut findings = vec![
        checked(serving::CHECK, &facts.deployments, |deployments| serving::judge(deployments, namespace)),
        checked(class::CHECK, &facts.config_network, |config| class::judge(config.as_ref(), namespace, class)),
    ];
    match &facts.ingresses {
        Ok(ingresses) => findings.extend(ingresses::judge(ingresses, class)),
        Err(unread) => findings.push(ingresses::unread(unread)),
    }
    findings.extend([
        checked(gateway::CHECK, &facts.deployments, |deployments| {
            gateway::judge(deployments, facts.pods.as_deref().unwrap_or_default(), namespace)
        }),
        checked(leader::CHECK, &facts.lease, |lease| leader::judge(lease.as_ref(), Timestamp::now(), namespace)),
        checked(internal::CHECK, &facts.internal, |service| {
            checked(internal::CHECK, &facts.internal_slices, |slices| {
                internal::judge(service.as_ref(), slices, &place.internal_namespace, &place.internal)
            })
        }),
        checked(address::CHECK, &facts.service, |service| {
            address::judge(service.as_ref(), &facts.load_balancers, namespace)
        }),
        checked(domain::CHECK, &facts.config_domain, |config| {
            domain::judge(config.as_ref(), namespace, &place.local_domain, public_address(facts))
        }),
    ]);
    findings
}

/// What the check finds, or why it cannot.
fn checked<T>(check: &str, read: &Read<T>, judge: impl FnOnce(&T) -> Finding) -> Finding {
    read.as_ref().map_or_else(|unread| unread.finding(check), judge)
}

fn public_address(facts: &Facts) -> Option<&str> {
    address::address(facts.service.as_ref().ok()?.as_ref()?)
}

/// A host to look up, its domain, and the address it should have.
fn question<'a>(facts: &'a Facts, place: &Place, class: &str) -> Option<(String, &'a str, &'a str)> {
    let config = facts.config_domain.as_ref().ok()?.as_ref()?;
    let domain = domain::default_domain(config, &place.local_domain)?;
    let ingresses = facts.ingresses.as_deref().unwrap_or_default();
    let served = ingresses::served_host(ingresses, class, domain);
    let host = served.map_or_else(|| format!("doctor.default.{domain}"), str::to_owned);
    Some((host, domain, public_address(facts)?))
}
