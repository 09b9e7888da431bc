//! How long callbacks take: counted here, handed to the recorder once a batch.

use metrics::Histogram;
use std::time::Duration;

/// The histogram of how long callbacks of modules take, by `module`.
pub const CALLBACK_SECONDS: &str = "clusterer_module_callback_seconds";

/// The bounds, in seconds, that [`CALLBACK_SECONDS`] is counted by: for an exporter that must be told the
/// buckets of a histogram.
pub const CALLBACK_BUCKETS: [f64; 15] =
    [1e-6, 5e-6, 1e-5, 5e-5, 1e-4, 5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 0.1, 0.5, 1.0, 5.0, 10.0];

/// The same in nanoseconds.
const BOUNDS: [u64; 15] = [
    1_000,
    5_000,
    10_000,
    50_000,
    100_000,
    500_000,
    1_000_000,
    5_000_000,
    10_000_000,
    50_000_000,
    100_000_000,
    500_000_000,
    1_000_000_000,
    5_000_000_000,
    10_000_000_000,
];

/// Durations by bucket, the last one being what is longer than all bounds.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    buckets: [Bucket; BOUNDS.len() + 1],
}

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    count: u32,
    nanos: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let at = BOUNDS.partition_point(|&bound| bound < nanos);
        if let Some(bucket) = self.buckets.get_mut(at) {
            bucket.count = bucket.count.saturating_add(1);
            bucket.nanos = bucket.nanos.saturating_add(nanos);
        }
    }

    /// Hands over what was counted. The mean of a bucket lies in the bucket, so counts stay exact, and
    /// so does the sum, to a nanosecond a duration.
    pub(crate) fn report(&mut self, histogram: &Histogram) {
        for Bucket { count, nanos } in std::mem::take(&mut self.buckets) {
            if let (Some(mean), Ok(count)) =
                (nanos.checked_div(count.into()), usize::try_from(count))
            {
                histogram.record_many(Duration::from_nanos(mean).as_secs_f64(), count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metrics::HistogramFn;
    use std::sync::{Arc, Mutex};

    #[derive(Default)]
    struct Records(Mutex<Vec<f64>>);

    impl HistogramFn for Records {
        fn record(&self, value: f64) {
            self.0.lock().unwrap().push(value);
        }
    }

    fn reported(durations: &[u64]) -> Vec<f64> {
        let records = Arc::new(Records::default());
        let mut tally = Tally::default();
        for &nanos in durations {
            tally.add(Duration::from_nanos(nanos));
        }
        let histogram = Histogram::from_arc(records.clone());
        tally.report(&histogram);
        tally.report(&histogram);
        records.0.lock().unwrap().clone()
    }

    fn bucket(seconds: f64) -> usize {
        CALLBACK_BUCKETS.partition_point(|&bound| bound < seconds)
    }

    #[test]
    fn both_tables_of_bounds_agree_to_the_bit() {
        for (nanos, seconds) in BOUNDS.into_iter().zip(CALLBACK_BUCKETS) {
            assert_eq!(Duration::from_nanos(nanos).as_secs_f64(), seconds);
        }
    }

    #[test]
    fn a_duration_is_counted_in_its_bucket_on_both_sides_of_each_bound() {
        for (at, bound) in BOUNDS.into_iter().enumerate() {
            let values = reported(&[bound, bound, bound, bound + 1]);
            let buckets: Vec<_> = values.into_iter().map(bucket).collect();
            assert_eq!(buckets, [at, at, at, at + 1], "{bound}");
        }
    }

    #[test]
    fn the_sum_is_kept_and_nothing_is_handed_over_twice() {
        let values = reported(&[0, 100, 700, 60_000_000_000]);
        assert_eq!(values.len(), 4);
        assert!((values.iter().sum::<f64>() - 60.0000008).abs() < 1e-8, "{values:?}");
        assert_eq!(reported(&[]), Vec::<f64>::new());
    }
}
