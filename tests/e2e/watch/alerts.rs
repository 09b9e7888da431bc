//! The alerts in a real Prometheus: none for a cluster that is well, and each for what it is there for.

use super::{Cluster, alerts, read};
use crate::databases::sql;
use anyhow::{Context as _, Result, ensure};
use clusterer_bin::{Dialect, Origin, PacketWriter};
use clusterer_tests::{PATIENCE, Prometheus, Scraper, wait_for};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};

/// The times of the rules, and those of the test.
const FASTER: [(&str, &str); 5] =
    [("1m", "2s"), ("2m", "4s"), ("5m", "10s"), ("10m", "20s"), ("15m", "30s")];

/// What has fired within the longest time of a rule, and who was scraped and compared all that time.
const FIRED: &str = "count_over_time(ALERTS{alertstate=\"firing\"}[30s])";
const SCRAPED: &str = "count_over_time(up[30s]) >= 31 and up == 1 and up offset 30s == 1";
const COMPARED: &str = "observer_machine:clusterer_node_up:min1m == 1 \
    and observer_machine:clusterer_node_up:min1m offset 30s == 1";

/// Those that take more than can be done to a daemon from outside: a module that does not keep up.
const NOT_PROVOKED: [&str; 1] = ["ClustererModuleBusy"];

/// The same rules, thirty times as fast.
fn fast_rules() -> Result<String> {
    let mut rules = read("deploy/prometheus/clusterer.rules.yml")?;
    for (time, ours) in FASTER {
        rules = rules.replace(&format!("for: {time}\n"), &format!("for: {ours}\n"));
        rules = rules.replace(&format!("[{time}]"), &format!("[{ours}]"));
    }
    let is_slow = |line: &str| line.contains("m]") || line.contains("for: ") && line.ends_with('m');
    ensure!(!rules.lines().any(is_slow), "a time was not replaced");
    Ok(rules)
}

/// A Prometheus that judges nodes, and which of its alerts have fired as they should.
struct Judge {
    prometheus: Scraper,
    fired: BTreeSet<String>,
}

impl Judge {
    /// The alerts that fire, each with its labels.
    fn firing(&self) -> Result<Vec<Value>> {
        let all = self.prometheus.get("/api/v1/alerts")?;
        let all = all.pointer("/alerts").and_then(Value::as_array).context("a list")?;
        let firing = all.iter().filter(|alert| alert["state"] == "firing");
        Ok(firing.map(|alert| alert["labels"].clone()).collect())
    }

    /// Whether an alert fires with these labels.
    fn fires(&self, alert: &str, labels: &[(&str, &str)]) -> Result<Option<()>> {
        let is_it = |fired: &Value| {
            fired["alertname"] == alert && labels.iter().all(|(name, value)| fired[*name] == *value)
        };
        let firing = self.firing()?;
        ensure!(firing.iter().any(is_it), "there fire {firing:?}");
        Ok(Some(()))
    }

    /// Whether all was scraped and judged for as long as a rule looks back, and nothing has fired in that time. What
    /// fires once, since the machine stood still for seconds, is over then; what is wrong fires again, or still does.
    fn is_quiet(&self) -> Result<Option<()>> {
        let fired = self.prometheus.query(FIRED)?;
        ensure!(fired.is_empty(), "there fired {fired:?}");
        let scraped = self.prometheus.query(SCRAPED)?;
        let compared = self.prometheus.query(COMPARED)?;
        Ok((scraped.len() == 3 && compared.len() == 6).then_some(()))
    }

    /// Waits until an alert fires with these labels.
    fn await_alert(&mut self, alert: &str, labels: &[(&str, &str)]) -> Result<()> {
        wait_for(&format!("{alert} {labels:?} fires"), 3 * PATIENCE, || self.fires(alert, labels))?;
        self.fired.insert(alert.to_owned());
        Ok(())
    }
}

fn no_rule_fails(prometheus: &Scraper) -> Result<()> {
    let all = prometheus.get("/api/v1/rules")?;
    let groups = all.pointer("/groups").and_then(Value::as_array).context("groups")?;
    let rules: Vec<_> = groups.iter().filter_map(|it| it["rules"].as_array()).flatten().collect();
    assert_eq!(rules.len(), alerts()?.len() + 2);
    for rule in rules {
        assert_eq!((&rule["health"], rule.get("lastError")), (&Value::from("ok"), None), "{rule}");
    }
    Ok(())
}

/// Takes node 3 down and up on node 1 until that is an alert, each time Prometheus has seen the one before. On a
/// busy machine the first times are long ago when the last are seen.
fn flap(judge: &mut Judge, cluster: &Cluster) -> Result<()> {
    let (_, exporter) = cluster.at(1);
    let seen = format!("clusterer_node_connected{{instance=\"{exporter}\",machine_id=\"3\"}}");
    let flapping = [("machine_id", "3")];
    wait_for("it comes and goes too often", 2 * PATIENCE, || {
        for state in ["0", "1"] {
            cluster.nodes[0].mi_ok("clusterer_set_status", &["1", "3", state, "bin"])?;
            wait_for("it is seen to come and go", PATIENCE, || {
                let series = judge.prometheus.query(&format!("{seen} == {state}"))?;
                Ok((!series.is_empty()).then_some(()))
            })?;
        }
        judge.fires("ClustererNodeFlapping", &flapping)
    })?;
    judge.await_alert("ClustererNodeFlapping", &flapping)
}

/// Has node 1 read a port of node 2 at which nobody listens. The others, which do not read it, go on as before.
fn misplace(cluster: &Cluster) -> Result<()> {
    let (right, _) = cluster.at(2);
    let place = |port| {
        let url = SocketAddr::new(right.ip(), port);
        sql(&cluster.lab, &format!("UPDATE clusterer SET url = 'bin:{url}' WHERE machine_id = 2"))
    };
    place(1)?;
    cluster.nodes[0].mi_ok("clusterer_reload", &[])?;
    place(right.port())?;
    cluster.nodes[0].wait_state(2, 2)
}

/// Asks node 1, in the name of node 3, for answers that nobody reads, until some are dropped.
fn take_no_answers(prometheus: &Scraper, cluster: &Cluster) -> Result<()> {
    let ((to, _), (from, _)) = (cluster.at(1), cluster.at(3));
    let ours = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&ours, &SocketAddr::new(from.ip(), 0))?;
    connect(&ours, &to)?;
    let mut stream = TcpStream::from(ours);
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut ping =
        PacketWriter::new(Dialect::V22, "clusterer", 0, Origin { sender: 3, cluster: 1 });
    ping.int(3).int(1);
    let burst = ping.encode()?.to(1).to_vec().repeat(5_000);
    wait_for("answers are dropped", PATIENCE, || {
        stream.write_all(&burst)?;
        let dropped = "clusterer_bin_dropped_total{reason=\"reply_full\"} > 0";
        Ok((!prometheus.query(dropped)?.is_empty()).then_some(()))
    })
}

#[test]
fn each_alert_fires_when_it_should_and_none_before() -> Result<()> {
    let Some(prometheus) = Prometheus::for_test("watch::each_alert_fires_when_it_should")? else {
        return Ok(());
    };
    let mut cluster = Cluster::start()?;
    let rules = fast_rules()?;
    let scraped = cluster.scraped()?;
    let prometheus = prometheus.start(&scraped, &[("clusterer.rules.yml", rules.as_str())])?;
    let mut judge = Judge { prometheus, fired: BTreeSet::new() };
    let [one, two, three] = [1, 2, 3].map(|machine| cluster.at(machine).1.to_string());
    wait_for("no alert for as long as a rule looks back", 6 * PATIENCE, || judge.is_quiet())?;
    no_rule_fails(&judge.prometheus)?;

    flap(&mut judge, &cluster)?;
    wait_for("what has fired is found", PATIENCE, || {
        Ok((!judge.prometheus.query(FIRED)?.is_empty()).then_some(()))
    })?;

    cluster.lab.write_config(1, "wrong")?;
    cluster.nodes[0].signal(Signal::HUP)?;
    judge.await_alert("ClustererConfigRefused", &[("instance", &one)])?;

    misplace(&cluster)?;
    let wrong =
        "INSERT INTO clusterer (cluster_id, machine_id, url, state) VALUES (1, 9, 'bin:', 1)";
    sql(&cluster.lab, wrong)?;
    cluster.nodes[1].mi_ok("clusterer_reload", &[])?;
    cluster.nodes[2].kill()?;
    judge.await_alert("ClustererViewsDiffer", &[("observer", "2"), ("machine_id", "1")])?;
    judge.await_alert("ClustererRowsSkipped", &[("instance", &two)])?;
    judge.await_alert("ClustererExporterDown", &[("instance", &three)])?;
    judge.await_alert("ClustererNodeDisabled", &[("cluster_id", "1"), ("machine_id", "3")])?;
    take_no_answers(&judge.prometheus, &cluster)?;
    judge.await_alert("ClustererQueueFull", &[("instance", &one), ("reason", "reply_full")])?;

    let config = cluster.config(3, "");
    cluster.nodes[2] = cluster.lab.start(3, &config)?;
    let aside = cluster.lab.path().join("aside.db");
    fs::rename(cluster.lab.db_path(), aside)?;
    let refused = cluster.nodes[0].mi("clusterer_reload", &[])?;
    assert!(!refused.is_ok(), "it has no database");
    judge.await_alert("ClustererDatabaseAway", &[("instance", &one)])?;
    judge.await_alert("ClustererModuleSilent", &[("machine_id", "3"), ("module", "ratelimit")])?;

    let (head, _) = scraped.rsplit_once("static_configs").context("its targets")?;
    judge.prometheus.reconfigure(&format!("{head}static_configs: []\n"))?;
    judge.await_alert("ClustererNotScraped", &[])?;
    no_rule_fails(&judge.prometheus)?;
    judge.fired.extend(NOT_PROVOKED.map(str::to_owned));
    assert_eq!(judge.fired, alerts()?.into_iter().collect());
    Ok(())
}
