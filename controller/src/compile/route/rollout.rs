//! Gradual rollout: a new latest revision takes over its Configuration's share bit by bit
//! (knative.dev/serving `pkg/reconciler/route/traffic/rollout.go`).

use serde::{Deserialize, Serialize};

use super::targets::Targets;

/// The annotation of a KIngress with the state of its Route's rollouts.
pub(crate) const ROLLOUT_ANNOTATION: &str = "networking.internal.knative.dev/rollout";

/// Nanoseconds of a second.
const SECOND: f64 = 1e9;

/// The state of all rollouts of a Route, as the annotation `networking.internal.knative.dev/rollout` has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Rollout {
    /// By tag and name of the Configuration.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) configurations: Vec<ConfigurationRollout>,
}

/// The rollout of one target that follows a Configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ConfigurationRollout {
    /// The Configuration.
    pub(crate) configuration_name: String,
    /// The target's tag; empty for the Route's own host.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) tag: String,
    /// Its share of the Route's requests; those of the revisions add up to it.
    pub(crate) percent: i64,
    /// From the oldest to the newest; a single one when nothing is rolled out.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) revisions: Vec<RevisionShare>,
    /// When the next step is due, and how large it is.
    pub(crate) step_params: StepParams,
}

/// A revision's share of the Route's requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RevisionShare {
    /// The revision.
    pub(crate) revision_name: String,
    /// Its share.
    pub(crate) percent: i64,
}

/// Times are nanoseconds since 1970; zero is not set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct StepParams {
    /// When the newest revision came.
    #[serde(rename = "starttime", skip_serializing_if = "is_zero")]
    pub(crate) start_time: i64,
    /// When it gets more.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) next_step_time: i64,
    /// From one step to the next.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) step_duration: i64,
    /// How much more.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) step_size: i64,
}

/// For serde, which passes a reference.
#[expect(clippy::trivially_copy_pass_by_ref)]
fn is_zero(number: &i64) -> bool {
    *number == 0
}

impl Rollout {
    /// What the Route asks for, with nothing rolled out.
    pub(crate) fn steady(targets: &Targets) -> Self {
        let mut configurations = Vec::new();
        for (tag, group) in &targets.groups {
            let followed = group.iter().filter(|target| target.latest && target.percent > 0);
            configurations.extend(followed.map(|target| ConfigurationRollout {
                configuration_name: target.found.configuration.clone(),
                tag: tag.clone(),
                percent: target.percent,
                revisions: vec![RevisionShare {
                    revision_name: target.found.revision.to_string(),
                    percent: target.percent,
                }],
                step_params: StepParams::default(),
            }));
        }
        configurations.sort_by(|a, b| (&a.tag, &a.configuration_name).cmp(&(&b.tag, &b.configuration_name)));
        Self { configurations }
    }

    /// The rollout of a target that follows a Configuration.
    pub(crate) fn of(&self, tag: &str, configuration: &str) -> Option<&ConfigurationRollout> {
        self.configurations.iter().find(|one| one.tag == tag && one.configuration_name == configuration)
    }

    /// Whether every Configuration has one revision at most.
    pub(crate) fn is_done(&self) -> bool {
        self.configurations.iter().all(|one| one.revisions.len() < 2)
    }

    /// The state that an annotation has, if it makes sense.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(Self::is_valid)
    }

    /// Whether the shares make sense; what does not is no state to go on from.
    fn is_valid(&self) -> bool {
        self.configurations.iter().all(|one| {
            let sum = one.revisions.iter().fold(0_i64, |sum, revision| sum.saturating_add(revision.percent));
            let shares = one.revisions.iter().all(|revision| (0..=100).contains(&revision.percent));
            (0..=100).contains(&one.percent)
                && (0..=one.percent).contains(&one.step_params.step_size)
                && sum == one.percent
                && shares
        })
    }

    /// The first share of the newest revisions is in effect: from now on steps have a size and a time.
    pub(crate) fn observe_ready(&mut self, now: i64, duration_seconds: u32) {
        for one in &mut self.configurations {
            let StepParams { start_time, step_duration, .. } = one.step_params;
            if step_duration == 0 && start_time > 0 {
                let first = seconds(now.saturating_sub(start_time)).ceil().max(1.0);
                one.plan(now, first, f64::from(duration_seconds));
            }
        }
    }

    /// What is in effect from now on: the wanted state `self`, reached from the previous one step by step.
    pub(crate) fn step(self, previous: Option<&Self>, now: i64) -> Self {
        let Some(previous) = previous.filter(|previous| !previous.configurations.is_empty()) else { return self };
        let stepped = |goal: ConfigurationRollout| match previous.of(&goal.tag, &goal.configuration_name) {
            Some(before) if goal.percent > 1 => goal.step(before.clone(), now),
            _ => goal,
        };
        Self { configurations: self.configurations.into_iter().map(stepped).collect() }
    }

    /// When the next step is due.
    pub(crate) fn next_step(&self) -> Option<i64> {
        self.configurations.iter().map(|one| one.step_params.next_step_time).filter(|&time| time > 0).min()
    }
}

impl ConfigurationRollout {
    /// Sizes the steps so that all of them take the duration, less what the first share took.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "as in Go; both are small")]
    fn plan(&mut self, now: i64, first: f64, duration: f64) {
        let duration = (duration - first).max(1.0);
        let remaining = (self.percent - 1) as f64;
        let steps = (duration / first).max(1.0).min(remaining);
        let step_duration = (duration / steps * SECOND) as i64;
        self.step_params.step_duration = step_duration;
        self.step_params.step_size = (remaining / steps).round() as i64;
        self.step_params.next_step_time = now.saturating_add(step_duration);
    }

    fn step(mut self, mut before: Self, now: i64) -> Self {
        before.adjust(self.percent);
        let Some(last) = before.revisions.last() else { return self };
        if self.revisions.first().is_some_and(|newest| newest.revision_name == last.revision_name) {
            if before.revisions.len() > 1 {
                self.revisions = before.revisions;
                self.step_params = before.step_params;
                if self.step_params.step_size > 0 {
                    self.advance(now);
                }
            }
            return self;
        }
        self.begin(before.revisions, now);
        self
    }

    /// Gives the newest revision its first percent, taken from the one before.
    fn begin(&mut self, mut before: Vec<RevisionShare>, now: i64) {
        self.step_params.start_time = now;
        if let Some(giver) = before.iter_mut().rev().find(|revision| revision.percent > 0) {
            giver.percent -= 1;
        }
        before.retain(|revision| revision.percent > 0);
        let newest = std::mem::take(&mut self.revisions);
        before.extend(newest.into_iter().map(|newest| RevisionShare { percent: 1, ..newest }));
        self.revisions = before;
    }

    /// Follows a change of the target's own share: the newest gains, the oldest lose.
    fn adjust(&mut self, goal: i64) {
        let difference = goal - self.percent;
        if goal == 0 {
            self.revisions.clear();
        } else if difference > 0 {
            if let Some(newest) = self.revisions.last_mut() {
                newest.percent += difference;
            }
        } else {
            let mut excess = -difference;
            for revision in &mut self.revisions {
                let taken = excess.min(revision.percent);
                revision.percent -= taken;
                excess -= taken;
            }
            if difference < 0 {
                let kept = self.revisions.iter().position(|revision| revision.percent > 0);
                self.revisions.drain(..kept.unwrap_or(self.revisions.len()));
            }
        }
    }

    /// Moves a step's share to the newest revision, from the second newest on backwards.
    fn advance(&mut self, now: i64) {
        if now < self.step_params.next_step_time {
            return;
        }
        let Some(mut newest) = self.revisions.pop() else { return };
        let mut remaining = self.step_params.step_size;
        while remaining > 0
            && let Some(giver) = self.revisions.last_mut()
        {
            if giver.percent > remaining {
                giver.percent -= remaining;
                break;
            }
            remaining -= giver.percent;
            self.revisions.pop();
        }
        newest.percent = (newest.percent + self.step_params.step_size).min(self.percent);
        self.revisions.push(newest);
        if self.revisions.len() > 1 {
            self.step_params.next_step_time = now.saturating_add(self.step_params.step_duration);
        } else {
            self.step_params = StepParams::default();
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rollout takes hours at most")]
fn seconds(nanoseconds: i64) -> f64 {
    nanoseconds as f64 / SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A rollout of one Configuration, with these shares from the oldest to the newest.
    fn rollout(shares: &[(&str, i64)], step_params: StepParams) -> Rollout {
        let share =
            |(name, percent): &(&str, i64)| RevisionShare { revision_name: (*name).to_owned(), percent: *percent };
        let one = ConfigurationRollout {
            configuration_name: "c".to_owned(),
            tag: String::new(),
            percent: shares.iter().map(|(_, percent)| percent).sum(),
            revisions: shares.iter().map(share).collect(),
            step_params,
        };
        Rollout { configurations: vec![one] }
    }

    fn shares(rollout: &Rollout) -> Vec<(&str, i64)> {
        let revisions = rollout.configurations[0].revisions.iter();
        revisions.map(|one| (one.revision_name.as_str(), one.percent)).collect()
    }

    fn steady(shares: &[(&str, i64)]) -> Rollout {
        rollout(shares, StepParams::default())
    }

    #[test]
    fn a_new_revision_begins_with_one_percent_of_the_newest_before_it() {
        for (before, goal, wanted) in [
            (vec![("a", 100)], ("b", 100), vec![("a", 99), ("b", 1)]),
            // One that comes meanwhile stacks.
            (vec![("a", 60), ("b", 40)], ("c", 100), vec![("a", 60), ("b", 39), ("c", 1)]),
            (vec![("a", 99), ("b", 1)], ("c", 100), vec![("a", 99), ("c", 1)]),
            // Nothing new, or too little to share.
            (vec![("a", 100)], ("a", 100), vec![("a", 100)]),
            (vec![("a", 1)], ("b", 1), vec![("b", 1)]),
            // The target's own share grows or shrinks.
            (vec![("a", 60), ("b", 20)], ("b", 90), vec![("a", 60), ("b", 30)]),
            (vec![("a", 60), ("b", 20)], ("b", 50), vec![("a", 30), ("b", 20)]),
            (vec![("a", 60), ("b", 20)], ("b", 15), vec![("b", 15)]),
        ] {
            let stepped = steady(&[goal]).step(Some(&steady(&before)), 7);
            assert_eq!(shares(&stepped), wanted, "{before:?} {goal:?}");
            assert!(stepped.is_valid(), "{stepped:?}");
            let started = stepped.configurations[0].step_params.start_time == 7;
            assert_eq!(started, wanted.last().is_some_and(|last| *last == (goal.0, 1)) && goal.1 > 1);
        }
        assert_eq!(steady(&[("b", 100)]).step(None, 7), steady(&[("b", 100)]));
    }

    #[test]
    fn steps_are_sized_by_what_the_first_percent_took() {
        const SECONDS: i64 = 1_000_000_000;
        // Seconds that the first percent took and that all is to take; what one step moves, and the nanoseconds to it.
        for (took, duration, size, pause) in [
            (1, 101, 1, 1_010_101_010),
            (10, 110, 10, 10 * SECONDS),
            (60, 100, 99, 40 * SECONDS),
            (200, 100, 99, SECONDS),
        ] {
            let start = StepParams { start_time: 1, ..StepParams::default() };
            let mut rollout = rollout(&[("a", 99), ("b", 1)], start);
            let now = 1 + took * SECONDS;
            rollout.observe_ready(now, duration);
            let params = &rollout.configurations[0].step_params;
            assert_eq!(params.step_size, size, "{took} {duration}");
            assert_eq!(params.step_duration, pause, "{took} {duration}");
            assert_eq!(params.next_step_time, now + params.step_duration);
        }
    }

    #[test]
    fn a_step_that_is_due_takes_from_the_second_newest_first_and_ends_when_one_is_left() {
        let params = StepParams { start_time: 1, next_step_time: 10, step_duration: 5, step_size: 30 };
        let before = rollout(&[("a", 60), ("b", 20), ("c", 20)], params);
        let goal = || steady(&[("c", 100)]);
        assert_eq!(goal().step(Some(&before), 9), before);
        let first = goal().step(Some(&before), 10);
        assert_eq!((shares(&first), first.next_step()), (vec![("a", 50), ("c", 50)], Some(15)));
        let second = goal().step(Some(&first), 15);
        let last = goal().step(Some(&second), 20);
        assert_eq!((shares(&second), last), (vec![("a", 20), ("c", 80)], steady(&[("c", 100)])));
    }

    #[test]
    fn an_annotation_is_read_unless_its_shares_make_no_sense() {
        let text = |percent: i64, size: i64| {
            format!(
                r#"{{"configurations":[{{"configurationName":"c","percent":{percent},"revisions":[{{"revisionName":"a",
                "percent":99}},{{"revisionName":"b","percent":1}}],"stepParams":{{"starttime":5,"stepSize":{size}}}}}]}}"#
            )
        };
        let read = Rollout::parse(&text(100, 3)).unwrap();
        assert_eq!((shares(&read), read.is_done()), (vec![("a", 99), ("b", 1)], false));
        assert_eq!(serde_json::from_str::<Rollout>(&serde_json::to_string(&read).unwrap()).unwrap(), read);
        for wrong in [text(90, 3), text(100, -1), text(100, 101), "{".to_owned(), String::new()] {
            assert_eq!(Rollout::parse(&wrong), None, "{wrong}");
        }
    }
}
