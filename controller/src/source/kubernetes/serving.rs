//! Whether Serving's controllers are alive, which make KIngresses of Routes.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{BoxStream, StreamExt, unfold};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::api::ListParams;
use kube::{Api, Client};
use tokio::sync::Notify;
use tokio::time::timeout;
use tracing::warn;

use super::steps::Step;

/// Serving's controller of Routes holds one Lease of this name for each share of them
/// (knative.dev/pkg `leaderelection/config.go`).
const LEASES: &str = "controller.knative.dev.serving.pkg.reconciler.route.reconciler.";
/// The version of Serving's API that has Routes.
const GROUP: &str = "serving.knative.dev/v1";
/// From one look to the next.
const PERIOD: Duration = Duration::from_secs(5);
/// Silence of three times what a Lease is good for in Serving, after which its holder counts as gone.
const SILENCE: SignedDuration = SignedDuration::from_secs(180);

/// Who makes KIngresses of Routes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RoutesMode {
    /// Serving's controllers while they are there, otherwise we.
    #[default]
    Auto,
    /// We, whoever else does.
    Always,
    /// Never we.
    Never,
}

/// What is known of Serving's controllers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Serving {
    /// One holds a Lease, or has held it a moment ago.
    Alive,
    /// None has for long, or there never was one.
    Absent,
    /// There are no Routes to be served by anybody.
    NotInstalled,
}

/// Looks every few seconds and says where something is another than before; when asked by `again`, at once and in
/// any case.
pub(super) fn watch(client: &Client, namespace: &str, again: Arc<Notify>) -> BoxStream<'static, Step> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), namespace);
    let looks = unfold((client.clone(), leases, None, again), |(client, leases, last, again)| async move {
        let mut failing = false;
        loop {
            let asked = last.is_some() && timeout(PERIOD, again.notified()).await.is_ok();
            let looked = look(&client, &leases).await;
            if let (Err(error), false) = (&looked, failing) {
                warn!(%error, "cannot see whether Serving's controllers are there; what is known stays in effect");
            }
            failing = looked.is_err();
            // Who cannot look leaves Routes to Serving.
            let serving = looked.unwrap_or(last.unwrap_or(Serving::Alive));
            if asked || last != Some(serving) {
                return Some((Step::Serving(serving), (client, leases, Some(serving), again)));
            }
        }
    });
    looks.boxed()
}

async fn look(client: &Client, leases: &Api<Lease>) -> kube::Result<Serving> {
    let serving = judge(&leases.list(&ListParams::default()).await?.items, Timestamp::now());
    if serving == Serving::Alive {
        return Ok(serving);
    }
    match client.list_api_group_resources(GROUP).await {
        Ok(kinds) if kinds.resources.iter().any(|kind| kind.name == "routes") => Ok(Serving::Absent),
        Ok(_) => Ok(Serving::NotInstalled),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(Serving::NotInstalled),
        Err(error) => Err(error),
    }
}

fn judge(leases: &[Lease], now: Timestamp) -> Serving {
    let of_routes = |lease: &&Lease| lease.metadata.name.as_deref().is_some_and(|name| name.starts_with(LEASES));
    let renewed = leases.iter().filter(of_routes).filter_map(|lease| lease.spec.as_ref()?.renew_time.as_ref());
    let alive = renewed.max().is_some_and(|renewed| now.duration_since(renewed.0) < SILENCE);
    if alive { Serving::Alive } else { Serving::Absent }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn controllers_are_there_while_a_lease_of_routes_was_renewed_lately() {
        let now: Timestamp = "2026-01-01T00:10:00Z".parse().unwrap();
        let lease = |name: &str, renewed: &str| {
            let value = json!({"metadata": {"name": name}, "spec": {"renewTime": renewed}});
            serde_json::from_value::<Lease>(value).unwrap()
        };
        let name = format!("{LEASES}00-of-01");
        for (leases, wanted) in [
            (vec![], Serving::Absent),
            (vec![lease(&name, "2026-01-01T00:09:50.000000Z")], Serving::Alive),
            (vec![lease(&name, "2026-01-01T00:07:01.000000Z")], Serving::Alive),
            (vec![lease(&name, "2026-01-01T00:07:00.000000Z")], Serving::Absent),
            (vec![lease("net-pingora", "2026-01-01T00:09:59.000000Z")], Serving::Absent),
            (
                vec![lease(&name, "2026-01-01T00:00:00.000000Z"), lease(&name, "2026-01-01T00:09:00.000000Z")],
                Serving::Alive,
            ),
        ] {
            assert_eq!(judge(&leases, now), wanted, "{leases:?}");
        }
    }
}
