//! The status page, in a browser.

mod access;
mod content;
mod control;
mod live;

use crate::manual::RATELIMIT;
use anyhow::{Context as _, Result};
use clusterer_tests::{Browser, Daemon, Lab, NodeRow, PATIENCE, free_address, request, wait_for};
use serde_json::Value;
use std::net::SocketAddr;

/// A cluster of one daemon that is looked at, and others that run or do not.
struct Stage {
    lab: Lab,
    at: Vec<SocketAddr>,
    http: SocketAddr,
    shown: Daemon,
}

impl Stage {
    /// Nodes of cluster 1 with these descriptions, the first of which is the daemon; `more` is added to its
    /// section `[mi.http]`.
    fn new(descriptions: &[&str], more: &str) -> Result<Self> {
        let lab = Lab::new()?;
        let mut at = Vec::new();
        for (machine, description) in (1..).zip(descriptions) {
            let address = free_address()?;
            let description = (*description).to_owned();
            lab.add(&NodeRow { description, ..NodeRow::new(1, machine, address) })?;
            at.push(address);
        }
        let http = free_address()?;
        let more = format!("{RATELIMIT}\n[mi.http]\nlisten = \"{http}\"\n{more}\n");
        let shown = lab.start(1, &lab.config(1, at[0], &more))?;
        Ok(Self { lab, at, http, shown })
    }

    /// Starts another of its nodes, and waits until it is seen.
    fn start(&self, machine: i32) -> Result<Daemon> {
        let at = self.at[usize::try_from(machine)? - 1];
        let node = self.lab.start(machine, &self.lab.config(machine, at, RATELIMIT))?;
        self.shown.wait_state(machine, 1)?;
        Ok(node)
    }

    fn snapshot(&self) -> Result<Value> {
        let answer = request(self.http, "GET", "/api/v1/cluster", &[], "")?;
        anyhow::ensure!(answer.status == 200, "{}", answer.head);
        serde_json::from_str(&answer.body).context("JSON")
    }

    /// Opens the page and waits until it is live.
    fn open(&self, browser: &Browser) -> Result<()> {
        browser.open(&format!("http://{}/", self.http))?;
        wait_live(browser)
    }
}

fn wait_live(browser: &Browser) -> Result<()> {
    wait_for("the page is live", PATIENCE, || {
        Ok((browser.text("#live-text")? == "Live").then_some(()))
    })
}

/// The number of elements.
fn count(browser: &Browser, selector: &str) -> Result<u64> {
    let script = "return document.querySelectorAll(arguments[0]).length";
    browser.run(script, &[selector.into()])?.as_u64().context("a number")
}

/// Nothing was loaded from elsewhere, no script failed, and the policy refused nothing.
fn ensure_clean(browser: &Browser) -> Result<()> {
    let script = "return performance.getEntriesByType('resource').map((entry) => entry.name)
        .filter((name) => new URL(name).origin !== location.origin && !name.startsWith('data:'))";
    let foreign = browser.run(script, &[])?;
    anyhow::ensure!(foreign.as_array().is_some_and(Vec::is_empty), "loaded: {foreign}");
    let complaints = browser.complaints()?;
    anyhow::ensure!(complaints.is_empty(), "the browser complains: {complaints:?}");
    Ok(())
}
