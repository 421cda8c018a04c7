//! One place to tell what happened.

use std::sync::Arc;

use super::answers::{Answer, AnswerLog};
use super::metrics::Metrics;

/// What all requests are told to: metrics and logs.
#[derive(Debug)]
pub struct Observer {
    /// What is counted.
    pub metrics: Arc<Metrics>,
    answers: AnswerLog,
}

impl Observer {
    /// An observer that has seen nothing.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { metrics, answers: AnswerLog::default() }
    }

    /// Counts and logs an answer the gateway makes itself.
    pub(crate) fn answered(&self, answer: &Answer<'_>) {
        self.metrics.answered(answer.reason);
        self.answers.log(answer);
    }
}
