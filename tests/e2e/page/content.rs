//! What comes from the database or a peer is text.

use super::{Stage, count, ensure_clean};
use anyhow::{Context as _, Result};
use clusterer_tests::Browser;
use serde_json::json;

const HOSTILE: [&str; 5] = [
    "edge",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(2)>",
    "\u{202e}txet \u{645}\u{631}\u{62d}\u{628}\u{627}",
    "{{7*7}} ${alert(3)} &lt;b&gt; ' onmouseover='alert(4)",
];

#[test]
fn a_description_that_is_a_script_stays_text() -> Result<()> {
    let Some(browser) = Browser::for_test("page::a_description_that_is_a_script_stays_text")?
    else {
        return Ok(());
    };
    let stage = Stage::new(&HOSTILE, "")?;
    // A pipe has any name that somebody calls.
    stage.shown.mi_ok("rl_check", &["<img/src=x/onerror=alert(5)>", "10"])?;
    stage.open(&browser)?;
    for (machine, description) in (1..).zip(HOSTILE).skip(1) {
        let script = "return document.querySelector(arguments[0]).textContent";
        let selector = format!("[data-node='1/{machine}'] th bdi");
        let shown = browser.run(script, &[json!(selector)])?;
        assert_eq!(shown.as_str().context("a text")?, description);
    }
    assert!(browser.text("#sections")?.contains("<img/src=x/onerror=alert(5)>"));
    assert_eq!(count(&browser, "img, iframe, object, body script, [onerror], [onmouseover]")?, 0);
    assert_eq!(browser.dialog(), None);
    // Text of the other direction turns nothing around it.
    let script = "return [...document.querySelectorAll('tbody .id')].map((id) => id.textContent)";
    assert_eq!(browser.run(script, &[])?, json!(["2", "3", "4", "5"]));
    ensure_clean(&browser)
}

#[test]
fn the_policy_refuses_what_would_get_in() -> Result<()> {
    let Some(browser) = Browser::for_test("page::the_policy_refuses_what_would_get_in")? else {
        return Ok(());
    };
    let stage = Stage::new(&["edge"], "")?;
    stage.open(&browser)?;
    let html = "try { document.body.innerHTML = '<b>in</b>'; return 'in' } catch { return 'out' }";
    assert_eq!(browser.run(html, &[])?, "out");
    let fetch = "return fetch('http://127.0.0.2:9/').then(() => 'in', () => 'out')";
    assert_eq!(browser.run(fetch, &[])?, "out");
    let complaints = browser.complaints()?;
    assert!(complaints.iter().any(|line| line.contains("connect-src")), "{complaints:?}");
    Ok(())
}
