//! What a controller has found of an object, as `status` has it.

use serde::{Deserialize, Serialize};

/// The part of `status` that Knative's kinds share.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Conditions {
    /// The generation that the conditions are about.
    pub observed_generation: i64,
    /// One for each thing that is looked at.
    pub conditions: Vec<Condition>,
}

/// One condition.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Condition {
    /// What is looked at.
    #[serde(rename = "type")]
    pub kind: String,
    /// `True`, `False` or `Unknown`.
    pub status: String,
    /// One word for programs.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// For people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl Conditions {
    /// `Ready`, whatever generation it is of.
    pub fn ready(&self) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == "Ready")
    }

    /// Whether the object is ready in the version of this generation
    /// (knative.dev/serving `pkg/apis/serving/v1/revision_lifecycle.go`, `IsReady`).
    pub fn is_ready(&self, generation: i64) -> bool {
        self.observed_generation == generation && self.ready().is_some_and(|ready| ready.status == "True")
    }

    /// Whether it is known to have failed.
    pub fn has_failed(&self) -> bool {
        self.ready().is_some_and(|ready| ready.status == "False")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_counts_only_for_the_generation_it_was_seen_of() {
        for (status, generation, wanted) in [("True", 2, true), ("True", 3, false), ("Unknown", 2, false)] {
            let ready = Condition { kind: "Ready".into(), status: status.into(), ..Condition::default() };
            let conditions = Conditions { observed_generation: 2, conditions: vec![ready] };
            assert_eq!((conditions.is_ready(generation), conditions.has_failed()), (wanted, false));
        }
        assert!(!Conditions::default().is_ready(0));
    }
}
