//! For everybody: a keyboard, a phone, the dark, a screen reader.

use super::{Stage, count, ensure_clean};
use anyhow::{Context as _, Result};
use clusterer_tests::{Browser, PATIENCE, Scheme, wait_for};
use serde_json::{Value, json};

const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
const NAMES: [&str; 4] = [
    "edge proxy",
    "registrar",
    "billing",
    "a-name-without-any-space-that-goes-on-for-longer-than-a-phone-is",
];

/// What has the focus: its name, and whether one sees that it has it.
const FOCUSED: &str = "
    const it = document.activeElement;
    if (it === document.body) return null;
    const style = getComputedStyle(it);
    const seen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
    return [it.getAttribute('aria-label') ?? (it.textContent.trim().replace(/\\s+/g, ' ') || it.id), seen];";

/// Every text that is not told apart from what is behind it by 4.5 to 1.
const CONTRAST: &str = "
    const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
    const light = (rgb) => rgb.slice(0, 3).map((v) => v / 255)
        .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
    const behind = (element) => {
        for (let it = element; it; it = it.parentElement) {
            const colour = parse(getComputedStyle(it).backgroundColor);
            if (colour.length === 3 || colour[3] === 1) return colour;
        }
        return parse(getComputedStyle(document.body).backgroundColor);
    };
    const poor = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const element = walk.currentNode.parentElement;
        if (!walk.currentNode.textContent.trim() || !element.checkVisibility() || element.closest('noscript')) continue;
        const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))].sort();
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) poor.push(`${walk.currentNode.textContent.trim()}: ${ratio.toFixed(2)}`);
    }
    return poor;";

/// What a screen reader stumbles over.
const STRUCTURE: &str = "
    const wrong = [];
    const want = (right, what) => { if (!right) wrong.push(what); };
    const all = (selector) => [...document.querySelectorAll(selector)];
    want(document.documentElement.lang === 'en', 'the language');
    want(document.title.includes('Machine 1'), 'the title');
    want(all('h1').length === 1, 'one h1');
    for (const mark of ['header', 'main', 'footer']) want(all(`body > ${mark}`).length === 1, mark);
    const levels = all('h1, h2, h3').filter((it) => !it.closest('dialog')).map((it) => Number(it.tagName[1]));
    want(levels.every((level, at) => at === 0 || level <= levels[at - 1] + 1), `headings ${levels}`);
    want(all('th').every((it) => ['col', 'row'].includes(it.scope)), 'th without scope');
    want(all('table').every((it) => it.getAttribute('aria-label') || it.getAttribute('aria-labelledby')), 'a table without a name');
    want(all('tbody tr').every((it) => it.querySelectorAll('th[scope=row]').length === 1), 'a row without head');
    want(all('input').every((it) => it.labels.length === 1 && it.labels[0].textContent.trim()), 'an input without label');
    want(all('button').filter((it) => !it.closest('dialog')).every((it) => it.getAttribute('aria-label') || it.textContent.trim()), 'a button without name');
    want(all('[aria-labelledby]').every((it) => document.getElementById(it.getAttribute('aria-labelledby'))), 'labelled by nothing');
    want(all('[aria-live=polite][role=status]').length === 1, 'one live region');
    want(all('.state').every((it) => it.textContent.trim()), 'a state by colour alone');
    want(all('.mark').every((it) => it.getAttribute('aria-hidden') === 'true'), 'a mark that is read');
    want(new Set(all('[id]').map((it) => it.id)).size === all('[id]').length, 'an id twice');
    return wrong;";

fn open(test: &str) -> Result<Option<(Stage, Browser)>> {
    let Some(browser) = Browser::for_test(test)? else { return Ok(None) };
    let stage = Stage::new(&NAMES, "")?;
    stage.shown.mi_ok("rl_check", &["carrier-a", "200"])?;
    stage.shown.mi_ok("clusterer_set_status", &["1", "3", "0", "bin"])?;
    browser.screen(1400, 1000, Scheme::Light)?;
    stage.open(&browser)?;
    Ok(Some((stage, browser)))
}

#[test]
fn a_keyboard_reaches_everything() -> Result<()> {
    let Some((_stage, browser)) = open("page::a_keyboard_reaches_everything")? else {
        return Ok(());
    };
    let mut reached = Vec::new();
    for _ in 0..60 {
        browser.press(TAB)?;
        let focused = browser.run(FOCUSED, &[])?;
        if focused == Value::Null {
            break;
        }
        let name = focused[0].as_str().context("a name")?.to_owned();
        assert_eq!(focused[1], true, "nobody sees that {name} has the focus");
        if reached.first() == Some(&name) {
            break;
        }
        reached.push(name);
    }
    let heads = [
        "Node",
        "State",
        "Failures",
        "Next attempt",
        "Last error",
        "Round trip",
        "Received",
        "Sent",
    ];
    for name in ["Skip to the nodes", "find", "/api/v1/cluster"].into_iter().chain(heads) {
        assert!(reached.iter().any(|it| it == name), "{name} among {reached:?}");
    }
    for state in ["up", "probing", "disabled", "down"] {
        assert!(reached.iter().any(|it| it.ends_with(state)), "{state} among {reached:?}");
    }
    assert!(reached.iter().any(|it| it.starts_with("ratelimit")), "{reached:?}");

    let focus = "document.querySelector(arguments[0]).focus()";
    browser.run(focus, &[json!("th[data-by=state] button")])?;
    browser.press(ENTER)?;
    let sorted = "return document.querySelector('th[data-by=state]').ariaSort";
    assert_eq!(browser.run(sorted, &[])?, "ascending");
    let first = "return document.querySelector('tbody tr').dataset.node";
    assert_eq!(browser.run(first, &[])?, "1/3", "what needs somebody stands first");
    browser.run(focus, &[json!("#count-down")])?;
    browser.press(ENTER)?;
    let rows = "return [...document.querySelectorAll('#clusters tbody tr')].filter((it) => it.checkVisibility()).length";
    assert_eq!(browser.run(rows, &[])?, 1);
    ensure_clean(&browser)
}

#[test]
fn a_phone_shows_all_of_it_without_scrolling_sideways() -> Result<()> {
    let Some((_stage, browser)) = open("page::a_phone_shows_all_of_it_without_scrolling_sideways")?
    else {
        return Ok(());
    };
    // The longest text that a module's table can hold.
    wait_for("a silent node is shut out", PATIENCE, || {
        Ok((count(&browser, "#modules .state")? > 0).then_some(()))
    })?;
    for width in [320, 390, 600, 820, 1100, 1480] {
        browser.screen(width, 800, Scheme::Light)?;
        let script = "return [document.documentElement.scrollWidth, innerWidth]";
        assert_eq!(browser.run(script, &[])?, json!([width, width]));
        // Nothing is cut off inside either.
        let script = "return [...document.querySelectorAll('.sheet')]
            .filter((it) => it.scrollWidth > it.clientWidth + 1).length";
        assert_eq!(browser.run(script, &[])?, 0, "{width}");
    }
    browser.screen(390, 800, Scheme::Light)?;
    let label =
        "return getComputedStyle(document.querySelector('#clusters td'), '::before').content";
    assert_eq!(browser.run(label, &[])?, "\"State\"");
    ensure_clean(&browser)
}

#[test]
fn it_is_dark_in_the_dark_and_readable_in_both() -> Result<()> {
    let Some((_stage, browser)) = open("page::it_is_dark_in_the_dark_and_readable_in_both")? else {
        return Ok(());
    };
    let paper = "return getComputedStyle(document.body).backgroundColor";
    let mut papers = Vec::new();
    for scheme in [Scheme::Light, Scheme::Dark] {
        browser.screen(1400, 1000, scheme)?;
        papers.push(browser.run(paper, &[])?);
        assert_eq!(browser.run(CONTRAST, &[])?, json!([]), "{scheme:?}");
    }
    assert_eq!(papers, ["rgb(247, 246, 243)", "rgb(18, 20, 23)"]);
    ensure_clean(&browser)
}

#[test]
fn a_screen_reader_finds_its_way() -> Result<()> {
    let Some((_stage, browser)) = open("page::a_screen_reader_finds_its_way")? else {
        return Ok(());
    };
    assert_eq!(browser.run(STRUCTURE, &[])?, json!([]));
    ensure_clean(&browser)
}
