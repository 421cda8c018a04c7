//! Times as people write them, and deadlines that can be off.

use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

/// The longest time that is taken. A clock that is told to add much more to now overflows.
const LONGEST: Duration = Duration::from_hours(366 * 24);

/// A text that is no time to wait.
#[derive(Debug, Error, PartialEq)]
pub enum TimeError {
    /// No time at all.
    #[error("{0}; write a time with its unit, such as 500ms, 5s or 1m30s")]
    Unreadable(#[from] humantime::DurationError),
    /// Longer than any time that makes sense.
    #[error("is longer than a year; write a shorter time")]
    TooLong,
    /// Nothing could happen within it.
    #[error("nothing happens in no time; write a longer one")]
    Zero,
}

/// A time, at most a year.
pub(crate) fn time(text: &str) -> Result<Duration, TimeError> {
    let time = humantime::parse_duration(text)?;
    if time > LONGEST { Err(TimeError::TooLong) } else { Ok(time) }
}

/// A time in which something must happen, at most a year.
pub(crate) fn deadline(text: &str) -> Result<Duration, TimeError> {
    let time = time(text)?;
    if time.is_zero() { Err(TimeError::Zero) } else { Ok(time) }
}

/// A time limit, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// `off`
    Off,
    /// After this time.
    After(Duration),
}

impl Deadline {
    /// The time limit, unless it is off.
    pub fn duration(self) -> Option<Duration> {
        match self {
            Self::Off => None,
            Self::After(duration) => Some(duration),
        }
    }
}

impl FromStr for Deadline {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self::Off);
        }
        deadline(text).map(Self::After)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_has_a_unit_or_is_off() {
        for (text, wanted) in [
            ("off", Some(Deadline::Off)),
            ("5s", Some(Deadline::After(Duration::from_secs(5)))),
            ("500ms", Some(Deadline::After(Duration::from_millis(500)))),
            ("1m30s", Some(Deadline::After(Duration::from_secs(90)))),
            ("5", None),
            ("-5s", None),
            ("", None),
            ("soon", None),
            ("0s", None),
            ("366d", Some(Deadline::After(LONGEST))),
            ("367d", None),
            ("500000000000y", None),
        ] {
            assert_eq!(text.parse().ok(), wanted, "{text}");
        }
    }

    #[test]
    fn only_what_must_happen_needs_time() {
        assert_eq!((time("0s"), deadline("0s")), (Ok(Duration::ZERO), Err(TimeError::Zero)));
        assert_eq!((time("2y"), deadline("2y")), (Err(TimeError::TooLong), Err(TimeError::TooLong)));
    }
}
