//! When requests begin.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use tokio::net::unix::pipe::Receiver;

use crate::plan::Arrivals;

/// A timer of the kernel's precision; tokio's own rounds up to milliseconds, which latencies would show.
///
/// tokio's end of a pipe serves, because a timer too is a descriptor that is read when it is ready.
#[derive(Debug)]
pub(crate) struct Timer(Receiver);

impl Timer {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = rustix::time::timerfd_create(TimerfdClockId::Monotonic, flags)?;
        Ok(Self(Receiver::from_owned_fd_unchecked(timer)?))
    }

    /// Returns at `time`, or at once when that is past.
    pub(crate) async fn until(&self, time: Instant) -> io::Result<()> {
        let left = time.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        let it_value = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
        let once = Itimerspec { it_interval: Timespec { tv_sec: 0, tv_nsec: 0 }, it_value };
        rustix::time::timerfd_settime(&self.0, TimerfdTimerFlags::empty(), &once)?;
        let mut times = [0; 8];
        loop {
            self.0.readable().await?;
            match self.0.try_read(&mut times) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read.map(drop),
            }
        }
    }
}

/// The times of one thread's part of an open loop.
///
/// At a constant rate the parts of all threads together are evenly spaced; Poisson processes add up to one.
#[derive(Debug)]
pub(crate) struct Schedule {
    begin: Instant,
    end: Option<Instant>,
    /// Requests left, where they are counted.
    left: u64,
    arrivals: Arrivals,
    /// Seconds between requests of this thread, and from the beginning to the next one.
    interval: f64,
    offset: f64,
    sent: u64,
    next: f64,
    random: fastrand::Rng,
}

impl Schedule {
    /// The part of thread `index` of `threads`, at `rate` requests a second of all.
    pub(crate) fn new(begin: Instant, rate: f64, arrivals: Arrivals, (index, threads): (u32, u32)) -> Self {
        let interval = f64::from(threads) / rate;
        let offset = f64::from(index) / rate;
        Self {
            begin,
            end: None,
            left: u64::MAX,
            arrivals,
            interval,
            offset,
            sent: 0,
            next: 0.0,
            random: fastrand::Rng::new(),
        }
    }

    /// Ends at `end`, if that is given, and after `left` requests.
    pub(crate) fn until(self, end: Option<Instant>, left: u64) -> Self {
        Self { end, left, ..self }
    }
}

impl Iterator for Schedule {
    type Item = Instant;

    fn next(&mut self) -> Option<Instant> {
        self.left = self.left.checked_sub(1)?;
        let seconds = match self.arrivals {
            // From the beginning every time, so that rounding does not add up.
            #[expect(clippy::cast_precision_loss, reason = "2^53 requests take longer than anybody waits")]
            Arrivals::Constant => self.offset + self.interval * self.sent as f64,
            Arrivals::Poisson => {
                self.next -= self.interval * (1.0 - self.random.f64()).ln();
                self.next
            }
        };
        self.sent += 1;
        let time = self.begin.checked_add(Duration::try_from_secs_f64(seconds).ok()?)?;
        self.end.is_none_or(|end| time < end).then_some(time)
    }
}

/// Requests whose time has come, and workers that wait for one.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    due: RefCell<VecDeque<Instant>>,
    idle: RefCell<VecDeque<Rc<Seat>>>,
    /// Workers that have been started and not asked yet.
    starting: Cell<usize>,
    closed: Cell<bool>,
}

/// Where a worker waits.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    given: Cell<Option<Instant>>,
    waker: RefCell<Option<Waker>>,
}

impl Seat {
    fn wake(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

impl Queue {
    /// A request is due; whether it found nobody to send it, now or soon.
    pub(crate) fn push(&self, time: Instant) -> bool {
        if let Some(seat) = self.idle.borrow_mut().pop_front() {
            seat.given.set(Some(time));
            seat.wake();
            return false;
        }
        let mut due = self.due.borrow_mut();
        due.push_back(time);
        due.len() > self.starting.get()
    }

    /// So many workers will ask soon.
    pub(crate) fn expect(&self, workers: usize) {
        self.starting.set(self.starting.get() + workers);
    }

    /// One of those is here.
    pub(crate) fn arrived(&self) {
        self.starting.set(self.starting.get().saturating_sub(1));
    }

    /// There will be no more requests.
    pub(crate) fn close(&self) {
        self.closed.set(true);
        self.idle.borrow_mut().drain(..).for_each(|seat| seat.wake());
    }

    /// The next request that is due; `None` when there will be none.
    pub(crate) async fn pop(&self, seat: &Rc<Seat>) -> Option<Instant> {
        if let Some(time) = self.due.borrow_mut().pop_front() {
            return Some(time);
        }
        if self.closed.get() {
            return None;
        }
        self.idle.borrow_mut().push_back(Rc::clone(seat));
        poll_fn(|context| {
            if let Some(time) = seat.given.take() {
                return Poll::Ready(Some(time));
            }
            if self.closed.get() {
                return Poll::Ready(None);
            }
            *seat.waker.borrow_mut() = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_together_are_evenly_spaced() {
        let begin = Instant::now();
        let mut times: Vec<Duration> = (0..4)
            .flat_map(|index| Schedule::new(begin, 1000.0, Arrivals::Constant, (index, 4)).until(None, 25))
            .map(|time| time - begin)
            .collect();
        times.sort_unstable();
        let wanted = (0..100).map(Duration::from_millis);
        for (time, wanted) in times.into_iter().zip(wanted) {
            assert!(time.abs_diff(wanted) < Duration::from_micros(1), "{time:?} for {wanted:?}");
        }
    }

    #[test]
    fn a_schedule_ends_at_its_time_or_its_count() {
        let begin = Instant::now();
        let schedule = || Schedule::new(begin, 100.0, Arrivals::Constant, (0, 1));
        assert_eq!(schedule().until(Some(begin + Duration::from_millis(95)), u64::MAX).count(), 10);
        assert_eq!(schedule().until(None, 7).count(), 7);
    }

    #[test]
    fn poisson_arrivals_have_the_mean_and_the_spread_of_their_rate() {
        let begin = Instant::now();
        let count = 20_000_u32;
        let mut schedule = Schedule::new(begin, 50.0, Arrivals::Poisson, (1, 2));
        schedule.random = fastrand::Rng::with_seed(1);
        let times: Vec<f64> = schedule.until(None, u64::from(count)).map(|time| (time - begin).as_secs_f64()).collect();
        let gaps: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = gaps.iter().sum::<f64>() / f64::from(count);
        let deviation = (gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / f64::from(count)).sqrt();
        // An exponential distribution deviates by its mean; both are known to about 1/sqrt(20000).
        assert!((mean - 0.04).abs() < 0.002, "{mean}");
        assert!((deviation - 0.04).abs() < 0.002, "{deviation}");
    }

    #[tokio::test]
    async fn what_is_due_first_is_sent_first_and_a_close_ends_the_waiting() {
        let (queue, seat) = (Queue::default(), Rc::<Seat>::default());
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        assert!(queue.push(now), "nobody is there to send it");
        queue.expect(2);
        assert!(!queue.push(later), "two are on their way");
        assert_eq!(queue.pop(&seat).await, Some(now));
        assert_eq!(queue.pop(&seat).await, Some(later));
        let waits = queue.pop(&seat);
        tokio::pin!(waits);
        assert!(poll_fn(|context| Poll::Ready(waits.as_mut().poll(context).is_pending())).await, "nothing is due");
        queue.close();
        assert_eq!(waits.await, None);
    }
}
