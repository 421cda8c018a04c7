//! Durations as Go writes them (`time.ParseDuration`).

/// A duration in whole seconds; `None` if the text is none, or a negative one.
pub(super) fn whole_seconds(text: &str) -> Option<u32> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total = 0.0_f64;
    if rest == "0" {
        return Some(0);
    }
    while !rest.is_empty() {
        let end = rest.find(|digit: char| !digit.is_ascii_digit() && digit != '.')?;
        let number: f64 = rest.get(..end)?.parse().ok()?;
        let unit_and_more = rest.get(end..)?;
        let (unit, seconds) =
            [("ns", 1e-9), ("us", 1e-6), ("µs", 1e-6), ("ms", 1e-3), ("s", 1.0), ("m", 60.0), ("h", 3600.0)]
                .into_iter()
                .find(|(unit, _)| unit_and_more.starts_with(unit))?;
        total += number * seconds;
        rest = unit_and_more.get(unit.len()..)?;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
    (!text.is_empty()).then_some(total as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_numbers_with_units() {
        for (text, wanted) in [
            ("380s", Some(380)),
            ("1h2m3s", Some(3723)),
            ("1.5m", Some(90)),
            ("+2s", Some(2)),
            ("2500ms", Some(2)),
            ("0", Some(0)),
            ("9999999999h", Some(u32::MAX)),
            ("-1s", None),
            ("5", None),
            ("s", None),
            ("", None),
            ("1.2.3s", None),
            ("1d", None),
        ] {
            assert_eq!(whole_seconds(text), wanted, "{text}");
        }
    }
}
