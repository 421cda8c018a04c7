//! Sample backends: for the demo and the tests
