//! The three conditions of a KIngress.
//!
//! knative.dev/networking `pkg/apis/networking/v1alpha1/ingress_lifecycle.go`

use std::time::SystemTime;

use serde_json::{Value, json};

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not, and will not without a change.
    False,
    /// Not yet, or nothing is known of it.
    #[default]
    Unknown,
}

impl Truth {
    /// As the API writes it.
    fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }

    fn read(text: &str) -> Self {
        match text {
            "True" => Self::True,
            "False" => Self::False,
            _ => Self::Unknown,
        }
    }
}

/// One condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Whether it holds.
    pub truth: Truth,
    /// Why not, in one word; empty when it holds.
    pub reason: Box<str>,
    /// Why not, for people; empty when it holds.
    pub message: Box<str>,
    /// Since when this is so.
    since: Option<SystemTime>,
}

impl Condition {
    /// It holds.
    pub fn holds() -> Self {
        Self { truth: Truth::True, ..Self::default() }
    }

    /// It holds, and this is why.
    pub(super) fn noted(reason: &str, message: &str) -> Self {
        Self { truth: Truth::True, reason: reason.into(), message: message.into(), since: None }
    }

    /// The condition of a kind among those somebody wrote; unknown if it is not there.
    pub(super) fn find(conditions: &Value, kind: &str) -> Self {
        let mut all = conditions.as_array().into_iter().flatten();
        all.find(|value| value.get("type").and_then(Value::as_str) == Some(kind)).map(Self::read).unwrap_or_default()
    }

    /// It does not hold.
    pub fn fails(truth: Truth, reason: &str, message: &str) -> Self {
        Self { truth, reason: reason.into(), message: message.into(), since: None }
    }

    /// With the time since when it is so: that of `previous` if nothing but the time differs.
    pub(super) fn since(mut self, previous: &Self, now: SystemTime) -> Self {
        let same = (self.truth, &self.reason, &self.message) == (previous.truth, &previous.reason, &previous.message);
        self.since = previous.since.filter(|_| same).or(Some(now));
        self
    }

    fn read(value: &Value) -> Self {
        let text = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default();
        Self {
            truth: Truth::read(text("status")),
            reason: text("reason").into(),
            message: text("message").into(),
            since: humantime::parse_rfc3339(text("lastTransitionTime")).ok(),
        }
    }

    pub(super) fn json(&self, kind: &str) -> Value {
        let since = humantime::format_rfc3339_seconds(self.since.unwrap_or(SystemTime::UNIX_EPOCH));
        let mut json = json!({"type": kind, "status": self.truth.as_str(), "lastTransitionTime": since.to_string()});
        for (field, text) in [("reason", &self.reason), ("message", &self.message)] {
            if !text.is_empty() {
                json[field] = (**text).into();
            }
        }
        json
    }
}

/// `status.conditions` of a KIngress.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// The load balancer sends requests to every replica, and every replica serves this version.
    pub load_balancer: Condition,
    /// The object makes sense, and what it names exists.
    pub network: Condition,
    /// Both.
    pub ready: Condition,
}

impl Conditions {
    /// Conditions that follow `previous`; `Ready` comes from the other two.
    pub(super) fn after(previous: &Self, network: Condition, load_balancer: Condition, now: SystemTime) -> Self {
        let dependents = [&network, &load_balancer];
        let first = |truth| dependents.into_iter().find(|condition| condition.truth == truth);
        let ready = first(Truth::False).or(first(Truth::Unknown)).cloned().unwrap_or_else(Condition::holds);
        Self {
            load_balancer: load_balancer.since(&previous.load_balancer, now),
            network: network.since(&previous.network, now),
            ready: ready.since(&previous.ready, now),
        }
    }

    /// Reads what somebody wrote; what is absent is unknown.
    pub(super) fn read(conditions: &Value) -> Self {
        let of = |kind: &str| Condition::find(conditions, kind);
        Self { load_balancer: of("LoadBalancerReady"), network: of("NetworkConfigured"), ready: of("Ready") }
    }

    /// As the API writes them, in the order of their types.
    pub(super) fn json(&self) -> Value {
        json!([
            self.load_balancer.json("LoadBalancerReady"),
            self.network.json("NetworkConfigured"),
            self.ready.json("Ready"),
        ])
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn fails(truth: Truth, reason: &str) -> Condition {
        Condition::fails(truth, reason, "m")
    }

    #[test]
    fn ready_is_false_before_unknown_before_true() {
        let (unknown, no) = (|reason| fails(Truth::Unknown, reason), |reason| fails(Truth::False, reason));
        for (network, load_balancer, wanted) in [
            (Condition::holds(), Condition::holds(), (Truth::True, "")),
            (Condition::holds(), unknown("a"), (Truth::Unknown, "a")),
            (unknown("a"), no("b"), (Truth::False, "b")),
            (no("a"), unknown("b"), (Truth::False, "a")),
            (unknown("a"), unknown("b"), (Truth::Unknown, "a")),
        ] {
            let now = SystemTime::UNIX_EPOCH;
            let ready = Conditions::after(&Conditions::default(), network, load_balancer, now).ready;
            assert_eq!((ready.truth, &*ready.reason), wanted);
        }
    }

    #[test]
    fn a_transition_is_a_change_of_status_reason_or_message() {
        let (first, later) = (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH + Duration::from_mins(1));
        let start = Conditions::after(&Conditions::default(), Condition::holds(), fails(Truth::Unknown, "a"), first);
        let next = Conditions::after(&start, Condition::holds(), fails(Truth::Unknown, "b"), later);
        assert_eq!(
            (next.network.since, next.load_balancer.since, next.ready.since),
            (Some(first), Some(later), Some(later))
        );
    }

    #[test]
    fn what_is_written_is_what_is_read() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000);
        let written = Conditions::after(&Conditions::default(), Condition::holds(), fails(Truth::False, "a"), now);
        let json = written.json();
        assert_eq!(Conditions::read(&json), written);
        let types: Vec<_> = json.as_array().unwrap().iter().map(|one| one["type"].as_str().unwrap()).collect();
        assert!(types.is_sorted(), "{types:?}");
        assert_eq!(json[1].get("reason"), None);
        assert_eq!(Conditions::read(&Value::Null), Conditions::default());
    }
}
