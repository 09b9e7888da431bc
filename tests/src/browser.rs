//! A browser without a window: Chromium, driven by Debian's chromedriver over the `WebDriver` protocol.

use crate::guardian::Guardian;
use crate::{Response, request, skip};
use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Signal, geteuid};
use serde_json::{Value, json};
use std::env;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// The programs it takes.
const PROGRAMS: [&str; 2] = ["chromium", "chromedriver"];

/// What the driver says once it listens, before the port.
const STARTED: &str = "started successfully on port ";

/// A running browser with one page. Dropping it ends its processes and removes its files.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    at: SocketAddr,
    session: String,
    /// Acts only if we end without dropping.
    _guardian: Guardian,
    _directory: TempDir,
}

/// Which colours the reader asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Light ones.
    Light,
    /// Dark ones.
    Dark,
}

impl Browser {
    /// The Debian packages with the programs.
    pub const PACKAGES: [&str; 2] = ["chromium", "chromium-driver"];

    /// The environment variable by which `cargo xtask test --no-browser` keeps the tests from starting one.
    pub const REFUSED: &str = "CLUSTERER_TEST_NO_BROWSER";

    /// Whether the programs are there.
    ///
    /// # Errors
    /// One is missing; the text names it.
    pub fn installed() -> Result<()> {
        let directories: Vec<_> =
            env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect();
        for program in PROGRAMS {
            let found = directories.iter().any(|directory| directory.join(program).is_file());
            ensure!(found, "there is no {program}");
        }
        Ok(())
    }

    /// A browser for a test; `None`, after that was reported, if there is none here.
    ///
    /// # Errors
    /// It does not start, or a skip cannot be reported.
    pub fn for_test(test: &str) -> Result<Option<Self>> {
        if env::var_os(Self::REFUSED).is_some() {
            skip(test, "no browser was wanted")?;
        } else if Self::installed().is_err() {
            skip(test, "Chromium or its driver is not installed")?;
        } else {
            return Self::start().map(Some);
        }
        Ok(None)
    }

    fn start() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("clusterer-browser-").tempdir()?;
        let mut guardian = Guardian::new(directory.path(), Signal::TERM)?;
        let mut driver = driver(directory.path())?;
        guardian.watch(&[driver.id()])?;
        let started = port(&mut driver).and_then(|port| {
            let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            Ok((at, open_session(at, &directory.path().join("profile"))?))
        });
        let (at, session, browser) = match started {
            Ok((at, (session, browser))) => (at, session, browser),
            Err(error) => {
                // Dropping a child does not end it.
                let _ = driver.kill();
                let _ = driver.wait();
                return Err(error);
            }
        };
        guardian.watch(&[driver.id(), browser])?;
        Ok(Self { driver, at, session, _guardian: guardian, _directory: directory })
    }

    /// Loads a page.
    ///
    /// # Errors
    /// It cannot be loaded.
    pub fn open(&self, url: &str) -> Result<()> {
        self.call("POST", "/url", &json!({ "url": url }))?;
        Ok(())
    }

    /// Runs a function's body in the page and returns what it returns; `arguments[0]` and so on are what is
    /// handed over. A promise is waited for.
    ///
    /// # Errors
    /// It throws; the text says what.
    pub fn run(&self, script: &str, arguments: &[Value]) -> Result<Value> {
        let call = json!({ "script": script, "args": arguments });
        self.call("POST", "/execute/sync", &call).with_context(|| format!("in the page: {script}"))
    }

    /// What an element says, as it is read: empty if it is hidden.
    ///
    /// # Errors
    /// There is no such element.
    pub fn text(&self, selector: &str) -> Result<String> {
        let value =
            self.run("return document.querySelector(arguments[0]).innerText", &[json!(selector)])?;
        Ok(value.as_str().unwrap_or_default().to_owned())
    }

    /// Presses keys, as `WebDriver` writes them: special ones are from the private part of Unicode.
    ///
    /// # Errors
    /// The driver refuses.
    pub fn press(&self, keys: &str) -> Result<()> {
        let strokes = keys.chars().flat_map(|key| {
            ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key.to_string() }))
        });
        let strokes: Vec<_> = strokes.collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes });
        self.call("POST", "/actions", &json!({ "actions": [keyboard] }))?;
        Ok(())
    }

    /// Clicks the element in its middle, as a finger would.
    ///
    /// # Errors
    /// There is none, or something lies over it.
    pub fn click(&self, selector: &str) -> Result<()> {
        let wanted = json!({ "using": "css selector", "value": selector });
        let found = self.call("POST", "/element", &wanted)?;
        let element = found.as_object().and_then(|it| it.values().next()).and_then(Value::as_str);
        let path = format!("/element/{}/click", element.context("an element")?);
        self.call("POST", &path, &json!({}))?;
        Ok(())
    }

    /// Makes the page as wide and high as a screen, in CSS pixels, with these colours.
    ///
    /// # Errors
    /// The driver refuses.
    pub fn screen(&self, width: u32, height: u32, scheme: Scheme) -> Result<()> {
        let mobile = width < 600;
        self.devtools(
            "Emulation.setDeviceMetricsOverride",
            &json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile }),
        )?;
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let feature = json!({ "name": "prefers-color-scheme", "value": value });
        self.devtools("Emulation.setEmulatedMedia", &json!({ "features": [feature] }))?;
        Ok(())
    }

    /// A picture of the page, as base64 of a PNG.
    ///
    /// # Errors
    /// The driver refuses.
    pub fn screenshot(&self) -> Result<String> {
        let value = self.call("GET", "/screenshot", &Value::Null)?;
        Ok(value.as_str().context("a picture")?.to_owned())
    }

    /// What the browser has complained about since the last time: errors of scripts, and what its policy
    /// refused.
    ///
    /// # Errors
    /// The driver refuses.
    pub fn complaints(&self) -> Result<Vec<String>> {
        let log = self.call("POST", "/se/log", &json!({ "type": "browser" }))?;
        let lines = log.as_array().context("a log")?.iter();
        Ok(lines.filter_map(|line| line.pointer("/message")?.as_str()).map(str::to_owned).collect())
    }

    /// The text of a dialog that is open (`alert` and the like), if one is.
    #[must_use]
    pub fn dialog(&self) -> Option<String> {
        let text = self.call("GET", "/alert/text", &Value::Null).ok()?;
        text.as_str().map(str::to_owned)
    }

    fn devtools(&self, command: &str, params: &Value) -> Result<Value> {
        self.call("POST", "/goog/cdp/execute", &json!({ "cmd": command, "params": params }))
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        call(self.at, method, &format!("/session/{}{path}", self.session), body)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It ends the browser, and waits for it.
        let _ = self.call("DELETE", "", &Value::Null);
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

fn driver(directory: &Path) -> Result<Child> {
    let mut command = Command::new("chromedriver");
    // What it, and the browser, put aside.
    command.arg("--port=0").env("TMPDIR", directory).env("HOME", directory);
    // Ctrl-C is for us; the guardian ends it.
    command.process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().context("chromedriver cannot be started")
}

/// Reads the port it chose. The pipe is kept open: writing to a closed one would end it.
fn port(driver: &mut Child) -> Result<u16> {
    let output = driver.stdout.as_mut().context("its output is ours")?;
    for line in BufReader::new(output).lines() {
        if let Some((_, rest)) = line?.split_once(STARTED) {
            return Ok(rest.trim_end_matches('.').parse()?);
        }
    }
    bail!("chromedriver ended before it listened")
}

/// Starts the browser; returns the session, and its process id.
fn open_session(at: SocketAddr, profile: &Path) -> Result<(String, u32)> {
    let mut flags = vec![
        "--headless=new".to_owned(),
        format!("--user-data-dir={}", profile.display()),
        // Memory that is shared may be a few megabytes in a container.
        "--disable-dev-shm-usage".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--disable-gpu".to_owned(),
        "--hide-scrollbars".to_owned(),
        "--no-first-run".to_owned(),
    ];
    if geteuid().is_root() {
        // Its sandbox is not for root, and the pages are ours.
        flags.push("--no-sandbox".to_owned());
    }
    let wanted = json!({ "capabilities": { "alwaysMatch": {
        "goog:chromeOptions": { "args": flags },
        "goog:loggingPrefs": { "browser": "ALL" },
        "unhandledPromptBehavior": "ignore",
    }}});
    let session = call(at, "POST", "/session", &wanted).context("Chromium does not start")?;
    let id = session.pointer("/sessionId").and_then(Value::as_str).context("a session")?;
    let process = session.pointer("/capabilities/goog:processID").and_then(Value::as_u64);
    let process = process.and_then(|id| u32::try_from(id).ok()).context("its process id")?;
    Ok((id.to_owned(), process))
}

fn call(at: SocketAddr, method: &str, path: &str, body: &Value) -> Result<Value> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let Response { status, body, .. } = request(at, method, path, &[], &body)?;
    let mut answer: Value = serde_json::from_str(&body).context("JSON of the driver")?;
    let value = answer.get_mut("value").map(Value::take).unwrap_or_default();
    let message = || value.pointer("/message").and_then(Value::as_str).unwrap_or("no reason");
    ensure!(status == 200, "the browser's driver: {}", message());
    Ok(value)
}
