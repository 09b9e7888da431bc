//! Durations as text: a whole number and its unit, `500ms`, `1s`, `2m` or `1h`.

use std::time::Duration;

/// The duration a text says, or `None`. No sign, no blank, no fraction: `1500ms` is one and a half
/// seconds.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(millis).map(Duration::from_millis)
}

/// The duration as [`parse`] reads it, in the largest unit that is exact.
pub(crate) fn format(duration: Duration) -> String {
    let millis = duration.as_millis();
    for (unit, length) in [("h", 3_600_000), ("m", 60_000), ("s", 1000)] {
        if millis > 0 && millis.is_multiple_of(length) {
            return format!("{}{unit}", millis / length);
        }
    }
    format!("{millis}ms")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_number_and_a_unit() {
        let millis = |text: &str| parse(text).map(|duration| duration.as_millis());
        assert_eq!(millis("500ms"), Some(500));
        assert_eq!(millis("1s"), Some(1000));
        assert_eq!(millis("2m"), Some(120_000));
        assert_eq!(millis("1h"), Some(3_600_000));
        assert_eq!(millis("0s"), Some(0));
        let most = u64::MAX.to_string();
        assert_eq!(millis(&format!("{most}ms")), Some(u64::MAX.into()));
        for wrong in ["", "1", "s", "1.5s", "-1s", "+1s", " 1s", "1 s", "1S", "1d", "1ss", "ä"] {
            assert_eq!(millis(wrong), None, "{wrong:?}");
        }
        assert_eq!(millis(&format!("{most}s")), None);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(millis in any::<u64>()) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&format(duration)), Some(duration));
        }
    }
}
