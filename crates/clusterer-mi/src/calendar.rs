//! Dates as `ctime` prints them, in UTC. The standard library has no calendar and local time would
//! need a time zone database.

const DAY: u64 = 86_400;
const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [(&str, u64); 12] = [
    ("Jan", 31),
    ("Feb", 28),
    ("Mar", 31),
    ("Apr", 30),
    ("May", 31),
    ("Jun", 30),
    ("Jul", 31),
    ("Aug", 31),
    ("Sep", 30),
    ("Oct", 31),
    ("Nov", 30),
    ("Dec", 31),
];

/// `Sun Nov 22 08:51:41 2026`, in UTC, the day padded with a blank, from seconds since 1970.
pub fn format_utc(unix: u64) -> String {
    let (days, second) = (unix / DAY, unix % DAY);
    let (year, month, day) = date(days);
    let weekday = usize::try_from(days % 7).ok().and_then(|index| WEEKDAYS.get(index));
    format!(
        "{} {month} {day:>2} {:02}:{:02}:{:02} {year}",
        weekday.unwrap_or(&"Thu"),
        second / 3600,
        second / 60 % 60,
        second % 60,
    )
}

/// Year, month and day of month (from 1) of a count of days since 1970.
fn date(days: u64) -> (u64, &'static str, u64) {
    // Whole cycles of 400 years first, so that the loop below is short for any input.
    let mut year = 1970 + days / 146_097 * 400;
    let mut left = days % 146_097;
    while left >= days_in_year(year) {
        left -= days_in_year(year);
        year += 1;
    }
    let mut month = "Jan";
    for (name, days) in MONTHS {
        month = name;
        let days = if name == "Feb" && is_leap(year) { days + 1 } else { days };
        if left < days {
            break;
        }
        left -= days;
    }
    (year, month, left + 1)
}

fn days_in_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_known_from_elsewhere() {
        // Each from `LC_ALL=C date -u -d @N`.
        for (unix, text) in [
            (0, "Thu Jan  1 00:00:00 1970"),
            (68_255_999, "Tue Feb 29 23:59:59 1972"),
            (68_256_000, "Wed Mar  1 00:00:00 1972"),
            (951_868_799, "Tue Feb 29 23:59:59 2000"),
            (1_795_337_501, "Sun Nov 22 08:51:41 2026"),
            (4_107_542_400, "Mon Mar  1 00:00:00 2100"),
            (12_622_780_800, "Thu Jan  1 00:00:00 2370"),
        ] {
            assert_eq!(format_utc(unix), text);
        }
        format_utc(u64::MAX);
    }
}
