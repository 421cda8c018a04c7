//! Where routes lead, and which answers of the old target come too late.

use std::time::{Duration, Instant};

/// Routes that each lead to one of two backends, 0 and 1.
#[derive(Debug)]
pub(crate) struct Routes {
    grace: Duration,
    routes: Vec<Route>,
}

#[derive(Clone, Copy, Debug)]
struct Route {
    target: usize,
    changed: Instant,
    /// When the target's first answer since the change came.
    seen: Option<Instant>,
}

impl Routes {
    /// So many routes that lead to backend 0, as has been seen.
    pub(crate) fn new(count: usize, grace: Duration, now: Instant) -> Self {
        Self { grace, routes: vec![Route { target: 0, changed: now, seen: Some(now) }; count] }
    }

    /// Where a route leads.
    pub(crate) fn target(&self, route: usize) -> usize {
        self.routes[route].target
    }

    /// A route leads to the other backend from now on.
    pub(crate) fn change(&mut self, route: usize, now: Instant) {
        let target = 1 - self.routes[route].target;
        self.routes[route] = Route { target, changed: now, seen: None };
    }

    /// A backend has answered a request that was sent at `sent`; how long after the change that was, if it is stale.
    pub(crate) fn answered(&mut self, route: usize, by: usize, sent: Instant, now: Instant) -> Option<Duration> {
        let route = &mut self.routes[route];
        // What was sent before the change may be answered by either.
        let after = sent.checked_duration_since(route.changed)?;
        if by == route.target {
            route.seen.get_or_insert(now);
            return None;
        }
        let stale = route.seen.is_some_and(|seen| sent > seen) || after > self.grace;
        stale.then_some(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_the_old_target_is_stale_once_the_new_one_was_seen_or_the_grace_is_over() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut routes = Routes::new(2, Duration::from_millis(100), start);
        routes.change(1, at(10));
        // Backend, sent, answered, and how stale, of route 1.
        let cases = [
            (0, 9, 200, None, "sent before the change"),
            (1, 9, 11, None, "sent before the change, answered by the new target"),
            (0, 20, 21, None, "nobody has seen the new target"),
            (0, 111, 112, Some(101), "after the grace"),
            (1, 30, 40, None, "the new target"),
            (0, 39, 41, None, "sent before the new target was seen"),
            (0, 41, 42, Some(31), "sent after it was seen"),
        ];
        for (by, sent, answered, wanted, why) in cases {
            let stale = routes.answered(1, by, at(sent), at(answered));
            assert_eq!(stale, wanted.map(Duration::from_millis), "{why}");
        }
        assert_eq!(routes.answered(0, 0, at(50), at(51)), None, "another route has not changed");
        routes.change(1, at(300));
        assert_eq!((routes.target(1), routes.answered(1, 1, at(301), at(302))), (0, None), "and back");
    }
}
