//! An amount of memory, or who knows it.

use std::num::NonZeroU64;
use std::str::FromStr;

use thiserror::Error;

/// How much memory the gateway may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// `auto`: nine tenths of what its container may have.
    Auto,
    /// `off`
    Off,
    /// So many bytes.
    Bytes(NonZeroU64),
}

/// A text that is no amount of memory.
#[derive(Debug, Error, PartialEq)]
#[error("is no amount of memory; write auto, off, or bytes as Kubernetes does, such as 200Mi")]
pub struct MemoryError;

impl FromStr for Memory {
    type Err = MemoryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.eq_ignore_ascii_case("auto") {
            return Ok(Self::Auto);
        }
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self::Off);
        }
        let units = [("Ki", 10), ("Mi", 20), ("Gi", 30)];
        let unit = units.into_iter().find_map(|(unit, power)| Some((text.strip_suffix(unit)?, 1_u64 << power)));
        let (number, unit) = unit.unwrap_or((text, 1));
        let bytes = number.parse().ok().and_then(|number: u64| number.checked_mul(unit));
        bytes.and_then(NonZeroU64::new).map(Self::Bytes).ok_or(MemoryError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_written_as_in_kubernetes() {
        let bytes = |bytes: u64| Ok(Memory::Bytes(bytes.try_into().unwrap()));
        for (text, wanted) in [
            ("auto", Ok(Memory::Auto)),
            ("OFF", Ok(Memory::Off)),
            ("1000", bytes(1000)),
            ("64Ki", bytes(65_536)),
            ("200Mi", bytes(209_715_200)),
            ("3Gi", bytes(3_221_225_472)),
            ("0", Err(MemoryError)),
            ("1.5Gi", Err(MemoryError)),
            ("-1", Err(MemoryError)),
            ("100000000000Gi", Err(MemoryError)),
            ("", Err(MemoryError)),
        ] {
            assert_eq!(text.parse(), wanted, "{text}");
        }
    }
}
