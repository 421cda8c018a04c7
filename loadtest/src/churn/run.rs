//! Changes routes one after the other while they are asked.

use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, LocalOptions};
use tokio::time::sleep;

use super::backend::Backend;
use super::load::{Asked, BACKENDS, load};
use super::objects::Objects;
use super::written::Written;
use super::{Change, Error, Place, Plan, Report};
use crate::client::http1::Http1;
use crate::pace::Timer;
use crate::prepared::PlanError;
use crate::run::Stop;

/// Between an answer and the next probe.
const PROBE: Duration = Duration::from_millis(1);

/// Writes the routes, changes them under load, removes them, and tells `watch` of each change.
///
/// Blocks. Two backends listen for as long as it lasts.
///
/// # Errors
/// When the plan contradicts itself, an object cannot be written or the gateway does not serve the routes. Objects that
/// were written are removed all the same.
pub fn run(plan: &Plan, stop: &Stop, watch: impl FnMut(&Change)) -> Result<Report, Error> {
    check(plan)?;
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let mut written = Written::new(&plan.place).await?;
        let report = churn(plan, stop, &mut written, watch).await;
        let removed = written.remove().await;
        let report = report?;
        removed.map(|()| report)
    })
}

fn check(plan: &Plan) -> Result<(), Error> {
    if plan.gateway.tls || plan.gateway.websocket {
        return Err(Error::Scheme(plan.gateway.to_string()));
    }
    if plan.routes == 0 {
        return Err(PlanError::Zero("routes").into());
    }
    match plan.place {
        Place::Kubernetes(advertised) if !is_endpoint(advertised) => Err(Error::Advertised(advertised)),
        _ => Ok(()),
    }
}

/// Whether Kubernetes takes it for an endpoint (`ValidateEndpointIP` of its validation).
fn is_endpoint(address: IpAddr) -> bool {
    let local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    !(local || address.is_loopback() || address.is_unspecified() || address.is_multicast())
}

/// Writes the routes and changes them under load.
async fn churn(plan: &Plan, stop: &Stop, written: &mut Written, watch: impl FnMut(&Change)) -> Result<Report, Error> {
    let objects = Objects::new(plan);
    let hosts = (0..plan.routes).map(|route| objects.host(route)).collect();
    let asked = Rc::new(Asked::new(plan, hosts)?);
    let at = plan.place.backends();
    let listen = async |name| Backend::start(name, at).await.map_err(|error| Error::Listen(at, error));
    let backends = [listen(BACKENDS[0]).await?, listen(BACKENDS[1]).await?];
    let begin = tokio::select! {
        begun = begin(plan, &asked, &objects, written, &backends) => Some(begun?),
        () = stop.wait() => None,
    };
    if let Some(begin) = begin {
        tokio::select! {
            changed = change_all(plan, &asked, &objects, written, begin, watch) => changed?,
            ended = load(plan, &asked) => ended?,
            () = stop.wait() => {}
        }
        asked.report.borrow_mut().elapsed = begin.elapsed();
    }
    Ok(asked.report.take())
}

/// Writes all routes and waits until each is served; when that was.
async fn begin(
    plan: &Plan,
    asked: &Asked,
    objects: &Objects,
    written: &mut Written,
    backends: &[Backend],
) -> Result<Instant, Error> {
    for (number, backend) in backends.iter().enumerate() {
        for object in objects.backend(number, backend.address) {
            written.put(object).await?;
        }
    }
    for route in 0..plan.routes {
        written.put(objects.route(route, 0)).await?;
    }
    let (start, mut prober) = (Instant::now(), asked.prober());
    for route in 0..plan.routes {
        while let Err(why) = asked.ask(&mut prober, route).await {
            if start.elapsed() > plan.patience {
                let (url, host) = (plan.gateway.to_string(), objects.host(route));
                let (patience, from) = (plan.patience, format!("class {} from {}", plan.class, plan.place));
                return Err(Error::NotServed { url, host, patience, why, from });
            }
            sleep(PROBE).await;
        }
    }
    Ok(Instant::now())
}

async fn change_all(
    plan: &Plan,
    asked: &Asked,
    objects: &Objects,
    written: &mut Written,
    begin: Instant,
    mut watch: impl FnMut(&Change),
) -> Result<(), Error> {
    let (timer, mut prober) = (Timer::new()?, asked.prober());
    for number in 0..plan.changes {
        // What is late is seen in the pause after its change, the last one's too.
        sleep(plan.pause).await;
        let route = number % plan.routes;
        let changed = Instant::now();
        asked.routes.borrow_mut().change(route, changed);
        let target = asked.routes.borrow().target(route);
        // Asked already while an API server takes the change, which may be in effect before it answers.
        let seen = async { Ok::<_, Error>(effect(plan, asked, route, changed, &timer, &mut prober).await?) };
        let ((), effect) = tokio::try_join!(written.put(objects.route(route, target)), seen)?;
        let change = Change { at: changed - begin, route, effect };
        watch(&change);
        asked.report.borrow_mut().changes.push(change);
    }
    sleep(plan.pause).await;
    Ok(())
}

/// Asks until the new target answers; how long after the change that was.
async fn effect(
    plan: &Plan,
    asked: &Asked,
    route: usize,
    changed: Instant,
    timer: &Timer,
    prober: &mut Http1,
) -> io::Result<Option<Duration>> {
    while changed.elapsed() < plan.patience {
        let fresh = asked.count(prober, route).await;
        asked.report.borrow_mut().probes += 1;
        if fresh {
            return Ok(Some(changed.elapsed()));
        }
        timer.until(Instant::now() + PROBE).await?;
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_an_address_that_others_can_reach() {
        for (address, wanted) in [
            ("10.0.0.1", true),
            ("fd00::1", true),
            ("127.0.0.2", false),
            ("::1", false),
            ("0.0.0.0", false),
            ("::", false),
            ("169.254.1.1", false),
            ("fe80::1", false),
            ("224.0.0.1", false),
        ] {
            assert_eq!(is_endpoint(address.parse().unwrap()), wanted, "{address}");
        }
    }
}
