//! Durations as Go writes them, and so hey: `10s`, `1m30s`, `1.5ms`.

use std::time::Duration;

/// Units and their seconds; the longer names first.
const UNITS: [(&str, f64); 7] =
    [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)];

/// Reads a duration; `None` when it is none. Every number but 0 needs a unit.
pub fn parse(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let (mut rest, mut seconds) = (text, 0.0);
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let (unit, worth) = UNITS.iter().find(|(unit, _)| rest[digits..].starts_with(unit))?;
        seconds += number * worth;
        rest = &rest[digits + unit.len()..];
    }
    if text.is_empty() { None } else { Duration::try_from_secs_f64(seconds).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let cases = [
            ("10s", Some(10_000_000)),
            ("1m30s", Some(90_000_000)),
            ("1.5ms", Some(1500)),
            ("250us", Some(250)),
            ("2h", Some(7_200_000_000)),
            ("0", Some(0)),
            ("", None),
            ("10", None),
            ("s", None),
            ("10 s", None),
            ("10d", None),
            ("-1s", None),
        ];
        for (text, microseconds) in cases {
            assert_eq!(parse(text), microseconds.map(Duration::from_micros), "{text}");
        }
    }
}
