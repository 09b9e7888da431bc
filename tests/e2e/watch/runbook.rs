//! docs/runbook.md and the alerts: an entry an alert.

use super::{alerts, read};
use anyhow::{Context as _, Result};

/// What each entry says, in this order.
const PARTS: [&str; 5] =
    ["**Means:**", "**Noticed:**", "**Look:**", "**Do:**", "**Wake somebody:**"];

#[test]
fn entries_and_alerts_are_the_same() -> Result<()> {
    let runbook = read("docs/runbook.md")?;
    let entries: Vec<_> =
        runbook.lines().filter_map(|it| it.strip_prefix("## Clusterer")).collect();
    let alerts = alerts()?;
    let names: Vec<_> = alerts.iter().filter_map(|it| it.strip_prefix("Clusterer")).collect();
    assert_eq!(entries, names);
    Ok(())
}

#[test]
fn each_entry_says_all_that_is_asked_at_night() -> Result<()> {
    let runbook = read("docs/runbook.md")?;
    for entry in runbook.split("\n## Clusterer").skip(1) {
        let name = entry.lines().next().context("a heading")?;
        let mut rest = entry;
        for part in PARTS {
            let (_, after) = rest.split_once(part).with_context(|| format!("{name}: {part}"))?;
            rest = after;
        }
        assert!(entry.contains("```console\n$ "), "{name} has no command");
    }
    Ok(())
}

#[test]
fn each_alert_leads_to_its_entry() -> Result<()> {
    let rules = read("deploy/prometheus/clusterer.rules.yml")?;
    let alerts = alerts()?;
    let texts: Vec<_> = rules.split("- alert: ").skip(1).collect();
    assert!(!texts.is_empty() && texts.len() == alerts.len());
    for (alert, text) in alerts.iter().zip(texts) {
        let page = "https://github.com/clusterer-rs/clusterer/blob/main/docs/runbook.md";
        let url = format!("runbook_url: {page}#{}\n", alert.to_lowercase());
        assert!(text.contains(&url), "{alert} lacks {url}");
        for needed in ["summary: \"", "description: \"", "severity: "] {
            assert!(text.contains(needed), "{alert} lacks {needed}");
        }
    }
    Ok(())
}
