//! What is said of several measurements of one thing.

/// The middle of several values, and how far they lie apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Summary {
    /// `None` of no values.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let upper = *sorted.get(middle)?;
        let median = match sorted.len() % 2 {
            0 => f64::midpoint(*sorted.get(middle.checked_sub(1)?)?, upper),
            _ => upper,
        };
        Some(Self { least: *sorted.first()?, median, most: *sorted.last()? })
    }

    /// `MEDIAN (LEAST to MOST)`.
    pub(crate) fn text(&self, digits: usize) -> String {
        let Self { least, median, most } = *self;
        format!("{median:.digits$} ({least:.digits$} to {most:.digits$})")
    }
}

/// The value below which this share of all lies, of sorted values: the nearest rank, never less than
/// asked for. `None` of no values.
pub(crate) fn percentile(sorted: &[u64], permille: usize) -> Option<u64> {
    let rank = (sorted.len() * permille).div_ceil(1000).max(1);
    sorted.get(rank - 1).copied()
}

/// As a float, as near as there is one.
#[allow(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) fn float(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        let summary = |values: &[f64]| Summary::of(values);
        assert_eq!(summary(&[]), None);
        assert_eq!(summary(&[3.0]), Some(Summary { least: 3.0, median: 3.0, most: 3.0 }));
        assert_eq!(summary(&[9.0, 1.0, 2.0]).unwrap().median, 2.0);
        assert_eq!(summary(&[9.0, 1.0, 2.0, 4.0]).unwrap().median, 3.0);
        assert_eq!(summary(&[9.0, 1.0]).unwrap().text(1), "5.0 (1.0 to 9.0)");
    }

    #[test]
    fn a_percentile_is_the_nearest_rank() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!(percentile(&hundred, 500), Some(50));
        assert_eq!(percentile(&hundred, 990), Some(99));
        assert_eq!(percentile(&hundred, 991), Some(100));
        assert_eq!(percentile(&hundred, 1000), Some(100));
        assert_eq!(percentile(&[7], 1), Some(7));
        assert_eq!(percentile(&[], 500), None);
    }
}
