//! The Prometheus exporter.

use crate::manual::RATELIMIT;
use crate::start::{Starting, lock};
use anyhow::{Context as _, Result};
use clusterer_tests::{Lab, PATIENCE, free_address, wait_for};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub(crate) fn scrape(address: SocketAddr) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let (head, body) = text.split_once("\r\n\r\n").context("an HTTP response")?;
    anyhow::ensure!(head.starts_with("HTTP/1.1 200 "), "{head}");
    Ok(body.to_owned())
}

/// The value of a series, or 0 if there is none.
pub(crate) fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.and_then(|value| value.parse().ok()).unwrap_or_default()
}

#[test]
fn who_asks_the_exporter_too_early_waits_until_the_node_runs() -> Result<()> {
    let (lab, at) = Lab::with_nodes(1)?;
    let exporter = free_address()?;
    let locked = lock(&lab)?;
    let patient = "[clusterer]\ndb_connect_timeout = \"1m\"";
    let config = lab.config(1, at[0], &format!("\n[metrics]\nlisten = \"{exporter}\"\n"));
    let _a = Starting::spawn(&lab, &config.replace("[clusterer]", patient), "-n 1024")?;
    let mut stream = wait_for("it listens", PATIENCE, || Ok(TcpStream::connect(exporter).ok()))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {exporter}\r\nConnection: close\r\n\r\n")?;
    stream.set_read_timeout(Some(Duration::from_millis(300)))?;
    assert!(stream.peek(&mut [0]).is_err(), "answered before the table is loaded");
    drop(locked);
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    assert!(text.starts_with("HTTP/1.1 200 ") && text.ends_with("\r\n\r\nready\n"), "{text}");
    Ok(())
}

#[test]
fn the_exporter_shows_traffic_states_and_drops() -> Result<()> {
    let (lab, at) = Lab::with_nodes(2)?;
    let exporter = free_address()?;
    let more = format!("{RATELIMIT}\n[metrics]\nlisten = \"{exporter}\"\n");
    let a = lab.start(1, &lab.config(1, at[0], &more))?;
    let b = lab.start(2, &lab.config(2, at[1], RATELIMIT))?;
    a.wait_state(2, 1)?;
    b.wait_state(1, 1)?;
    wait_for("packets go in and out", PATIENCE, || {
        let text = scrape(exporter)?;
        let flows = ["clusterer_bin_received_packets_total", "clusterer_bin_sent_packets_total"];
        Ok(flows.iter().all(|flow| value(&text, flow) > 0.0).then_some(()))
    })?;
    let state = |state| {
        format!("clusterer_node_state{{cluster_id=\"1\",machine_id=\"2\",state=\"{state}\"}}")
    };
    let text = scrape(exporter)?;
    assert_eq!((value(&text, &state(1)), value(&text, &state(2))), (1.0, 0.0), "{text}");

    wait_for("the module's callbacks are measured", PATIENCE, || {
        let text = scrape(exporter)?;
        let series = |what: &str, le: &str| {
            let labels = format!("{{module=\"ratelimit\"{le}}}");
            value(&text, &format!("clusterer_module_callback_seconds_{what}{labels}"))
        };
        let counts = [series("count", ""), series("bucket", ",le=\"10\""), series("sum", "")];
        Ok(counts.iter().all(|&count| count > 0.0).then_some(()))
    })?;

    wait_for("each way between the two is counted by module and node", PATIENCE, || {
        let text = scrape(exporter)?;
        let by_module = "{cluster_id=\"1\",machine_id=\"2\",module=\"ratelimit\"}";
        let ways = ["received_packets", "received_bytes", "sent_packets", "sent_bytes"];
        let counted = |way| value(&text, &format!("clusterer_node_{way}_total{by_module}"));
        Ok(ways.into_iter().all(|way| counted(way) > 0.0).then_some(()))
    })?;
    let text = scrape(exporter)?;
    let by_node = "{cluster_id=\"1\",machine_id=\"2\"}";
    assert_eq!(value(&text, &format!("clusterer_node_connected{by_node}")), 1.0, "{text}");
    assert!(value(&text, "clusterer_probes_total{outcome=\"success\"}") > 0.0, "{text}");
    let asked = "clusterer_mi_requests_total{command=\"clusterer_list\",outcome=\"ok\"}";
    assert!(value(&text, asked) > 0.0, "{text}");

    let mut stranger = TcpStream::connect(at[0])?;
    stranger.write_all(b"this is no packet at all")?;
    wait_for("the framing error is counted", PATIENCE, || {
        let text = scrape(exporter)?;
        Ok((value(&text, "clusterer_bin_dropped_total{reason=\"framing\"}") >= 1.0).then_some(()))
    })?;
    drop(b);
    wait_for("the peer's state changes", PATIENCE, || {
        Ok((value(&scrape(exporter)?, &state(2)) == 1.0).then_some(()))
    })
}
