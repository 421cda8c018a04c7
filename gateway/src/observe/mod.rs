//! What the gateway tells of its work: metrics, access log, its own answers.
