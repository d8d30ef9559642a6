//! Numbers with a unit, as people write how long and how much: `15m`, `64KiB`.

use std::fmt;

/// A unit's name, and what one of it is worth.
pub type Unit = (&'static str, u64);

/// Units of size, worth so many bytes.
pub const SIZES: [Unit; 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Reads a whole number above zero and one of the units, nothing else: no sign, no leading zeros.
#[must_use]
pub fn read(text: &str, units: &[Unit]) -> Option<u64> {
    let (digits, worth) = units
        .iter()
        .find_map(|(unit, worth)| Some((text.strip_suffix(unit)?, *worth)))?;
    if digits.starts_with(['0', '+']) {
        return None;
    }
    digits.parse::<u64>().ok()?.checked_mul(worth)
}

/// Writes a value in the first of the units that leaves a whole number, or else in the last.
///
/// # Errors
/// When `f` takes no more.
pub fn write(value: u64, units: &[Unit], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let whole = units.iter().find(|(_, worth)| value.is_multiple_of(*worth));
    match whole.or(units.last()) {
        Some((unit, worth)) => write!(f, "{}{unit}", value / worth),
        None => write!(f, "{value}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Size(u64);

    impl fmt::Display for Size {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write(self.0, &SIZES, f)
        }
    }

    #[test]
    fn what_is_read_is_written_in_the_largest_unit_that_fits() {
        for (text, value, written) in [
            ("64KiB", 64 << 10, "64KiB"),
            ("1MiB", 1 << 20, "1MiB"),
            ("2048MiB", 2 << 30, "2GiB"),
            ("1025KiB", 1025 << 10, "1025KiB"),
        ] {
            assert_eq!(read(text, &SIZES), Some(value), "{text}");
            assert_eq!(Size(value).to_string(), written);
        }
    }

    #[test]
    fn anything_but_a_whole_number_and_a_unit_is_nothing() {
        for bad in [
            "",
            "1",
            "KiB",
            "0KiB",
            "01MiB",
            "+1MiB",
            "-1MiB",
            " 1KiB",
            "1 KiB",
            "1KiB ",
            "1.5GiB",
            "1MB",
            "1mib",
            "1e3KiB",
            "١KiB",
            "1KiBKiB",
            "99999999999999999999GiB",
            "18446744073709551615GiB",
        ] {
            assert_eq!(read(bad, &SIZES), None, "{bad}");
        }
    }
}
