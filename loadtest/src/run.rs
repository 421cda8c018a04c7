//! Runs a plan: threads that share nothing while they send, and what they saw put together.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::connection;
use crate::pace::{Queue, Schedule, Seat, Timer};
use crate::plan::{End, Load, Plan};
use crate::prepared::{PlanError, Prepared};
use crate::record::{Recorder, Slice, Totals};
use crate::report::Report;
use crate::series::{Second, Series};
use crate::work::{Pace, Shared, Ticks};

/// Requests that are handed out before the workers have their turn, at most.
const BURST: usize = 32;

/// Ends a run from another thread: requests under way are given up, and what was seen is reported.
#[derive(Clone, Debug)]
pub struct Stop(watch::Sender<bool>);

impl Default for Stop {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Stop {
    /// Ends the run.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Returns once that has been asked for.
    pub(crate) async fn wait(&self) {
        // The sender is this very object.
        drop(self.0.subscribe().wait_for(|stopped| *stopped).await);
    }

    /// Whether that has been asked for.
    pub fn stopped(&self) -> bool {
        *self.0.borrow()
    }
}

/// Runs a plan to its end and tells `watch` about every second once it is over.
///
/// Blocks; the threads it starts have ended when it returns.
///
/// # Errors
/// When the plan contradicts itself, or no thread or timer can be had. What servers do is in the report.
pub fn run(plan: Plan, stop: &Stop, mut watch: impl FnMut(&Second)) -> Result<Report, PlanError> {
    let prepared = Arc::new(Prepared::new(plan)?);
    let threads = prepared.plan.threads.min(prepared.plan.connections);
    let (sender, slices) = channel();
    let barrier = Arc::new(Barrier::new(threads));
    let running: Vec<JoinHandle<io::Result<Seen>>> = (0..threads)
        .map(|index| {
            let thread = Thread {
                prepared: Arc::clone(&prepared),
                part: Part { index, threads },
                slices: sender.clone(),
                stop: stop.0.subscribe(),
            };
            let barrier = Arc::clone(&barrier);
            std::thread::Builder::new().name(format!("load {index}")).spawn(move || thread.run(&barrier))
        })
        .collect::<Result<_, _>>()?;
    drop(sender);
    let series = gather(&slices, threads, &mut watch);
    let (mut totals, mut elapsed) = (Totals::new(prepared.backends()), Duration::ZERO);
    for thread in running {
        let seen = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        totals.join(seen.totals);
        elapsed = elapsed.max(seen.elapsed);
    }
    Ok(Report::new(&prepared.plan, totals, series, elapsed.saturating_sub(prepared.plan.warmup)))
}

/// Puts the threads' seconds together as they come, until all threads have ended.
fn gather(slices: &Receiver<Slice>, threads: usize, watch: &mut impl FnMut(&Second)) -> Vec<Second> {
    let mut series = Series::new(threads);
    while let Ok(slice) = slices.recv() {
        if let Some(second) = series.add(&slice) {
            watch(second);
        }
    }
    series.finish()
}

/// What one thread saw, and how long it took.
struct Seen {
    totals: Totals,
    elapsed: Duration,
}

/// Which of how many.
#[derive(Clone, Copy, Debug)]
struct Part {
    index: usize,
    threads: usize,
}

impl Part {
    /// This thread's part of so many things.
    fn of(self, all: u64) -> u64 {
        let (index, threads) = (self.index as u64, self.threads as u64);
        all / threads + u64::from(index < all % threads)
    }
}

/// One thread of a run.
struct Thread {
    prepared: Arc<Prepared>,
    part: Part,
    slices: Sender<Slice>,
    stop: watch::Receiver<bool>,
}

impl Thread {
    fn run(self, barrier: &Barrier) -> io::Result<Seen> {
        let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
        // Waits even without a runtime: the other threads do.
        barrier.wait();
        runtime?.block_on(async {
            let begin = Instant::now();
            let shared = Rc::new(self.shared(begin));
            let mut stop = self.stop.clone();
            tokio::select! {
                ended = self.drive(&shared, begin) => ended?,
                () = turn(&shared, begin, &self.slices) => {}
                _ = stop.wait_for(|stopped| *stopped) => {}
            }
            let elapsed = begin.elapsed();
            let (totals, slice) = shared.recorder.borrow_mut().finish();
            // Not a second that has only just begun.
            if slice.requests > 0 {
                drop(self.slices.send(slice));
            }
            Ok(Seen { totals, elapsed })
        })
    }

    fn shared(&self, begin: Instant) -> Shared {
        let plan = &self.prepared.plan;
        let samples = usize::try_from(self.part.of(plan.samples as u64)).unwrap_or_default();
        let recorder = Recorder::new(begin, plan.warmup, self.prepared.backends(), samples);
        let (left, end) = match plan.end {
            End::Requests(count) => (self.part.of(count), None),
            End::After(time) => (u64::MAX, Some(begin + time)),
        };
        Shared {
            prepared: Arc::clone(&self.prepared),
            local: Rc::default(),
            recorder: RefCell::new(recorder),
            left: Cell::new(left),
            end,
        }
    }

    /// Keeps all connections of this thread at work until there are no more requests.
    async fn drive(&self, shared: &Rc<Shared>, begin: Instant) -> io::Result<()> {
        let connections = usize::try_from(self.part.of(self.prepared.plan.connections as u64)).unwrap_or(usize::MAX);
        let mut tasks = JoinSet::new();
        match self.prepared.plan.load {
            Load::Closed { each } => {
                for _ in 0..connections {
                    let paces = (0..self.workers()).map(|_| closed(each)).collect::<io::Result<_>>()?;
                    tasks.spawn_local(connection::run(Rc::clone(shared), paces));
                }
            }
            Load::Open { rate, arrivals } => {
                let part = (number(self.part.index), number(self.part.threads));
                let schedule = Schedule::new(begin, rate, arrivals, part).until(shared.end, shared.left.get());
                self.dispatch(shared, schedule, connections, &mut tasks).await?;
            }
        }
        while let Some(ended) = tasks.join_next().await {
            ended.map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Hands requests out when they are due, and opens connections while nobody is free.
    async fn dispatch(
        &self,
        shared: &Rc<Shared>,
        schedule: Schedule,
        most: usize,
        tasks: &mut JoinSet<()>,
    ) -> io::Result<()> {
        let queue = Rc::<Queue>::default();
        let timer = Timer::new()?;
        for (sent, time) in schedule.enumerate() {
            timer.until(time).await?;
            // At a rate that is never kept to nothing is waited for, and the workers need their turn.
            if sent % BURST == 0 {
                tokio::task::yield_now().await;
            }
            if queue.push(time) && tasks.len() < most {
                queue.expect(self.workers());
                let paces = (0..self.workers()).map(|_| Pace::Open(Rc::clone(&queue), Rc::<Seat>::default())).collect();
                tasks.spawn_local(connection::run(Rc::clone(shared), paces));
            }
        }
        queue.close();
        Ok(())
    }

    /// Workers of one connection.
    fn workers(&self) -> usize {
        if self.prepared.plan.work.is_http2() { self.prepared.plan.streams } else { 1 }
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn closed(each: Option<f64>) -> io::Result<Pace> {
    let ticks = each.map(|rate| Ticks::new(Duration::from_secs_f64(1.0 / rate))).transpose()?;
    Ok(Pace::Closed(ticks))
}

/// Hands over what was seen at the end of every second; never returns.
async fn turn(shared: &Shared, begin: Instant, slices: &Sender<Slice>) {
    for second in 1_u64.. {
        tokio::time::sleep_until((begin + Duration::from_secs(second)).into()).await;
        let slice = shared.recorder.borrow_mut().turn(second);
        // Nobody listens when the run is being given up.
        drop(slices.send(slice));
    }
}
