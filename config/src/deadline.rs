//! Deadlines that can be off.

use std::str::FromStr;
use std::time::Duration;

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
    type Err = humantime::DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self::Off);
        }
        humantime::parse_duration(text).map(Self::After)
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
        ] {
            assert_eq!(text.parse().ok(), wanted, "{text}");
        }
    }
}
