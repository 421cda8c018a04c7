//! Whether names of Knative Services resolve to the gateway, as seen from this machine.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use super::finding::Finding;
use super::{domain, kubectl};

const CHECK: &str = "name";
/// How long DNS may take.
const ANSWER: Duration = Duration::from_secs(5);
/// Domains whose names contain the address.
const MAGIC: [&str; 2] = [".nip.io", ".sslip.io"];

/// What is looked up, and where it should lead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    /// The host.
    pub(super) host: &'a str,
    /// The domain it is in.
    pub(super) domain: &'a str,
    /// The gateway's address, or a name for it.
    pub(super) address: &'a str,
    /// Where the ConfigMap of domains is.
    pub(super) namespace: &'a str,
}

/// The addresses of a name, or why there are none.
type Answer = Result<BTreeSet<IpAddr>, String>;

/// Looks up the host and judges.
pub(super) async fn check(question: Question<'_>) -> Finding {
    let (host, address) = tokio::join!(look_up(question.host), look_up(question.address));
    judge(question, &host, &address)
}

/// Says that there is nothing to look up yet.
pub(super) fn nothing_to_look_up() -> Finding {
    Finding::warn(CHECK, "not looked up without an address and a domain", "first do what is said above")
}

async fn look_up(host: &str) -> Answer {
    match timeout(ANSWER, lookup_host((host, 80))).await {
        Ok(Ok(found)) => Ok(found.map(|address| address.ip()).collect()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", ANSWER.as_secs())),
    }
}

/// What is wrong here may be right where the clients are, so nothing fails.
fn judge(question: Question<'_>, found: &Answer, wanted: &Answer) -> Finding {
    let Question { host, domain, address, namespace } = question;
    let wanted = match wanted {
        Ok(wanted) => wanted,
        Err(why) => {
            let fix = "wait for its DNS record, or ask the provider of the load balancer";
            return Finding::warn(CHECK, format!("the gateway's address {address} does not resolve: {why}"), fix);
        }
    };
    let magic = MAGIC.iter().any(|suffix| domain.ends_with(suffix));
    let any = wanted.first().map_or_else(|| address.to_owned(), ToString::to_string);
    let by_hand = format!("curl --resolve {host}:80:{any} http://{host}, or a line in /etc/hosts");
    match found {
        Ok(found) if found.iter().any(|address| wanted.contains(address)) => {
            Finding::ok(CHECK, format!("{host} resolves to {address}"))
        }
        Ok(found) => {
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            let fix = match wanted.first() {
                Some(address) if magic => {
                    kubectl::set(domain::CONFIG_MAP, namespace, &domain::magic(*address), "")
                        + " and take the old one out"
                }
                _ => format!("point *.{domain} there in your DNS; without: {by_hand}"),
            };
            Finding::warn(CHECK, format!("{host} resolves to {}, not to {address}", found.join(", ")), fix)
        }
        Err(why) => {
            let fix = if magic {
                format!(
                    "it needs a DNS server that asks the internet and passes private addresses on; without: {by_hand}"
                )
            } else {
                format!("point *.{domain} to {address} in your DNS; without: {by_hand}")
            };
            Finding::warn(CHECK, format!("{host} does not resolve on this machine: {why}"), fix)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_well_when_it_leads_to_the_gateway() {
        let addresses = |list: &[&str]| Answer::Ok(list.iter().map(|address| address.parse().unwrap()).collect());
        let own = Question { host: "a.b.my.example", domain: "my.example", address: "10.0.0.1", namespace: "k" };
        let magic = Question { host: "a.b.10.0.0.2.nip.io", domain: "10.0.0.2.nip.io", ..own };
        let named = Question { address: "lb.example", ..own };
        let unknown = || Answer::Err("unknown".to_owned());
        let wanted = addresses(&["10.0.0.1"]);
        for (question, found, wanted, line) in [
            (
                own,
                addresses(&["10.0.0.9", "10.0.0.1"]),
                wanted.clone(),
                "ok    name: a.b.my.example resolves to 10.0.0.1",
            ),
            (named, addresses(&["10.0.0.1"]), wanted.clone(), "ok    name: a.b.my.example resolves to lb.example"),
            (
                named,
                addresses(&["10.0.0.1"]),
                unknown(),
                "warn  name: the gateway's address lb.example does not resolve: unknown; \
                 wait for its DNS record, or ask the provider of the load balancer",
            ),
            (
                own,
                addresses(&["10.0.0.8", "10.0.0.9"]),
                wanted.clone(),
                "warn  name: a.b.my.example resolves to 10.0.0.8, 10.0.0.9, not to 10.0.0.1; \
                 point *.my.example there in your DNS; \
                 without: curl --resolve a.b.my.example:80:10.0.0.1 http://a.b.my.example, or a line in /etc/hosts",
            ),
            (
                magic,
                addresses(&["10.0.0.2"]),
                wanted.clone(),
                "warn  name: a.b.10.0.0.2.nip.io resolves to 10.0.0.2, not to 10.0.0.1; kubectl patch \
                 configmap/config-domain -n k --type merge -p '{\"data\":{\"10.0.0.1.nip.io\":\"\"}}' \
                 and take the old one out",
            ),
            (
                magic,
                unknown(),
                wanted.clone(),
                "warn  name: a.b.10.0.0.2.nip.io does not resolve on this machine: unknown; \
                 it needs a DNS server that asks the internet and passes private addresses on; without: curl --resolve \
                 a.b.10.0.0.2.nip.io:80:10.0.0.1 http://a.b.10.0.0.2.nip.io, or a line in /etc/hosts",
            ),
            (
                own,
                unknown(),
                wanted.clone(),
                "warn  name: a.b.my.example does not resolve on this machine: unknown; \
                 point *.my.example to 10.0.0.1 in your DNS; \
                 without: curl --resolve a.b.my.example:80:10.0.0.1 http://a.b.my.example, or a line in /etc/hosts",
            ),
        ] {
            assert_eq!(judge(question, &found, &wanted).to_string(), line);
        }
    }
}
