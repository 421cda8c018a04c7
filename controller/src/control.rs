//! The control plane on Kubernetes: changes into effect, acknowledgements to the leader, status to
//! the API server.

use std::convert::Infallible;
use std::future::pending;
use std::time::Instant;

use kube::Client;
use net_pingora_replicas::{Event, Leadership, Report, Served, Version};
use net_pingora_routing::ObjectKey;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep_until;
use tracing::info;

use crate::engine::{Applied, Engine};
use crate::events::Events;
use crate::source::kubernetes::{Cluster, Intake};
use crate::source::report;
use crate::status::{Board, DefaultDomain, Placeholders, Sources, Work, Write, Writer};
use crate::store::ObjectChange;

/// What is heard of the other replicas.
#[derive(Debug)]
pub struct Peers {
    /// Who leads.
    pub leadership: watch::Receiver<Leadership>,
    /// What the others serve, while this one leads.
    pub reports: mpsc::Receiver<Report>,
}

/// The control plane of one replica.
#[derive(Debug)]
pub struct Control {
    cluster: Cluster,
    engine: Engine,
    board: Board,
    sources: Sources,
    placeholders: Placeholders,
    domain: DefaultDomain,
    served: Served,
    writer: Writer,
    events: Events,
    leads: bool,
}

/// What has happened.
enum Happened {
    /// The cluster's objects changed.
    Changed(Intake),
    /// A replica says what it serves.
    Reported(Report),
    /// Somebody else leads, or this replica.
    Leads(bool),
    /// A write has ended, with success or not.
    Written(Work, bool),
    /// Something is due.
    Due,
}

impl Control {
    /// Reads all objects and puts them into effect; returns once every cache is complete.
    ///
    /// `served` is told which versions are in effect, for the leader.
    pub async fn start(
        client: Client,
        mut cluster: Cluster,
        engine: Engine,
        (board, placeholders): (Board, Placeholders),
        served: Served,
    ) -> Self {
        let intake = cluster.read(&engine).await;
        let objects = intake.changes.len();
        let events = Events::new(client.clone(), engine.system_namespace());
        let writer = Writer::new(client);
        let mut control = Self {
            cluster,
            engine,
            board,
            sources: Sources::default(),
            placeholders,
            domain: DefaultDomain::default(),
            served,
            writer,
            events,
            leads: false,
        };
        let applied = control.apply(intake);
        let took_ms = u64::try_from(applied.took.as_millis()).unwrap_or(u64::MAX);
        info!(objects, ingresses = applied.ingresses.len(), took_ms, "all caches are complete");
        control
    }

    /// What the objects make.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Keeps up with the cluster for ever; calls `on_applied` after every batch of changes.
    pub async fn run(mut self, mut peers: Peers, mut on_applied: impl FnMut(&Applied)) -> Infallible {
        loop {
            match self.happens(&mut peers).await {
                Happened::Changed(intake) => on_applied(&self.apply(intake)),
                Happened::Reported(report) => self.reported(report),
                Happened::Leads(leads) => self.lead(leads),
                Happened::Written(work, succeeded) => self.written(work, succeeded),
                Happened::Due if self.engine.next_deadline().is_some_and(|at| at <= Instant::now()) => {
                    on_applied(&self.apply(Intake::default()));
                }
                Happened::Due => {}
            }
            self.write();
            self.engine.reclaim();
        }
    }

    async fn happens(&mut self, peers: &mut Peers) -> Happened {
        let due = [self.engine.next_deadline(), self.board.next_deadline(), self.sources.next_deadline()];
        let due = due.into_iter().chain([self.placeholders.next_deadline(), self.domain.next_deadline()]);
        let due = due.into_iter().flatten().min();
        let due = async move {
            match due {
                Some(at) => sleep_until(at.into()).await,
                None => pending().await,
            }
        };
        let Peers { leadership, reports } = peers;
        tokio::select! {
            intake = self.cluster.next(&self.engine) => Happened::Changed(intake),
            Some(report) = reports.recv() => Happened::Reported(report),
            Ok(()) = leadership.changed() => Happened::Leads(matches!(*leadership.borrow_and_update(), Leadership::Us)),
            (work, succeeded) = self.writer.ended() => Happened::Written(work, succeeded),
            () = due => Happened::Due,
        }
    }

    fn lead(&mut self, leads: bool) {
        self.board.lead(leads, Instant::now());
        self.leads = leads;
        self.sources.reconsider();
        self.placeholders.reconsider(&self.engine);
        self.tell_settings_faults();
    }

    /// Of all replicas one writes events.
    fn tell_settings_faults(&self) {
        if self.leads {
            self.events.tell(self.engine.settings_uid(), self.engine.settings_faults());
        }
    }

    /// Puts changes into effect, and then says so.
    fn apply(&mut self, intake: Intake) -> Applied {
        let Intake { changes, seen, sources, looked, routes } = intake;
        let now = Instant::now();
        if let Some(enabled) = routes {
            self.engine.serve_routes(enabled);
            self.sources.reconsider();
        }
        self.placeholders.seen(changes.iter().map(ObjectChange::id));
        let applied = self.engine.apply(changes);
        report::applied(&applied);
        if applied.configured {
            self.tell_settings_faults();
        }
        let fresh: Vec<_> = seen.iter().map(|(key, _)| key.clone()).collect();
        for (key, seen) in seen {
            self.board.seen(key, seen, now);
        }
        for (id, seen) in sources {
            self.sources.seen(id, seen, now);
        }
        let doubted = self.sources.is_doubted() && self.engine.serves_routes();
        if looked || (doubted && !self.cluster.look_again()) {
            self.sources.looked();
        }
        self.board.applied(&applied.affected, &self.engine);
        self.sources.applied(&applied.affected);
        self.placeholders.applied(&applied.affected);
        let told = applied.affected.iter().chain(&fresh);
        self.served.apply(told.map(|key| (key.clone(), self.acknowledged(key))).collect());
        applied
    }

    /// The version of a KIngress that is served in full, if the latest is.
    fn acknowledged(&self, key: &ObjectKey) -> Option<Version> {
        let (ingress, _) = self.engine.store().ingress(key)?;
        self.engine.outcome(key).ok()?;
        let metadata = &ingress.metadata;
        Some(Version { uid: metadata.uid.clone(), generation: metadata.generation })
    }

    fn write(&mut self) {
        let now = Instant::now();
        while self.writer.has_room() {
            let work = self.board.next(&self.engine, now);
            let work = work.or_else(|| self.sources.next(&self.board, &self.engine, now));
            let work = work.or_else(|| self.placeholders.next(&self.board, &self.engine, now));
            let Some(work) = work.or_else(|| self.domain.next(&self.board, &self.engine, now)) else { break };
            self.writer.begin(work);
        }
    }

    fn written(&mut self, Work { id, write }: Work, succeeded: bool) {
        let now = Instant::now();
        match write {
            Write::Make { source, .. } => self.placeholders.written(&id, source, succeeded, now),
            Write::Source { .. } => self.sources.written(id, succeeded, now),
            // It is looked at again by itself.
            Write::Domain { .. } => {}
            Write::Status { .. } | Write::Release { .. } => self.board.written(id.key, succeeded, now),
        }
    }

    fn reported(&mut self, report: Report) {
        if let Event::Serves(changes) = &report.event {
            self.sources.applied(changes.iter().map(|(key, _)| key));
        }
        self.board.report(report);
    }
}
