//! The rules as `promtool` judges them, and what it says of the metrics themselves.

use super::{Cluster, accepted, alerts, file, read};
use crate::metrics::scrape;
use anyhow::{Context as _, Result};
use clusterer_tests::Prometheus;
use std::collections::BTreeSet;

#[test]
fn promtool_accepts_the_rules_and_their_tests_pass() -> Result<()> {
    let Some(prometheus) = Prometheus::for_test("watch::promtool_accepts_the_rules")? else {
        return Ok(());
    };
    let path = |name| Ok::<_, anyhow::Error>(file(name).to_str().context("text")?.to_owned());
    let rules = path("deploy/prometheus/clusterer.rules.yml")?;
    accepted(&prometheus.promtool(&["check", "rules", &rules], "")?)?;
    let config = path("deploy/prometheus/prometheus.yml")?;
    accepted(&prometheus.promtool(&["check", "config", &config], "")?)?;
    let tests = path("deploy/prometheus/clusterer.tests.yml")?;
    accepted(&prometheus.promtool(&["test", "rules", &tests], "")?)
}

#[test]
fn each_alert_is_tested_to_fire_and_not_to() -> Result<()> {
    let tests = read("deploy/prometheus/clusterer.tests.yml")?;
    let (mut fires, mut does_not) = (BTreeSet::new(), BTreeSet::new());
    let mut lines = tests.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("alertname: ") else { continue };
        match lines.next() {
            Some("exp_alerts:") => fires.insert(name.to_owned()),
            Some("exp_alerts: []") => does_not.insert(name.to_owned()),
            other => anyhow::bail!("{name}: {other:?}"),
        };
    }
    let alerts: BTreeSet<_> = alerts()?.into_iter().collect();
    assert_eq!(fires, alerts);
    assert_eq!(does_not, alerts);
    Ok(())
}

#[test]
fn promtool_has_nothing_to_say_about_a_scrape() -> Result<()> {
    let Some(prometheus) = Prometheus::for_test("watch::promtool_reads_a_scrape")? else {
        return Ok(());
    };
    let cluster = Cluster::start()?;
    let (_, exporter) = cluster.at(1);
    let checked = prometheus.promtool(&["check", "metrics"], &scrape(exporter)?)?;
    accepted(&checked)?;
    // What it only warns of, it prints.
    assert_eq!((checked.output.as_str(), checked.errors.as_str()), ("", ""));
    let wrong = prometheus.promtool(&["check", "metrics"], "# TYPE a counter\na 1\n")?;
    assert!(!wrong.status.success(), "it judges at all");
    Ok(())
}
