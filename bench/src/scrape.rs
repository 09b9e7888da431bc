//! A daemon's own figures, as Prometheus reads them.

use anyhow::{Context as _, Result, ensure};
use clusterer_tests::request;
use std::net::SocketAddr;

/// What `/metrics` said at one moment.
#[derive(Debug)]
pub(crate) struct Figures {
    text: String,
}

impl Figures {
    pub(crate) fn of(exporter: SocketAddr) -> Result<Self> {
        let response = request(exporter, "GET", "/metrics", &[], "")?;
        ensure!(response.status == 200, "/metrics answered {}", response.status);
        Ok(Self { text: response.body })
    }

    /// The sum of all series of a metric whose name begins so; 0 if there is none.
    ///
    /// # Errors
    /// A value is no whole number.
    pub(crate) fn sum(&self, name: &str) -> Result<u64> {
        sum(&self.text, name)
    }

    /// The value of one series, named with its labels; 0 if there is none.
    pub(crate) fn series(&self, name: &str) -> Result<u64> {
        let found = self.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        found.map_or(Ok(0), |value| Ok(value.parse()?))
    }
}

fn sum(text: &str, name: &str) -> Result<u64> {
    let series = text.lines().filter_map(|line| line.strip_prefix(name));
    let series = series.filter(|rest| rest.starts_with([' ', '{']));
    let values = series.filter_map(|rest| rest.rsplit_once(' ')).map(|(_, value)| value);
    values.map(|value| value.parse::<u64>().with_context(|| format!("{name} is {value}"))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_series_of_a_metric_and_no_other_s_are_added_up() {
        let text =
            "# HELP a_total a_total 9\na_total{reason=\"x y\"} 3\na_total 4\na_total_more 5\n";
        assert_eq!(sum(text, "a_total").unwrap(), 7);
        assert_eq!(sum(text, "b_total").unwrap(), 0);
        assert!(sum("a_total NaN\n", "a_total").is_err());
    }
}
