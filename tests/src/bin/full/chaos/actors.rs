//! Who makes the chaos: each on a thread of its own, with random numbers of its own.

use std::sync::{Arc, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use super::Chaos;
use super::replicas::Replica;
use super::world::{ENDPOINTS, Host, Mode, RESIDENTS, Route, Service};
use crate::process::Process;

/// How endpoints misbehave.
const FAULTS: [(Mode, &str); 5] = [
    (Mode::Refuse, "endpoint refused"),
    (Mode::Crash, "endpoint crashed"),
    (Mode::Close, "endpoint closed before its answers"),
    (Mode::Reset, "endpoint reset new connections"),
    (Mode::Cut, "endpoint cut its answers"),
];

/// What no gateway may take for a route.
const BROKEN: [&str; 4] = [
    "kind: Ingress\nmetadata: {name: [",
    "\tnot: yaml",
    "apiVersion: networking.internal.knative.dev/v1alpha1\nkind: Ingress\nmetadata: {namespace: default}\nspec: 7\n",
    "apiVersion: v1\nkind: Service\nmetadata: {name: none, namespace: default}\nspec: {ports: [{port: many}]}\n",
];

/// One endpoint of a service after the other misbehaves, or is removed for a while.
pub(super) fn flap(chaos: &Chaos, service: &Service) -> anyhow::Result<()> {
    let mut random = chaos.random(service.name);
    while chaos.rest(random.millis(300..3_000)) {
        let Some(endpoint) = random.pick(&service.endpoints) else { continue };
        let time = random.millis(200..3_000);
        let Some((mode, what)) = FAULTS.get(random.index(FAULTS.len() + 2)) else {
            chaos.figures.event("endpoint removed and added");
            chaos.world.set_members(service, (1..=ENDPOINTS).filter(|number| *number != endpoint.number).collect())?;
            chaos.rest(time * 2);
            chaos.world.set_members(service, (1..=ENDPOINTS).collect())?;
            continue;
        };
        chaos.figures.event(what);
        service.faulty.change(true, || endpoint.mode.send_replace(*mode));
        chaos.rest(time);
        endpoint.mode.send_replace(Mode::Serve);
        // It listens again soon.
        sleep(Duration::from_millis(100));
        service.faulty.change(false, || ());
    }
    Ok(())
}

/// Moves a host between its services, and breaks its file now and then.
pub(super) fn shift(chaos: &Chaos, host: &Host) -> anyhow::Result<()> {
    let mut random = chaos.random(&host.name);
    let [first, second] = host.services.as_slice() else { return Ok(()) };
    let (first, second) = (first.name, second.name);
    while chaos.rest(random.millis(200..3_000)) {
        if random.one_of(4) {
            chaos.figures.event("route file broken");
            chaos.world.break_file(host, &mut random)?;
            continue;
        }
        let split = match random.index(4) {
            0 => vec![(first, 100)],
            1 => vec![(second, 100)],
            2 => vec![(first, 50), (second, 50)],
            _ => vec![(second, 90), (first, 10)],
        };
        chaos.figures.event("route changed");
        chaos.world.set_route(host, Some(split))?;
    }
    Ok(())
}

/// A host comes and goes.
pub(super) fn visit(chaos: &Chaos, host: &Host) -> anyhow::Result<()> {
    let mut random = chaos.random(&host.name);
    while chaos.rest(random.millis(500..5_000)) {
        chaos.figures.event("route added and removed");
        chaos.world.set_route(host, Some(host.services.iter().map(|service| (service.name, 100)).collect()))?;
        chaos.rest(random.millis(500..15_000));
        chaos.world.set_route(host, None)?;
    }
    Ok(())
}

/// Files that are no good beside the good ones, and a KIngress that claims the host of another.
pub(super) fn litter(chaos: &Chaos) -> anyhow::Result<()> {
    let mut random = chaos.random("litter");
    while chaos.rest(random.millis(100..2_000)) {
        let name = format!("litter-{}.yaml", random.index(4));
        let thief = Route { version: 0, split: vec![("guest-1", 100)] };
        let text = match (random.one_of(4), random.pick(&chaos.world.hosts[..RESIDENTS.len()])) {
            // Its name is the last: a gateway that starts now prefers the owner too.
            (true, Some(host)) => host.claim("zz-thief", &thief),
            _ => random.pick(&BROKEN).copied().unwrap_or_default().to_owned(),
        };
        chaos.figures.event("bad file written and removed");
        chaos.world.folder.put(&name, &text)?;
        chaos.rest(random.millis(100..2_000));
        chaos.world.folder.remove(&name)?;
    }
    Ok(())
}

/// A gateway is killed, or drained, and comes back.
pub(super) fn restart(chaos: &Chaos, first: (Process, Arc<Replica>), rest: Duration) -> anyhow::Result<()> {
    let mut random = chaos.random("restart");
    let (mut process, mut replica) = first;
    while chaos.rest(rest + random.millis(0..5_000)) {
        if random.one_of(2) {
            chaos.figures.event("gateway killed");
            chaos.replicas.kill(process, &replica);
        } else {
            chaos.figures.event("gateway drained");
            chaos.replicas.drain(process, &replica)?;
        }
        chaos.rest(random.millis(0..2_000));
        let _sound = chaos.world.sound.lock().unwrap_or_else(PoisonError::into_inner);
        (process, replica) = chaos.replicas.start(chaos.world.folder.path())?;
    }
    chaos.figures.event("gateway killed");
    chaos.replicas.kill(process, &replica);
    Ok(())
}
