//! Changes routes one after the other while they are asked.

use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, LocalOptions};
use tokio::time::sleep;

use super::backend::Backend;
use super::load::{Asked, BACKENDS, load};
use super::manifests::Manifests;
use super::{Change, Error, Plan, Report};
use crate::client::http1::Http1;
use crate::pace::Timer;
use crate::prepared::PlanError;
use crate::run::Stop;

/// Between an answer and the next probe.
const PROBE: Duration = Duration::from_millis(1);

/// Writes the routes, changes them under load, removes them, and tells `watch` of each change.
///
/// Blocks. Two backends are started on loopback for as long as it lasts.
///
/// # Errors
/// When the plan contradicts itself, a file cannot be written or the gateway does not serve the routes. Files that
/// were written are removed all the same.
pub fn run(plan: &Plan, stop: &Stop, watch: impl FnMut(&Change)) -> Result<Report, Error> {
    check(plan)?;
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let mut manifests = Manifests::new(plan);
        let hosts = (0..plan.routes).map(|route| manifests.host(route)).collect();
        let asked = Rc::new(Asked::new(plan, hosts)?);
        let backends = [Backend::start(BACKENDS[0]).await?, Backend::start(BACKENDS[1]).await?];
        let begin = tokio::select! {
            begun = begin(plan, &asked, &mut manifests, &backends) => Some(begun?),
            () = stop.wait() => None,
        };
        if let Some(begin) = begin {
            tokio::select! {
                changed = change_all(plan, &asked, &mut manifests, begin, watch) => changed?,
                ended = load(plan, &asked) => ended?,
                () = stop.wait() => {}
            }
            asked.report.borrow_mut().elapsed = begin.elapsed();
        }
        manifests.remove()?;
        Ok(asked.report.take())
    })
}

fn check(plan: &Plan) -> Result<(), Error> {
    if plan.gateway.tls || plan.gateway.websocket {
        return Err(Error::Scheme(plan.gateway.to_string()));
    }
    if plan.routes == 0 {
        return Err(PlanError::Zero("routes").into());
    }
    Ok(())
}

/// Writes all routes and waits until each is served; when that was.
async fn begin(plan: &Plan, asked: &Asked, manifests: &mut Manifests, backends: &[Backend]) -> Result<Instant, Error> {
    for (number, backend) in backends.iter().enumerate() {
        manifests.backend(number, backend.address)?;
    }
    for route in 0..plan.routes {
        manifests.route(route, 0)?;
    }
    let (start, mut prober) = (Instant::now(), asked.prober());
    for route in 0..plan.routes {
        while let Err(why) = asked.ask(&mut prober, route).await {
            if start.elapsed() > plan.patience {
                let (url, host) = (plan.gateway.to_string(), manifests.host(route));
                let (patience, directory) = (plan.patience, plan.directory.clone());
                return Err(Error::NotServed { url, host, patience, why, directory });
            }
            sleep(PROBE).await;
        }
    }
    Ok(Instant::now())
}

async fn change_all(
    plan: &Plan,
    asked: &Asked,
    manifests: &mut Manifests,
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
        manifests.route(route, target)?;
        let effect = effect(plan, asked, route, changed, &timer, &mut prober).await?;
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
