//! Setting a state from the page: only with the token.

use super::{Stage, count, ensure_clean};
use anyhow::Result;
use clusterer_tests::{Browser, PATIENCE, wait_for};
use serde_json::Value;
use std::fs;

const TOKEN: &str = "correct-horse-battery";
const ENTER: &str = "\u{e007}";

#[test]
fn without_a_token_there_is_no_control() -> Result<()> {
    let Some(browser) = Browser::for_test("page::without_a_token_there_is_no_control")? else {
        return Ok(());
    };
    let stage = Stage::new(&["edge", "registrar"], "")?;
    assert_eq!(stage.snapshot()?["control"], Value::Null);
    stage.open(&browser)?;
    assert_eq!(count(&browser, "[data-node='1/2']")?, 1);
    assert_eq!(count(&browser, "tbody button")?, 0);
    Ok(())
}

#[test]
fn with_the_token_a_node_is_taken_down_and_up() -> Result<()> {
    let Some(browser) = Browser::for_test("page::with_the_token_a_node_is_taken_down_and_up")?
    else {
        return Ok(());
    };
    let tokens = tempfile::tempdir()?;
    let file = tokens.path().join("token");
    fs::write(&file, TOKEN)?;
    let token_file = format!("token_file = \"{}\"", file.display());
    let stage = Stage::new(&["edge", "registrar"], &token_file)?;
    stage.open(&browser)?;

    browser.click("[data-node='1/2'] button")?;
    assert_eq!(browser.text("#ask-title")?, "Take machine 2 of cluster 1 down?");
    browser.press(&format!("not-the-right-one{ENTER}"))?;
    wait_for("the refusal is shown", PATIENCE, || {
        Ok((browser.text("#ask-error")? == "The node does not take this token.").then_some(()))
    })?;
    assert_ne!(stage.shown.state_of(2)?, 0);
    browser.press(&format!("{TOKEN}{ENTER}"))?;
    stage.shown.wait_state(2, 0)?;
    wait_for("the page shows it", PATIENCE, || {
        Ok((browser.text("[data-node='1/2'] .state")? == "Down").then_some(()))
    })?;

    // It is known now.
    wait_for("the question is gone", PATIENCE, || {
        Ok((count(&browser, "dialog[open]")? == 0).then_some(()))
    })?;
    browser.click("[data-node='1/2'] button")?;
    assert_eq!(count(&browser, "#ask-token-label[hidden]")?, 1);
    browser.click("#ask-no")?;
    assert_eq!(stage.shown.state_of(2)?, 0, "nothing is done unasked");
    browser.click("[data-node='1/2'] button")?;
    browser.click("#ask-yes")?;
    wait_for("it is up, or failing, again", PATIENCE, || {
        Ok((stage.shown.state_of(2)? != 0).then_some(()))
    })?;
    let kept = browser.run("return JSON.stringify([document.cookie, { ...localStorage }])", &[])?;
    assert_eq!(kept, "[\"\",{}]", "the token is nowhere but in this tab");
    browser.complaints()?;
    ensure_clean(&browser)
}
