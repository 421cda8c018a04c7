//! Requests at routes that may be changing.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::timeout;

use super::routes::Routes;
use super::{Plan, Report};
use crate::client::http1::Http1;
use crate::client::{Client, Local};
use crate::failure::Kind;
use crate::pace::{Queue, Schedule, Seat, Timer};
use crate::plan::{Arrivals, Shares, ToldBy};
use crate::prepared::{PlanError, Prepared};
use crate::shares::Share;

/// What the two backends answer with.
pub(crate) const BACKENDS: [&str; 2] = ["blue", "green"];

/// Requests that are handed out before the workers have their turn, at most.
const BURST: usize = 32;

/// What all requests have in common, and what came of them.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Requests on connections that are kept, and on connections of their own.
    prepared: [Arc<Prepared>; 2],
    local: Rc<Local>,
    hosts: Vec<String>,
    timeout: Duration,
    pub(crate) routes: RefCell<Routes>,
    pub(crate) report: RefCell<Report>,
}

impl Asked {
    /// Nothing asked yet of these hosts, which all lead to backend 0.
    pub(crate) fn new(plan: &Plan, hosts: Vec<String>) -> Result<Self, PlanError> {
        let report = Report { target: plan.gateway.to_string(), routes: plan.routes, ..Report::default() };
        Ok(Self {
            prepared: [Arc::new(prepared(plan, true)?), Arc::new(prepared(plan, false)?)],
            local: Rc::default(),
            hosts,
            timeout: plan.timeout,
            routes: RefCell::new(Routes::new(plan.routes, plan.grace, Instant::now())),
            report: RefCell::new(report),
        })
    }

    /// A client whose requests each have a connection of their own.
    pub(crate) fn prober(&self) -> Http1 {
        Http1::new(Arc::clone(&self.prepared[1]), Rc::clone(&self.local))
    }

    /// Asks a route's host: which backend answered, or the kind of failure.
    pub(crate) async fn ask(&self, client: &mut Http1, route: usize) -> Result<usize, String> {
        client.ask(&self.hosts[route]);
        let name = |kind: Kind| kind.name().to_owned();
        let outcome = timeout(self.timeout, client.exchange()).await.map_err(|_| name(Kind::Timeout))?;
        let outcome = outcome.map_err(|failure| name(failure.kind))?;
        if outcome.status >= 400 {
            return Err(format!("status {}", outcome.status));
        }
        let backend = outcome.backend.filter(|backend| *backend < BACKENDS.len());
        backend.ok_or_else(|| name(Kind::BadResponse))
    }

    /// The same, taken down; whether a route's target of now has answered.
    pub(crate) async fn count(&self, client: &mut Http1, route: usize) -> bool {
        let sent = Instant::now();
        let answer = self.ask(client, route).await;
        let mut report = self.report.borrow_mut();
        match answer {
            Ok(by) => {
                let mut routes = self.routes.borrow_mut();
                if let Some(after) = routes.answered(route, by, sent, Instant::now()) {
                    report.stale += 1;
                    report.stalest = report.stalest.max(after);
                }
                by == routes.target(route)
            }
            Err(kind) => {
                *report.failures.entry(kind).or_default() += 1;
                false
            }
        }
    }
}

/// A plan of requests whose answers tell their backend; hosts are given one by one.
fn prepared(plan: &Plan, keep_alive: bool) -> Result<Prepared, PlanError> {
    let mut requests = crate::Plan::new(plan.gateway.clone());
    requests.keep_alive = keep_alive;
    requests.redirects = false;
    let expected = BACKENDS.map(|name| Share { name: name.to_owned(), percent: 50.0 });
    requests.shares = Some(Shares { told_by: ToldBy::Body, expected: expected.into() });
    requests.connections = plan.connections;
    requests.load = crate::Load::Open { rate: plan.rate, arrivals: Arrivals::Constant };
    Prepared::new(requests)
}

/// Asks routes at random, at the plan's rate, for as long as it is polled.
pub(crate) async fn load(plan: &Plan, asked: &Rc<Asked>) -> io::Result<()> {
    let queue = Rc::<Queue>::default();
    let mut workers = JoinSet::new();
    for _ in 0..plan.connections {
        workers.spawn_local(work(Rc::clone(asked), Rc::clone(&queue)));
    }
    let timer = Timer::new()?;
    let schedule = Schedule::new(Instant::now(), plan.rate, Arrivals::Constant, (0, 1));
    for (sent, due) in schedule.enumerate() {
        timer.until(due).await?;
        if sent % BURST == 0 {
            tokio::task::yield_now().await;
        }
        queue.push(due);
    }
    Ok(())
}

async fn work(asked: Rc<Asked>, queue: Rc<Queue>) {
    let mut client = Http1::new(Arc::clone(&asked.prepared[0]), Rc::clone(&asked.local));
    let seat = Rc::<Seat>::default();
    while queue.pop(&seat).await.is_some() {
        let route = asked.local.random.borrow_mut().usize(..asked.hosts.len());
        asked.count(&mut client, route).await;
        asked.report.borrow_mut().requests += 1;
    }
}
