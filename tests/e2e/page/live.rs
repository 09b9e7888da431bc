//! What happens is seen at once, and so is that nothing can be seen.

use super::{Stage, ensure_clean, wait_live};
use anyhow::{Context as _, Result, ensure};
use clusterer_tests::{Browser, PATIENCE, Scheme, wait_for};
use std::time::Instant;

/// Notes, by the page's own clock, when the snapshot first shows that a node is not up, and when the page does.
const NOTE: &str = "
    window.noted = { json: null, page: null };
    const row = () => document.querySelector('[data-node=\"1/2\"]').dataset.state;
    new MutationObserver(() => { if (row() !== 'up') noted.page ??= performance.now(); })
        .observe(document.getElementById('clusters'),
            { subtree: true, attributes: true, childList: true });
    (async () => {
        while (noted.json === null) {
            const cluster = await (await fetch('/api/v1/cluster')).json();
            if (cluster.clusters[0].nodes[0].state !== 'up') noted.json = performance.now();
            await new Promise((done) => setTimeout(done, 5));
        }
    })();";

#[test]
fn a_killed_node_is_seen_on_the_page_within_a_second() -> Result<()> {
    let Some(browser) =
        Browser::for_test("page::a_killed_node_is_seen_on_the_page_within_a_second")?
    else {
        return Ok(());
    };
    let names =
        ["edge proxy, Frankfurt", "registrar", "billing", "media relay", "edge proxy, Paris"];
    let stage = Stage::new(&names, "")?;
    let mut killed = stage.start(2)?;
    let _others = [stage.start(3)?, stage.start(5)?];
    stage.shown.mi_ok("clusterer_set_status", &["1", "4", "0", "bin"])?;
    stage.shown.mi_ok("rl_check", &["carrier-a", "200"])?;
    browser.screen(1480, 1080, Scheme::Light)?;
    stage.open(&browser)?;
    wait_for("it is up on the page", PATIENCE, || {
        Ok((browser.text("[data-node='1/2'] .state")? == "Up").then_some(()))
    })?;
    browser.run(NOTE, &[])?;
    let begun = Instant::now();
    killed.kill()?;
    let (json, page) = wait_for("both show it", PATIENCE, || {
        let noted = browser.run("return window.noted", &[])?;
        Ok(noted["json"].as_f64().zip(noted["page"].as_f64()))
    })?;
    eprintln!(
        "the page shows it {:.0} ms after the snapshot, both within {:?} of the kill",
        page - json,
        begun.elapsed()
    );
    assert!(page - json < 1_000.0, "{} ms", page - json);
    let said = wait_for("it is said", PATIENCE, || {
        let said = browser.run("return document.getElementById('said').textContent", &[])?;
        Ok(said.as_str().filter(|said| !said.is_empty()).map(str::to_owned))
    })?;
    assert!(said.starts_with("Cluster 1, machine 2: "), "{said}");
    wait_for("it is disabled", PATIENCE, || {
        Ok((browser.text("[data-node='1/2'] .state")? == "Disabled").then_some(()))
    })?;
    assert!(browser.text("[data-node='1/2']")?.contains("refused"), "what failed last");
    assert!(browser.text("#events")?.contains("cluster 1 machine 2: state 2"));
    ensure_clean(&browser)?;
    if std::env::var_os("UPDATE_SCREENSHOT").is_some() {
        save(&browser.screenshot()?)?;
    }
    Ok(())
}

/// Writes the picture that the documentation shows.
fn save(base64: &str) -> Result<()> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/status-page.png");
    std::fs::write(path, decode(base64).context("base64")?)?;
    Ok(())
}

/// Base64 with its padding, as `WebDriver` sends pictures.
fn decode(text: &str) -> Option<Vec<u8>> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits: Option<Vec<u32>> = text
        .trim_end_matches('=')
        .bytes()
        .map(|byte| DIGITS.iter().position(|&digit| digit == byte)?.try_into().ok())
        .collect();
    let group = |group: &[u32]| {
        let bits = (0..4).fold(0, |bits, at| bits << 6 | group.get(at).copied().unwrap_or(0));
        bits.to_be_bytes()[1..group.len()].to_vec()
    };
    Some(digits?.chunks(4).flat_map(group).collect())
}

#[test]
fn a_picture_is_decoded_as_it_was() {
    for (text, bytes) in
        [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob")]
    {
        assert_eq!(decode(text).unwrap(), bytes.as_bytes());
    }
    assert_eq!(decode("?"), None);
}

#[test]
fn a_lost_daemon_is_told_and_found_again() -> Result<()> {
    let Some(browser) = Browser::for_test("page::a_lost_daemon_is_told_and_found_again")? else {
        return Ok(());
    };
    let mut stage = Stage::new(&["edge", "registrar"], "")?;
    stage.open(&browser)?;
    stage.shown.kill()?;
    wait_for("the page says so", PATIENCE, || {
        let text = browser.text("#live-text")?;
        Ok(text.starts_with("Not live since ").then_some(()))
    })?;
    assert_eq!(browser.run("return document.body.dataset.live", &[])?, "no");
    let said = browser.run("return document.getElementById('said').textContent", &[])?;
    ensure!(said.as_str().is_some_and(|said| said.contains("lost")), "{said}");
    assert!(browser.text("[data-node='1/2']")?.contains("registrar"), "what was seen last stays");
    stage.shown.restart()?;
    wait_live(&browser)?;
    assert_eq!(browser.run("return document.body.dataset.live", &[])?, "yes");
    Ok(())
}

#[test]
fn a_daemon_that_says_nothing_is_lost_too() -> Result<()> {
    let Some(browser) = Browser::for_test("page::a_daemon_that_says_nothing_is_lost_too")? else {
        return Ok(());
    };
    let stage = Stage::new(&["edge", "registrar"], "")?;
    stage.open(&browser)?;
    stage.shown.signal(rustix::process::Signal::STOP)?;
    let lost = wait_for("the page says so", PATIENCE, || {
        Ok(browser.text("#live-text")?.starts_with("Not live since ").then_some(()))
    });
    stage.shown.signal(rustix::process::Signal::CONT)?;
    lost?;
    wait_live(&browser)
}

/// As if the network swallowed the page's next request.
const SWALLOW: &str = "
    const real = window.fetch;
    window.fetch = (what, how) => {
        window.fetch = real;
        return new Promise((_, no) => how.signal.addEventListener('abort', () => no(how.signal.reason)));
    };";

#[test]
fn a_retry_that_is_never_answered_is_given_up() -> Result<()> {
    let Some(browser) = Browser::for_test("page::a_retry_that_is_never_answered_is_given_up")?
    else {
        return Ok(());
    };
    let mut stage = Stage::new(&["edge", "registrar"], "")?;
    stage.open(&browser)?;
    browser.run(SWALLOW, &[])?;
    stage.shown.kill()?;
    stage.shown.restart()?;
    wait_for("it was lost", PATIENCE, || {
        Ok(browser.text("#live-text")?.starts_with("Not live since ").then_some(()))
    })?;
    wait_live(&browser)
}
