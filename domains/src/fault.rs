//! What is wrong with a ConfigMap.

use std::fmt;

/// What is wrong with a key of a ConfigMap. Its text is one line: `key: what is wrong; what to write instead`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFault {
    /// The key.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What to write instead.
    pub fix: String,
}

impl KeyFault {
    pub(crate) fn new(key: &str, problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { key: key.to_owned(), problem: problem.into(), fix: fix.into() }
    }
}

impl fmt::Display for KeyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.key, self.problem, self.fix)
    }
}
